"""Decides what a connection is, from its licensing-side addresses and the names reported for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple, Optional

from cachetools import LRUCache, cachedmethod

from tsid.decision.verdicts import (
    ALIASED,
    CANONICAL,
    FOREIGN,
    IMPOSTOR,
    RELAYED,
    UNLISTED,
    UNNAMED,
    UNVERIFIED,
    VERDICTS,
)
from tsid.decision.wording import ADVICE, ADVICE_IF_BLOCKED, DOUBT, REASON, SOME_RELAY
from tsid.facts.actions import BLOCKED
from tsid.facts.lookups import Endpoint, Lookups
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
    IMPOSTOR: "high",
}


class Decision(NamedTuple):
    """What a connection is, and the evidence.

    Attributes:
        verdict: one of `VERDICTS`.
        host: the canonical host that the name or the address stands for.
        observed: the host as reported; empty if none was.
        service: what the endpoint is for; empty if the address is no endpoint.
        ip: the licensing-side address in its canonical text form; empty if missing or unreadable.
        network: the lookup row's network that the address lies in.
        confidence: ``high``, ``medium`` or ``low``.
        reason: one sentence: what was matched, and why this verdict.
    """

    verdict: str
    host: str
    observed: str
    service: str
    ip: str
    network: str
    confidence: str
    reason: str

    @property
    def strength(self) -> int:
        """The rank of the verdict, 0 for the strongest."""
        return _STRENGTH[self.verdict]

    @property
    def verified_host(self) -> str:
        """The host to show as the true one: none for an impostor, which only bears its name."""
        return "" if self.verdict == IMPOSTOR else self.host

    def advice(self, outcome: str) -> str:
        """Say what to do about the connection; empty where nothing is to be done."""
        text = ADVICE_IF_BLOCKED.get(self.verdict) if outcome == BLOCKED else None
        return (text or ADVICE.get(self.verdict, "")).format(
            observed=self.observed, host=self.host, ip=self.ip, network=self.network
        )


class _Place(NamedTuple):
    """Where an address lies: parsed (None if missing or unreadable), and the rows of the endpoints there."""

    address: Optional[Address]
    endpoints: Sequence[Endpoint]


# What a decision depends on: the address, the name's host, text and kind, the period of the time.
_Pair = tuple[str, str, str, bool, Optional[int]]


class Judge:
    """Decides on pairs of address and name, and remembers what it decided.

    Args:
        lookups: the tables to decide by.
        memo_size: how many pairs to remember. The memo is bounded because hostile traffic has unlimited
            distinct values.
    """

    def __init__(self, lookups: Lookups, memo_size: int = MAX_DECISIONS) -> None:
        self._lookups = lookups
        self._places: LRUCache[tuple[str, Optional[int]], _Place] = LRUCache(memo_size)
        self._pairs: LRUCache[_Pair, Optional[Decision]] = LRUCache(memo_size)

    def is_endpoint(self, address: str, time: Optional[float]) -> bool:
        """Tell whether an address is a licensing endpoint at a time (epoch seconds, None if unknown)."""
        return bool(self._place(address, time).endpoints)

    def is_licensing_name(self, name: ReportedName) -> bool:
        """Tell whether a name is canonical or an alias."""
        return self._true_name(name) is not None

    def decide(
        self,
        addresses: Sequence[str],
        names: Sequence[ReportedName],
        time: Optional[float],
        earlier: Optional[ReportedName] = None,
    ) -> Optional[Decision]:
        """Decide what a connection is.

        Args:
            addresses: the licensing-side addresses, normally one.
            names: the reported names, normally one.
            time: the event's time in epoch seconds; None if it has none.
            earlier: the name that was reported before an earlier run put the canonical host in its place. It
                counts only if it is an alias of the host that now stands there, at an endpoint of that host.

        Returns:
            The strongest decision over all pairs, the first one where several are equally strong; None if
            this is not licensing traffic.
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
        """Return the canonical host of an alias that one of the addresses verifies; None for other names."""
        for address in addresses:
            decision = self._pair(address, name, time)
            if decision is not None and decision.verdict == ALIASED:
                return decision.host
        return None

    def _candidate_pairs(
        self, addresses: Sequence[str], names: Sequence[ReportedName], time: Optional[float]
    ) -> Iterable[tuple[str, ReportedName]]:
        """Return the pairs to decide on, few even of an event with many addresses and names."""
        if len(addresses) == len(names) == 1:
            # Nearly all events.
            return ((addresses[0], names[0]),)
        candidates = self._candidate_names(names)
        # Where there is no endpoint, all licensing names come to the same verdict.
        elsewhere = [name for name in candidates if self.is_licensing_name(name)][:1]
        return (
            (address, name)
            for address, at_endpoint in self._distinct_addresses(addresses, time)
            for name in (candidates if at_endpoint else elsewhere)
        )

    def _distinct_addresses(
        self, addresses: Sequence[str], time: Optional[float]
    ) -> Iterable[tuple[str, bool]]:
        """Return the addresses, each once in whatever form, and whether each is an endpoint.

        All that cannot be read are one.
        """
        distinct: dict[Optional[Address], tuple[str, bool]] = {}
        for address in addresses:
            place = self._place(address, time)
            distinct.setdefault(place.address, (address, bool(place.endpoints)))
        return distinct.values()

    def _candidate_names(self, names: Sequence[ReportedName]) -> Sequence[ReportedName]:
        """Leave out the names that change nothing, so that an address meets no more than the lookups have.

        Of the names that are no licensing names the first one decides; so does the first that is an address.
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

    def _true_name(self, name: ReportedName) -> Optional[str]:
        """Return the canonical host that a name stands for; None if it is no licensing name."""
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
        )

    def _elsewhere(self, place: _Place, name: ReportedName) -> Optional[Decision]:
        host = self._true_name(name)
        if host is None:
            return None
        relay = cisco = None
        if place.address is not None:
            # A site's own relay speaks first: it may lie in address space that Cisco runs for that site.
            relay = self._lookups.relays.longest(place.address)
            cisco = self._lookups.cisco.longest(place.address)
        row = relay or cisco
        if place.address is None:
            verdict = UNVERIFIED
        elif row is None:
            verdict = IMPOSTOR
        else:
            verdict = RELAYED if relay else UNLISTED
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
                owner=row.owner if row and row.owner else SOME_RELAY,
                observed=name.observed,
            ),
        )


def _memo_text(address: str) -> str:
    """Keep the memo small: text that is too long for an address is as unreadable as a question mark."""
    # Blanks around an address do not count, so they must not make it too long either.
    text = address.strip()
    return text if len(text) <= MAX_ADDRESS_LENGTH else "?"
