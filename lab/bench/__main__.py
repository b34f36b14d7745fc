"""``python -m lab.bench``: runs the benchmark, shows its tables, and writes them into docs/performance.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Optional

from rich.console import Console

from lab.bench import machine, page
from lab.bench.bench import PARTS, QUICK, Bench, Size
from lab.bench.datasets import FULL, KINDS, NARROW, Maker
from lab.bench.results import Results, Run, load
from lab.bench.show import reported, show
from lab.bench.subjects import OURS, build
from lab.bench.tables import tables
from lab.errors import LabError

_REPOSITORY = Path(__file__).resolve().parent.parent.parent
_BUILD = _REPOSITORY / "build" / "bench"
_RESULTS = _BUILD / "results.json"
_PAGE = _REPOSITORY / "docs" / "performance.md"

_KINDS_OF_QUICK = (FULL, NARROW)

_EXAMPLES = """\
examples:
  make bench                                    everything, about 25 minutes
  make bench ARGS=--quick                       full and narrow events in small, about 5 minutes
  make bench ARGS='--only compare --data full'  one part on one data set
  make bench ARGS='--last --write'              the last run's tables into docs/performance.md
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command line and return the exit status."""
    options = _parser().parse_args(argv)
    console = Console()
    if not console.is_terminal:
        # Tables in a file or a pipe are as wide as they have to be.
        console.width = 200
    try:
        if options.last:
            results = load(_RESULTS)
        else:
            results = _measured(options, console)
            results.save(_RESULTS)
        made = list(tables(results))
        show(made, console)
        if options.write:
            text = page.updated(_PAGE.read_text(encoding="utf-8"), [table for table in made if table.rows])
            _PAGE.write_text(text, encoding="utf-8")
    except (LabError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab.bench",
        description="Measures the command beside others. The machine should have nothing else to do.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer events, one round")
    add("--events", metavar="N", type=int, help="events for the fast commands (default: 500,000)")
    add("--rounds", metavar="N", type=int, help="how often everything is repeated (default: 3)")
    add("--only", metavar="PART", choices=PARTS, action="append", help=f"of {', '.join(PARTS)}")
    add("--data", choices=KINDS, action="append", help="only on this data set")
    add("--python", choices=machine.VERSIONS, action="append", help="only under this Python")
    add("--last", action="store_true", help="measure nothing, take the last run's results")
    add("--write", action="store_true", help="put the tables into docs/performance.md")
    return parser


def _measured(options: argparse.Namespace, console: Console) -> Results:
    size: Size = QUICK if options.quick else Size()
    changes = {name: getattr(options, name) for name in ("events", "rounds") if getattr(options, name)}
    size = replace(size, **changes)
    pythons = machine.pythons(tuple(options.python or machine.VERSIONS))
    results = Results(
        machine=machine.describe(),
        pythons={python.version: python.release for python in pythons},
        size={name.replace("_", " "): f"{number:,}" for name, number in asdict(size).items()},
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        subjects = build(Path(folder))
        with subjects[OURS].start(pythons[0].path) as command:
            required: list[str] = command.getinfo["required_fields"]
            command.close()
        bench = Bench(size, pythons, subjects, Maker(_BUILD / "data", required), Path(folder))
        results.runs.extend(reported(_runs(bench, options), console))
    return results


def _runs(bench: Bench, options: argparse.Namespace) -> Iterator[Run]:
    for name, (part, kinds) in PARTS.items():
        if options.only and name not in options.only:
            continue
        for kind in kinds:
            if not kind or kind in (options.data or (_KINDS_OF_QUICK if options.quick else KINDS)):
                yield from part(bench, kind)


if __name__ == "__main__":
    sys.exit(main())
