"""Tells at little cost which values cannot belong to licensing traffic; it may err on the other side only."""

from __future__ import annotations

import re
from typing import Callable

from tsid.addresses import parse_address
from tsid.csvbytes import decode, unquote
from tsid.lookups import Lookups
from tsid.names import parse_name

# Anything else at the start of a name (blanks of all kinds, odd characters) is left to the exact path.
_ORDINARY_START = re.compile(rb"[0-9A-Za-z/*_\[]")
_IPV4 = re.compile(rb'"?([0-9]{1,3}\.[0-9]{1,3})\.[0-9.]{3,7}"?\Z')

#: How many values to remember of each kind. Hostile traffic has unlimited distinct values.
MEMO_SIZE = 100_000
#: The longest value to remember, in bytes: a host name and its scheme fit in.
LONGEST = 300


class Memo(dict[bytes, bool]):
    """What a question about a cell was answered with; starts afresh when it has grown too large."""

    def __init__(self, question: Callable[[bytes], bool]) -> None:
        super().__init__()
        self._question = question

    def __missing__(self, cell: bytes) -> bool:
        answer = self._question(cell)
        if len(self) >= MEMO_SIZE:
            self.clear()
        if len(cell) <= LONGEST:
            self[cell] = answer
        return answer


class Suspicion:
    """Asks of cells whether they could make an event licensing traffic, whatever the rest of it.

    Args:
        lookups: the tables that decide.
    """

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._prefixes = lookups.endpoints.first_octet_pairs()
        self._names = lookups.canonical.union(lookups.aliases)
        #: Could this cell be the address of an endpoint?
        self.endpoint = Memo(self._may_be_endpoint)
        #: Could this be a licensing name? Asked of a cell without its closing quote, so that it may also be
        #: cut behind the authority of a URL.
        self.name = Memo(self._may_be_name)
        #: Could this cell be either?
        self.endpoint_or_name = Memo(self._may_be_either)

    def _may_be_endpoint(self, cell: bytes) -> bool:
        ipv4 = _IPV4.match(cell)
        if not cell or (ipv4 and ipv4.group(1) not in self._prefixes):
            return False
        address = parse_address(unquote(cell))
        return address is not None and self._lookups.endpoints.longest(address) is not None

    def _may_be_name(self, opened: bytes) -> bool:
        text = opened[1:].replace(b'""', b'"') if opened.startswith(b'"') else opened
        if not _ORDINARY_START.match(text):
            return text != b""
        name = parse_name(decode(text))
        return name is not None and (name.host or name.observed) in self._names

    def _may_be_either(self, cell: bytes) -> bool:
        if self._may_be_endpoint(cell):
            return True
        opened = cell[:-1] if cell.startswith(b'"') else cell
        # Most cells are some other address. Few lookups hold an alias that looks like one.
        if _IPV4.match(cell) and unquote(cell) not in self._names:
            return False
        return self._may_be_name(opened)
