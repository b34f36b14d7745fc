"""The bounds of what a refresh may believe: Cisco's networks and domains, and no sinkhole."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional

from tsid.facts.lookups import DOMAINS, Lookups, parse_host
from tsid.facts.tables import LeftOut, Row, read_table
from tsid.text.addresses import Address


class Bounds(NamedTuple):
    """What a refresh may believe, in addition to Cisco's networks in the lookups.

    Attributes:
        domains: every new alias must be in one of them.
    """

    domains: frozenset[str]

    def has_name(self, host: str) -> bool:
        """Return whether a host is in one of the domains."""
        labels = host.split(".")
        return any(".".join(labels[start:]) in self.domains for start in range(len(labels)))


def load_bounds(folder: Path, left_out: Optional[list[LeftOut]] = None) -> Bounds:
    """Read the bounds.

    Args:
        folder: the app's ``lookups`` folder.
        left_out: takes what is broken in the local files, which is then passed over; None: an error, because
            without a bound a refresh would believe more.

    Raises:
        LookupTableError: a file is missing or broken.
    """
    domains = read_table(folder, DOMAINS, _parse_domain, left_out=left_out)
    return Bounds(frozenset(domains))


def objection(lookups: Lookups, address: Address) -> Optional[tuple[str, str]]:
    """Return why an address cannot be an endpoint of any host, as a word and a sentence; None if it can."""
    sinkhole = lookups.sinkholes.longest(address)
    if sinkhole is not None:
        return "sinkhole", f"a DNS filter answers with this address ({sinkhole.owner})."
    relay = lookups.relays.longest(address)
    if relay is not None:
        return "private", f"the address is in {relay.network}: {relay.owner or 'a relay'}."
    cisco = lookups.cisco.longest(address)
    if cisco is None:
        return "not_ciscos", "the address is in none of Cisco's networks (cisco_networks.csv)."
    if not cisco.learn:
        return (
            "other_use",
            f"the address is in {cisco.network}, which Cisco uses for other things ({cisco.owner}).",
        )
    return None


def _parse_domain(row: Row) -> tuple[tuple[object, ...], str]:
    domain = parse_host(row, "domain")
    return (domain,), domain
