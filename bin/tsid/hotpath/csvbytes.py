"""CSV at the level of bytes, as Splunk exchanges it with search commands.

A *cell* is a field's bytes as they stand in the body, quotes included.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Optional

# Text that is not valid UTF-8 occurs in logs; this way it comes out as it went in.
_ERRORS = "surrogateescape"

#: Where Python has possessive quantifiers, they save it from remembering what it could try again.
POSSESSIVE = b"+" if sys.version_info >= (3, 11) else b""
_TO_QUOTE = rb'[^"]*%b""' % POSSESSIVE
#: The expression for a quoted cell, quick also where it holds many quotes, as JSON does: eight at a time.
QUOTED = rb'"(?:%b)*%b(?:%b){0,7}%b[^"]*%b"' % (_TO_QUOTE * 8, POSSESSIVE, _TO_QUOTE, POSSESSIVE, POSSESSIVE)
#: The expression for any well-formed cell.
CELL = rb'(?:%b|[^",\r\n]*%b)' % (QUOTED, POSSESSIVE)

_QUOTES = re.compile(rb'"+')
# What stands behind a quoted field, or instead of one, and what ends the field.
_TO_COMMA = re.compile(rb"([^,\n]*)(,|\n|\Z)")
_CELL = re.compile(rb"(%b)(?:,|\Z)" % CELL)
_DOLLARS = re.compile(r"\$+")


def quote(text: str) -> bytes:
    """Return the cell of a text: quoted unless it is all ASCII letters and digits, as splunkd does it."""
    data = escape(text)
    return data if data.isalnum() or not data else b'"' + data + b'"'


def escape(text: str) -> bytes:
    """Return what stands for a text between the quotes of a quoted cell."""
    return text.encode("utf-8", _ERRORS).replace(b'"', b'""')


def unquote(cell: bytes) -> str:
    """Return the text of a well-formed cell."""
    return decode(cell[1:-1].replace(b'""', b'"') if cell.startswith(b'"') else cell)


def decode(data: bytes) -> str:
    """Return the text of some bytes, whatever they are."""
    return data.decode("utf-8", _ERRORS)


def encode_multivalue(values: Sequence[str]) -> str:
    """Return what an ``__mv_`` field holds: ``$a$;$b$``, with each ``$`` in a value doubled."""
    return ";".join("$" + value.replace("$", "$$") + "$" for value in values)


def decode_multivalue(text: str) -> list[str]:
    """Return the values that an ``__mv_`` field holds."""
    values = text[1:-1].split("$;$")
    if text.startswith("$") and text.endswith("$") and text.count("$") == 2 * len(values):
        # No value holds one: this way is much faster.
        return values
    return [text[start:end].replace("$$", "$") for start, end in _values_in(text)]


def _values_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the values stand in any text.

    A value lies between a dollar and the last one of the next odd run of them, if that ends the text or a
    semicolon follows. A regular expression for this would take quadratic time where there is none.
    """
    runs = [match.span() for match in _DOLLARS.finditer(text)]
    # By place, that of the next run of an odd number.
    odd: list[Optional[int]] = [None] * (len(runs) + 1)
    for place in range(len(runs) - 1, -1, -1):
        start, end = runs[place]
        odd[place] = place if (end - start) % 2 else odd[place + 1]
    position = 0
    for place, (start, end) in enumerate(runs):
        for opening in range(max(start, position), end):
            last = place if (end - opening) % 2 == 0 else odd[place + 1]
            if last is None:
                continue
            behind = runs[last][1]
            if behind < len(text) and text[behind] != ";":
                continue
            yield opening + 1, behind - 1
            position = min(behind + 1, len(text))
            break


def split_cells(row: bytes) -> list[bytes]:
    """Take a well-formed row, without its line end, apart."""
    cells: list[bytes] = _CELL.findall(row)
    # The pattern finds one more, empty cell at the end of a row that does not end with an empty cell itself.
    if not row.endswith(b",") and row:
        cells.pop()
    return cells


def split_around(row: bytes, width: int, place: int) -> Optional[list[bytes]]:
    """Do as `split_cells`, much faster, if no other cell than that at one place holds a comma.

    Args:
        row: a well-formed row, without its line end.
        width: how many cells it has.
        place: that of the cell which may hold commas.

    Returns:
        The cells; None if another one holds a comma, or if there are not as many.
    """
    if row.count(b",") == width - 1:
        # As many commas as separate the cells: none is within a cell.
        return row.split(b",")
    cells = row.split(b",", place)
    if len(cells) <= place:
        return None
    last = cells.pop()
    others = last.rsplit(b",", width - place - 1)
    before, behind = row[: len(row) - len(last)], last[len(others[0]) :]
    if len(others) < width - place or not (_splits(before) and _splits(behind)):
        return None
    return cells + others


def _splits(part: bytes) -> bool:
    """Tell whether all of the commas in a part of a row stand between cells."""
    # Every other piece between quotes is within a quoted cell, escaped quotes or not.
    pieces = part.split(b'"')
    return len(pieces) % 2 == 1 and b"," not in b"".join(pieces[1::2])


def read_rows(body: bytes) -> Iterator[list[bytes]]:
    """Yield the rows of any body as well-formed cells; as tolerant as Python's csv module.

    A quoted field may lack its closing quote at the end of the body, or be followed by junk; an unquoted one
    may hold quotes.
    """
    position, cells = 0, []
    while position < len(body):
        quoted = None
        if body.startswith(b'"', position):
            closing = _closing_quote(body, position + 1)
            quoted = body[position + 1 : closing]
            position = min(closing + 1, len(body))
        field = _TO_COMMA.match(body, position)
        if field is None:
            raise AssertionError("the pattern matches anything")
        rest, end = field.groups()
        if end != b"," and rest.endswith(b"\r"):
            # The line end may be CR LF.
            rest = rest[:-1]
        if quoted is not None:
            cells.append(b'"' + quoted + rest.replace(b'"', b'""') + b'"')
        elif b'"' in rest or b"\r" in rest:
            cells.append(b'"' + rest.replace(b'"', b'""') + b'"')
        else:
            cells.append(rest)
        position = field.end()
        if end == b"," and position < len(body):
            continue
        if end == b",":
            cells.append(b"")
        yield cells
        cells = []


def _closing_quote(body: bytes, start: int) -> int:
    """Return where the quote that ends a field is, else the end of the body.

    An expression for the whole field would remember each quote in it, which takes a hundred bytes for one.
    """
    for quotes in _QUOTES.finditer(body, start):
        if (quotes.end() - quotes.start()) % 2:
            return quotes.end() - 1
    return len(body)
