"""Decides which endpoints a refresh adds, confirms, counts as missed or retires."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Optional

from netaddr import IPNetwork

from tsid.facts.lookups import Endpoint, Lookups
from tsid.facts.tables import whole_number
from tsid.refresh.bounds import objection
from tsid.refresh.items import CHANGE, FAILURE, NOTE, REFUSAL, SEEN, Items, list_names
from tsid.refresh.resolving import KINDS, DnsAnswer
from tsid.refresh.rows import (
    ENDPOINT_COLUMNS,
    cidr,
    is_due,
    is_local,
    is_refreshed,
    parse_date,
    single_address,
    values_of,
)
from tsid.refresh.settings import Settings
from tsid.refresh.survey import Survey
from tsid.text.addresses import Address, contains, parse_prefix

# A row that is valid until then explains no event.
_NEVER = "1970-01-01"
# Above the maximum of the setting.
_MAX_MISSES = 1_000_000


class _Entry:
    """A row in force, with the values that it will have."""

    def __init__(self, endpoint: Endpoint, prefix: IPNetwork) -> None:
        self.endpoint, self.prefix = endpoint, prefix
        self.values = values_of(endpoint.row, ENDPOINT_COLUMNS)
        self.values.update(network=endpoint.network, host=endpoint.host, status=endpoint.status)
        self.refreshed = is_refreshed(endpoint.row)
        self.local = is_local(endpoint.row)
        self.seen = False
        self.address = single_address(prefix)

    def contains(self, address: Address) -> bool:
        return contains(self.prefix, address)


class EndpointPlan:
    """The endpoints as the refresh will write them; `check` each host first, then `retire`."""

    def __init__(
        self,
        lookups: Lookups,
        survey: Survey,
        settings: Settings,
        today: datetime.date,
        items: Items,
    ) -> None:
        self._lookups, self._survey, self._settings = lookups, survey, settings
        self._today = today
        self._items = items
        self._entries: dict[str, list[_Entry]] = {}
        for prefix, endpoint in lookups.endpoint_rows:
            entry = _Entry(endpoint, prefix)
            self._entries.setdefault(endpoint.host, []).append(entry)
            self._withdraw(entry)
        self._new: list[dict[str, str]] = []
        self._due: list[_Entry] = []

    @property
    def hosts(self) -> list[str]:
        """The hosts that have endpoints, sorted."""
        return sorted(self._entries)

    def rows(self) -> list[Mapping[str, str]]:
        """Return the rows of the refreshed table."""
        rows = [entry.values for entries in self._entries.values() for entry in entries if entry.refreshed]
        return sorted(rows + self._new, key=_order)

    def contains(self, host: str, address: Address) -> bool:
        """Return whether an address is in a row of a host, whatever its status."""
        known = any(entry.contains(address) for entry in self._entries[host])
        return known or bool(self._added(host, address))

    def serves(self, host: str, address: Address) -> bool:
        """Return whether an address is an endpoint of a host, and its certificate proves it."""
        rows = [entry.values for entry in self._entries[host] if entry.address == address]
        rows += self._added(host, address)
        return any(row["status"] != "retired" for row in rows) and self._survey.proves(host, address)

    def check(self, host: str, answers: Sequence[DnsAnswer]) -> None:
        """Compare a host's rows with the survey."""
        usable = [answer for answer in answers if not answer.problem]
        where: dict[Address, list[DnsAnswer]] = {}
        for answer in usable:
            for address in answer.addresses:
                where.setdefault(address, []).append(answer)
        # An answer that is not believed cannot prove that a missing address is gone either.
        believed = [self._check_address(host, address, where[address]) for address in sorted(where)]
        asked = {answer.kind for answer in usable if answer.host == host}
        for entry in self._entries[host]:
            if entry.seen or entry.local or entry.endpoint.status == "retired":
                continue
            if entry.address is not None and self._survey.proves(host, entry.address):
                self._confirm(entry, "certificate", None)
            elif all(believed) and entry.endpoint.status == "active" and _kind_of(entry.prefix) in asked:
                self._miss(entry)

    def retire(self) -> None:
        """Retire the endpoints that enough checks have missed, unless too many or the last one would go."""
        active = [
            entry
            for entries in self._entries.values()
            for entry in entries
            if entry.endpoint.status == "active"
        ]
        too_many = 2 * len(self._due) > len(active)
        for entry in self._due:
            values = entry.values
            network, host = values["network"], values["host"]
            if too_many:
                reason = f"{len(self._due)} of {len(active)} active endpoints would be retired at once."
                self._add(REFUSAL, "too_many", network, host, reason)
            elif self._is_last(entry):
                reason = "the host would be left without an endpoint."
                self._add(REFUSAL, "last_one", network, host, reason)
            else:
                values.update(status="retired", valid_until=str(self._today))
                reason = f"Missed by {values['misses']} checks in a row, since {values['missed_since']}."
                self._add(CHANGE, "retired", network, host, reason)

    def _withdraw(self, entry: _Entry) -> None:
        """Retire a row for all times if an earlier refresh believed a DNS filter."""
        sinkhole = entry.address and self._lookups.sinkholes.longest(entry.address)
        if sinkhole and entry.refreshed and entry.endpoint.status != "retired":
            entry.values.update(status="retired", valid_from="", valid_until=_NEVER)
            entry.seen = True
            reason = f"a DNS filter answers with this address ({sinkhole.owner}): it was never an endpoint."
            self._add(CHANGE, "withdrawn", entry.values["network"], entry.values["host"], reason)

    def _added(self, host: str, address: Address) -> list[dict[str, str]]:
        return [row for row in self._new if row["host"] == host and row["network"] == cidr(address)]

    def _check_address(self, host: str, address: Address, answers: Sequence[DnsAnswer]) -> bool:
        """Process an address that some resolver returns for a host; return whether it is believed."""
        known = [entry for entry in self._entries[host] if entry.contains(address)]
        if any(entry.local for entry in known):
            # The site has decided.
            for entry in known:
                entry.seen = True
            return True
        resolvers = sorted({answer.resolver for answer in answers})
        problem = objection(self._lookups, address)
        active = bool(known) and known[0].endpoint.status == "active"
        if problem is None and not active:
            problem = _disagreement(answers, self._survey.answers_for(host))
        if problem is None:
            problem = self._tls_objection(host, address)
        if problem is not None:
            what, reason = problem
            kind = FAILURE if what == "unanswered" else REFUSAL
            self._add(kind, what, cidr(address), host, f"{', '.join(resolvers)}: {reason}")
            return False
        if not self._is_visible(host, address) and not active:
            return True
        proved = self._survey.proves(host, address)
        source = f"DNS by {', '.join(resolvers)}" + ("; certificate" if proved else "")
        ttl = min((answer.ttl for answer in answers if answer.ttl is not None), default=None)
        if known:
            self._confirm(known[0], source, ttl)
        else:
            self._add_row(host, address, source, ttl)
        return True

    def _tls_objection(self, host: str, address: Address) -> Optional[tuple[str, str]]:
        """Return why a server's certificate is refused, as a word and a sentence."""
        sight = self._survey.sights.get((address, ""))
        if sight is None or self._survey.proves(host, address):
            return None
        if sight.unverified:
            return "unverified", f"{sight.problem}."
        if sight.certificate is not None:
            names = list_names(sight.certificate.alternatives or sight.certificate.common_names) or "no name"
            return "not_for_host", f"its certificate is not for {host} but for {names}."
        return None

    def _is_visible(self, host: str, address: Address) -> bool:
        """Return whether the server has shown a certificate, or TLS is off; otherwise add an item."""
        sight = self._survey.sights.get((address, ""))
        if sight is None or sight.certificate is not None or self._survey.proves(host, address):
            return True
        # Many sites have no IPv6, which is not worth a daily failure.
        kind = NOTE if sight.unreachable and address.version == 6 else FAILURE
        self._add(kind, "unseen", cidr(address), host, f"{sight.problem}.")
        return False

    def _add_row(self, host: str, address: Address, source: str, ttl: Optional[int]) -> None:
        services = (entry.endpoint.service for entry in self._entries[host] if entry.endpoint.service)
        row = dict.fromkeys(ENDPOINT_COLUMNS, "")
        row.update(network=cidr(address), host=host, service=next(services, ""), status="active")
        row.update(source=source, last_seen=str(self._today), ttl="" if ttl is None else str(ttl))
        self._new.append(row)
        self._add(CHANGE, "new", row["network"], host, f"{source}.")

    def _confirm(self, entry: _Entry, source: str, ttl: Optional[int]) -> None:
        entry.seen = True
        before = entry.endpoint.status
        values = entry.values
        due = is_due(values["last_seen"], self._today, self._settings.seen_days)
        if before == "active" and not values["misses"] and not due:
            return
        values.update(
            status="active",
            valid_until="",
            source=source,
            last_seen=str(self._today),
            misses="",
            missed_since="",
            ttl="" if ttl is None else str(ttl),
        )
        entry.refreshed = True
        what = {"unconfirmed": "confirmed", "retired": "returned"}.get(before, SEEN)
        self._add(CHANGE, what, values["network"], values["host"], f"{source}.")

    def _miss(self, entry: _Entry) -> None:
        values = entry.values
        # The count stops at the limit, so that a row that cannot be retired does not change every day.
        misses = 1 + (whole_number(values["misses"], 0, _MAX_MISSES) or 0)
        values["misses"] = str(min(misses, self._settings.misses))
        since = parse_date(values["missed_since"]) or self._today
        values["missed_since"] = str(since)
        entry.refreshed = True
        days = (self._today - since).days
        if misses >= self._settings.misses and days >= self._settings.grace_days:
            self._due.append(entry)
            return
        reason = (
            f"Check {misses} in a row that misses it, for {days} days; it is retired after "
            f"{self._settings.misses} checks and {self._settings.grace_days} days."
        )
        self._add(CHANGE, "missed", values["network"], values["host"], reason)

    def _is_last(self, entry: _Entry) -> bool:
        """Return whether a host would have no endpoint without this one and the others that are due."""
        host = entry.values["host"]
        others = (other for other in self._entries[host] if other not in self._due)
        return not any(other.values["status"] != "retired" for other in others) and not any(
            row["host"] == host for row in self._new
        )

    def _add(self, kind: str, what: str, network: str, host: str, reason: str) -> None:
        self._items.add(kind, "endpoints", what, network, host, reason)


