"""Serves Cisco's licensing hosts of the lookups on loopback: DNS, TLS servers, and a proxy to them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import trustme

from lab.internet.nameserver import LOOPBACK, nameserver
from lab.internet.servers import issue, proxy, tls_server
from tsid.facts.lookups import Lookups

ZONE = "cisco.com"
HTTPS = 443

#: The alternative names of the certificate of tools.cisco.com, in the order of Cisco KB 226091: TSID takes
#: the first if the common name is absent.
TOOLS = ("toos.cisco.com", "tools.cisco.com", "tools1.cisco.com", "tools2.cisco.com")


class Site(NamedTuple):
    """The settings with which a refresh uses the small internet: ``host:port`` of each server."""

    resolver: str
    proxy: str


def records_of(addresses: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the records of the zone cisco.com.

    Args:
        addresses: of each host, IPv4 or IPv6.
    """
    return [
        f"{host}. IN {'AAAA' if ':' in address else 'A'} {address}"
        for host in addresses
        for address in addresses[host]
    ]


def addresses_in(lookups: Lookups) -> dict[str, list[str]]:
    """Return the addresses that the lookups have for each host, not those that are retired."""
    addresses: dict[str, list[str]] = {}
    for _, endpoint in lookups.endpoint_rows:
        if endpoint.status != "retired":
            addresses.setdefault(endpoint.host, []).append(endpoint.network.partition("/")[0])
    return addresses


def servers_of(addresses: Mapping[str, Sequence[str]], authority: trustme.CA) -> dict[str, ssl.SSLContext]:
    """Return a server for each address, whose certificate names every host that it serves."""
    names: dict[str, list[str]] = {}
    for host, those in addresses.items():
        for address in those:
            names.setdefault(address, []).extend(TOOLS if host == TOOLS[1] else [host])
    contexts = {key: issue(authority, key) for key in {tuple(name) for name in names.values()}}
    return {address: contexts[tuple(names[address])] for address in names}


@contextmanager
def internet(
    folder: Path, records: Sequence[str], servers: Mapping[str, ssl.SSLContext | int]
) -> Iterator[Site]:
    """Run it as long as the context lasts.

    Args:
        folder: for the DNS server's files; it must not exist.
        records: the zone cisco.com.
        servers: by address, the server's side of TLS, or the port of loopback where one runs already.
    """
    with ExitStack() as running:
        port = running.enter_context(nameserver(folder, {ZONE: records}))
        started: dict[ssl.SSLContext, int] = {}
        routes = {}
        for address, server in servers.items():
            if isinstance(server, int):
                routes[address, HTTPS] = server
                continue
            if server not in started:
                started[server] = running.enter_context(tls_server(server))
            routes[address, HTTPS] = started[server]
        gate = running.enter_context(proxy(routes))
        yield Site(f"{LOOPBACK}:{port}", f"{LOOPBACK}:{gate}")
