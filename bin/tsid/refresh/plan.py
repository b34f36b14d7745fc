"""Decides what a refresh may write, from what the lookups say and what was seen."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Optional

from netaddr import IPNetwork

from tsid.facts.lookups import Endpoint, Lookups
from tsid.facts.tables import Row, whole_number
from tsid.refresh.bounds import Bounds
from tsid.refresh.certificates import Certificate, Sight
from tsid.refresh.items import CHANGE, FAILURE, NOTE, REFUSAL, SEEN, Item
from tsid.refresh.resolving import KINDS, Answer
from tsid.refresh.settings import Settings
from tsid.text.addresses import Address, parse_prefix
from tsid.text.names import ascii_host, parse_name
from tsid.text.sanitize import for_message, printable

#: The columns of the refreshed tables. Those of the endpoints that the shipped table lacks: how many checks
#: in a row have missed the row, since which day, and the time to live (seconds) of the last answer.
ENDPOINT_COLUMNS = (
    "network",
    "host",
    "service",
    "status",
    "valid_from",
    "valid_until",
    "source",
    "last_seen",
    "misses",
    "missed_since",
    "ttl",
)
ALIAS_COLUMNS = ("alias", "host", "origin", "last_seen", "note")

_WIDTH = {4: 32, 6: 128}

# A certificate may have hundreds.
_MOST_NAMES = 20
# More than any setting asks for.
_MOST_MISSES = 1_000_000


class Survey(NamedTuple):
    """What was seen of the licensing hosts.

    Attributes:
        answers: of all resolvers, about the licensing hosts and their members.
        members: the licensing host that each member stands behind.
        sights: what was seen at an address without SNI, and with the SNI of a host; empty without TLS.
        named: the answers about names in certificates that no lookup has.
    """

    answers: Sequence[Answer]
    members: Mapping[str, str]
    sights: Mapping[tuple[Address, str], Sight]
    named: Sequence[Answer]

    def answers_for(self, host: str) -> list[Answer]:
        """Return the answers about a licensing host itself and its members."""
        return [answer for answer in self.answers if self.members.get(answer.host, answer.host) == host]


class Plan(NamedTuple):
    """What to write, and why.

    Attributes:
        endpoints: the rows of the refreshed table of endpoints.
        aliases: the same of aliases.
        items: changes, refusals, failures, notes.
        checked: some resolver has an address for some host; without one nothing changes.
    """

    endpoints: Sequence[Mapping[str, str]]
    aliases: Sequence[Mapping[str, str]]
    items: Sequence[Item]
    checked: bool

    def of_kind(self, kind: str) -> list[Item]:
        """Return the items of one kind."""
        return [item for item in self.items if item.kind == kind]


def make_plan(
    lookups: Lookups, bounds: Bounds, survey: Survey, settings: Settings, today: datetime.date
) -> Plan:
    """Decide what to write.

    Args:
        lookups: what is in force, all layers.
        bounds: what may be believed.
        survey: what was seen.
        settings: how much is believed.
        today: the date in UTC.
    """
    return _Planner(lookups, bounds, survey, settings, today).plan()


class _Entry:
    """A row that may change."""

    def __init__(self, endpoint: Endpoint, prefix: IPNetwork) -> None:
        self.endpoint, self.prefix = endpoint, prefix
        self.values = _of(endpoint.row, ENDPOINT_COLUMNS)
        self.values.update(network=endpoint.network, host=endpoint.host, status=endpoint.status)
        self.refreshed = "_refreshed." in endpoint.row.file
        self.local = _is_local(endpoint.row)
        self.seen = False

    @property
    def address(self) -> Optional[Address]:
        """The address, if the row is for a single one."""
        single = self.prefix.prefixlen == _WIDTH[self.prefix.version]
        return Address(self.prefix.version, self.prefix.first) if single else None

    def holds(self, address: Address) -> bool:
        shift = _WIDTH[self.prefix.version] - self.prefix.prefixlen
        return address.version == self.prefix.version and address.value >> shift == self.prefix.first >> shift


class _Planner:
    def __init__(
        self, lookups: Lookups, bounds: Bounds, survey: Survey, settings: Settings, today: datetime.date
    ) -> None:
        self._lookups, self._bounds, self._survey, self._settings = lookups, bounds, survey, settings
        self._today = today
        self._items: list[Item] = []
        self._entries: dict[str, list[_Entry]] = {}
        for prefix, endpoint in lookups.endpoint_rows:
            self._entries.setdefault(endpoint.host, []).append(_Entry(endpoint, prefix))
        self._new: list[dict[str, str]] = []
        self._aliases: dict[str, dict[str, str]] = {}
        for alias in lookups.aliases.values():
            if "_refreshed." in alias.row.file:
                self._aliases[alias.alias] = _of(alias.row, ALIAS_COLUMNS)

    def plan(self) -> Plan:
        # Behind a resolver that knows no name of the internet, all hosts seem to have vanished.
        checked = any(answer.addresses for answer in self._survey.answers)
        due: list[_Entry] = []
        for host in sorted(self._entries):
            answers = self._survey.answers_for(host)
            self._note_failures(host, answers)
            if checked:
                self._check_host(host, answers, due)
                self._find_aliases(host)
        self._retire(due)
        self._note_vanished_aliases()
        rows = [entry.values for entries in self._entries.values() for entry in entries if entry.refreshed]
        rows += self._new
        rows.sort(key=_order)
        aliases = [self._aliases[alias] for alias in sorted(self._aliases)]
        return Plan(rows, aliases, self._items, checked)

    def _check_host(self, host: str, answers: Sequence[Answer], due: list[_Entry]) -> None:
        """Compare a host's rows with what was seen."""
        usable = [answer for answer in answers if not answer.problem]
        where: dict[Address, list[Answer]] = {}
        for answer in usable:
            for address in answer.addresses:
                where.setdefault(address, []).append(answer)
        # Where an answer is not believed, what it lacks proves nothing either.
        believed = [self._see(host, address, where[address], usable) for address in sorted(where)]
        asked = {answer.kind for answer in usable if answer.host == host}
        for entry in self._entries[host]:
            if entry.seen or entry.local or entry.endpoint.status == "retired":
                continue
            if entry.address is not None and self._is_proved(entry.address, host):
                self._confirm(entry, "certificate", None)
            elif all(believed) and entry.endpoint.status == "active" and _kind_of(entry.prefix) in asked:
                self._miss(entry, due)

    def _see(self, host: str, address: Address, answers: Sequence[Answer], usable: Sequence[Answer]) -> bool:
        """Take account of an address that some resolver names for a host; return whether it is believed."""
        known = [entry for entry in self._entries[host] if entry.holds(address)]
        if any(entry.local for entry in known):
            # The site has decided.
            for entry in known:
                entry.seen = True
            return True
        resolvers = sorted({answer.resolver for answer in answers})
        problem = objection(self._lookups, self._bounds, address)
        active = bool(known) and known[0].endpoint.status == "active"
        if problem is None and not active:
            problem = self._disagreement(answers, usable)
        if problem is None:
            problem = self._objection_of_tls(host, address)
        if problem is not None:
            what, reason = problem
            self._add(REFUSAL, "endpoints", what, _cidr(address), host, f"{', '.join(resolvers)}: {reason}")
            return False
        if not self._is_visible(host, address) and not active:
            return True
        proved = self._is_proved(address, host)
        source = f"DNS by {', '.join(resolvers)}" + ("; certificate" if proved else "")
        ttl = min((answer.ttl for answer in answers if answer.ttl is not None), default=None)
        if known:
            self._confirm(known[0], source, ttl)
            return True
        service = next(
            (entry.endpoint.service for entry in self._entries[host] if entry.endpoint.service), ""
        )
        row = dict.fromkeys(ENDPOINT_COLUMNS, "")
        row.update(network=_cidr(address), host=host, service=service, status="active", source=source)
        row.update(last_seen=str(self._today), ttl="" if ttl is None else str(ttl))
        self._new.append(row)
        self._add(CHANGE, "endpoints", "new", row["network"], host, f"{source}.")
        return True

    def _disagreement(self, answers: Sequence[Answer], usable: Sequence[Answer]) -> Optional[tuple[str, str]]:
        """Return that resolvers which answered do not name an address that is to become active."""
        names = {(answer.host, answer.kind) for answer in answers}
        for name in sorted(names):
            having = {answer.resolver for answer in answers if (answer.host, answer.kind) == name}
            asked = {answer.resolver for answer in usable if (answer.host, answer.kind) == name}
            if having == asked:
                return None
        others = sorted({answer.resolver for answer in usable} - {answer.resolver for answer in answers})
        return "disagreement", f"the answer of {', '.join(others)} does not have this address."

    def _is_visible(self, host: str, address: Address) -> bool:
        """Tell whether the server has shown a certificate, or none is looked at; note if it has not."""
        sight = self._survey.sights.get((address, ""))
        if sight is None or sight.certificate is not None or self._is_proved(address, host):
            return True
        # Many sites have no IPv6: no reason to complain every day.
        kind = NOTE if sight.unreachable and address.version == 6 else FAILURE
        self._add(kind, "endpoints", "unseen", _cidr(address), host, f"{sight.problem}.")
        return False

    def _objection_of_tls(self, host: str, address: Address) -> Optional[tuple[str, str]]:
        """Return what speaks against a server, if TLS is looked at."""
        sight = self._survey.sights.get((address, ""))
        if sight is None or self._is_proved(address, host):
            return None
        if sight.unverified:
            return "unverified", f"{sight.problem}."
        if sight.certificate is not None:
            named = _listed(sight.certificate.alternatives or sight.certificate.common_names) or "no name"
            return "not_for_host", f"its certificate is not for {host} but for {named}."
        return None

    def _is_proved(self, address: Address, host: str) -> bool:
        """Tell whether the server at an address has a verified certificate of a host."""
        return any(
            sight is not None and sight.certificate is not None and sight.certificate.is_for(host)
            for sight in (self._survey.sights.get((address, sni)) for sni in ("", host))
        )

    def _confirm(self, entry: _Entry, source: str, ttl: Optional[int]) -> None:
        entry.seen = True
        before = entry.endpoint.status
        values = entry.values
        if before == "active" and not values["misses"] and not self._is_old(values["last_seen"]):
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
        self._add(CHANGE, "endpoints", what, values["network"], values["host"], f"{source}.")

    def _miss(self, entry: _Entry, due: list[_Entry]) -> None:
        values = entry.values
        # More misses than it takes are not counted: a row that may not be retired stays as it is.
        misses = 1 + (whole_number(values["misses"], 0, _MOST_MISSES) or 0)
        values["misses"] = str(min(misses, self._settings.misses))
        since = _date(values["missed_since"]) or self._today
        values["missed_since"] = str(since)
        entry.refreshed = True
        days = (self._today - since).days
        if misses >= self._settings.misses and days >= self._settings.grace_days:
            due.append(entry)
            return
        self._add(
            CHANGE,
            "endpoints",
            "missed",
            values["network"],
            values["host"],
            f"Check {misses} in a row that misses it, for {days} days; it is retired after "
            f"{self._settings.misses} checks and {self._settings.grace_days} days.",
        )

    def _retire(self, due: Sequence[_Entry]) -> None:
        active = [
            entry
            for entries in self._entries.values()
            for entry in entries
            if entry.endpoint.status == "active"
        ]
        too_many = 2 * len(due) > len(active)
        for entry in due:
            values = entry.values
            network, host = values["network"], values["host"]
            rest = [
                other
                for other in self._entries[host]
                if other not in due and other.values["status"] != "retired"
            ]
            if too_many:
                self._add(
                    REFUSAL,
                    "endpoints",
                    "too_many",
                    network,
                    host,
                    f"{len(due)} of {len(active)} active endpoints would be retired at once.",
                )
            elif not rest and not any(row["host"] == host for row in self._new):
                self._add(
                    REFUSAL,
                    "endpoints",
                    "last_one",
                    network,
                    host,
                    "the host would be left without an endpoint.",
                )
            else:
                values.update(status="retired", valid_until=str(self._today))
                self._add(
                    CHANGE,
                    "endpoints",
                    "retired",
                    network,
                    host,
                    f"Missed by {values['misses']} checks in a row, since {values['missed_since']}.",
                )

    def _find_aliases(self, host: str) -> None:
        """Find the names under which firewalls report the servers that are proved to be a host's."""
        taken: set[str] = set()
        for address, certificate in self._certificates(host):
            alias = reported(certificate)
            if alias and alias != host and alias not in taken:
                taken.add(alias)
                self._find_alias(host, address, alias, certificate)

    def _find_alias(self, host: str, address: Address, alias: str, certificate: Certificate) -> None:
        known = self._lookups.aliases.get(alias)
        where = f"the certificate of {address}"
        if known is not None and known.host == host:
            values = _of(known.row, ALIAS_COLUMNS)
            if not _is_local(known.row) and self._is_old(values["last_seen"]):
                values["last_seen"] = str(self._today)
                self._aliases[alias] = values
                self._add(CHANGE, "aliases", SEEN, alias, host, f"Firewalls report {where} so.")
            return
        problem: Optional[tuple[str, str, str]] = None
        if known is not None:
            problem = REFUSAL, "other_host", f"{where} is reported so, but it is an alias of {known.host}."
        elif alias in self._lookups.canonical:
            problem = NOTE, "licensing_host", f"{where} is reported so; that is a licensing host itself."
        elif not ascii_host(alias):
            problem = REFUSAL, "no_host", f"{where} is reported so; that is no host name."
        elif not self._bounds.has_name(alias):
            problem = REFUSAL, "outside_domain", f"{where} is reported so; it is in none of Cisco's domains."
        elif "*" in alias:
            problem = (
                NOTE,
                "too_wide",
                f"{where} is reported so; as an alias it would stand for other servers too.",
            )
        else:
            problem = self._conflict(alias, host, where)
        if problem is not None:
            self._add(problem[0], "aliases", problem[1], alias, host, problem[2])
            return
        note = printable(
            f"{'common name' if certificate.common_names else 'first alternative name'} in {where}; its "
            f"alternative names are {_listed(certificate.alternatives)}"
        )
        self._aliases[alias] = {
            "alias": alias,
            "host": host,
            "origin": "certificate",
            "last_seen": str(self._today),
            "note": note,
        }
        self._add(CHANGE, "aliases", "new", alias, host, f"The {note}.")

    def _conflict(self, alias: str, host: str, where: str) -> Optional[tuple[str, str, str]]:
        """Return why a new name, good in itself, can be no alias of a host: it stands for another one too."""
        found = self._aliases.get(alias)
        if found is not None and found["host"] != host:
            return REFUSAL, "other_host", f"{where} is reported so, but one of {found['host']} is too."
        strangers = sorted(
            address
            for answer in self._survey.named
            if answer.host == alias
            for address in answer.addresses
            if not any(entry.holds(address) for entry in self._entries[host])
            and (_cidr(address), host) not in {(row["network"], row["host"]) for row in self._new}
        )
        if strangers:
            return REFUSAL, "elsewhere", f"{where} is reported so, but DNS has {alias} at {strangers[0]}."
        return None

    def _certificates(self, host: str) -> Iterator[tuple[Address, Certificate]]:
        """Yield the certificates that clients without SNI get from the servers of a host."""
        for address, sni in sorted(self._survey.sights):
            certificate = self._survey.sights[address, sni].certificate
            if not sni and certificate is not None and self._serves(address, host):
                yield address, certificate

    def _serves(self, address: Address, host: str) -> bool:
        """Tell whether an address is an endpoint of a host by this plan, and proved by its certificate."""
        rows = [entry.values for entry in self._entries[host] if entry.address == address]
        rows += [row for row in self._new if row["network"] == _cidr(address) and row["host"] == host]
        return any(row["status"] != "retired" for row in rows) and self._is_proved(address, host)

    def _note_vanished_aliases(self) -> None:
        """Note which aliases no certificate bears any more: they stay, so that older events still resolve."""
        for host in sorted(self._entries):
            shown = {reported(certificate) for _, certificate in self._certificates(host)}
            for alias in sorted(self._aliases):
                values = self._aliases[alias]
                if (
                    shown
                    and values["host"] == host
                    and values["origin"] == "certificate"
                    and alias not in shown
                ):
                    self._add(
                        NOTE,
                        "aliases",
                        "vanished",
                        alias,
                        host,
                        "No certificate bears it now; it stays, so that older events still resolve. "
                        f"Last seen {values['last_seen'] or 'never'}.",
                    )

    def _note_failures(self, host: str, answers: Sequence[Answer]) -> None:
        """Note what a resolver did not answer: it matters less where another one did."""
        answered = {(answer.host, answer.kind) for answer in answers if not answer.problem}
        for answer in answers:
            if answer.problem:
                kind = NOTE if (answer.host, answer.kind) in answered else FAILURE
                reason = f"{answer.resolver} on {answer.kind} of {answer.host}: {answer.problem}."
                self._add(kind, "endpoints", "no_answer", answer.host, host, reason)

    def _is_old(self, last_seen: str) -> bool:
        day = _date(last_seen)
        return day is None or (self._today - day).days >= self._settings.seen_days

    def _add(self, kind: str, table: str, what: str, item: str, host: str, reason: str) -> None:
        text = printable(reason[:1].upper() + reason[1:])
        self._items.append(Item(kind, table, what, for_message(item), host, text))


