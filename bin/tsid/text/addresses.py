"""Reads IP addresses, and finds the longest network prefix that contains one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from socket import inet_ntoa
from typing import Generic, Literal, NamedTuple, Optional, TypeVar

from netaddr import INET_PTON, AddrFormatError, IPAddress, IPNetwork

from tsid.memo import MAX_ADDRESSES, BoundedMemo

T = TypeVar("T")

#: The longest text form of an address, with brackets and zone.
MAX_ADDRESS_LENGTH = 64

_WIDTH = {4: 32, 6: 128}
_LENGTH = re.compile(r"[0-9]{1,3}\Z")
_CHARACTERS = re.compile(r"[0-9A-Fa-f:.]{2,}\Z")
# The characters of RFC 6874, and the colon of an interface's alias.
_ZONE = re.compile(r"[0-9A-Za-z_.~:%\-]*\Z")
# IPv6 forms of an IPv4 address: mapped (RFC 4291, section 2.5.5.2) and translated by NAT64 (RFC 6052, section
# 2.1).
_IPV4_IN_IPV6 = frozenset(int(IPNetwork(text).ip) >> 32 for text in ("::ffff:0:0/96", "64:ff9b::/96"))


class Address(NamedTuple):
    """An IP address as a number, with the IP version that it belongs to."""

    version: Literal[4, 6]
    value: int

    def __str__(self) -> str:
        if self.version == 4:
            # netaddr's object costs ten times as much, for the same text.
            return inet_ntoa(self.value.to_bytes(4, "big"))
        return str(IPAddress(self.value, self.version))


def parse_address(text: str) -> Optional[Address]:
    """Read one IP address.

    Args:
        text: IPv4 in dotted decimal, possibly with a final dot as names may have one, or IPv6, possibly with
            a zone; either may be in brackets. IPv4 inside IPv6 (mapped, NAT64) is read as the IPv4 address
            that it represents. Leading zeros are refused, because some systems read them as octal.

    Returns:
        The address; None if the text is not a valid address.
    """
    text = text.strip()
    return _parsed[text] if len(text) <= MAX_ADDRESS_LENGTH else None


def canonical_address(text: str) -> str:
    """Return an address in its canonical text form (RFC 5952 for IPv6); other text as it is."""
    return _canonical[text] if len(text) <= MAX_ADDRESS_LENGTH else text


def _canonicalize(text: str) -> str:
    address = parse_address(text)
    return text if address is None else str(address)


_canonical = BoundedMemo(_canonicalize, MAX_ADDRESSES)


def _read(text: str) -> Optional[Address]:
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        text, _, zone = text.partition("%")
        if not _ZONE.match(zone):
            return None
    elif text.endswith("."):
        text = text[:-1]
    # Most texts here are names; this check is cheaper than the exception of a failed parse.
    if not _CHARACTERS.match(text):
        return None
    try:
        # Without a version, netaddr tries IPv4 first, and its exception keeps the callers' frames alive.
        address = IPAddress(text, version=6 if ":" in text else 4, flags=INET_PTON)
    except (AddrFormatError, ValueError):
        return None
    value = int(address)
    if address.version == 6 and value >> 32 in _IPV4_IN_IPV6:
        return Address(4, value & 0xFFFFFFFF)
    return Address(address.version, value)


_parsed = BoundedMemo(_read, MAX_ADDRESSES)


def parse_prefix(text: str) -> Optional[tuple[Address, IPNetwork]]:
    """Read a network in CIDR form.

    Args:
        text: an address and a prefix length: ``192.0.2.0/24``.

    Returns:
        The address as written, and its network; None if the text is not a valid network. IPv4 written as
        IPv6 is not valid.
    """
    address_text, _, length_text = text.partition("/")
    address = _read(address_text) if _LENGTH.match(length_text) else None
    if address is None or (":" in address_text) != (address.version == 6):
        return None
    shift = _WIDTH[address.version] - int(length_text)
    if shift < 0 or address_text.endswith(".") or not _CHARACTERS.match(address_text):
        return None
    # A tuple takes a quarter of the time that netaddr takes for a text.
    return address, IPNetwork((address.value >> shift << shift, int(length_text)), version=address.version)


def contains(network: IPNetwork, address: Address) -> bool:
    """Return whether an address is in a network."""
    return bool(network.version == address.version and network.first <= address.value <= network.last)


def is_host_address(address: Address) -> bool:
    """Return whether an address can belong to one host.

    These cannot: IPv4 in 0.0.0.0/8 (this network, RFC 1122) and from 224.0.0.0/4 on (multicast, RFC 5771;
    reserved, RFC 1112); in IPv6 the unspecified address and multicast (RFC 4291).
    """
    if address.version == 4:
        return 0 < address.value >> 24 < 224
    return address.value != 0 and address.value >> 120 != 0xFF


class PrefixTable(Generic[T]):
    """Rows by network; finds the longest matching prefix first.

    The cost of a search grows with the number of different prefix lengths, not with the number of rows.
    """

    def __init__(self, rows: Iterable[tuple[IPNetwork, T]]) -> None:
        by_length: dict[tuple[int, int], dict[int, list[T]]] = {}
        for network, row in rows:
            shift = _WIDTH[network.version] - network.prefixlen
            prefixes = by_length.setdefault((network.version, shift), {})
            prefixes.setdefault(network.first >> shift, []).append(row)
        self._levels: dict[int, list[tuple[int, dict[int, list[T]]]]] = {4: [], 6: []}
        for (version, shift), prefixes in sorted(by_length.items(), key=lambda item: item[0]):
            self._levels[version].append((shift, prefixes))

    def matches(self, address: Address) -> Iterator[list[T]]:
        """Yield the rows of each network that contains the address, longest prefix first."""
        for shift, prefixes in self._levels[address.version]:
            rows = prefixes.get(address.value >> shift)
            if rows:
                yield rows

    def longest(self, address: Address) -> Optional[T]:
        """Return the first row of the longest prefix that contains the address, or None."""
        for rows in self.matches(address):
            return rows[0]
        return None

    def prefixes(self, version: Literal[4, 6], length: int) -> Iterator[int]:
        """Yield the first `length` bits of all addresses in the networks as numbers, some repeatedly."""
        for shift, prefixes in self._levels[version]:
            missing = shift - (_WIDTH[version] - length)
            for prefix in prefixes:
                if missing <= 0:
                    yield prefix >> -missing
                else:
                    yield from range(prefix << missing, (prefix + 1) << missing)
