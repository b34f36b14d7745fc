"""Provides Cisco licensing's addresses and names from the shipped lookups, read as plain data.

It does not use the app's loader: the truth must not depend on the code under test.
"""

from __future__ import annotations

import csv
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, Union

from lab.errors import UsageError
from lab.generator.dice import Dice

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

# Addresses of each network of a table, and about as many of a whole large table.
_SPOTS_PER_NETWORK, _SPOTS = 16, 500
# The end of the year 9999: no lookup has a later date.
_LATEST = 253402300799
# Far more addresses than a run needs, and within the range of `Dice.below`.
_MAX_ADDRESSES = 2**48


class Site(NamedTuple):
    """A licensing host at one address.

    * ``ports``: the TCP ports on which it serves licensing
    * ``alone``: no other host shares the address
    """

    address: str
    host: str
    network: str
    service: str
    confirmed: bool
    ports: frozenset[str]
    alone: bool


class Spot(NamedTuple):
    """An address in a network of one of the tables; ``network`` is the longest that contains it."""

    address: str
    network: str


class Atlas:
    """The addresses and names in the lookups.

    All of it is made once, so that memory does not grow with the number of events.

    * ``sites``: the endpoints in force from ``start`` to ``end`` (epoch seconds)
    * ``hosts``: the canonical hosts; ``aliases``: the aliases of each; ``not_renewing``: those of services
      that renew no licence
    * ``names``: every licensing name, with its canonical host
    * ``cisco``: addresses in Cisco's own networks that are not endpoints; ``neighbours``: those next to one
    * ``relays``: addresses of proxies and On-Prem servers
    * ``sinkholes``: the block pages of DNS filters
    """

    def __init__(self, lookups: Path, start: float, end: float, dice: Dice) -> None:
        rows = _read(lookups / "cisco_licensing_endpoints.csv")
        self._endpoints = [ipaddress.ip_network(row["network"]) for row in rows]
        in_force = [row for row in rows if _covers(row, _day(start), _day(end))]
        self.sites = tuple(_sites(in_force))
        self.hosts = tuple(dict.fromkeys(row["host"] for row in rows))
        services = {
            row["service"] for row in _read(lookups / "licensing_services.csv") if row["renews"] == "no"
        }
        self.not_renewing = frozenset(row["host"] for row in rows if row["service"] in services)
        self.aliases: Mapping[str, list[str]] = {host: [] for host in self.hosts}
        for row in _read(lookups / "tsid_aliases.csv"):
            self.aliases[row["host"]].append(row["alias"])
        self.names = tuple((name, host) for host in self.hosts for name in [host, *self.aliases[host]])
        relays, sinkholes = _networks(lookups / "tsid_relays.csv"), _networks(lookups / "tsid_sinkholes.csv")
        self.relays = tuple(self._spots(relays, sinkholes, dice))
        self.cisco = tuple(
            self._spots(_networks(lookups / "cisco_networks.csv"), [*relays, *sinkholes], dice)
        )
        self.sinkholes = tuple(dict.fromkeys(self._spots(sinkholes, (), dice)))
        self.neighbours = tuple(self._neighbours())
        if not all((self.sites, self.relays, self.cisco, self.sinkholes)):
            raise UsageError(f"{lookups}: no endpoint is in force at that time, or a table is empty")

    def names_of(self, site: Site) -> set[str]:
        """Every name that a firewall may correctly report for a server at this address."""
        hosts = [other.host for other in self.sites if other.address == site.address]
        return {name for host in hosts for name in [host, *self.aliases[host]]}

    def _spots(self, networks: Sequence[Network], but: Sequence[Network], dice: Dice) -> Iterator[Spot]:
        avoided = [*self._endpoints, *but]
        count = max(1, min(_SPOTS_PER_NETWORK, _SPOTS // max(1, len(networks))))
        for network in networks:
            for _ in range(count):
                address = network[dice.below(min(network.num_addresses, _MAX_ADDRESSES))]
                if not any(address in other for other in avoided):
                    containing = [other for other in networks if address in other]
                    longest = max(containing, key=lambda other: other.prefixlen)
                    yield Spot(str(address), str(longest))

    def _neighbours(self) -> Iterator[str]:
        for site in self.sites:
            address = ipaddress.ip_address(site.address)
            for neighbour in (address - 1, address + 1):
                if not any(neighbour in network for network in self._endpoints):
                    yield str(neighbour)


def _sites(rows: Sequence[Mapping[str, str]]) -> Iterator[Site]:
    networks = {row["network"]: ipaddress.ip_network(row["network"]) for row in rows}
    for row in rows:
        address = networks[row["network"]].network_address
        containing = [other for other in rows if address in networks[other["network"]]]
        # A row with a longer prefix at the same address would decide instead.
        longest = max(networks[other["network"]].prefixlen for other in containing)
        if networks[row["network"]].prefixlen == longest:
            yield Site(
                address=str(address),
                host=row["host"],
                network=row["network"],
                service=row["service"],
                confirmed=row["status"] != "unconfirmed",
                ports=_ports(row.get("ports", "")),
                alone=len(containing) == 1,
            )


def _ports(text: str) -> frozenset[str]:
    """Return the numbers in a text such as ``tcp/443 tcp/80``; HTTPS if it is empty."""
    return frozenset(word.partition("/")[2] for word in text.split()) or frozenset(("443",))


def _covers(row: Mapping[str, str], first: str, last: str) -> bool:
    until = row["valid_until"] or last
    return row["status"] != "retired" and row["valid_from"] <= first and last <= until


def _day(time: float) -> str:
    return datetime.fromtimestamp(min(time, _LATEST), timezone.utc).date().isoformat()


def _networks(path: Path) -> list[Network]:
    return [ipaddress.ip_network(row["network"]) for row in _read(path)]


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
