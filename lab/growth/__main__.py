"""``python -m lab.growth``: measures how the time of all that reads hostile text grows with the text."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

from rich.console import Console

from lab.bench import machine, page
from lab.bench.show import show
from lab.bench.tables import Table
from lab.errors import LabError
from lab.growth.hostile import EXPRESSIONS
from lab.growth.measure import LINEAR
from lab.growth.worker import Row

_REPOSITORY = Path(__file__).resolve().parent.parent.parent
_PAGE = _REPOSITORY / "docs" / "reliability.md"


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command line; the exit status is 1 if something is not linear."""
    parser = argparse.ArgumentParser(prog="python -m lab.growth", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/reliability.md")
    options = parser.parse_args(argv)
    console = Console()
    if not console.is_terminal:
        # Tables in a file or a pipe are as wide as they have to be.
        console.width = 200
    try:
        rows = {python.version: _measure(python.path) for python in machine.pythons()}
        tables = list(_tables(rows))
        show(tables, console)
        if options.write:
            _PAGE.write_text(page.updated(_PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")
    except (LabError, OSError, subprocess.CalledProcessError) as error:
        print(f"growth: {error}", file=sys.stderr)
        return 1
    found = [(version, row) for version, those in rows.items() for row in those.values()]
    bad = [f"Python {version}: {row.of} on {row.what}" for version, row in found if row.exponent >= LINEAR]
    for text in bad:
        print(f"growth: not linear: {text}", file=sys.stderr)
    return 1 if bad else 0


def _measure(python: str) -> dict[str, Row]:
    """Measure on an interpreter, in a process of its own."""
    paths = os.pathsep.join(str(_REPOSITORY / name) for name in ("bin", "bin/lib", ""))
    answer = subprocess.run(
        [python, "-m", "lab.growth.worker"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_REPOSITORY,
        env={**os.environ, "PYTHONPATH": paths},
    )
    rows = [Row(*json.loads(line)) for line in answer.stdout.splitlines()]
    return {row.of: row for row in rows}


def _tables(rows: Mapping[str, Mapping[str, Row]]) -> Iterator[Table]:
    versions = list(rows)
    head = [
        "name",
        *(f"power, {version}" for version in versions),
        *(f"ms per MiB, {version}" for version in versions),
        f"slowest input, {versions[-1]}",
    ]
    for name in ("expressions", "functions"):
        body = [
            [
                f"`{of}`",
                *(f"{rows[version][of].exponent:.2f}" for version in versions),
                *(f"{rows[version][of].milliseconds:,.1f}" for version in versions),
                "`{}`".format(row.what.replace("|", "\\|")),
            ]
            for of, row in sorted(rows[versions[-1]].items())
            if (of in EXPRESSIONS) == (name == "expressions")
        ]
        yield Table(f"growth of {name}", f"How the time of {name} grows", head, body)


if __name__ == "__main__":
    sys.exit(main())
