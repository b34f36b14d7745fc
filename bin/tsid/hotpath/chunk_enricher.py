"""The hot path: enriches the body of a chunk, and decodes only the rows that need a decision.

Nearly all rows cannot be licensing traffic. One regular expression finds them (`row_pattern`), and they are
copied as bytes with a constant suffix. The others are enriched one by one (`row_enricher`). A slower,
tolerant reader handles bodies that are not well-formed CSV.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Optional

from tsid.decision.enrich import Enricher
from tsid.hotpath.csvbytes import CELL, quote, read_rows, split_cells, unquote
from tsid.hotpath.prefilter import Prefilter
from tsid.hotpath.row_enricher import MV, Result, RowEnricher
from tsid.hotpath.row_pattern import (
    ADDRESS,
    DEVICE,
    EMPTY,
    NAME,
    ORDINARY,
    OTHER,
    PORT,
    REST,
    any_pattern,
    ordinary_pattern,
)
from tsid.memo import AnswerBudget

#: The best size of a block: large enough for the expression, small enough for the processor's cache.
BLOCK = 256 * 1024

#: How many different headers to remember.
_MAX_PLANS = 32

#: How many rows to learn from at a time.
_SAMPLE_ROWS = 128
#: After how many rows to learn again; the number doubles each time, up to a limit.
_RELEARN_ROWS, _MAX_RELEARN_ROWS = 2_000, 1_000_000
# Learn again only if more than this share of them was checked in vain.
_MAX_FALSE_SHARE = 0.05
# Longer rows, in bytes, are not learned from, because samples are kept for a while.
_MAX_SAMPLE_BYTES = 16 * 1024


class Counts(NamedTuple):
    """The numbers of events in a chunk: all, those returned, with a verdict, rewritten."""

    seen: int
    returned: int
    enriched: int
    rewritten: int


class _Plan:
    """How to read and write the rows under one header; it learns their usual form.

    Args:
        header: the header row, without its line end.
        columns: the names in it, all different.
        enricher: decides.
        prefilter: finds the cells that may belong to licensing traffic.
        budget: limits the memory that remembered answers take.
    """

    def __init__(
        self,
        header: bytes,
        columns: Sequence[str],
        enricher: Enricher,
        prefilter: Prefilter,
        budget: AnswerBudget,
    ) -> None:
        self.rows = RowEnricher(columns, enricher, prefilter, budget)
        self.header = b",".join([header, *map(quote, self.rows.added)]) + b"\n"
        #: The suffix of an ordinary row.
        self.end = b"," * len(self.rows.added) + b"\n"
        self.pattern = any_pattern(len(columns))
        self._columns = columns
        self._enricher = enricher
        self._prefilter = prefilter
        self._sample: list[list[bytes]] = []
        self._fresh: list[list[bytes]] = []
        self._learns = self._can_learn()
        self._relearn_rows = _RELEARN_ROWS
        self._looked_at = self._in_vain = 0

    def learn(self, others: Sequence[bytes], looked_at: int, in_vain: int) -> None:
        """Learn from rows, if enough of them were checked in vain.

        Args:
            others: the rows that were not recognised as ordinary ones.
            looked_at: the number of all rows.
            in_vain: how many of the others turned out not to be licensing traffic.
        """
        if not self._learns:
            return
        self._looked_at += looked_at
        self._in_vain += in_vain
        usual = [row for row in others if len(row) <= _MAX_SAMPLE_BYTES]
        self._fresh += map(split_cells, usual[: _SAMPLE_ROWS - len(self._fresh)])
        first = not self._sample
        due = len(self._fresh) >= _SAMPLE_ROWS if first else self._looked_at >= self._relearn_rows
        if not due:
            return
        if first or self._in_vain > _MAX_FALSE_SHARE * self._looked_at:
            # Rows seen long ago may be out of date.
            self._sample = [*self._sample[-_SAMPLE_ROWS:], *self._fresh]
            self._relearn_rows = min(2 * self._relearn_rows, _MAX_RELEARN_ROWS)
            words = not self._prefilter.has_words
            self.pattern = ordinary_pattern(self._roles(), self._sample, words=words)
        self._fresh = []
        self._looked_at = self._in_vain = 0

    def _can_learn(self) -> bool:
        """Return whether there may be ordinary rows: not if every raw text has to be read."""
        reads_raw = self._enricher.reads_raw and not {"_raw", MV + "_raw"}.isdisjoint(self._columns)
        return not reads_raw and self._prefilter.keys is not None

    def _roles(self) -> list[str]:
        fields_of, outputs = self._enricher.fields_of, self._enricher.output_fields
        addresses, names = fields_of("address"), fields_of("name")
        may_swap = self._enricher.may_swap
        devices, ports = (fields_of("device"), fields_of("source_port")) if may_swap else ((), ())
        if not {*addresses, *names, *devices}.isdisjoint(ports):
            # The expression cannot treat a field both as a port and as something else.
            addresses = (*addresses, *devices)
        several = {MV + name for name in (*addresses, *names, *devices, *ports, *outputs)}
        roles = []
        for column in self._columns:
            if column in several or column in outputs:
                roles.append(EMPTY)
            elif column in addresses or (column in names and column in devices):
                roles.append(ADDRESS)
            elif column in names:
                roles.append(NAME)
            elif column in devices:
                roles.append(DEVICE)
            else:
                roles.append(PORT if column in ports else ORDINARY)
        return roles


class _Source:
    """The body of a chunk, block by block.

    Args:
        blocks: its bytes in order.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)

    def take(self, least: int) -> bytes:
        """Return that many of the next bytes, or more; fewer at the end."""
        taken, size = [], 0
        for block in self._blocks:
            taken.append(block)
            size += len(block)
            if size >= least:
                break
        return taken[0] if len(taken) == 1 else b"".join(taken)


