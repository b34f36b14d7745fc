"""Decides on the verdict of a connection, from its licensing-side addresses and reported names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple, Optional

from cachetools import LRUCache, cachedmethod

from tsid.decision.verdicts import (
    ALIASED,
    CANONICAL,
    FILTERED,
    FOREIGN,
    IMPOSTOR,
    RELAYED,
    UNLISTED,
    UNNAMED,
    UNVERIFIED,
    VERDICTS,
)
from tsid.decision.wording import (
    ADVICE,
    ADVICE_IF_BLOCKED,
    ADVICE_IF_UNANSWERED,
    DOUBT,
    REASON,
    SOME_OWNER,
)
from tsid.facts.actions import ALLOWED, BLOCKED
from tsid.facts.lookups import Endpoint, Lookups, Network
from tsid.memo import MAX_DECISIONS
from tsid.text.addresses import MAX_ADDRESS_LENGTH, Address, is_host_address, parse_address
from tsid.text.names import NO_NAME, ReportedName

_STRENGTH = {verdict: strength for strength, verdict in enumerate(VERDICTS)}

_CONFIDENCE = {
    CANONICAL: "high",
    ALIASED: "high",
    UNNAMED: "high",
    FOREIGN: "medium",
    UNLISTED: "medium",
    RELAYED: "low",
    UNVERIFIED: "low",
    FILTERED: "high",
    IMPOSTOR: "high",
}


class Decision(NamedTuple):
    """The verdict on a connection, and its evidence.

    Attributes:
        verdict: one of `VERDICTS`.
        host: the canonical host of the name or the address.
        observed: the host as reported; empty if none was.
        service: what the endpoint is for; empty if the address is not an endpoint.
        ip: the licensing-side address in its canonical text form; empty if missing or unreadable.
        network: the network of the lookup row that contains the address.
        confidence: ``high``, ``medium`` or ``low``.
        reason: one sentence: which row matched, and why this verdict.
        ports: the TCP ports of the endpoint; none if the address is not an endpoint.
    """

    verdict: str
    host: str
    observed: str
    service: str
    ip: str
    network: str
    confidence: str
    reason: str
    ports: Sequence[int]

    @property
    def strength(self) -> int:
        """The rank of the verdict, 0 for the strongest."""
        return _STRENGTH[self.verdict]

    @property
    def verified_host(self) -> str:
        """The host to show as the true one: empty for an impostor, which only uses its name."""
        return "" if self.verdict == IMPOSTOR else self.host

    def reason_with(self, *clauses: str) -> str:
        """Return the reason with more clauses; empty ones are left out."""
        return "; ".join(filter(None, (self.reason[:-1], *clauses))) + "."

    def advice(self, outcome: str, answered: str) -> str:
        """Return the advice on the connection; empty if there is nothing to do.

        Args:
            outcome: what the firewall did, as in `tsid.facts.actions`.
            answered: ``true`` or ``false``; empty if the event does not show it.
        """
        text = ADVICE_IF_BLOCKED.get(self.verdict) if outcome == BLOCKED else None
        if outcome == ALLOWED and answered == "false" and self.ports:
            text = ADVICE_IF_UNANSWERED
        ports = " and ".join(map(str, self.ports))
        return (text or ADVICE.get(self.verdict, "")).format(
            observed=self.observed,
            host=self.host,
            ip=self.ip,
            network=self.network,
            ports=f"TCP port{'s' if len(self.ports) > 1 else ''} {ports}",
        )


class _Place(NamedTuple):
    """A parsed address (None if missing or unreadable), and the rows of its endpoints."""

    address: Optional[Address]
    endpoints: Sequence[Endpoint]


# All that a decision depends on: the address, the name's host, text and kind, the period of the time.
_Pair = tuple[str, str, str, bool, Optional[int]]


class Judge:
    """Decides on pairs of address and name, and remembers its decisions.

    Args:
        lookups: the tables to decide by.
        memo_size: how many pairs to remember.
    """

    def __init__(self, lookups: Lookups, memo_size: int = MAX_DECISIONS) -> None:
        self._lookups = lookups
        self._places: LRUCache[tuple[str, Optional[int]], _Place] = LRUCache(memo_size)
        self._pairs: LRUCache[_Pair, Optional[Decision]] = LRUCache(memo_size)

    def is_endpoint(self, address: str, time: Optional[float]) -> bool:
        """Return whether an address is a licensing endpoint at a time (epoch seconds, None if unknown)."""
        return bool(self._place(address, time).endpoints)

    def is_licensing_name(self, name: ReportedName) -> bool:
        """Return whether a name is canonical or an alias."""
        return self.true_name(name) is not None

    def decide(
        self,
        addresses: Sequence[str],
        names: Sequence[ReportedName],
        time: Optional[float],
        earlier: Optional[ReportedName] = None,
    ) -> Optional[Decision]:
        """Decide on the verdict of a connection.

        Args:
            addresses: the licensing-side addresses, normally one.
            names: the reported names, normally one.
            time: the event's time in epoch seconds; None if it has none.
            earlier: the name that was reported before an earlier run replaced it by the canonical host. It
                counts only if it is an alias of that host, at an endpoint of that host.

        Returns:
            The strongest decision over all pairs, the first of several equally strong ones; None if this is
            not licensing traffic.
        """
        best: Optional[Decision] = None
        for address, name in self._candidate_pairs(addresses or ("",), names or (NO_NAME,), time):
            decision = self._pair(address, name, time)
            if decision is not None and decision.verdict == CANONICAL and earlier is not None:
                before = self._pair(address, earlier, time)
                if before is not None and before.verdict == ALIASED and before.host == decision.host:
                    decision = before
            if decision is not None and (best is None or decision.strength < best.strength):
                best = decision
        return best

    def true_host(self, addresses: Sequence[str], name: ReportedName, time: Optional[float]) -> Optional[str]:
        """Return the canonical host of an alias that an address verifies; None for other names."""
        for address in addresses:
            decision = self._pair(address, name, time)
            if decision is not None and decision.verdict == ALIASED:
                return decision.host
        return None

    def _candidate_pairs(
        self, addresses: Sequence[str], names: Sequence[ReportedName], time: Optional[float]
    ) -> Iterable[tuple[str, ReportedName]]:
        """Return the pairs to decide on: only a few, even for many addresses and names."""
        if len(addresses) == len(names) == 1:
            # Nearly all events.
            return ((addresses[0], names[0]),)
        candidates = self._candidate_names(names)
        # At an address that is not an endpoint, all licensing names get the same verdict.
        elsewhere = [name for name in candidates if self.is_licensing_name(name)][:1]
        return (
            (address, name)
            for address, at_endpoint in self._distinct_addresses(addresses, time)
            for name in (candidates if at_endpoint else elsewhere)
        )

    def _distinct_addresses(
        self, addresses: Sequence[str], time: Optional[float]
    ) -> Iterable[tuple[str, bool]]:
        """Return the addresses, each in one form only, and whether each is an endpoint.

        All unreadable addresses count as one.
        """
        distinct: dict[Optional[Address], tuple[str, bool]] = {}
        for address in addresses:
            place = self._place(address, time)
            distinct.setdefault(place.address, (address, bool(place.endpoints)))
        return distinct.values()

    def _candidate_names(self, names: Sequence[ReportedName]) -> Sequence[ReportedName]:
        """Return the names that can change the verdict, at most as many as the lookups contain.

        Of the names that are not licensing names, the first one and the first address are enough.
        """
        candidates: dict[tuple[str, bool], ReportedName] = {}
        for name in names:
            known = name.key if self.is_licensing_name(name) else ""
            candidates.setdefault((known, name.is_address or not name.observed), name)
        return list(candidates.values())

    def _pair_key(self, address: str, name: ReportedName, time: Optional[float]) -> _Pair:
        return _memo_text(address), name.host, name.observed, name.is_address, self._lookups.period(time)

    @cachedmethod(attrgetter("_pairs"), key=_pair_key)
    def _pair(self, address: str, name: ReportedName, time: Optional[float]) -> Optional[Decision]:
        place = self._place(address, time)
        return self._at_endpoint(place, name) if place.endpoints else self._elsewhere(place, name)

    def true_name(self, name: ReportedName) -> Optional[str]:
        """Return the canonical host of a name; None if it is not a licensing name."""
        if name.is_address or not name.observed:
            return None
        if name.host in self._lookups.canonical:
            return name.host
        alias = self._lookups.aliases.get(name.key)
        return None if alias is None else alias.host

    def _place_key(self, address: str, time: Optional[float]) -> tuple[str, Optional[int]]:
        return _memo_text(address), self._lookups.period(time)

    @cachedmethod(attrgetter("_places"), key=_place_key)
    def _place(self, text: str, time: Optional[float]) -> _Place:
        address = parse_address(text)
        if address is None or not is_host_address(address):
            return _Place(None, ())
        for rows in self._lookups.endpoints.matches(address):
            valid = [row for row in rows if row.covers(time)]
            if valid:
                return _Place(address, valid)
        return _Place(address, ())

    def _at_endpoint(self, place: _Place, name: ReportedName) -> Decision:
        by_host = {row.host: row for row in reversed(place.endpoints)}
        row, verdict, alias_file = place.endpoints[0], FOREIGN, ""
        alias = self._lookups.aliases.get(name.key)
        if name.is_address or not name.observed:
            verdict = UNNAMED
        elif name.host in by_host:
            row, verdict = by_host[name.host], CANONICAL
        elif alias is not None and alias.host in by_host:
            row, verdict, alias_file = by_host[alias.host], ALIASED, alias.row.file
        unconfirmed = row.status == "unconfirmed"
        return Decision(
            verdict=verdict,
            host=row.host,
            observed=name.observed,
            service=row.service,
            ip=str(place.address),
            network=row.network,
            confidence="medium" if unconfirmed else _CONFIDENCE[verdict],
            reason=REASON[verdict].format(
                ip=place.address,
                network=row.network,
                file=row.row.file,
                host=row.host,
                observed=name.observed,
                alias_file=alias_file,
                doubt=DOUBT if unconfirmed else "",
            ),
            ports=row.ports,
        )

    def _elsewhere(self, place: _Place, name: ReportedName) -> Optional[Decision]:
        host = self.true_name(name)
        if host is None:
            return None
        row, verdict = None, UNVERIFIED
        if place.address is not None:
            row, verdict = self._owner(place.address)
        ip = str(place.address) if place.address else ""
        network = row.network if row else ""
        return Decision(
            verdict=verdict,
            host=host,
            observed=name.observed,
            service="",
            ip=ip,
            network=network,
            confidence=_CONFIDENCE[verdict],
            reason=REASON[verdict].format(
                ip=ip,
                network=network,
                file=row.row.file if row else "",
                owner=row.owner if row and row.owner else SOME_OWNER.get(verdict, ""),
                observed=name.observed,
            ),
            ports=(),
        )

    def _owner(self, address: Address) -> tuple[Optional[Network], str]:
        """Return the row that decides on a licensing name outside all endpoints, if any, and the verdict."""
        lookups = self._lookups
        # Block pages are few single addresses, of a site's own filter too, and may be in a relay's network. A
        # site's own relay comes before Cisco: Cisco may run its address space for that site.
        for table, verdict in (
            (lookups.sinkholes, FILTERED),
            (lookups.relays, RELAYED),
            (lookups.cisco, UNLISTED),
        ):
            row = table.longest(address)
            if row is not None:
                return row, verdict
        return None, IMPOSTOR


def _memo_text(address: str) -> str:
    """Return a key for an address: a question mark for text that is too long, and so unreadable."""
    # Blanks around an address do not count, so they must not make it too long.
    text = address.strip()
    return text if len(text) <= MAX_ADDRESS_LENGTH else "?"
