"""``python -m lab.fuzz``: fuzzes targets, several at once, and shows what was found."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Optional

from lab.errors import LabError, UsageError
from lab.fuzz.runner import EngineError, Report, run
from lab.fuzz.shrink import failure_of, shrink
from lab.fuzz.targets import ABOUT, load

FOUND, FAILED, USAGE, INTERRUPTED = 1, 1, 2, 130

#: The system's share of the work leaves room for one more than there are cores.
_JOBS = (os.cpu_count() or 1) + 1
#: How many seconds to spend on making a finding small.
_SHRINK = 20

_EXAMPLES = """\
examples:
  make fuzz                                  all targets, 60 seconds each
  make fuzz ARGS='names raw --seconds 600'   two of them for longer
  make fuzz ARGS=--prove                     each has to find a bug that is planted for it
  make fuzz ARGS='names --input FILE'        an input again, without the engine
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command line and return the exit status: 0 if nothing was found, or all that was planted."""
    options = _parser().parse_args(argv)
    try:
        if options.input:
            return _again(options.targets, options.input, planted=options.prove)
        if find_spec("atheris") is None:
            raise UsageError("atheris is missing: use make fuzz, on Linux with Python 3.11 to 3.13")
        targets = list(dict.fromkeys(options.targets)) or list(ABOUT)
        return _run_all(targets, options.seconds, options.jobs, planted=options.prove)
    except UsageError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return USAGE
    except (LabError, OSError) as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    targets = "\n".join(f"  {name:8} {about}" for name, about in ABOUT.items())
    parser = argparse.ArgumentParser(
        prog="python -m lab.fuzz",
        description="Feeds the app what nobody would write, and checks what must hold.",
        epilog=f"targets:\n{targets}\n\n{_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("targets", nargs="*", choices=[*ABOUT, []], metavar="TARGET", help="what to fuzz (default: all)")
    add("--seconds", metavar="N", type=int, default=60, help="for each target (default: 60)")
    add("--jobs", metavar="N", type=int, default=_JOBS, help=f"how many at once (default: {_JOBS})")
    add("--prove", action="store_true", help="plant a bug for each target, which it has to find")
    add("--input", metavar="FILE", type=Path, nargs="+", help="check some inputs, without the engine")
    return parser


def _run_all(targets: Sequence[str], seconds: int, jobs: int, *, planted: bool) -> int:
    print(
        f"{'target':8} {'executions':>11} {'branches':>9} {'features':>9} {'corpus':>7} {'seconds':>8}  found"
    )
    missed = 0
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        running = {pool.submit(run, name, seconds, planted=planted): name for name in targets}
        for future in as_completed(running):
            name = running[future]
            try:
                report = future.result()
            except EngineError as error:
                print(f"fuzz: {error}", file=sys.stderr)
                missed += 1
                continue
            _show(name, report)
            if planted and report.finding is None:
                print(f"fuzz: {name} does not find the planted bug", file=sys.stderr)
                missed += 1
            elif not planted and report.finding is not None:
                missed += 1
                _explain(name, report)
    return FOUND if missed else 0


def _show(name: str, report: Report) -> None:
    found = report.finding.kind if report.finding else "nothing"
    print(
        f"{name:8} {report.executions:11,} {report.branches:9,} {report.features:9,} {report.corpus:7,} "
        f"{report.seconds:8.0f}  {found}",
        flush=True,
    )


def _explain(name: str, report: Report) -> None:
    """Show a finding, as small as it can be made, in a form to be pasted into tests/lab/test_fuzz.py."""
    finding = report.finding
    if finding is None:
        return
    data = finding.data
    if finding.kind == "crash":
        data = shrink(load(name).check, data, _SHRINK)
    print(
        f"\n{finding.error}\n\nFor FOUND in tests/lab/test_fuzz.py:\n\n    ({name!r}, {data!r}),\n",
        flush=True,
    )


def _again(targets: Sequence[str], paths: Sequence[Path], *, planted: bool) -> int:
    if len(targets) != 1:
        raise UsageError("--input needs the name of one target")
    target = load(targets[0])
    failed = 0
    with target.plant() if planted else nullcontext():
        for path in paths:
            failure = failure_of(target.check, path.read_bytes())
            failed += failure is not None
            print(f"{path}:", "{} at {}, line {}".format(*failure) if failure else "passes")
    return FOUND if failed else 0


if __name__ == "__main__":
    sys.exit(main())
