"""``python -m lab.growth.worker``: measures on the Python that runs it; prints a line of JSON for each."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lab.growth.check import SIZE, cases
from lab.growth.hostile import Case
from lab.growth.measure import growth

# Of each expression and function, so many of the cases that take longest are measured.
_SLOWEST = 3


class Row(NamedTuple):
    """What was measured of an expression or function.

    Attributes:
        of: its name.
        what: the input whose time grows fastest.
        exponent: the time grows as the input's size to this power.
        milliseconds: for a mebibyte, as the largest size that was tried makes it.
    """

    of: str
    what: str
    exponent: float
    milliseconds: float


def measured() -> Iterator[Row]:
    """Yield a row for every expression and function."""
    with tempfile.TemporaryDirectory() as folder:
        slowest: dict[str, list[tuple[float, int, Case]]] = {}
        for number, case in enumerate(cases(Path(folder))):
            run = case.prepare(SIZE)
            start = time.process_time()
            run()
            found = slowest.setdefault(case.of, [])
            found.append((time.process_time() - start, number, case))
            found.sort(key=lambda entry: -entry[0])
            del found[_SLOWEST:]
        for of, entries in slowest.items():
            worst = max((growth(case) for _, _, case in entries), key=lambda found: found.exponent)
            yield Row(of, worst.case.what, worst.exponent, 1000 * worst.seconds * (1 << 20) / worst.size)


def main() -> int:
    """Print the rows."""
    for row in measured():
        print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
