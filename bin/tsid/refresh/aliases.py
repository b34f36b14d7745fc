"""Decides which names in certificates become aliases."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Optional

from tsid.facts.lookups import Lookups
from tsid.refresh.bounds import Bounds
from tsid.refresh.certificates import Certificate, reported
from tsid.refresh.endpoints import EndpointPlan
from tsid.refresh.items import CHANGE, FAILURE, NOTE, REFUSAL, SEEN, Items, list_names
from tsid.refresh.rows import ALIAS_COLUMNS, is_due, is_local, is_refreshed, values_of
from tsid.refresh.settings import Settings
from tsid.refresh.survey import Survey
from tsid.text.addresses import Address
from tsid.text.names import ascii_host
from tsid.text.sanitize import printable


class AliasPlan:
    """The aliases as the refresh will write them; `find` those of each host first, then `note_vanished`."""

    def __init__(
        self,
        lookups: Lookups,
        bounds: Bounds,
        survey: Survey,
        settings: Settings,
        today: datetime.date,
        items: Items,
        endpoints: EndpointPlan,
    ) -> None:
        self._lookups, self._bounds, self._survey, self._settings = lookups, bounds, survey, settings
        self._today = today
        self._items = items
        self._endpoints = endpoints
        self._aliases: dict[str, dict[str, str]] = {
            alias.alias: values_of(alias.row, ALIAS_COLUMNS)
            for alias in lookups.aliases.values()
            if is_refreshed(alias.row)
        }

    def rows(self) -> list[Mapping[str, str]]:
        """Return the rows of the refreshed table."""
        return [self._aliases[alias] for alias in sorted(self._aliases)]

    def find(self, host: str) -> None:
        """Find the names that firewalls report for the servers that are proved to be a host's."""
        taken: set[str] = set()
        for address, certificate in self._certificates(host):
            alias = reported(certificate)
            if alias and alias != host and alias not in taken:
                taken.add(alias)
                self._check(host, address, alias, certificate)

    def note_vanished(self) -> None:
        """Note the aliases that are in no certificate now; they stay, so that older events still resolve."""
        for host in self._endpoints.hosts:
            shown = {reported(certificate) for _, certificate in self._certificates(host)}
            for alias in sorted(self._aliases):
                values = self._aliases[alias]
                from_certificate = values["host"] == host and values["origin"] == "certificate"
                if shown and from_certificate and alias not in shown:
                    reason = (
                        "No certificate contains it now; it stays, so that older events still resolve. "
                        f"Last seen {values['last_seen'] or 'never'}."
                    )
                    self._add(NOTE, "vanished", alias, host, reason)

    def _check(self, host: str, address: Address, alias: str, certificate: Certificate) -> None:
        known = self._lookups.aliases.get(alias)
        where = f"the certificate of {address}"
        if known is not None and known.host == host:
            values = values_of(known.row, ALIAS_COLUMNS)
            due = is_due(values["last_seen"], self._today, self._settings.seen_days)
            if due and not is_local(known.row):
                values["last_seen"] = str(self._today)
                self._aliases[alias] = values
                self._add(CHANGE, SEEN, alias, host, f"Firewalls report {where} so.")
            return
        problem = self._objection(host, alias)
        if problem is not None:
            kind, what, reason = problem
            self._add(kind, what, alias, host, f"{where} is reported so{reason}")
            return
        note = printable(
            f"{'common name' if certificate.common_names else 'first alternative name'} in {where}; its "
            f"alternative names are {list_names(certificate.alternatives)}"
        )
        self._aliases[alias] = {
            "alias": alias,
            "host": host,
            "origin": "certificate",
            "last_seen": str(self._today),
            "note": note,
        }
        self._add(CHANGE, "new", alias, host, f"The {note}.")

    def _objection(self, host: str, alias: str) -> Optional[tuple[str, str, str]]:
        """Return why a name cannot become an alias of a host: an item's kind, word and end of sentence."""
        known = self._lookups.aliases.get(alias)
        if known is not None:
            return REFUSAL, "other_host", f", but it is an alias of {known.host}."
        if alias in self._lookups.canonical:
            return NOTE, "licensing_host", "; that is a licensing host itself."
        if ascii_host(alias) != alias:
            return REFUSAL, "no_host", "; that is not a valid hostname."
        if not self._bounds.has_name(alias):
            return REFUSAL, "outside_domain", "; it is in none of Cisco's domains."
        if "*" in alias:
            return NOTE, "too_wide", "; as an alias it would match other servers too."
        found = self._aliases.get(alias)
        if found is not None and found["host"] != host:
            return REFUSAL, "other_host", f", but one of {found['host']} is too."
        answers = [answer for answer in self._survey.named if answer.host == alias]
        strangers = sorted(
            address
            for answer in answers
            for address in answer.addresses
            if not self._endpoints.contains(host, address)
        )
        if strangers:
            return REFUSAL, "elsewhere", f", but DNS has {alias} at {strangers[0]}."
        failed = [answer for answer in answers if answer.problem]
        if failed or not answers:
            who = f"{failed[0].resolver}: {failed[0].problem}" if failed else "DNS was not asked"
            return FAILURE, "unanswered", f"; whether {alias} has another server is not known ({who})."
        return None

    def _certificates(self, host: str) -> Iterator[tuple[Address, Certificate]]:
        """Yield the certificates that clients without SNI get from the servers of a host."""
        for address, sni in sorted(self._survey.sights):
            certificate = self._survey.sights[address, sni].certificate
            if not sni and certificate is not None and self._endpoints.serves(host, address):
                yield address, certificate

    def _add(self, kind: str, what: str, alias: str, host: str, reason: str) -> None:
        self._items.add(kind, "aliases", what, alias, host, reason)
