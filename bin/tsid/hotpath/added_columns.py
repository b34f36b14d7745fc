"""Adds columns to CSV as Splunk exchanges it; the bytes of all other cells stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable

from tsid.facts.fields import Event, Value
from tsid.hotpath.csvbytes import EMPTY_CELLS, decode_multivalue, quote, read_rows, unquote

_MV = "__mv_"


def add_columns(
    body: bytes, names: Sequence[str], compute: Callable[[Event], Mapping[str, str]]
) -> list[bytes]:
    """Return the lines of a body with more columns; none if the body has no rows.

    Args:
        body: CSV with a header row, in any form that Python's csv module reads, with any bytes in it.
        names: the columns to add, or to replace where they exist.
        compute: returns their values for the fields of a row; a sequence of strings is a multivalue field.
    """
    rows = read_rows(body)
    header = next(rows, [])
    columns = [unquote(cell) for cell in header]
    # A column may occur more than once.
    replaced = [(place, name) for place, name in enumerate(columns) if name in names]
    added = [name for name in names if name not in columns]
    # Multivalue columns of these fields are out of date.
    outdated = [place for place, name in enumerate(columns) if name in [_MV + own for own in names]]
    lines = [b",".join([*header, *map(quote, added)]) + b"\n"]
    for cells in rows:
        cells = cells[: len(header)] + [b""] * (len(header) - len(cells))
        values = compute(_event(columns, cells))
        for place in outdated:
            cells[place] = b""
        for place, name in replaced:
            cells[place] = quote(values[name])
        lines.append(b",".join([*cells, *(quote(values[name]) for name in added)]) + b"\n")
    return lines if len(lines) > 1 else []


def _event(columns: Sequence[str], cells: Sequence[bytes]) -> dict[str, Value]:
    event: dict[str, Value] = {}
    several: dict[str, Value] = {}
    for name, cell in zip(columns, cells):
        if name.startswith(_MV):
            if cell not in EMPTY_CELLS:
                several[name[len(_MV) :]] = decode_multivalue(unquote(cell))
        else:
            event.setdefault(name, unquote(cell))
    return {**event, **several}
