"""``python -m lab explain``: the verdict on one address and name, why, and from which rows."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from lab.cli.terminal import safe_text
from lab.errors import UsageError
from lab.host.host import CommandHost
from lab.host.wire import Record

REPOSITORY = Path(__file__).resolve().parents[2]

_EXAMPLES = """\
examples:
  python -m lab explain 72.163.4.38 toos.cisco.com
  python -m lab explain 203.0.113.9 tools.cisco.com
  python -m lab explain 146.112.59.81 --at 2025-06-30

In Splunk:
  | makeresults | eval dest_ip="72.163.4.38", url="https://toos.cisco.com" | tsidenrich
"""
_WIDTH = 12
# Which column of each table is compared with which field of the answer.
_KEYS = (
    ("endpoints", "network", "tsid_network"),
    ("networks", "network", "tsid_network"),
    ("relays", "network", "tsid_network"),
    ("aliases", "alias", "tsid_observed"),
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand to the lab's command line."""
    parser = subparsers.add_parser(
        "explain",
        help="say why an address and a name get their verdict",
        description="Says which verdict a destination gets from tsidenrich, why, and which rows decide.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("address", metavar="IP", help="the destination's address")
    add("host", metavar="HOST", nargs="?", default="", help="the name or URL that the firewall reported")
    add("--at", metavar="DATE", type=_moment, help="when, as 2026-01-31, UTC (default: now)")
    add("--app", metavar="DIR", type=Path, default=REPOSITORY, help="the app's folder (default: this app)")
    add("--python", metavar="EXE", default=sys.executable, help="the interpreter (default: this one)")
    parser.set_defaults(handler=explain)


def explain(options: argparse.Namespace) -> int:
    """Run the subcommand and return the exit status.

    Raises:
        LabError: the command could not be run, or the search failed.
    """
    if not (options.app / "bin" / "lib").is_dir():
        raise UsageError(f"{options.app / 'bin' / 'lib'} is missing: run `make vendor`")
    at = time.time() if options.at is None else options.at
    event = {"_time": str(at), "dest_ip": options.address, **({"url": options.host} if options.host else {})}
    host = CommandHost(options.app, "tsidenrich", python=options.python)
    (answer,) = host.run([event]).raise_for_error().events
    for label, value in _lines(answer, options):
        print(f"{label:{_WIDTH}}{safe_text(value)}")
    return 0


def _lines(answer: Record, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    verdict = str(answer.get("tsid_verdict", ""))
    if not verdict:
        yield "verdict", "none: this is no licensing traffic, by its address or its name"
        return
    yield "verdict", f"{verdict}, confidence {answer['tsid_confidence']}"
    yield "why", str(answer["tsid_reason"])
    for label, field in (("host", "tsid_host"), ("service", "tsid_service"), ("what to do", "tsid_advice")):
        if answer.get(field):
            yield label, str(answer[field])
    for table, column, field in _KEYS:
        wanted = answer.get(field)
        rows = CommandHost(options.app, "tsidlookup", python=options.python).run((), f"table={table}")
        for row in rows.raise_for_error().events:
            if wanted and row.get(column) == wanted:
                told = {name: value for name, value in row.items() if value and name != "file"}
                yield "row", f"{row['file']}: " + "; ".join(f"{name} {value}" for name, value in told.items())


def _moment(text: str) -> float:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no day such as 2026-01-31") from None
