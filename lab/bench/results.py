"""Makes one table of the measurements: medians, ratios within each round, and their bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple, Optional

from lab.bench.datasets import FULL, NARROW, SPLUNKD
from lab.bench.subjects import BYTECOPY, IDENTITY, LARGE_TABLE, OURS, TYPICAL

ORDINARY, LICENSING = 0.01, 1.0
"""Shares of licensing traffic."""


class Case(NamedTuple):
    """The events of a measurement: their kind, the share of licensing traffic, the form of the cells."""

    data: str
    share: float
    form: str


class Run(NamedTuple):
    """One command over the events of one case: seconds, processor seconds with the start, bytes of memory."""

    case: Case
    command: str
    python: str
    round: int
    events: int
    seconds: float
    processor: float
    peak: int
    startup: float


class Bound(NamedTuple):
    """Limits of the ratio of this command to another: of events a second, of peak memory."""

    min_speed: float = 0
    max_speed: float = float("inf")
    max_memory: float = float("inf")

    def __str__(self) -> str:
        limits = (("speed ≥", self.min_speed), ("speed ≤", self.max_speed), ("memory ≤", self.max_memory))
        return ", ".join(f"{text} {limit:g}" for text, limit in limits if 0 < limit < float("inf"))


BOUNDS = {
    (Case(FULL, ORDINARY, SPLUNKD), IDENTITY): Bound(min_speed=6, max_memory=0.4),
    (Case(FULL, ORDINARY, SPLUNKD), TYPICAL): Bound(min_speed=10),
    (Case(FULL, ORDINARY, SPLUNKD), BYTECOPY): Bound(min_speed=0.35),
    (Case(FULL, ORDINARY, SPLUNKD), LARGE_TABLE): Bound(max_speed=1.2),
    (Case(FULL, LICENSING, SPLUNKD), IDENTITY): Bound(min_speed=1.3),
    (Case(NARROW, ORDINARY, SPLUNKD), IDENTITY): Bound(min_speed=3, max_memory=1),
    (Case(NARROW, ORDINARY, SPLUNKD), TYPICAL): Bound(min_speed=20),
    (Case(NARROW, ORDINARY, SPLUNKD), LARGE_TABLE): Bound(max_speed=1.2),
    (Case(NARROW, LICENSING, SPLUNKD), IDENTITY): Bound(min_speed=0.7),
}
HEAD = [
    *("events", "licensing", "cells", "command", "Python", "events/s", "CPU µs/event", "peak MB", "start ms"),
    *("speed ratio", "memory ratio", "bound", "met"),
]


class Row(NamedTuple):
    """A line of the table, and whether it meets its bound (None: there is none)."""

    cells: Sequence[str]
    met: Optional[bool]


def table(runs: Sequence[Run]) -> Iterator[Row]:
    """Yield a row for every command, case and Python in the order in which they were first measured."""
    for case, command, python in dict.fromkeys((run.case, run.command, run.python) for run in runs):
        mine = [run for run in runs if (run.case, run.command, run.python) == (case, command, python)]
        ours = {run.round: run for run in runs if (run.case, run.command, run.python) == (case, OURS, python)}
        pairs = [(ours[run.round], run) for run in mine if run.round in ours and command != OURS]
        ratios: Sequence[float] = ()
        if pairs:
            speed = median(our.events / our.seconds / (run.events / run.seconds) for our, run in pairs)
            ratios = speed, median(our.peak / run.peak for our, run in pairs)
        bound = BOUNDS.get((case, command))
        met = None
        if bound and ratios:
            met = bound.min_speed <= ratios[0] <= bound.max_speed and ratios[1] <= bound.max_memory
        figures = [
            f"{median(run.events / run.seconds for run in mine):,.0f}",
            f"{median(run.processor / run.events for run in mine) * 1e6:.1f}",
            f"{median(run.peak for run in mine) / 1e6:,.0f}",
            f"{median(run.startup for run in mine) * 1e3:,.0f}",
            *([f"{ratio:.2f}" for ratio in ratios] or ["", ""]),
        ]
        verdict = {None: "", True: "yes", False: "NO"}[met]
        known = [case.data, f"{case.share:.0%}", case.form, command, python]
        yield Row([*known, *figures, str(bound or ""), verdict], met)


def markdown(rows: Sequence[Row]) -> str:
    """Return the table in Markdown."""
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells for row in rows)]
    return "".join("| {} |\n".format(" | ".join(cells)) for cells in lines)
