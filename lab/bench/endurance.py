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
from typing import Optional
from urllib.parse import urlsplit

from lab.bench.datasets import FULL, NARROW, SEED, SHAPE, Chunk, columns_for
from lab.bench.subjects import OURS, Subject, run_options, unpack, usage, version_of
from lab.errors import LabError
from lab.generator import generate
from lab.host.chunks import CHUNK_INDEX
from lab.host.search import Search
from lab.host.wire import Event, encode_body

HOSTILE = "hostile"
KINDS = (NARROW, FULL, HOSTILE)
"""``narrow`` and ``full`` are those of the benchmark, where each ordinary event has its own server. Every
``hostile`` event looks like licensing traffic of another device and must be decided: it has either a
licensing address and its own name, or a licensing name and its own address."""

MAX_GROWTH = 1.1
"""The largest allowed ratio of peak memory to that after the first tenth of the events."""

_ADDRESS, _ALIAS = "72.163.4.38", "toos.cisco.com"
_MARK = "MARK.MARK"  # half of an address, with another value in each copy of the rows
_ROWS, _COPIES = 10_000, 5
_FILLING = 200_000  # hostile events that fill the memory
_HOSTILE_SHARE = 10  # hostile events take about ten times as long as others


Readings = list[tuple[int, int]]
"""Numbers of events, each with the peak memory in bytes after them."""


def different_chunks(
    kind: str, required_fields: Sequence[str], events: int, rows: int = _ROWS, copies: int = _COPIES
) -> Iterator[Chunk]:
    """Yield chunks with that many different events: each with copies of some rows, marked in each copy."""
    columns = columns_for(FULL if kind == FULL else NARROW, required_fields)
    header = encode_body([], columns)
    lines = []
    for number, (event, changes) in enumerate(_hostile(rows) if kind == HOSTILE else _varied(rows)):
        line = encode_body([{**event, CHUNK_INDEX: str(number)}], columns)[len(header) :]
        for old, new in changes.items():
            line = line.replace(old.encode(), new.encode()) if old else line
        lines.append(line)
    body = b"".join(lines)
    for first in range(0, events // rows, copies):
        marks = (b"%d.%d" % divmod(2816 + copy, 256) for copy in range(first, first + copies))
        yield Chunk(header + b"".join(body.replace(_MARK.encode(), mark) for mark in marks), copies * rows)


def _varied(rows: int) -> Iterator[tuple[Event, dict[str, str]]]:
    """Yield generated events, each with the texts to replace in its row."""
    for number, (event, truth) in enumerate(generate(rows, seed=SEED, shapes=(SHAPE,))):
        values = (event.get(name, "") for name in ("ResponderIP", "url"))
        address, url = (value if isinstance(value, str) else value[0] for value in values)
        own = {address: _address(number), urlsplit(url).hostname or "": f"h{number}-{_MARK}.example.net"}
        yield event, {} if truth.verdict else own


def _hostile(rows: int) -> Iterator[tuple[Event, dict[str, str]]]:
    for number in range(rows):
        own = _address(number)
        address, host = (_ADDRESS, f"h{number}-{_MARK}.example.net") if number % 2 else (own, _ALIAS)
        yield {"dest_ip": address, "url": f"https://{host}/{own}/", "src_ip": f"2001:db8::{own}"}, {}


def _address(number: int) -> str:
    return f"{_MARK}.{number // 250}.{number % 250}"


def endure(search: Search, kind: str, events: int, *, filling: int = _FILLING, rows: int = _ROWS) -> Readings:
    """Send that many events; print and return ten readings.

    Raises:
        LabError: an event did not come back, or the command broke the protocol.
    """
    required = search.getinfo["required_fields"]
    for chunk in different_chunks(HOSTILE, required, filling, rows):
        _exchange(search, chunk)
    readings: Readings = []
    done = 0
    for chunk in different_chunks(kind, required, events, rows):
        _exchange(search, chunk)
        done += chunk.events
        if done * 10 // events > len(readings):
            _, peak = usage(search.pid)
            readings.append((done, peak))
            print(f"{done:>12,}{peak / 1e6:>10.0f}", flush=True)
    search.exchange(b"", finished=True)
    search.finish()
    return readings


def _exchange(search: Search, chunk: Chunk) -> None:
    search.exchange(chunk.body, finished=False)
    returned = search.metrics["tsidenrich.events"][-1][3]
    if returned != chunk.events:
        raise LabError(f"{returned:,} of {chunk.events:,} events came back")


def check_flat(readings: Readings) -> None:
    """Raise ``LabError`` if the peak memory has grown by more than ``MAX_GROWTH`` since the first reading."""
    (few, first), (all_of_them, last) = readings[0], readings[-1]
    if last > MAX_GROWTH * first:
        raise LabError(
            f"peak memory grew from {first:,} bytes after {few:,} events to {last:,} after {all_of_them:,}"
        )


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command line; return 1 if memory grows or an event is lost."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.bench.endurance", description=__doc__, parents=[run_options(KINDS)]
    )
    add = parser.add_argument
    add("--events", metavar="N", type=int, default=10_000_000, help="for each run (default: 10,000,000)")
    options = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="endurance-") as folder:
            command = Subject(unpack(options.app, Path(folder)), OURS)
            for path, kind in product(options.python, options.data or KINDS):
                events = options.events // (_HOSTILE_SHARE if kind == HOSTILE else 1)
                print(f"Python {version_of(path)}, {events:,} {kind} events: peak memory in MB")
                with command.host(path).start() as search:
                    check_flat(endure(search, kind, events))
    except (LabError, OSError) as error:
        print(f"endurance: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
