"""Times a case over doubling sizes, and says by which power of the size its time grows."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Callable, NamedTuple

from lab.growth.hostile import Case

#: Time that grows by less than this power counts as linear; quadratic would be 2. What is above 1 comes of
#: memory that is no longer in the processor's cache.
LINEAR = 1.5

_FIRST, _LAST = 1 << 12, 1 << 18
# So much processor time is well above the clock's grain, and enough for a case.
_SHORT, _LONG = 0.002, 0.1
_TRIES = 3


class Growth(NamedTuple):
    """How the time of a case grows.

    Attributes:
        case: the case.
        exponent: the time grows as the size to this power.
        size: the largest size tried.
        seconds: what it took, of processor time.
    """

    case: Case
    exponent: float
    size: int
    seconds: float


def growth(case: Case, first: int = _FIRST, last: int = _LAST) -> Growth:
    """Measure a case, until it takes long or the size is large."""
    points: list[tuple[int, float]] = []
    size = first
    while True:
        seconds = _time_of(case.prepare(size))
        points.append((size, seconds))
        if size >= last or seconds >= _LONG:
            return Growth(case, _slope(points[-6:]), size, seconds)
        size *= 2


def _time_of(run: Callable[[], object]) -> float:
    """Return the least processor time of a run, over several; a short one is repeated."""
    best, repeat = math.inf, 1
    tries = 0
    while tries < _TRIES:
        start = time.process_time()
        for _ in range(repeat):
            run()
        spent = time.process_time() - start
        if spent < _SHORT and repeat < 1 << 16:
            repeat *= 4
            continue
        best = min(best, spent / repeat)
        tries += 1
        if spent > _LONG:
            break
    return best


def _slope(points: Sequence[tuple[int, float]]) -> float:
    """Fit a line through the logarithms, and return its slope."""
    if len(points) < 2:
        return math.inf
    xs = [math.log(size) for size, _ in points]
    ys = [math.log(max(seconds, 1e-9)) for _, seconds in points]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys))
    return over / sum((x - middle_x) ** 2 for x in xs)
