"""Presents the result of a refresh, and the age of the lookups, as text and as rows."""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tsid.facts.digests import file_digests
from tsid.facts.lookups import Lookups
from tsid.refresh.items import ADVICE, CHANGE, FAILURE, NOTE, REFUSAL, SEEN, Item
from tsid.refresh.plan import Plan
from tsid.text.sanitize import printable

#: The exit statuses of the script. With ``--write``, FRESH also means that the lookups have been updated.
FRESH, WOULD_CHANGE, REFUSED, UNCHECKED, ERROR = 0, 1, 2, 3, 4

#: The columns of a report: of its items, of the lookup files, and of the rows in force.
COLUMNS = (
    "kind",
    "table",
    "what",
    "item",
    "host",
    "reason",
    "advice",
    "status",
    "source",
    "last_seen",
    "age_days",
    "misses",
    "file",
    "rows",
    "sha256",
)

_HEADINGS = {
    CHANGE: "Changes",
    REFUSAL: "Refused, and not written",
    FAILURE: "Not checked",
    NOTE: "Notes",
}
_WIDTH = 100


def exit_status(plan: Plan, *, written: bool) -> int:
    """Return the exit status of a plan; a refusal outranks a failure."""
    if plan.of_kind(REFUSAL):
        return REFUSED
    if not plan.checked or plan.of_kind(FAILURE):
        return UNCHECKED
    return WOULD_CHANGE if plan.of_kind(CHANGE) and not written else FRESH


def rows_of(items: Iterable[Item]) -> Iterator[dict[str, str]]:
    """Yield the items as rows of a report."""
    for item in items:
        yield {**_EMPTY, **item._asdict(), "advice": ADVICE.get(item.what, "")}


def file_rows(folder: Path) -> list[dict[str, str]]:
    """Return a row for every lookup file, with its hash or why it cannot be read."""
    return [
        {
            **_EMPTY,
            "kind": "file",
            "file": digest.file,
            "rows": "" if digest.rows is None else str(digest.rows),
            "sha256": digest.sha256,
            "reason": digest.problem,
        }
        for digest in file_digests(folder)
    ]


def age_rows(lookups: Lookups, today: datetime.date) -> Iterator[dict[str, str]]:
    """Yield a row for every endpoint and alias, with its age."""
    for table, key in (("endpoints", "network"), ("aliases", "alias")):
        for row in lookups.tables[table]:
            values = row.values
            last_seen = values.get("last_seen", "")
            yield {
                **_EMPTY,
                "kind": "row",
                "table": table,
                "item": values[key],
                "host": values["host"],
                "status": values.get("status", ""),
                "source": values.get("source", "") or values.get("note", ""),
                "last_seen": last_seen,
                "age_days": _age(last_seen, today),
                "misses": values.get("misses", ""),
                "file": Path(row.file).name,
            }


def as_text(plan: Plan) -> str:
    """Return a plan's items as text, grouped by kind, with advice."""
    parts = []
    for kind, heading in _HEADINGS.items():
        items = sorted(plan.of_kind(kind), key=lambda item: item.what == SEEN)
        if items:
            parts.append(f"{heading} ({len(items)})\n{_table(items)}")
        for what in dict.fromkeys(item.what for item in items):
            if what in ADVICE:
                parts.append(textwrap.fill(f"  {what}: {ADVICE[what]}", _WIDTH, subsequent_indent="    "))
    if not plan.checked:
        parts.append(
            "Nothing could be checked: no resolver has an address of any licensing host. Nothing changes."
        )
    elif not plan.items:
        parts.append("Everything is up to date: nothing to change.")
    return "\n".join(parts)


def status_as_text(rows: Sequence[Mapping[str, str]]) -> str:
    """Return the rows of `file_rows` and `age_rows` as text."""
    files = [
        (row["file"], row["rows"] or "-", " ".join(filter(None, (row["sha256"], row["reason"]))))
        for row in rows
        if row["kind"] == "file"
    ]
    found = [
        (row["item"], row["host"], row["status"] or "-", row["last_seen"] or "never", row["age_days"] or "-")
        + (row["misses"] or "0", row["file"], row["source"])
        for row in rows
        if row["kind"] == "row"
    ]
    return "\n\n".join(
        (
            columns([("file", "rows", "SHA-256"), *files]),
            columns([("item", "host", "status", "last seen", "days", "missed", "file", "source"), *found]),
        )
    )


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text in columns."""
    # Strangers may have written text in the lookups, too.
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )


def _table(items: Sequence[Item]) -> str:
    lines = []
    for line, item in zip(
        columns([(f"  {item.what}", item.item, item.host) for item in items]).split("\n"), items
    ):
        lines.append(line)
        lines.append(textwrap.fill(item.reason, _WIDTH, initial_indent="      ", subsequent_indent="      "))
    return "\n".join(lines)


def _age(last_seen: str, today: datetime.date) -> str:
    try:
        return str((today - datetime.date.fromisoformat(last_seen)).days)
    except ValueError:
        return ""


_EMPTY: Mapping[str, str] = dict.fromkeys(COLUMNS, "")
