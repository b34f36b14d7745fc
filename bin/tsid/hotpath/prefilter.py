"""Finds cells that may belong to licensing traffic, fast: false positives allowed, false negatives not."""

from __future__ import annotations

import re
from typing import Optional

from tsid.facts.lookups import Lookups
from tsid.hotpath.csvbytes import decode, escape, unquote
from tsid.hotpath.row_pattern import address_key, name_key
from tsid.memo import MAX_CELLS, BoundedMemo
from tsid.text.addresses import parse_address
from tsid.text.names import parse_name

# A quoted name up to the end of its authority; the rest differs from event to event.
_AUTHORITY = re.compile(
    rb'"?(?:(?i:https?|wss?|ftp):[/\\]*|[/\\]{2,}|(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//)?[^/?#\\"]*(?:""[^/?#\\"]*)*'
)
# Names that start with anything else (blanks of all kinds, odd characters) are left to the exact path.
_ORDINARY_START = re.compile(rb"[0-9A-Za-z/*_\[]")
# With a port, such a name would have the key of an IPv6 address.
_LIKE_IPV6 = re.compile(r"[0-9a-f]+\Z")

#: How many keys may represent the endpoints' networks. More would mean networks larger than all of Cisco's.
MAX_KEYS = 500_000

# NAT64 (RFC 6052, section 2.1) puts IPv4 addresses after this prefix.
_NAT64_KEY = b"64:ff9b"


class Prefilter:
    """Finds the cells that may make an event licensing traffic, whatever its other cells contain.

    False positives are allowed, false negatives are not.

    Args:
        lookups: the tables that decide.
    """

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._names = lookups.canonical.union(lookups.aliases)
        self._opened_name = BoundedMemo(self._may_be_name, MAX_CELLS)
        #: The keys that `row_pattern` finds for suspect cells, addresses and names: a cell with another key
        #: can be neither an endpoint's address nor a licensing name. None if keys are not reliable.
        self.keys = self._find_keys()
        #: Whether a licensing name consists of letters and digits only, so that splunkd does not quote it.
        self.has_words = any(name.isalnum() for name in self._names)
        #: Whether a cell may be the address of an endpoint.
        self.endpoint = BoundedMemo(self._may_be_endpoint, MAX_CELLS)
        #: Whether a cell may be that or a licensing name.
        self.endpoint_or_name = BoundedMemo(self._may_be_endpoint_or_name, MAX_CELLS)

    def name(self, cell: bytes) -> bool:
        """Return whether a cell may be a licensing name, or a URL with one."""
        opened = _AUTHORITY.match(cell)
        return bool(cell) and self._opened_name[opened.group() if opened else cell]

    def _find_keys(self) -> Optional[frozenset[bytes]]:
        keys: set[bytes] = set()
        for name in self._names:
            if _LIKE_IPV6.match(name):
                return None
            for text in (name, name + "."):
                data = escape(text)
                keys.update((data, address_key(b'"%b"' % data) or data))
        for prefix in self._lookups.endpoints.prefixes(4, 24):
            if len(keys) > MAX_KEYS:
                return None
            keys.add(b"%d.%d.%d" % (prefix >> 16, prefix >> 8 & 255, prefix & 255))
            keys.add(_NAT64_KEY)
        for prefix in self._lookups.endpoints.prefixes(6, 32):
            if len(keys) > MAX_KEYS:
                return None
            keys.add(b"%x:%x" % (prefix >> 16, prefix & 0xFFFF))
        return frozenset(keys)

    def _is_other(self, key: Optional[bytes]) -> bool:
        """Return whether a cell with this key cannot be licensing traffic; None: it has no key."""
        return key is not None and self.keys is not None and key not in self.keys

    def _may_be_endpoint(self, cell: bytes) -> bool:
        if self._is_other(address_key(cell)):
            return False
        address = parse_address(unquote(cell)) if cell else None
        return address is not None and self._lookups.endpoints.longest(address) is not None

    def _may_be_endpoint_or_name(self, cell: bytes) -> bool:
        return not self._is_other(address_key(cell)) and (self.endpoint[cell] or self.name(cell))

    def _may_be_name(self, opened: bytes) -> bool:
        if self._is_other(name_key(opened.lower())):
            return False
        text = opened[1:].replace(b'""', b'"') if opened.startswith(b'"') else opened
        if not _ORDINARY_START.match(text):
            return text != b""
        name = parse_name(decode(text))
        return name is not None and name.key in self._names
