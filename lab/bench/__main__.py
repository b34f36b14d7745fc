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
from lab.bench.datasets import CHUNK_ROWS, FORMS, KINDS, SPLUNKD, columns_for, make_chunks, rewrite
from lab.bench.results import LICENSING, NOT_MET, ORDINARY, Case, Key, commands_of, markdown, table
from lab.bench.subjects import OURS, SLOW, Figures, Subject, build, run_options, unpack, version_of
from lab.errors import LabError

PAGE = ROOT / "docs" / "measurements.md"
_MARKED = re.compile(r"(<!-- bench -->\n).*?(<!-- end -->)", re.DOTALL)
_CASES = [Case(data, ORDINARY, form) for data in KINDS for form in FORMS]
_CASES += [Case(data, LICENSING, SPLUNKD) for data in KINDS]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command line; return 1 if a bound is not met."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.bench",
        description="Measures the command and its competitors. The machine should be idle.",
        parents=[run_options(KINDS)],
    )
    add = parser.add_argument
    add("--events", metavar="N", type=int, default=200_000, help="for the fast commands (default: 200,000)")
    add("--rounds", metavar="N", type=int, default=3, help="repetitions of everything (default: 3)")
    add("--quick", action="store_true", help="the same as --events 50000 --rounds 1")
    add("--write", action="store_true", help="put the table into docs/measurements.md")
    options = parser.parse_args(argv)
    if options.quick:
        options.events, options.rounds = CHUNK_ROWS, 1
    measured: dict[Key, list[Figures]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            subjects = build(unpack(options.app, Path(name, "package")), Path(name))
            for key, figures in measure(subjects, options):
                measured.setdefault(key, []).append(figures)
                print(*key[0], *key[1:], f"{figures.speed:,.0f} events/s", sep=", ", file=sys.stderr)
    except (LabError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    rows = list(table(measured))
    print(markdown(rows), end="")
    if options.write:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(_MARKED.sub(lambda mark: mark[1] + markdown(rows) + mark[2], page), "utf-8")
    return int(any(NOT_MET in row for row in rows))


def measure(subjects: Mapping[str, Subject], options: argparse.Namespace) -> Iterator[tuple[Key, Figures]]:
    """Measure every case, the commands interleaved round by round."""
    pythons = {version_of(path): path for path in options.python}
    with subjects[OURS].host(options.python[0]).start() as search:
        required = search.getinfo["required_fields"]
    for case in _CASES:
        if options.data and case.data not in options.data:
            continue
        chunks = make_chunks(columns_for(case.data, required), options.events, case.share)
        chunks = [chunk._replace(body=rewrite(chunk.body, case.form)) for chunk in chunks]
        for _, version, name in product(range(options.rounds), pythons, commands_of(case)):
            few = chunks[:1] if name in SLOW else chunks
            yield (case, name, version), subjects[name].measure(pythons[version], few)


if __name__ == "__main__":
    sys.exit(main())
