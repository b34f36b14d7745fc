"""Makes one table of the measurements: medians, ratios within each round, and their bounds."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from statistics import median
from typing import NamedTuple

from lab.bench.datasets import FORMS, FULL, KINDS, NARROW, SPLUNKD
from lab.bench.subjects import BYTECOPY, IDENTITY, LARGE_TABLE, OURS, TYPICAL, Figures

ORDINARY, LICENSING = 0.01, 1.0
"""Shares of licensing traffic."""


class Case(NamedTuple):
    """The events of a measurement: their kind, the share of licensing traffic, the form of the cells."""

    data: str
    share: float
    form: str


Key = tuple[Case, str, str]
"""The events of a measurement, the command and the version of Python."""

# The limits of the ratios of this command to another: of events a second, and of peak memory.
BOUNDS = {
    (Case(FULL, ORDINARY, SPLUNKD), IDENTITY): "speed ≥ 6, memory ≤ 0.4",
    (Case(FULL, ORDINARY, SPLUNKD), TYPICAL): "speed ≥ 10",
    (Case(FULL, ORDINARY, SPLUNKD), BYTECOPY): "speed ≥ 0.35",
    (Case(FULL, ORDINARY, SPLUNKD), LARGE_TABLE): "speed ≤ 1.2",
    (Case(FULL, LICENSING, SPLUNKD), IDENTITY): "speed ≥ 1.3",
    (Case(NARROW, ORDINARY, SPLUNKD), IDENTITY): "speed ≥ 3, memory ≤ 1",
    (Case(NARROW, ORDINARY, SPLUNKD), TYPICAL): "speed ≥ 20",
    (Case(NARROW, ORDINARY, SPLUNKD), LARGE_TABLE): "speed ≤ 1.2",
    (Case(NARROW, LICENSING, SPLUNKD), IDENTITY): "speed ≥ 0.7",
    **{
        (Case(data, ORDINARY, form), IDENTITY): "speed ≥ 3"
        for data, form in product(KINDS, FORMS)
        if form != SPLUNKD
    },
}
_SIGNS = {"≥": operator.ge, "≤": operator.le}
HEAD = [
    *("events", "licensing", "cells", "command", "Python", "events/s", "CPU µs/event", "peak MB", "start ms"),
    *("speed ratio", "memory ratio", "bound", "met"),
]
NOT_MET = "NO"


def commands_of(case: Case) -> Sequence[str]:
    """Return the names of the commands to measure in a case."""
    if case.share == LICENSING:
        return OURS, IDENTITY
    large = [LARGE_TABLE] if case.form == SPLUNKD else []
    return [OURS, IDENTITY, TYPICAL, BYTECOPY, *large]


def table(measured: Mapping[Key, Sequence[Figures]]) -> Iterator[list[str]]:
    """Yield a row for every command, case and Python; the figures are those of the rounds."""
    for (case, command, python), mine in measured.items():
        rounds = [] if command == OURS else list(zip(measured[case, OURS, python], mine))
        ratios = {}
        if rounds:
            ratios["speed"] = median(our.speed / other.speed for our, other in rounds)
            ratios["memory"] = median(our.peak / other.peak for our, other in rounds)
        bound = BOUNDS.get((case, command), "")
        limits = [limit.split() for limit in bound.split(", ") if limit]
        met = all(_SIGNS[sign](ratios[name], float(limit)) for name, sign, limit in limits)
        yield [
            *(case.data, f"{case.share:.0%}", case.form, command, python),
            f"{median(each.speed for each in mine):,.0f}",
            f"{median(each.processor / each.events for each in mine) * 1e6:.1f}",
            f"{median(each.peak for each in mine) / 1e6:,.0f}",
            f"{median(each.startup for each in mine) * 1e3:,.0f}",
            *(f"{ratios[name]:.2f}" if ratios else "" for name in ("speed", "memory")),
            *(bound, bound and ("yes" if met else NOT_MET)),
        ]


def markdown(rows: Iterable[Sequence[str]]) -> str:
    """Return the table in Markdown."""
    return "".join("| {} |\n".format(" | ".join(cells)) for cells in (HEAD, ["---"] * len(HEAD), *rows))
