"""Splits events into chunks, and joins a selected-fields answer to its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Union

from lab.errors import ProtocolError, UsageError
from lab.host.wire import Event, Record, plain_columns

#: Rows per chunk: a number, or the sizes of the first chunks; the rest goes out in chunks as large as
#: allowed.
ChunkRows = Union[int, Iterable[int]]

#: The column that numbers the rows of a chunk in selected-fields mode, from 0.
CHUNK_INDEX = "_chunked_idx"


def chunks(events: Iterable[Event], rows: ChunkRows | None, most: int) -> Iterator[list[Event]]:
    """Yield the events in lists of the wanted sizes, none larger than ``most``; None: as large as allowed.

    A size of 0 in a sequence gives a chunk without events: splunkd sends such, header only, now and then.

    Raises:
        UsageError: chunks without rows were asked for.
    """
    if isinstance(rows, int) and rows < 1:
        raise UsageError(f"a chunk has at least one row, not {rows}")
    source = iter(events)
    if rows is not None and not isinstance(rows, int):
        for size in rows:
            yield list(islice(source, min(size, most)))
    size = min(rows, most) if isinstance(rows, int) else most
    while chunk := list(islice(source, size)):
        yield chunk


def numbered(chunk: Sequence[Event]) -> list[Event]:
    """Return the events with their places in the chunk."""
    return [{**event, CHUNK_INDEX: str(index)} for index, event in enumerate(chunk)]


def joined(chunk: Sequence[Event], records: Iterator[Record], columns: Iterable[str]) -> Iterator[Record]:
    """Yield the full events with the answer's columns in place of their own fields of those names.

    Raises:
        ProtocolError: there is not exactly one record for each event, in order, with its number.
    """
    answered = plain_columns(columns)
    for index, event in enumerate(chunk):
        record = next(records, None)
        if record is None:
            raise ProtocolError(
                f"the answer has {index} rows for {len(chunk)}: all must come back in selected-fields mode"
            )
        number = record.pop(CHUNK_INDEX, None)
        if number != str(index):
            raise ProtocolError(
                f"row {index} of the answer has {CHUNK_INDEX} {number!r}: "
                "in selected-fields mode rows come back in order, with their numbers"
            )
        full = _received(event)
        for name in answered:
            if name in record:
                full[name] = record[name]
            else:
                full.pop(name, None)
        yield full
    if next(records, None) is not None:
        raise ProtocolError(f"the answer has more rows than the {len(chunk)} that were sent")


def _received(event: Event) -> Record:
    record: Record = {}
    for name, value in event.items():
        values = [value] if isinstance(value, str) else list(value)
        if len(values) > 1:
            record[name] = values
        elif values and values[0]:
            record[name] = values[0]
    return record