class ChunkEnricher:
    """Enriches the bodies of chunks; its memory does not grow with their number.

    Args:
        enricher: decides the events that may be licensing traffic.
        prefilter: finds the cells that may belong to licensing traffic.
    """

    def __init__(self, enricher: Enricher, prefilter: Prefilter) -> None:
        self._enricher = enricher
        self._prefilter = prefilter
        self._plans: dict[bytes, _Plan] = {}
        self._budget = AnswerBudget()
        self._seen = self._returned = self._enriched = self._rewritten = 0

    def enrich(self, body: Iterable[bytes]) -> tuple[list[bytes], Counts]:
        """Enrich the body of one chunk.

        Args:
            body: CSV with a header row, in blocks of any size; empty for a chunk without events.

        Returns:
            The pieces of the new body in order, none if no event is returned; and the counts.
        """
        self._seen = self._returned = self._enriched = self._rewritten = 0
        source = _Source(body)
        pieces: list[bytes] = []
        start = source.take(1)
        while (header := _HEADER.match(start)) is None:
            more = source.take(len(start))
            if not more:
                break
            start += more
        plan = self._plan(header[1]) if header else None
        if header is None or plan is None:
            self._tolerant(b"".join([start, source.take(sys.maxsize)]), pieces)
        else:
            pieces.append(plan.header)
            self._fast(start[header.end() :], source, plan, pieces)
        counts = Counts(self._seen, self._returned, self._enriched, self._rewritten)
        return (pieces if self._returned else []), counts

    def _plan(self, header: bytes) -> Optional[_Plan]:
        """Return the plan for a header; None if two columns have the same name."""
        plan = self._plans.get(header)
        if plan is None:
            columns = [unquote(cell) for cell in split_cells(header)]
            if len(set(columns)) < len(columns):
                return None
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
                self._budget = AnswerBudget()
            plan = _Plan(header, columns, self._enricher, self._prefilter, self._budget)
            self._plans[header] = plan
        return plan

    def _fast(self, rest: bytes, source: _Source, plan: _Plan, pieces: list[bytes]) -> None:
        """Enrich well-formed rows; leave the first malformed row and all after it to the tolerant reader."""
        closed = False
        while True:
            found = plan.pattern.expression.findall(rest)
            if found:
                rest = found[-1][REST]
                if rest:
                    found.pop()
                self._block(found, plan, pieces)
            # A row may be larger than a block, so take as much again as is left.
            more = source.take(len(rest) + 1)
            if more:
                rest += more
            elif not rest:
                return
            elif not closed and not rest.endswith(b"\n"):
                rest += b"\n"
                closed = True
            else:
                table = read_rows(rest[:-1] if closed else rest)
                self._tolerant_rows(table, plan.rows, range(plan.rows.width), pieces)
                return

    def _block(self, found: list[tuple[bytes, ...]], plan: _Plan, pieces: list[bytes]) -> None:
        """Append the enriched rows of a block to the pieces."""
        if not found:
            return
        groups = list(zip(*found))
        rows, others = list(groups[0]), groups[OTHER]
        strange = [place for place, row in enumerate(others) if row] if any(others) else []
        for place in strange:
            rows[place] = others[place]
        suspects: set[int] = set()
        for is_address, cell, key in plan.pattern.suspects:
            suspects.update(self._suspects(is_address, groups[cell], groups[key]))
        everything, first, in_vain = self._enricher.keeps_all, 0, 0
        block: list[bytes] = []
        for place in sorted(suspects.union(strange)):
            result = plan.rows.enrich(rows[place], place in suspects)
            if result is None:
                in_vain += others[place] != b""
                continue
            if everything and place > first:
                self._copy(rows[first:place], plan, block)
            first = place + 1
            self._add(result, block)
        if everything and first < len(rows):
            self._copy(rows[first:], plan, block)
        # Few large pieces are written faster than many small ones.
        pieces.append(block[0] if len(block) == 1 else b"".join(block))
        self._seen += len(rows)
        plan.learn([rows[place] for place in strange], len(rows), in_vain)

    def _suspects(self, is_address: bool, cells: Sequence[bytes], keys: Sequence[bytes]) -> list[int]:
        """Return the places of the cells that may belong to licensing traffic; check the keys first."""
        prefilter = self._prefilter
        known = prefilter.keys
        if known is None or known.isdisjoint(keys):
            return []
        places = [place for place, key in enumerate(keys) if key in known]
        if is_address:
            return [place for place in places if prefilter.endpoint_or_name[cells[place]]]
        return [place for place in places if prefilter.name(cells[place])]

    def _copy(self, rows: list[bytes], plan: _Plan, pieces: list[bytes]) -> None:
        """Append ordinary rows."""
        self._returned += len(rows)
        rows.append(b"")
        pieces.append(plan.end.join(rows))

    def _add(self, result: Result, pieces: list[bytes]) -> None:
        """Append a row that was enriched on its own."""
        self._enriched += result.enriched
        self._rewritten += result.rewritten
        if result.row is not None:
            self._returned += 1
            pieces.append(result.row)

    def _tolerant(self, body: bytes, pieces: list[bytes]) -> None:
        """Enrich a body of any form, row by row."""
        table = read_rows(body)
        header = [unquote(cell) for cell in next(table, [])]
        # Of columns with the same name, the SDK takes the first if there are multivalue columns, else the
        # last.
        if any(name.startswith(MV) for name in header):
            kept = sorted({name: place for place, name in reversed(list(enumerate(header)))}.values())
        else:
            kept = list({name: place for place, name in enumerate(header)}.values())
        rows = RowEnricher([header[place] for place in kept], self._enricher, self._prefilter, AnswerBudget())
        names = [*(header[place] for place in kept), *rows.added]
        pieces.append(b",".join(map(quote, names)) + b"\n")
        self._tolerant_rows(table, rows, kept, pieces)

    def _tolerant_rows(
        self, table: Iterator[list[bytes]], rows: RowEnricher, kept: Sequence[int], pieces: list[bytes]
    ) -> None:
        """Append the rows of a table, each enriched.

        Args:
            table: the cells of each row; it may be shorter, or longer, than the header.
            rows: enriches them.
            kept: the places of the columns that count.
            pieces: where to append them.
        """
        width = max(kept, default=-1) + 1
        for cells in table:
            cells += [b""] * (width - len(cells))
            self._seen += 1
            self._add(rows.enrich_exactly([cells[place] for place in kept], None), pieces)


_HEADER = re.compile(rb"(%b(?:,%b)*)\r?\n" % (CELL, CELL))
