"""Builds the search for candidate events: each of them contains one of its terms."""

from __future__ import annotations

from collections.abc import Iterable

from netaddr import IPNetwork

from tsid.facts.lookups import Lookups


def candidate_search(lookups: Lookups) -> str:
    """Return an SPL expression over raw text that matches every candidate event, and few others.

    It consists of the addresses and names of the lookups as quoted terms. The term of a network is the part
    of its text that all its addresses share, so the expression may match addresses outside it, but misses
    none inside. It finds an IPv6 address only in its compressed form (RFC 5952), which Cisco's firewalls
    write.
    """
    return _any_of("", [*_addresses(lookups), *_names(lookups)])


def traffic_search(lookups: Lookups) -> str:
    """Return the same by the destination address in the CIM data model Network_Traffic, for `tstats`."""
    return _any_of("All_Traffic.dest=", _addresses(lookups))


def web_search(lookups: Lookups) -> str:
    """Return the same by the URL in the CIM data model Web, for `tstats`."""
    return _any_of("Web.url=", [f"*{name}*" for name in _names(lookups)])


def _addresses(lookups: Lookups) -> list[str]:
    return [_network_term(network) for network, _ in lookups.endpoint_rows]


def _names(lookups: Lookups) -> list[str]:
    return [*lookups.canonical, *lookups.aliases]


def _any_of(prefix: str, terms: Iterable[str]) -> str:
    return "(" + " OR ".join(prefix + _quote(term) for term in sorted(set(terms))) + ")"


def _network_term(network: IPNetwork) -> str:
    bits, separator = (8, ".") if network.version == 4 else (16, ":")
    if network.size == 1:
        return str(network.ip)
    words: list[str] = []
    for word in network.network.words[: network.prefixlen // bits]:
        # Where IPv6 text leaves out zeros, it may continue in several ways.
        if network.version == 6 and word == 0:
            break
        words.append(str(word) if network.version == 4 else f"{word:x}")
    return separator.join([*words, "*"])


def _quote(term: str) -> str:
    escaped = term.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
