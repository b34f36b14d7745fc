"""Runs every case once, under a limit of time that only quadratic ones meet: ``python -m lab.growth.check``.

The limit is of this process's own time on the processor, so that a busy machine makes no difference: a linear
case takes milliseconds, a quadratic one half a second at least, an exponential one for ever. The system kills
what meets it, because no exception could reach into a running expression; the case that ran is in the
output's last line.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab.growth.hostile import Case, expression_cases, function_cases
from lab.growth.sites import BIN

#: Characters of a case's text.
SIZE = 1 << 15
#: Seconds of processor time for one case.
LIMIT = 0.5


def cases(folder: Path) -> Iterator[Case]:
    """Yield all cases; the folder is for files that they read."""
    yield from expression_cases()
    yield from function_cases(BIN.parent / "lookups", folder)


def main(only: str = "") -> int:
    """Run the cases, or those of one expression or function."""
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder)):
            if only in case.of:
                print(f"{case.of} {case.what}", flush=True)
                run = case.prepare(SIZE)
                signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
                run()
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
