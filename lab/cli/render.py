"""Writes events as a table for people, or as CSV or JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from lab.errors import UsageError
from lab.host.events import write_csv, write_jsonl
from lab.host.wire import Record, columns_of

OUTPUTS = ("table", "csv", "json")


def write_events(
    events: Iterable[Record], output: str, fields: Sequence[str] = (), out: TextIO | None = None
) -> None:
    """Write the events in one of ``OUTPUTS``; ``json`` is one object a line.

    ``fields`` chooses and orders the columns; without it, every field that any event has, in order of
    appearance. JSON is written as the events come, and so is CSV with ``fields``; a table needs all of them
    first. ``out`` None: stdout.

    Raises:
        UsageError: a table was asked for, and rich is not installed.
    """
    out = out or sys.stdout
    if output == "csv":
        write_csv(events, out, fields)
    elif output == "json":
        chosen = ({name: event[name] for name in fields if name in event} for event in events)
        write_jsonl(chosen if fields else events, out)
    else:
        _write_table(list(events), fields, out)
    out.flush()


def _write_table(events: Sequence[Record], fields: Sequence[str], out: TextIO) -> None:
    try:
        from lab.cli.table import print_table  # noqa: PLC0415 - everything else works without rich
    except ModuleNotFoundError:
        raise UsageError(
            "a table needs the package rich: pip install rich, or choose --output csv or --output json"
        ) from None
    columns = fields or columns_of(events)
    if columns and events:
        print_table(events, columns, out)
