"""The results as tables of text, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from lab.bench.bench import WITH_BYTECODE, WITHOUT_BYTECODE
from lab.bench.datasets import FULL, KINDS, NARROW
from lab.bench.results import Results, Run, middle, peak, speed, values
from lab.bench.subjects import IDENTITY, NAMES, OURS
from lab.bench.targets import outcomes

_MEGA = 1_000_000


class Table(NamedTuple):
    """A table: a name for the page's marker, a title, the head, the rows."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(results: Results) -> Iterator[Table]:
    """Yield every table for which something was measured."""
    yield _machine(results)
    for kind in KINDS:
        yield _comparison(results, kind)
    yield _targets(results)
    yield _startup(results)
    yield _licensing(results)
    for part, title, unit in (
        ("events", "events in one search", "{:,.0f}"),
        ("processes", "processes at once", "{:.0f}"),
        ("table", "rows added to the table of endpoints", "{:,.0f}"),
        ("share", "share of licensing traffic", "{:.0%}"),
        ("chunk", "events in a chunk", "{:,.0f}"),
    ):
        yield _growth(results, part, title, unit)


def _machine(results: Results) -> Table:
    rows = [[key, value] for key, value in results.machine.items()]
    rows += [[f"Python {version}", release] for version, release in results.pythons.items()]
    rows += [[key, value] for key, value in results.size.items()]
    return Table("machine", "What it ran on", ("what", "value"), rows)


def _comparison(results: Results, kind: str) -> Table:
    rows = []
    for python in results.pythons:
        for name in NAMES:
            runs = results.of("compare", kind, python, name)
            if not runs:
                continue
            ours = results.of("compare", kind, python, OURS)
            rows.append(
                [
                    python,
                    name,
                    _number(middle(runs, speed)),
                    _number(middle(runs, lambda run: run.sent / run.seconds / _MEGA)),
                    _number(middle(runs, lambda run: run.processor / run.events * _MEGA), 1),
                    _number(middle(runs, lambda run: run.peak / _MEGA)),
                    "" if name == OURS else _number(results.ratio(ours, runs, speed), 2),
                    "" if name == OURS else _number(results.ratio(ours, runs, peak), 2),
                ]
            )
    head = ("Python", "command", "events/s", "MB/s", "CPU µs/event", "peak MB", "speed ratio", "memory ratio")
    return Table(kind, f"{kind} events; ratios: {OURS} to it", head, rows)


def _targets(results: Results) -> Table:
    rows = [
        [
            outcome.text,
            outcome.bound,
            outcome.python,
            f"{outcome.value:.2f}",
            "-" if outcome.bound == "-" else "met" if outcome.met else "NOT MET",
        ]
        for outcome in outcomes(results)
    ]
    return Table("targets", "Targets", ("target", "bound", "Python", "measured", ""), rows)


def _startup(results: Results) -> Table:
    names = list(dict.fromkeys(run.command for run in results.of("startup")))
    rows = []
    for name in names:
        row = [name]
        for python in results.pythons:
            for way in (WITH_BYTECODE, WITHOUT_BYTECODE):
                runs = results.of("startup", way, python, name)
                row.append(_number(middle(runs, lambda run: run.startup * 1000)))
        rows.append(row)
    head = ["command", *(f"{python} {way}" for python in results.pythons for way in _WAYS)]
    return Table("startup", "Start-up to the getinfo reply, ms", head, rows)


def _licensing(results: Results) -> Table:
    rows = []
    for kind in (FULL, NARROW):
        for python in results.pythons:
            ours, theirs = (
                results.of("licensing only", kind, python, command) for command in (OURS, IDENTITY)
            )
            if ours:
                speeds = [_number(middle(runs, speed)) for runs in (ours, theirs)]
                rows.append([kind, python, *speeds, _number(results.ratio(ours, theirs, speed), 2)])
    head = ("data", "Python", OURS, IDENTITY, "ratio")
    return Table("licensing", "Nothing but licensing traffic, events/s", head, rows)


def _growth(results: Results, part: str, title: str, unit: str) -> Table:
    columns = [(kind, python) for kind in (FULL, NARROW) for python in results.pythons]
    rows = []
    for value in values(results.of(part)):
        row = [unit.format(value)]
        for kind, python in columns:
            row.append(_speed_and_peak(results.of(part, kind, python, OURS, value)))
        rows.append(row)
    head = [title, *(f"{kind}, {python}" for kind, python in columns)]
    return Table(part, "Events/s (peak MB) by " + title, head, rows)


def _speed_and_peak(runs: list[Run]) -> str:
    if not runs:
        return ""
    return f"{_number(middle(runs, speed))} ({_number(middle(runs, lambda run: run.peak / _MEGA))})"


def _number(value: Optional[float], decimals: int = 0) -> str:
    return "" if value is None else f"{value:,.{decimals}f}"


_WAYS = (WITH_BYTECODE, WITHOUT_BYTECODE)
