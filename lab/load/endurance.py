"""One process over very many events: whether all come back, and whether its memory stays as it is.

What a command remembers is bounded, and traffic that looks like licensing fills it within some 100,000
events. So that comes first: what grows afterwards, grows without bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lab.bench.datasets import Request
from lab.bench.driver import Command
from lab.bench.subjects import Subject
from lab.load.events import HOSTILE, ROWS, Source
from lab.load.leftovers import LoadError

_CHUNK = 50_000
_HOSTILE = 200_000
# Seconds; on a machine that has much else to do it takes hours.
_TIMEOUT = 6 * 3600.0


class Reading(NamedTuple):
    """The command after so many events: its peak memory and its memory now, in bytes; the seconds it took."""

    events: int
    peak: int
    resident: int
    seconds: float


def endure(
    subject: Subject,
    python: str,
    kind: str,
    *,
    events: int,
    every: int,
    hostile: int = _HOSTILE,
    chunk_rows: int = _CHUNK,
) -> Iterator[Reading]:
    """Send one command so many events; yield a reading each time that so many more have come back.

    Args:
        subject: the command. python: its interpreter. kind: of the events. events: how many.
        every: from one reading to the next. hostile: how many hostile ones come first.
        chunk_rows: how many go together.

    Raises:
        LoadError: an event did not come back.
        ProtocolError: the command broke the protocol.
    """
    with subject.start(python, timeout=_TIMEOUT) as command:
        required = command.getinfo["required_fields"]
        rows = min(chunk_rows, ROWS)
        for request in Source(HOSTILE, required, rows).requests(hostile, chunk_rows):
            # The search goes on.
            if request.events:
                _answer(command, request)
        done, due, seconds = 0, every, 0.0
        for request in Source(kind, required, rows).requests(events, chunk_rows):
            seconds += _answer(command, request)
            done += request.events
            if request.events and done >= due:
                due += every
                memory = command.memory()
                yield Reading(done, memory.peak, memory.resident, seconds)
        command.close()


def check_flat(readings: list[Reading], factor: float) -> None:
    """Raise ``LoadError`` if the peak memory has grown by more than a factor since the first reading."""
    first, last = readings[0], readings[-1]
    if last.peak > factor * first.peak:
        raise LoadError(
            f"peak memory has grown from {first.peak:,} bytes after {first.events:,} events to {last.peak:,} "
            f"after {last.events:,}"
        )


def _answer(command: Command, request: Request) -> float:
    """Have a chunk answered; return the seconds that the command says it took."""
    metadata, _ = command.exchange(request)
    seconds, _, _, returned = metadata["inspector"]["metric.tsidenrich.events"]
    if returned != request.events:
        raise LoadError(f"{returned:,} events came back of {request.events:,}")
    return float(seconds)
