"""CSV at the level of bytes, as Splunk exchanges it with search commands.

A *cell* is a field's bytes in the body, quotes included.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Optional

# Logs contain text that is not valid UTF-8; this keeps its bytes.
_ERRORS = "surrogateescape"

#: Possessive quantifiers, where Python has them, save the memory for backtracking.
POSSESSIVE = b"+" if sys.version_info >= (3, 11) else b""
_TO_QUOTE = rb'[^"]*%b""' % POSSESSIVE
#: The expression for a quoted cell. Eight quotes at a time make it fast for cells with many, such as JSON.
QUOTED = rb'"(?:%b)*%b(?:%b){0,7}%b[^"]*%b"' % (_TO_QUOTE * 8, POSSESSIVE, _TO_QUOTE, POSSESSIVE, POSSESSIVE)
#: The expression for any well-formed cell.
CELL = rb'(?:%b|[^",\r\n]*%b)' % (QUOTED, POSSESSIVE)

#: The cells of a field without a value; which one depends on whether everything is quoted.
EMPTY_CELLS = frozenset((b"", b'""'))

_QUOTES = re.compile(rb'"+')
# The text after a quoted field, or instead of one, and the end of the field.
_TO_COMMA = re.compile(rb"([^,\n]*)(,|\n|\Z)")
_CELL = re.compile(rb"(%b)(?:,|\Z)" % CELL)
_DOLLARS = re.compile(r"\$+")


def quote(text: str) -> bytes:
    """Return the cell of a text: quoted unless it is all ASCII letters and digits, as splunkd does it."""
    data = escape(text)
    return data if data.isalnum() or not data else b'"' + data + b'"'


def escape(text: str) -> bytes:
    """Return the bytes of a text between the quotes of a quoted cell."""
    return text.encode("utf-8", _ERRORS).replace(b'"', b'""')


def unquote(cell: bytes) -> str:
    """Return the text of a well-formed cell."""
    return decode(cell[1:-1].replace(b'""', b'"') if cell.startswith(b'"') else cell)


def decode(data: bytes) -> str:
    """Return the text of any bytes."""
    return data.decode("utf-8", _ERRORS)


def encode_multivalue(values: Sequence[str]) -> str:
    """Return the content of an ``__mv_`` field: ``$a$;$b$``, with each ``$`` in a value doubled."""
    return ";".join("$" + value.replace("$", "$$") + "$" for value in values)


def decode_multivalue(text: str) -> list[str]:
    """Return the values in an ``__mv_`` field."""
    values = text[1:-1].split("$;$")
    if text.startswith("$") and text.endswith("$") and text.count("$") == 2 * len(values):
        # No value contains a dollar: this is much faster.
        return values
    return [text[start:end].replace("$$", "$") for start, end in _values_in(text)]


def _values_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each value in any text.

    A value is between a dollar and the last dollar of the next odd run, if that ends the text or a semicolon
    follows. A regular expression would take quadratic time on text without values.
    """
    runs = [match.span() for match in _DOLLARS.finditer(text)]
    # For each run, the next run with an odd number of dollars.
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
    """Split a well-formed row, without its line end, into cells."""
    cells: list[bytes] = _CELL.findall(row)
    # The pattern finds one more, empty cell at the end of a row that does not end with an empty cell itself.
    if not row.endswith(b",") and row:
        cells.pop()
    return cells


def split_around(row: bytes, width: int, place: int) -> Optional[list[bytes]]:
    """Split a row like `split_cells`, but much faster, if only the cell at one place contains commas.

    Args:
        row: a well-formed row, without its line end.
        width: how many cells it has.
        place: the place of the cell that may contain commas.

    Returns:
        The cells; None if another cell contains a comma, or if the number of cells differs.
    """
    if row.count(b",") == width - 1:
        # All commas separate cells: none is within a cell.
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
    """Return whether all commas in a part of a row are between cells."""
    # Every other piece between quotes is within a quoted cell, escaped quotes or not.
    pieces = part.split(b'"')
    return len(pieces) % 2 == 1 and b"," not in b"".join(pieces[1::2])


def read_rows(body: bytes) -> Iterator[list[bytes]]:
    """Yield the rows of any body as well-formed cells; as tolerant as Python's csv module.

    A quoted field may lack its closing quote at the end of the body, or be followed by junk; an unquoted
    field may contain quotes.
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
    """Return the place of the quote that ends a field; the end of the body if there is none.

    An expression for the whole field would take a hundred bytes of memory for each quote in it.
    """
    for quotes in _QUOTES.finditer(body, start):
        if (quotes.end() - quotes.start()) % 2:
            return quotes.end() - 1
    return len(body)