def objection(lookups: Lookups, bounds: Bounds, address: Address) -> Optional[tuple[str, str]]:
    """Return why an address cannot be an endpoint, whatever the host: in a word, and in a sentence."""
    sinkhole = bounds.sinkholes.longest(address)
    if sinkhole is not None:
        return "sinkhole", f"a DNS filter answers with this address ({sinkhole.owner})."
    relay = lookups.relays.longest(address)
    if relay is not None:
        return "private", f"the address lies in {relay.network}: {relay.owner or 'a relay'}."
    if lookups.cisco.longest(address) is None:
        return "not_ciscos", "the address lies in none of Cisco's networks (cisco_networks.csv)."
    return None


def targets(
    lookups: Lookups, bounds: Bounds, answers: Iterable[Answer], members: Mapping[str, str]
) -> Iterator[tuple[Address, str]]:
    """Yield the servers to look at: every address in the answers or the lookups that may be an endpoint.

    Each address comes once without SNI, and once with each host that it may serve.
    """
    found: dict[tuple[Address, str], None] = {}
    for answer in answers:
        for address in answer.addresses:
            found[address, members.get(answer.host, answer.host)] = None
    hosts = hosts_of(lookups)
    for prefix, endpoint in lookups.endpoint_rows:
        single = prefix.prefixlen == _WIDTH[prefix.version]
        if single and endpoint.status != "retired" and endpoint.host in hosts:
            found[Address(prefix.version, prefix.first), endpoint.host] = None
    # A stranger's server is none of ours to connect to.
    ours = [(address, host) for address, host in found if objection(lookups, bounds, address) is None]
    yield from dict.fromkeys((address, "") for address, _ in ours)
    yield from ours


