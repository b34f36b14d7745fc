"""Builds the expression that finds, under one header, the rows that cannot be licensing traffic.

It expects the cells to look like those seen before: a column that was always empty has to be empty, a column
that was always quoted has to be quoted. A row that differs is not lost, it only takes longer. So the
expression can be as narrow as is fastest.

Every part of it can match a text in one way only, because Python before 3.11 has neither atomic groups nor
possessive quantifiers: a row that does not match is given up in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Optional

from tsid.hotpath.csvbytes import CELL, EMPTY_CELLS, QUOTED
from tsid.hotpath.csvbytes import POSSESSIVE as _P

_WITHOUT_QUOTES = rb'"[^"]*%b"' % _P
_UNQUOTED = rb'[^",\r\n]*' + _P
# The key of an address cell: the first three numbers of an IPv4 address, the first two of an IPv6 address in
# its canonical form, or the whole name, which needs what follows it.
_ADDRESS = (
    rb"(?=([0-9]+%b\.[0-9]+%b\.[0-9]+%b"
    rb"|[1-9a-f][0-9a-f]*%b:[1-9a-f][0-9a-f]*%b"
    rb"|[0-9a-z.\-]+%b(?=%%b)))[0-9a-z.:\-]+%b" % ((_P,) * 7)
)
# ``https:3`` is a scheme and a host, not a host and a port (`tsid.text.names`). Names longer than 252
# characters may be shortened.
_AUTHORITY = rb"(?:https?://|(?!(?:https?|wss?|ftp):))([0-9a-z.\-]{1,252})(?::[0-9]+%b)?" % _P
# What separates cells, and so ends one without quotes.
_END = rb"[,\r\n]"
_WORD = rb"[0-9A-Za-z]*" + _P
# No cell may match both as an address or a name and as a missing one; so where both may stand, a word has a
# capital letter.
_CAPITALISED = rb"(?:[0-9a-z]*%b[A-Z][0-9A-Za-z]*%b)?" % (_P, _P)
# Not 443, maybe with text behind it, such as ``40000 / tcp``.
_PORT = (
    rb'(?:(?!443[^0-9])[0-9]+%b(?:[^0-9",\r\n][^",\r\n]*%b)?'
    rb'|(?:"(?:(?!443)[0-9][^"]*%b)?")?)' % (_P, _P, _P)
)
_HTTPS = re.compile(rb'"?443')

#: A form is expected if more than this share of the rows has it.
_MIN_SHARE = 0.05
_match_address = re.compile(rb'"?%b"?' % (_ADDRESS % rb'"?\Z')).fullmatch
_match_authority = re.compile(rb'"?' + _AUTHORITY).fullmatch

# The cells with an address or a name, within quotes and without.
_QUOTED_CELLS = {
    "address": rb'"%b"' % (_ADDRESS % b'"'),
    "name": rb'"%b(?:"|[/?#][^"]*%b(?:""[^"]*%b)*%b")' % (_AUTHORITY, _P, _P, _P),
}
_PLAIN_CELLS = {
    "address": _ADDRESS % _END,
    "name": rb'%b(?:[/?#][^",\r\n]*%b)?' % (_AUTHORITY, _P),
}

# A name may be ``n``, with a path.
_NOT_AVAILABLE = {"address": rb"[Nn]/[Aa]", "name": rb"N/[Aa]"}

ORDINARY, EMPTY, ADDRESS, NAME, DEVICE, PORT = "ordinary", "empty", "address", "name", "device", "port"
OTHER, REST = -2, -1


def address_key(cell: bytes) -> Optional[bytes]:
    """Return the key that the expression finds for an address cell; None if it does not match."""
    found = _match_address(cell)
    return found.group(1) if found else None


def name_key(opened: bytes) -> Optional[bytes]:
    """Return the key for the cell of a name, given up to the end of its authority and in lower case."""
    found = _match_authority(opened)
    return found.group(1) if found else None


class Suspect(NamedTuple):
    """A column with addresses or names, which decide whether a row may be licensing traffic.

    Attributes:
        is_address: it contains addresses, else names.
        cell: the number of the expression's group (from 0) for the whole cell.
        key: the number of the group for the cell's key.
    """

    is_address: bool
    cell: int
    key: int


class RowPattern(NamedTuple):
    """The expression for the rows under one header.

    Attributes:
        expression: matches one row with its line end. Its groups, from 0: the row if it is ordinary; the
            groups of the suspects; any other well-formed row (`OTHER`); else the rest (`REST`).
        suspects: the columns to check in an ordinary row.
    """

    expression: re.Pattern[bytes]
    suspects: Sequence[Suspect]


def any_pattern(width: int) -> RowPattern:
    """Return the expression that finds no row ordinary.

    Args:
        width: the number of columns.
    """
    return RowPattern(re.compile(rb"((?!))|(%b)\r?\n|([\s\S]+)" % _any_row(width)), ())


def ordinary_pattern(roles: Sequence[str], rows: Sequence[Sequence[bytes]], *, words: bool) -> RowPattern:
    """Return the expression for rows like those seen.

    Args:
        roles: the role of each column: `ORDINARY`; `EMPTY`, which is empty in an ordinary row;
            `ADDRESS`; `NAME`; `DEVICE`, an address that counts if a port is 443; or `PORT`.
        rows: the cells of the rows seen.
        words: words of letters and digits only, in place of an address or a name, may count as missing.
    """
    # A row with content in a column that must be empty does not match, whatever its other cells contain.
    empty = [place for place, role in enumerate(roles) if role == EMPTY]
    rows = [row for row in rows if EMPTY_CELLS.issuperset(row[place] for place in empty)] or rows
    columns = list(zip(*rows))
    # Where ASA events show the sides swapped, many devices use port 443: then their addresses decide.
    swapped = sum(
        any(_HTTPS.match(cell) for cell, role in zip(row, roles) if role == PORT) for row in rows
    ) > _MIN_SHARE * len(rows)
    parts: list[bytes] = []
    suspects: list[Suspect] = []
    firsts: list[tuple[str, int]] = []
    for place, role in enumerate(roles):
        kind = role
        if role == DEVICE:
            kind = ADDRESS if swapped else ORDINARY
        elif role == PORT and swapped:
            kind = ORDINARY
        if kind == EMPTY or EMPTY_CELLS.issuperset(columns[place]):
            parts.append(_empty(columns[place]))
        elif kind == ORDINARY:
            parts.append(_form_of(columns[place]))
        elif kind == PORT:
            parts.append(_PORT)
        else:
            cells, missing = _forms_of(kind, columns[place], words=words)
            same = _same_as(place, kind, firsts, columns, missing)
            if same is not None:
                parts.append(rb"(?:(?P=c%d)|%b)" % (same, missing))
                continue
            parts.append(rb"(?:(?P<c%d>%b)|%b)" % (place, cells, missing))
            firsts.append((kind, place))
            group = 2 * len(suspects) + 1
            suspects.append(Suspect(kind == ADDRESS, group, group + 1))
    expression = rb"(%b)\r?\n|(%b)\r?\n|([\s\S]+)" % (b",".join(parts), _any_row(len(roles)))
    return RowPattern(re.compile(expression), suspects)


def _any_row(width: int) -> bytes:
    return rb"(?:%b,){%d}%b" % (CELL, width - 1, CELL)


def _same_as(
    place: int,
    kind: str,
    firsts: Iterable[tuple[str, int]],
    columns: Sequence[Sequence[bytes]],
    missing: bytes,
) -> Optional[int]:
    """Return the earlier column whose cells this column repeats, if it has any; None if there is none."""
    is_missing = re.compile(missing).fullmatch
    for other_kind, other in firsts:
        if other_kind == kind:
            pairs = list(zip(columns[place], columns[other]))
            differ = sum(mine != theirs and not is_missing(mine) for mine, theirs in pairs)
            if differ <= _MIN_SHARE * len(pairs):
                return other
    return None


def _empty(cells: Collection[bytes]) -> bytes:
    """Return the expression for a column that is always empty."""
    if all(cells):
        return b'""'
    return b'(?:"")?' if any(cells) else b""


def _forms_of(kind: str, cells: Iterable[bytes], *, words: bool) -> tuple[bytes, bytes]:
    """Return the expressions for the cells of a column with addresses or names, and for those without one.

    Args:
        kind: `ADDRESS` or `NAME`.
        cells: those seen: quoted as splunkd does it, only where CSV needs it, or all of them.
        words: see `ordinary_pattern`.
    """
    quoted = sum(cell.startswith(b'"') for cell in cells)
    # splunkd leaves words without quotes, but nothing else.
    plain = sum(not cell.startswith(b'"') and not cell.isalnum() and cell != b"" for cell in cells)
    capitalised = _CAPITALISED if words else b""
    if plain > quoted:
        return _PLAIN_CELLS[kind], rb"%b|%b" % (_NOT_AVAILABLE[kind], capitalised)
    word = _WORD if words else b""
    return _QUOTED_CELLS[kind], rb'"(?:%b|%b)"|%b' % (_NOT_AVAILABLE[kind], capitalised, word)


def _form_of(cells: Collection[bytes]) -> bytes:
    """Return the expression for a column whose content does not matter."""
    quoted = [cell for cell in cells if cell.startswith(b'"')]
    empty = sum(not cell for cell in cells)
    few = _MIN_SHARE * len(cells)
    form = _WITHOUT_QUOTES
    if sum(b'""' in cell[1:-1] for cell in quoted) > few:
        form = QUOTED
    if len(quoted) <= few:
        return _UNQUOTED if len(cells) - len(quoted) - empty > few else b""
    if len(cells) - len(quoted) <= few:
        return form
    if len(cells) - len(quoted) - empty <= few:
        return rb"(?:%b)?" % form + _P
    return rb"(?:%b|%b)" % (form, _UNQUOTED)
