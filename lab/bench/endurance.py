"""``python -m lab.bench.endurance``: sends very many events through one process, whose memory must stay flat.

The command's memos are bounded, and traffic that looks like licensing fills them within some 100,000 events.
Such traffic comes first, so growth measured afterwards would be unbounded.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple, Optional
from urllib.parse import urlsplit

from lab import ROOT
from lab.bench.__main__ import add_common
from lab.bench.datasets import FULL, NARROW, SEED, SHAPE, columns_for
from lab.bench.driver import Chunk, Command
from lab.bench.subjects import OURS, Subject, unpack, version_of
from lab.errors import LabError
from lab.generator import generate
from lab.host.chunks import CHUNK_INDEX
from lab.host.wire import Event, encode_body, encode_frame
from tsid.facts.lookups import load_lookups

HOSTILE = "hostile"
KINDS = (NARROW, FULL, HOSTILE)
"""``narrow`` and ``full`` are those of the benchmark, where each ordinary event has its own server. Every
``hostile`` event looks like licensing traffic of another device and must be decided: it has either a
licensing address and its own name, or a licensing name and its own address."""

MAX_GROWTH = 1.1
"""The largest allowed ratio of peak memory to that after the first tenth of the events."""

_MARK = "MARK.MARK"  # half of an address, with another value in each copy of the rows
_ROWS, _COPIES = 10_000, 5
_FILLING = 200_000  # hostile events that fill the memory
_HOSTILE_SHARE = 10  # hostile events take about ten times as long as others


class Reading(NamedTuple):
    """Peak and present memory, in bytes, after a number of events."""

    events: int
    peak: int
    resident: int


class Source:
    """An unlimited source of chunks with different events."""

    def __init__(self, kind: str, required_fields: Sequence[str], rows: int = _ROWS) -> None:
        columns = columns_for(FULL if kind == FULL else NARROW, required_fields)
        self._header = encode_body([], columns)
        made = _hostile(rows) if kind == HOSTILE else _varied(rows)
        self._rows = b"".join(self._encoded(event, columns, changes) for event, changes in made)
        self._count = rows

    def chunks(self, events: int, copies: int = _COPIES) -> Iterator[Chunk]:
        """Yield chunks with that many events, each with copies of the rows, and an empty last one."""
        for first in range(0, events // self._count, copies):
            marks = (b"%d.%d" % divmod(2816 + copy, 256) for copy in range(first, first + copies))
            rows = b"".join(self._rows.replace(_MARK.encode(), mark) for mark in marks)
            yield Chunk(self._frame(rows, finished=False), copies * self._count)
        yield Chunk(self._frame(b"", finished=True), 0)

    def _frame(self, rows: bytes, *, finished: bool) -> bytes:
        return encode_frame({"action": "execute", "finished": finished}, self._header + rows)

    def _encoded(self, event: Event, columns: Sequence[str], changes: dict[str, str]) -> bytes:
        row = encode_body([event], columns)[len(self._header) :]
        for old, new in changes.items():
            row = row.replace(old.encode(), new.encode())
        return row


def _varied(rows: int) -> Iterator[tuple[Event, dict[str, str]]]:
    """Yield generated events, each with the texts to replace in its row."""
    for number, (event, truth) in enumerate(generate(rows, seed=SEED, shapes=(SHAPE,))):
        changes = {}
        if not truth.verdict:
            host = urlsplit(_first(event, "url")).hostname
            changes = {_first(event, "ResponderIP"): _address(number), host or "": _host(number)}
        yield {**event, CHUNK_INDEX: str(number)}, {old: new for old, new in changes.items() if old}


def _hostile(rows: int) -> Iterator[tuple[Event, dict[str, str]]]:
    lookups = load_lookups(ROOT / "lookups")
    alias = next(iter(lookups.aliases.values()))
    address = next(
        endpoint.network.partition("/")[0]
        for _, endpoint in lookups.endpoint_rows
        if endpoint.host == alias.host and endpoint.network.endswith("/32")
    )
    for number in range(rows):
        own = _address(number)
        dest, host = (address, _host(number)) if number % 2 else (own, alias.alias)
        event = {"dest_ip": dest, "url": f"https://{host}/{own}/", "src_ip": f"2001:db8::{own}"}
        yield {**event, CHUNK_INDEX: str(number)}, {}


def _first(event: Event, field: str) -> str:
    value = event.get(field, "")
    return value if isinstance(value, str) else value[0]


def _address(number: int) -> str:
    return f"{_MARK}.{number // 250}.{number % 250}"


def _host(number: int) -> str:
    return f"h{number}-{_MARK}.example.net"


def endure(
    command: Command, kind: str, events: int, *, filling: int = _FILLING, rows: int = _ROWS
) -> Iterator[Reading]:
    """Send that many events; yield ten readings.

    Raises:
        LabError: an event did not come back, or the command broke the protocol.
    """
    required = command.getinfo["required_fields"]
    for chunk in Source(HOSTILE, required, rows).chunks(filling):
        if chunk.events:  # the search goes on
            _answer(command, chunk)
    done, due = 0, events // 10
    for chunk in Source(kind, required, rows).chunks(events):
        _answer(command, chunk)
        done += chunk.events
        if chunk.events and done >= due:
            due += events // 10
            usage = command.usage()
            yield Reading(done, usage.peak, usage.resident)
    command.close()


def _answer(command: Command, chunk: Chunk) -> None:
    reply = command.exchange(chunk)
    returned = reply.metadata["inspector"]["metric.tsidenrich.events"][3]
    if returned != chunk.events:
        raise LabError(f"{returned:,} of {chunk.events:,} events came back")


def check_flat(readings: Sequence[Reading]) -> None:
    """Raise ``LabError`` if the peak memory has grown by more than ``MAX_GROWTH`` since the first reading."""
    first, last = readings[0], readings[-1]
    if last.peak > MAX_GROWTH * first.peak:
        raise LabError(
            f"peak memory grew from {first.peak:,} bytes after {first.events:,} events to {last.peak:,} "
            f"after {last.events:,}"
        )


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command line; return 1 if memory grows or an event is lost."""
    parser = argparse.ArgumentParser(prog="python -m lab.bench.endurance", description=__doc__)
    add_common(parser)
    add = parser.add_argument
    add("--events", metavar="N", type=int, default=10_000_000, help="for each run (default: 10,000,000)")
    add("--data", choices=KINDS, action="append", help="only these events")
    options = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="endurance-") as folder:
            command = Subject(OURS, unpack(options.app, Path(folder)) / "bin" / "tsidenrich.py")
            for path, kind in product(options.python, options.data or KINDS):
                events = options.events // (_HOSTILE_SHARE if kind == HOSTILE else 1)
                print(f"Python {version_of(path)}, {events:,} {kind} events: peak and present memory in MB")
                readings = []
                with command.start(path) as started:
                    for reading in endure(started, kind, events):
                        readings.append(reading)
                        peak, resident = reading.peak / 1e6, reading.resident / 1e6
                        print(f"{reading.events:>12,}{peak:>10.0f}{resident:>10.0f}", flush=True)
                check_flat(readings)
    except (LabError, OSError) as error:
        print(f"endurance: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
