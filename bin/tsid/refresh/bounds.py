"""The bounds of what a refresh may believe, beside Cisco's networks: its domains, and known sinkholes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tsid.facts.lookups import Network, parse_host, parse_network
from tsid.facts.tables import Row, TableFormat, read_table
from tsid.text.addresses import PrefixTable

DOMAINS = TableFormat("cisco_domains", required=("domain",), optional=("source",), key=("domain",))
SINKHOLES = TableFormat(
    "tsid_sinkholes", required=("network",), optional=("owner", "source"), key=("network",)
)


class Bounds(NamedTuple):
    """What a refresh may believe.

    Attributes:
        domains: every alias has to lie in one of them.
        sinkholes: where DNS filters lead to; an address in one is nobody's endpoint.
    """

    domains: frozenset[str]
    sinkholes: PrefixTable[Network]

    def has_name(self, host: str) -> bool:
        """Tell whether a host lies in one of the domains."""
        labels = host.split(".")
        return any(".".join(labels[start:]) in self.domains for start in range(len(labels)))


def load_bounds(folder: Path) -> Bounds:
    """Read the bounds.

    Args:
        folder: the app's ``lookups`` folder.

    Raises:
        LookupTableError: a file is missing or broken.
    """
    domains = read_table(folder, DOMAINS, _parse_domain)
    return Bounds(frozenset(domains), PrefixTable(read_table(folder, SINKHOLES, parse_network)))


def _parse_domain(row: Row) -> tuple[tuple[object, ...], str]:
    domain = parse_host(row, "domain")
    return (domain,), domain