def _disagreement(answers: Sequence[DnsAnswer], every: Sequence[DnsAnswer]) -> Optional[tuple[str, str]]:
    """Return an objection unless all resolvers return an address that is to become active.

    A resolver that fails does not agree: whoever can make it fail must not decide by that.

    Args:
        answers: the answers that contain the address.
        every: all answers about the host, those with a problem too.
    """
    names = {(answer.host, answer.kind) for answer in answers}
    for name in sorted(names):
        having = {answer.resolver for answer in answers if (answer.host, answer.kind) == name}
        asked = {answer.resolver for answer in every if (answer.host, answer.kind) == name}
        if having == asked:
            return None
    missing = [answer for answer in every if (answer.host, answer.kind) in names and answer not in answers]
    others = sorted({answer.resolver for answer in missing if not answer.problem})
    if others:
        return "disagreement", f"the answer of {', '.join(others)} does not have this address."
    failed = ", ".join(sorted({answer.resolver for answer in missing}))
    return "unanswered", f"{failed} did not answer; a new address counts only if all resolvers return it."


def _kind_of(network: IPNetwork) -> str:
    """Return the type of the DNS records for a network's addresses."""
    return KINDS[0] if network.version == 4 else KINDS[1]


def _order(row: Mapping[str, str]) -> tuple[int, int, int, str]:
    """Sort rows longest prefix first: Splunk's own lookup takes the first match."""
    found = parse_prefix(row["network"])
    if found is None:
        raise AssertionError("the network comes from the loader or from an address")
    _, network = found
    return (-network.prefixlen, network.version, network.first, row["host"])
