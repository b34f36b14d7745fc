"""``python -m lab.load``: puts the command under load, and fails if it does not stand it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from lab.bench import machine
from lab.bench.subjects import OURS, Subject, build
from lab.errors import LabError
from lab.load.crowd import crowd
from lab.load.endurance import Reading, check_flat, endure
from lab.load.events import HOSTILE, KINDS
from lab.load.leftovers import nothing_left

ENDURANCE, CROWD = "endurance", "crowd"

# How much more memory than after the first tenth of the events is no growth: a heap is never quite the same.
_FACTOR = 1.1
_READINGS = 10
# Events that all have to be decided, one by one, take many times as long.
_HOSTILE_SHARE = 10

_EXAMPLES = """\
examples:
  make load                                       everything, about half an hour
  make load ARGS='--only endurance --python 3.9'  one part under one Python
  make load ARGS='--events 1000000 --seconds 10'  in small
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command line and return the exit status."""
    options = _parser().parse_args(argv)
    try:
        for name, value in machine.describe().items():
            print(f"{name}: {value}")
        with tempfile.TemporaryDirectory(prefix="load-") as folder:
            command = build(Path(folder))[OURS]
            for python in machine.pythons(tuple(options.python or machine.VERSIONS)):
                temporary = Path(folder) / f"tmp-{python.version}"
                temporary.mkdir()
                with nothing_left(command, temporary) as subject:
                    _run(subject, python, options)
    except (LabError, OSError) as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("\nNothing was left behind.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab.load",
        description="Puts the command under load, and fails if it does not stand it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", choices=(ENDURANCE, CROWD), help="one part")
    add("--python", choices=machine.VERSIONS, action="append", help="only under this Python")
    add("--data", choices=KINDS, action="append", help="only with these events")
    add(
        "--events",
        metavar="N",
        type=int,
        default=10_000_000,
        help="through one process (default: 10,000,000)",
    )
    add("--commands", metavar="N", type=int, default=32, help="at once (default: 32)")
    add("--seconds", metavar="S", type=float, default=60, help="how long they start again (default: 60)")
    add("--every", metavar="S", type=float, default=1, help="from one table to the next (default: 1)")
    return parser


def _run(subject: Subject, python: machine.Python, options: argparse.Namespace) -> None:
    if options.only != CROWD:
        for kind in options.data or KINDS:
            _endure(subject, python, kind, options.events)
    if options.only != ENDURANCE:
        _crowd(subject, python, options)


def _crowd(subject: Subject, python: machine.Python, options: argparse.Namespace) -> None:
    commands, every = options.commands, options.every
    print(
        f"\nPython {python.release}, {commands} commands at once, tables replaced every {every:g} s",
        flush=True,
    )
    found = crowd(subject, python.path, commands=commands, seconds=options.seconds, every=every)
    found.check()
    searches = ", ".join(f"{count:,} from the {table} tables" for table, count in found.searches.items())
    print(f"  the tables were replaced {found.published:,} times")
    print(f"  {found.events:,} events were answered, in searches {searches}; none mixed, none failed")


def _endure(subject: Subject, python: machine.Python, kind: str, events: int) -> None:
    if kind == HOSTILE:
        events //= _HOSTILE_SHARE
    print(f"\nPython {python.release}, {events:,} {kind} events in one process", flush=True)
    print("      events   peak MB    now MB  events/s")
    readings: list[Reading] = []
    for reading in endure(subject, python.path, kind, events=events, every=events // _READINGS):
        readings.append(reading)
        speed = reading.events / reading.seconds
        peak, resident = reading.peak / 1e6, reading.resident / 1e6
        print(f"{reading.events:>12,}{peak:>10.0f}{resident:>10.0f}{speed:>10,.0f}", flush=True)
    check_flat(readings, _FACTOR)


if __name__ == "__main__":
    sys.exit(main())
