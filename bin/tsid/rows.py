"""The hot path: takes the body of a chunk and returns it enriched, decoding only what has to be decided.

Rows that cannot be licensing traffic, which is nearly all, are copied as bytes with one constant suffix. One
regular expression for each distinct header finds the rows and cuts out the cells that could make them
candidates. Candidates are decided by `tsid.enrich` alone. A body that is not written as splunkd writes it is
read by a slower, tolerant reader instead.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Optional, Union

from tsid.csvbytes import (
    decode_multivalue,
    encode_multivalue,
    quote,
    read_rows,
    split_cells,
    unquote,
)
from tsid.enrich import Enricher
from tsid.fields import Value
from tsid.rawlines import read_raw
from tsid.suspicion import Memo, Suspicion

MV = "__mv_"
_EMPTY = (b"", b'""')

#: How many bytes of a body are looked at in one go: keeps memory flat and the data in the cache.
BLOCK = 256 * 1024

#: How many different headers and quoted texts to remember.
_PLANS, _QUOTED = 64, 10_000

# From Python 3.11 on, possessive quantifiers keep the expression from trying again what cannot match. Before,
# it may go back over a row that is no candidate pattern, once.
_P = b"+" if sys.version_info >= (3, 11) else b""
_FIELD = rb'(?:"[^"]*%b(?:""[^"]*%b)*%b"|[^",\r\n]*%b)' % (_P, _P, _P, _P)
_AUTHORITY = rb'(?:(?:[A-Za-z][A-Za-z0-9+.\-]*%b:)?//)?[^/?#\\"]*%b(?:""[^/?#\\"]*%b)*%b' % (_P, _P, _P, _P)
_NAME = rb'(?=("%b|[^",\r\n]*%b))%b' % (_AUTHORITY, _P, _FIELD)


class Counts(NamedTuple):
    """How many events a chunk held, how many of them are returned, have a verdict, were rewritten."""

    seen: int
    returned: int
    enriched: int
    rewritten: int


class _Column(NamedTuple):
    """Where a field stands in a row: its cell and its multivalue cell, None for the one that is missing."""

    cell: Optional[int]
    multivalue: Optional[int]


class _RowEvent(Mapping[str, Value]):
    """A row as an event; only the fields that are asked for are decoded.

    Args:
        cells: the row's cells.
        columns: where the fields stand.
    """

    def __init__(self, cells: Sequence[bytes], columns: Mapping[str, _Column]) -> None:
        self._cells = cells
        self._columns = columns

    def __getitem__(self, name: str) -> Value:
        cell, multivalue = self._columns[name]
        if multivalue is not None and self._cells[multivalue] not in _EMPTY:
            return decode_multivalue(unquote(self._cells[multivalue]))
        return "" if cell is None else unquote(self._cells[cell])

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class _RawText:
    """The question whether a raw text could hold licensing traffic; not remembered, as every text is another.

    Args:
        enricher: knows which fields are read.
        suspicion: answers for their values.
    """

    def __init__(self, enricher: Enricher, suspicion: Suspicion) -> None:
        self._questions = [
            (field, question)
            for role, question in (
                ("address", suspicion.endpoint_or_name),
                ("name", suspicion.endpoint_or_name),
                ("device", suspicion.endpoint),
            )
            for field in enricher.fields_of(role)
        ]

    def __getitem__(self, cell: bytes) -> bool:
        fields = read_raw(unquote(cell))
        return any(field in fields and question[quote(fields[field])] for field, question in self._questions)


class _Plan:
    """How to read the rows under one header, and how to write them.

    Args:
        cells: the cells of the header row.
        enricher: decides the candidates.
        suspicion: tells candidates from the rest.
    """

    def __init__(self, cells: Sequence[bytes], enricher: Enricher, suspicion: Suspicion) -> None:
        header = [unquote(cell) for cell in cells]
        self.width = len(header)
        self.places = {name: place for place, name in reversed(list(enumerate(header)))}
        outputs = enricher.output_fields
        self.added = [name for name in outputs if name not in self.places]
        self.own = [name for name in outputs if name in self.places]
        self.read = {
            name: _Column(self.places.get(name), self.places.get(MV + name))
            for name in enricher.required_fields
            if name in self.places or MV + name in self.places
        }
        self.header = b",".join([*cells, *map(quote, self.added)]) + b"\n"
        self.suffix = b"," * len(self.added)
        #: The question to ask of each cell that the expression cuts out, in its order.
        self.questions: list[Union[Memo, _RawText]] = []
        self.expression = re.compile(self._pattern(header, enricher, suspicion))

    def _pattern(self, header: Sequence[str], enricher: Enricher, suspicion: Suspicion) -> bytes:
        """Build the expression: groups of an ordinary row, its cells, any other row, the rest."""
        names, addresses = enricher.fields_of("name"), enricher.fields_of("address")
        devices = enricher.fields_of("device")
        # A row with one of these is no ordinary row: leave it to the exact path.
        unusual = {MV + field for field in (*names, *addresses, *devices, *enricher.output_fields)}
        unusual.update(enricher.output_fields)
        patterns = []
        for column in header:
            if column in unusual:
                patterns.append(b"")
            elif column in addresses or (column in names and column in devices):
                patterns.append(b"(" + _FIELD + b")")
                self.questions.append(suspicion.endpoint_or_name)
            elif column in names:
                patterns.append(_NAME)
                self.questions.append(suspicion.name)
            elif column in devices:
                patterns.append(b"(" + _FIELD + b")")
                self.questions.append(suspicion.endpoint)
            elif column == "_raw" and enricher.reads_raw:
                patterns.append(b"(" + _FIELD + b")")
                self.questions.append(_RawText(enricher, suspicion))
            else:
                patterns.append(_FIELD)
        any_row = b",".join([_FIELD] * len(header))
        return rb"(%b)\n|(%b)\n|([\s\S]+)" % (b",".join(patterns), any_row)


class ChunkEnricher:
    """Enriches the bodies of chunks; what it remembers between them does not grow with their number.

    Args:
        enricher: decides the events that may be licensing traffic.
        suspicion: tells which may.
    """

    def __init__(self, enricher: Enricher, suspicion: Suspicion) -> None:
        self._enricher = enricher
        self._suspicion = suspicion
        self._plans: dict[bytes, _Plan] = {}
        self._quoted: dict[str, bytes] = {}
        self._enriched = self._rewritten = 0

    def enrich(self, body: bytes) -> tuple[list[bytes], Counts]:
        """Enrich the body of one chunk.

        Args:
            body: CSV with a header row; empty for a chunk without events.

        Returns:
            The pieces of the new body, in order, none if no event is returned; and the counts.
        """
        self._enriched = self._rewritten = 0
        header = _HEADER.match(body)
        answer = self._fast(body, self._plan(header.group()), header.end()) if header else None
        if answer is None:
            # Whatever the fast way has counted before it gave up is counted again.
            self._enriched = self._rewritten = 0
            answer = self._tolerant(body)
        pieces, seen, returned = answer
        return (pieces if returned else []), Counts(seen, returned, self._enriched, self._rewritten)

    def _plan(self, header: bytes) -> _Plan:
        plan = self._plans.get(header)
        if plan is None:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            cells = split_cells(header[:-1])
            plan = self._plans[header] = _Plan(cells, self._enricher, self._suspicion)
        return plan

    def _fast(self, body: bytes, plan: _Plan, start: int) -> Optional[tuple[list[bytes], int, int]]:
        """Return pieces, rows seen, rows returned; None if the body is not as splunkd writes it."""
        if len(plan.places) != plan.width:
            return None
        if not body.endswith(b"\n"):
            body += b"\n"
        pieces, seen, returned, size = [plan.header], 0, 0, BLOCK
        position, length = start, len(body)
        while position < length:
            end = min(position + size, length)
            found = plan.expression.findall(body, position, end)
            rest = len(found[-1][-1])
            if rest:
                found.pop()
                if end == length:
                    return None
            if not found:
                # A row that is larger than the block.
                size *= 2
                continue
            position, size = end - rest, BLOCK
            seen += len(found)
            returned += self._block(found, plan, pieces)
        return pieces, seen, returned

    def _block(self, found: list[tuple[bytes, ...]], plan: _Plan, pieces: list[bytes]) -> int:
        """Append the enriched rows of a block to the pieces; return how many there are."""
        columns = list(zip(*found))
        rows, others = list(columns[0]), columns[-2]
        hot = set()
        for question, column in zip(plan.questions, columns[1:-2]):
            suspects = {cell for cell in set(column) if question[cell]}
            if suspects:
                hot.update([place for place, cell in enumerate(column) if cell in suspects])
        if any(others):
            for place, row in enumerate(others):
                if row:
                    rows[place] = row
                    hot.add(place)
        everything = self._enricher.keeps_all
        cold = plan.suffix + b"\n"
        first = returned = 0
        for place in sorted(hot):
            if everything and place > first:
                pieces.append(cold.join(rows[first:place]) + cold)
                returned += place - first
            first = place + 1
            row = self._exact(split_cells(rows[place]), plan, rows[place])
            if row is not None:
                pieces.append(row)
                returned += 1
        if everything and first < len(rows):
            pieces.append(cold.join(rows[first:]) + cold)
            returned += len(rows) - first
        return returned

    def _exact(self, cells: list[bytes], plan: _Plan, row: Optional[bytes]) -> Optional[bytes]:
        """Return one enriched row with its line end, None if it is not kept.

        Args:
            cells: the row's cells.
            plan: how to read and write them.
            row: the row as it stands, if the cells are as they stand in it.
        """
        answer = self._enricher.enrich(_RowEvent(cells, plan.read))
        self._enriched += answer.verdict != ""
        self._rewritten += bool(answer.rewritten)
        if not self._enricher.keeps(answer):
            return None
        changed: dict[str, Value] = {name: answer.fields[name] for name in plan.own}
        changed.update(answer.rewritten)
        if changed or row is None:
            for name, value in changed.items():
                self._set(cells, plan, name, value)
            row = b",".join(cells)
        added = [self._quote(answer.fields[name]) for name in plan.added]
        return b",".join([row, *added]) + b"\n" if added else row + b"\n"

    def _set(self, cells: list[bytes], plan: _Plan, name: str, value: Value) -> None:
        place, multivalue = plan.places.get(name), plan.places.get(MV + name)
        values = [value] if isinstance(value, str) else value or []
        if place is not None:
            cells[place] = self._quote("\n".join(values))
        if multivalue is not None:
            several = len(values) > 1 or place is None
            cells[multivalue] = quote(encode_multivalue(values)) if several else b""

    def _quote(self, text: str) -> bytes:
        cell = self._quoted.get(text)
        if cell is None:
            if len(self._quoted) >= _QUOTED:
                self._quoted.clear()
            cell = self._quoted[text] = quote(text)
        return cell

    def _tolerant(self, body: bytes) -> tuple[list[bytes], int, int]:
        """Enrich a body of any form, row by row."""
        rows = read_rows(body)
        header = [unquote(cell) for cell in next(rows, [])]
        # Of columns of the same name the SDK takes the first if there are multivalue columns, else the last.
        if any(name.startswith(MV) for name in header):
            places = {name: place for place, name in reversed(list(enumerate(header)))}
            kept = sorted(places.values())
        else:
            kept = list({name: place for place, name in enumerate(header)}.values())
        plan = _Plan([quote(header[place]) for place in kept], self._enricher, self._suspicion)
        pieces, seen = [plan.header], 0
        for cells in rows:
            seen += 1
            # A row may be shorter, or longer, than the header.
            cells += [b""] * (len(header) - len(cells))
            row = self._exact([cells[place] for place in kept], plan, None)
            if row is not None:
                pieces.append(row)
        return pieces, seen, len(pieces) - 1


_HEADER = re.compile(rb"%b(?:,%b)*%b\n" % (_FIELD, _FIELD, _P))
