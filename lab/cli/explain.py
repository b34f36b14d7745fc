"""``python -m lab explain``: the verdict on one address and name, the reason, and the rows that decide."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path

from lab import ROOT
from lab.cli.terminal import safe_text
from lab.errors import UsageError
from tsid.decision.enrich import Enricher, Options
from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import Lookups, load_lookups
from tsid.text.addresses import parse_address

_EXAMPLES = """\
examples:
  python -m lab explain 72.163.4.38 toos.cisco.com
  python -m lab explain 203.0.113.9 tools.cisco.com
  python -m lab explain 146.112.59.81 --at 2025-06-30

In Splunk:
  | makeresults | eval dest_ip="72.163.4.38", url="https://toos.cisco.com" | tsidenrich
"""
_WIDTH = 12
# For each table, the column that must equal a field of the answer.
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
        description="Shows the verdict that tsidenrich gives a destination, why, and the rows that decide.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("address", metavar="IP", help="the destination's address")
    add("host", metavar="HOST", nargs="?", default="", help="the name or URL that the firewall reported")
    add("--at", metavar="DATE", type=_moment, help="when, as 2026-01-31, UTC (default: now)")
    add(
        "--app",
        metavar="DIR",
        type=Path,
        default=ROOT,
        help="the app whose lookups to use (default: this app)",
    )
    parser.set_defaults(handler=explain)


def explain(options: argparse.Namespace) -> int:
    """Run the subcommand and return the exit status.

    Raises:
        UsageError: the app's lookups cannot be loaded, or the address is not an address.
    """
    _check_address(options)
    try:
        lookups = load_lookups(options.app / "lookups", lenient=True)
    except LookupTableError as error:
        raise UsageError(str(error)) from None
    for warning in lookups.warnings:
        print(f"WARN: {safe_text(warning)}", file=sys.stderr)
    at = time.time() if options.at is None else options.at
    event = {"_time": str(at), "dest_ip": options.address, "url": options.host}
    for label, value in _lines(Enricher(lookups, Options()).enrich(event).fields, lookups):
        _show(label, safe_text(value))
    return 0


def _check_address(options: argparse.Namespace) -> None:
    """Refuse what is not an IP address; for swapped arguments say the right order.

    Raises:
        UsageError: it is not an address.
    """
    if parse_address(options.address):
        return
    if options.host and parse_address(options.host):
        raise UsageError(
            f"{options.host} is the address: python -m lab explain {options.host} {options.address}"
        )
    given = options.address
    network = re.fullmatch(r"(.+)/\d+", given)
    cure = (
        f"leave out the prefix length: {network[1]}" if network else "write the address first, then the host"
    )
    raise UsageError(f"{given!r} is not an IP address; {cure}")


def _show(label: str, value: str) -> None:
    """Print a line; on a terminal wrap it below its first column, without breaking a name."""
    if sys.stdout.isatty():
        width = max(shutil.get_terminal_size().columns, 2 * _WIDTH)
        blank = " " * _WIDTH
        wrapped = textwrap.wrap(
            value,
            width - 1,
            initial_indent=f"{label:{_WIDTH}}",
            subsequent_indent=blank,
            break_long_words=False,
            break_on_hyphens=False,
        )
        print(*wrapped, sep="\n")
    else:
        print(f"{label:{_WIDTH}}{value}")


def _lines(answer: Mapping[str, str], lookups: Lookups) -> Iterator[tuple[str, str]]:
    if not answer["tsid_verdict"]:
        yield "verdict", "none: neither the address nor the name belongs to licensing traffic"
        return
    yield "verdict", f"{answer['tsid_verdict']}, confidence {answer['tsid_confidence']}"
    yield "why", answer["tsid_reason"]
    for label, field in (("host", "tsid_host"), ("service", "tsid_service"), ("what to do", "tsid_advice")):
        if answer[field]:
            yield label, answer[field]
    for table, column, field in _KEYS:
        for row in lookups.tables[table]:
            if answer[field] and row.values[column] == answer[field]:
                cells = "; ".join(f"{name} {value}" for name, value in row.values.items() if value)
                yield "row", f"{row.file}: {cells}"


def _moment(text: str) -> float:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a date such as 2026-01-31") from None
