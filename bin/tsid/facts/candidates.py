"""Builds the search terms of the prefilter: every candidate event holds one of them."""

from __future__ import annotations

from netaddr import IPNetwork

from tsid.facts.lookups import Lookups


def candidate_search(lookups: Lookups) -> str:
    """Return an SPL expression over raw text that lets every candidate event through, and few others.

    It holds the addresses and names of the lookups as quoted terms. A network is represented by the part of
    its text that all its addresses share, so the expression may let more through than the network holds, but
    never less. An IPv6 address must stand in the raw text in its compressed form (RFC 5952), as Cisco's
    firewalls write it.
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
