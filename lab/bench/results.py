"""What a benchmark has measured: runs in the order in which they were made, kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Callable, Optional


@dataclass(frozen=True)
class Run:
    """One command's run.

    * ``part``: which part of the benchmark; ``value``: the place on its axis, 0 where it has none
    * ``data``, ``python``, ``command``, ``round``: what was run, and in which round of the interleaving
    * ``events``, ``seconds``, ``sent``, ``received``: its work; ``processor``, ``peak``: its cost
    * ``startup``: seconds from the start to the getinfo reply
    """

    part: str
    data: str
    python: str
    command: str
    round: int
    value: float = 0
    events: int = 0
    seconds: float = 0
    sent: int = 0
    received: int = 0
    processor: float = 0
    peak: int = 0
    startup: float = 0

    @property
    def events_per_second(self) -> float:
        """How fast it was."""
        return self.events / self.seconds


Measure = Callable[[Run], float]


def speed(run: Run) -> float:
    """Events per second."""
    return run.events_per_second


def peak(run: Run) -> float:
    """Peak memory in bytes."""
    return run.peak


@dataclass
class Results:
    """All runs, and what they ran on: the machine, the release of each Python, the size of the benchmark."""

    machine: dict[str, str] = field(default_factory=dict)
    pythons: dict[str, str] = field(default_factory=dict)
    size: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def of(
        self,
        part: str,
        data: Optional[str] = None,
        python: Optional[str] = None,
        command: Optional[str] = None,
        value: Optional[float] = None,
    ) -> list[Run]:
        """Return the runs that fit."""
        return [
            run
            for run in self.runs
            if run.part == part
            and data in (None, run.data)
            and python in (None, run.python)
            and command in (None, run.command)
            and value in (None, run.value)
        ]

    def ratio(self, ours: list[Run], theirs: list[Run], measure: Measure) -> Optional[float]:
        """Return the median of the ratios within each round, None where there is no such round."""
        by_round = {run.round: measure(run) for run in theirs}
        ratios = [measure(run) / by_round[run.round] for run in ours if by_round.get(run.round)]
        return median(ratios) if ratios else None

    def save(self, path: Path) -> None:
        """Write all of it to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


def load(path: Path) -> Results:
    """Read what `save` has written."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    runs = [Run(**run) for run in saved.pop("runs")]
    return Results(**saved, runs=runs)


def middle(runs: list[Run], measure: Measure) -> Optional[float]:
    """Return the median over the runs, None if there are none."""
    return median(map(measure, runs)) if runs else None


def values(runs: list[Run]) -> Iterator[float]:
    """Yield the places on the axis that were measured, in order."""
    yield from sorted({run.value for run in runs})