def hosts_of(lookups: Lookups) -> frozenset[str]:
    """Return the hosts that the refresh is about: those that are not only the site's own."""
    return frozenset(endpoint.host for _, endpoint in lookups.endpoint_rows if not _is_local(endpoint.row))


def unknown_names(lookups: Lookups, bounds: Bounds, sights: Iterable[Sight]) -> list[str]:
    """Return the names of servers that might become aliases."""
    seen = {reported(s.certificate) for s in sights if s.certificate is not None and not s.sni}
    known = lookups.canonical.union(lookups.aliases)
    names = (name for name in seen - known if ascii_host(name) and "*" not in name)
    return sorted(name for name in names if bounds.has_name(name))


def reported(certificate: Certificate) -> str:
    """Return the name that a firewall reports for a certificate, as names are compared; empty without one."""
    name = parse_name(certificate.reported)
    return "" if name is None or name.is_address else name.key


def _is_local(row: Row) -> bool:
    return "_local." in row.file


def _listed(names: Sequence[str]) -> str:
    """Return the names in a certificate in one text that is not too long."""
    more = len(names) - _MOST_NAMES
    return ", ".join(map(for_message, names[:_MOST_NAMES])) + (f" and {more} more" if more > 0 else "")


def _of(row: Row, columns: Iterable[str]) -> dict[str, str]:
    return {column: row.values.get(column, "") for column in columns}


def _cidr(address: Address) -> str:
    return f"{address}/{_WIDTH[address.version]}"


def _order(row: Mapping[str, str]) -> tuple[int, int, int, str]:
    """Order rows longest prefix first: Splunk's own lookup takes the first that matches."""
    found = parse_prefix(row["network"])
    if found is None:
        raise AssertionError("it comes from the loader or from an address")
    _, network = found
    return (-network.prefixlen, network.version, network.first, row["host"])


def _kind_of(network: IPNetwork) -> str:
    """Return the type of the DNS records for a network's addresses."""
    return KINDS[0] if network.version == 4 else KINDS[1]


def _date(text: str) -> Optional[datetime.date]:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None
