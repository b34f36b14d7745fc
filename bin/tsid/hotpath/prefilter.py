"""Tells at little cost which values cannot belong to licensing traffic; it may err on the other side only."""

from __future__ import annotations

import re
from typing import Optional

from tsid.facts.lookups import Lookups
from tsid.hotpath.csvbytes import decode, escape, unquote
from tsid.hotpath.row_pattern import address_key, name_key
from tsid.memo import MAX_CELLS, BoundedMemo
from tsid.text.addresses import parse_address
from tsid.text.names import parse_name

# A quoted name up to where its authority ends; what is behind it differs from event to event.
_AUTHORITY = re.compile(rb'"?(?:(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//)?[^/?#\\"]*(?:""[^/?#\\"]*)*')
# Anything else at the start of a name (blanks of all kinds, odd characters) is left to the exact path.
_ORDINARY_START = re.compile(rb"[0-9A-Za-z/*_\[]")
# With a port, such a name would have the key of an IPv6 address.
_LIKE_IPV6 = re.compile(r"[0-9a-f]+\Z")

#: How many keys to know the endpoints' networks by. More would be networks larger than Cisco is.
MOST_KEYS = 500_000

# NAT64 (RFC 6052, section 2.1) puts IPv4 addresses behind this prefix.
_NAT64_KEY = b"64:ff9b"


class Prefilter:
    """Asks of cells whether they could make an event licensing traffic, whatever the rest of it.

    Args:
        lookups: the tables that decide.
    """

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._names = lookups.canonical.union(lookups.aliases)
        self._opened_name = BoundedMemo(self._may_be_name, MAX_CELLS)
        #: What `row_pattern` knows suspect cells by, addresses and names: a cell with another key can be
        #: neither an endpoint's address nor a licensing name. None if keys cannot be relied on.
        self.keys = self._find_keys()
        #: Whether a licensing name is all letters and digits, so that splunkd does not quote it.
        self.has_words = any(name.isalnum() for name in self._names)
        #: Could this cell be the address of an endpoint?
        self.endpoint = BoundedMemo(self._may_be_endpoint, MAX_CELLS)
        #: Could this cell be that, or a licensing name?
        self.endpoint_or_name = BoundedMemo(self._may_be_endpoint_or_name, MAX_CELLS)

    def name(self, cell: bytes) -> bool:
        """Tell whether a cell could be a licensing name, or a URL with one."""
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
            if len(keys) > MOST_KEYS:
                return None
            keys.add(b"%d.%d.%d" % (prefix >> 16, prefix >> 8 & 255, prefix & 255))
            keys.add(_NAT64_KEY)
        for prefix in self._lookups.endpoints.prefixes(6, 32):
            if len(keys) > MOST_KEYS:
                return None
            keys.add(b"%x:%x" % (prefix >> 16, prefix & 0xFFFF))
        return frozenset(keys)

    def _is_other(self, key: Optional[bytes]) -> bool:
        """Tell whether a cell with this key, None if it has none, is plainly something else."""
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
        return name is not None and (name.host or name.observed) in self._names
