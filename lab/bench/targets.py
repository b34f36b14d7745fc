"""What the command has to reach, as ratios within one run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from lab.bench.bench import TABLES
from lab.bench.datasets import FULL, NARROW
from lab.bench.results import Measure, Results, peak, speed
from lab.bench.subjects import BYTECOPY, IDENTITY, OURS, TYPICAL_LRU


class Target(NamedTuple):
    """A bound on the ratio of this command to another one; no bound: it is measured, and explained."""

    part: str
    data: str
    other: str
    measure: Measure
    bound: Optional[float]

    @property
    def at_most(self) -> bool:
        """Less is better."""
        return self.measure is peak

    @property
    def text(self) -> str:
        """The target in words."""
        what = "peak memory" if self.at_most else "events a second"
        events = f"{self.data} events" + (", all of them licensing" if self.part != "compare" else "")
        return f"{events}: {what}, times {self.other}"

    @property
    def bound_text(self) -> str:
        """The bound in words."""
        return "-" if self.bound is None else f"{'≤' if self.at_most else '≥'} {self.bound:g}"

    def met(self, value: float) -> bool:
        """Tell whether a ratio is good enough."""
        return self.bound is None or (value <= self.bound if self.at_most else value >= self.bound)


class Outcome(NamedTuple):
    """A target under one Python: its text and bound, what was measured, whether that is enough."""

    text: str
    bound: str
    python: str
    value: float
    met: bool


_TARGETS = (
    Target("compare", FULL, IDENTITY, speed, 6),
    Target("compare", FULL, TYPICAL_LRU, speed, 10),
    Target("compare", FULL, BYTECOPY, speed, 0.35),
    Target("licensing only", FULL, IDENTITY, speed, 1.5),
    Target("compare", FULL, IDENTITY, peak, 0.4),
    Target("compare", NARROW, IDENTITY, speed, 3),
    Target("compare", NARROW, TYPICAL_LRU, speed, 20),
    Target("compare", NARROW, BYTECOPY, speed, None),
    Target("licensing only", NARROW, IDENTITY, speed, 1),
    Target("compare", NARROW, IDENTITY, peak, 1),
)

_TABLE_BOUND = 1.2


def outcomes(results: Results) -> Iterator[Outcome]:
    """Yield every target that has been measured, under every Python."""
    for target in _TARGETS:
        for python in results.pythons:
            runs = [results.of(target.part, target.data, python, command) for command in (OURS, target.other)]
            value = results.ratio(runs[0], runs[1], target.measure)
            if value is not None:
                yield Outcome(target.text, target.bound_text, python, value, target.met(value))
    for data in (FULL, NARROW):
        for python in results.pythons:
            small, large = (results.of("table", data, python, value=rows) for rows in (TABLES[0], TABLES[-1]))
            value = results.ratio(small, large, speed)
            if value is not None:
                text = (
                    f"{data} events: cost of an event with {TABLES[-1]:,} rows, times that with {TABLES[0]}"
                )
                yield Outcome(text, f"≤ {_TABLE_BOUND:g}", python, value, value <= _TABLE_BOUND)
