"""``python -m lab.bench``: measures the command and its competitors, and checks the bounds."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Optional

from lab import ROOT
from lab.bench.datasets import CHUNK_ROWS, FORMS, KINDS, SPLUNKD, columns_for, make_bodies, make_chunks
from lab.bench.results import LICENSING, ORDINARY, Case, Run, markdown, table
from lab.bench.subjects import (
    BYTECOPY,
    IDENTITY,
    LARGE_TABLE,
    OURS,
    TYPICAL,
    Subject,
    build,
    unpack,
    version_of,
)
from lab.errors import LabError

PAGE = ROOT / "docs" / "performance.md"
_FORMS_BY_SHARE = {ORDINARY: FORMS, LICENSING: (SPLUNKD,)}
_MARKED = re.compile(r"(<!-- bench -->\n).*?(<!-- end -->)", re.DOTALL)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command line; return 1 if a bound is not met."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.bench",
        description="Measures the command and its competitors. The machine should be idle.",
    )
    add_common(parser)
    add = parser.add_argument
    add("--events", metavar="N", type=int, default=200_000, help="for the fast commands (default: 200,000)")
    add("--rounds", metavar="N", type=int, default=3, help="repetitions of everything (default: 3)")
    add("--quick", action="store_true", help="the same as --events 50000 --rounds 1")
    add("--data", choices=KINDS, action="append", help="only these events")
    add("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args(argv)
    if options.quick:
        options.events, options.rounds = CHUNK_ROWS, 1
    runs = []
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            subjects = build(unpack(options.app, Path(name, "package")), Path(name))
            for run in measure(subjects, options):
                runs.append(run)
                what = f"{run.case.data}, {run.case.share:.0%}, {run.case.form}, {run.command}, {run.python}"
                print(f"{what}: {run.events / run.seconds:,.0f} events/s", file=sys.stderr, flush=True)
    except (LabError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    rows = list(table(runs))
    print(markdown(rows), end="")
    if options.write:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(_MARKED.sub(lambda mark: mark[1] + markdown(rows) + mark[2], page), "utf-8")
    return int(any(row.met is False for row in rows))


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options for the app and the interpreters."""
    add = parser.add_argument
    add(
        "--app",
        metavar="PATH",
        type=Path,
        default=ROOT,
        help="the app's package or folder (default: this one)",
    )
    add(
        "--python",
        metavar="PATH",
        nargs="+",
        default=[sys.executable],
        help="interpreters (default: this one)",
    )


def measure(subjects: Mapping[str, Subject], options: argparse.Namespace) -> Iterator[Run]:
    """Measure every case, the commands interleaved round by round; slow ones get the first chunk only."""
    pythons = {version_of(path): path for path in options.python}
    with subjects[OURS].start(options.python[0]) as command:
        required = command.getinfo["required_fields"]
    for data, (share, forms) in product(options.data or KINDS, _FORMS_BY_SHARE.items()):
        bodies = make_bodies(columns_for(data, required), options.events, share)
        for form in forms:
            case = Case(data, share, form)
            chunks = make_chunks(bodies, form)
            for number, version, name in product(range(options.rounds), pythons, commands_of(case)):
                few = chunks[:1] + chunks[-1:] if name in (IDENTITY, TYPICAL) else chunks
                with subjects[name].start(pythons[version]) as command:
                    seconds = command.work(few)
                    usage = command.usage()
                    command.close()
                events = sum(chunk.events for chunk in few)
                figures = (events, seconds, usage.processor, usage.peak, command.startup)
                yield Run(case, name, version, number, *figures)


def commands_of(case: Case) -> Sequence[str]:
    """Return the names of the commands to measure in a case."""
    if case.share == LICENSING:
        return OURS, IDENTITY
    large = [LARGE_TABLE] if case.form == SPLUNKD else []
    return [OURS, IDENTITY, TYPICAL, BYTECOPY, *large]


if __name__ == "__main__":
    sys.exit(main())
