"""Builds the search for candidate events: each of them contains one of its terms."""

from __future__ import annotations

from netaddr import IPNetwork

from tsid.facts.lookups import Lookups


def candidate_search(lookups: Lookups) -> str:
    """Return an SPL expression over raw text that matches every candidate event, and few others.

    It consists of the addresses and names of the lookups as quoted terms. The term of a network is the part
    of its text that all its addresses share, so the expression may match addresses outside it, but misses
    none inside. It finds an IPv6 address only in its compressed form (RFC 5952), which Cisco's firewalls
    write.
    """
    terms = {_network_term(network) for network, _ in lookups.endpoint_rows}
    terms.update(lookups.canonical)
    terms.update(lookups.aliases)
    return "(" + " OR ".join(map(_quote, sorted(terms))) + ")"


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
