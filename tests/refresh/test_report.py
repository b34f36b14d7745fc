"""What a refresh reports to people and searches: everything found, each with its advice, in rows and in text."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tsid.facts.lookups import load_lookups
from tsid.refresh.items import ADVICE, CHANGE, FAILURE, NOTE, REFUSAL, SEEN, Item
from tsid.refresh.plan import Plan
from tsid.refresh.report import COLUMNS, age_rows, as_text, exit_status, file_rows, rows_of, status_as_text

ITEMS = [
    Item(CHANGE, "endpoints", SEEN, "72.163.4.38/32", "tools.cisco.com", "It was seen."),
    Item(CHANGE, "endpoints", "new", "72.163.9.1/32", "tools.cisco.com", "DNS names it. " * 10),
    Item(REFUSAL, "endpoints", "private", "10.0.0.1/32", "tools.cisco.com", "It is private."),
    Item(FAILURE, "endpoints", "unseen", "72.163.9.2/32", "swapi.cisco.com", "No answer."),
    Item(NOTE, "aliases", "too_wide", "*.cisco.com", "tools.cisco.com", "It is a wildcard."),
]


def test_each_row_has_its_advice_and_every_column() -> None:
    rows = list(rows_of(ITEMS))
    assert [tuple(row) for row in rows] == [COLUMNS] * len(ITEMS)
    for row, item in zip(rows, ITEMS):
        assert {name: row[name] for name in item._fields} == item._asdict()
        assert row["advice"] == (ADVICE[item.what] if item.what in ("private", "unseen", "too_wide") else "")
        assert {value for name, value in row.items() if name not in (*item._fields, "advice")} == {""}


def test_the_text_has_headings_what_matters_first_and_each_advice_once() -> None:
    refused = ITEMS[2]._replace(item="10.0.0.2/32")
    lines = as_text(Plan([], [], [*ITEMS, refused], True)).split("\n")
    assert [line for line in lines if line[:1] != " "] == [
        "Changes (2)",
        "Refused, and not written (2)",
        "Not checked (1)",
        "Notes (1)",
    ]
    # What is new comes before what is only seen again.
    assert lines[1].split() == ["new", "72.163.9.1/32", "tools.cisco.com"]
    assert all(line.startswith("      ") and len(line) <= 100 for line in lines[2:4])
    assert "seen" in lines[4]
    told = " ".join(" ".join(lines).split())
    for what in ("private", "unseen", "too_wide"):
        assert told.count(f"{what}: {ADVICE[what]}") == 1
    assert "new:" not in told


@pytest.mark.parametrize(
    ("plan", "status", "written", "text"),
    [
        (Plan([], [], [], True), 0, 0, "Everything is up to date: nothing to change."),
        (Plan([], [], [], False), 3, 3, "Nothing could be checked: "),
        (Plan([], [], ITEMS[:1], True), 1, 0, "Changes (1)"),
        (Plan([], [], ITEMS[:3], True), 2, 2, "Changes (2)"),
        (Plan([], [], [ITEMS[0], ITEMS[3]], True), 3, 3, "Changes (1)"),
        (Plan([], [], ITEMS[4:], True), 0, 0, "Notes (1)"),
    ],
)
def test_the_exit_status_is_that_of_the_gravest_item(
    plan: Plan, status: int, written: int, text: str
) -> None:
    assert exit_status(plan, written=False) == status
    assert exit_status(plan, written=True) == written
    assert as_text(plan).startswith(text)


def test_the_status_has_source_and_age_of_each_row(folder: Path) -> None:
    (folder / "cisco_licensing_endpoints_refreshed.csv").write_text(
        "network,host,status,source,last_seen,misses\n"
        "72.163.9.1/32,tools.cisco.com,active,dns,2025-01-01,2\n"
        "72.163.9.2/32,tools.cisco.com,,,,\n",
        "utf-8",
    )
    (folder / "tsid_aliases_local.csv").write_text(
        "alias,host,note\nx.example,tools.cisco.com,ours\n", "utf-8"
    )
    rows = [*file_rows(folder), *age_rows(load_lookups(folder), datetime.date(2025, 1, 31))]
    assert {tuple(row) for row in rows} == {COLUMNS}
    known = {row["item"]: row for row in rows if row["kind"] == "row"}
    names = ("table", "host", "status", "source", "last_seen", "age_days", "misses", "file")
    assert [tuple(known[item][name] for name in names) for item in ("72.163.9.1/32", "72.163.9.2/32", "x.example")] == [
        ("endpoints", "tools.cisco.com", "active", "dns", "2025-01-01", "30", "2", "cisco_licensing_endpoints_refreshed.csv"),
        ("endpoints", "tools.cisco.com", "", "", "", "", "", "cisco_licensing_endpoints_refreshed.csv"),
        ("aliases", "tools.cisco.com", "", "ours", "", "", "", "tsid_aliases_local.csv"),
    ]  # fmt: skip
    files, found = status_as_text(rows).split("\n\n")
    assert files.split("\n")[0].split("  ")[0] == "file"
    heading, *lines = found.split("\n")
    assert heading.split() == ["item", "host", "status", "last", "seen", "days", "missed", "file", "source"]
    shown = {line.split()[0]: line.split()[1:] for line in lines}
    file = "cisco_licensing_endpoints_refreshed.csv"
    assert shown["72.163.9.1/32"] == ["tools.cisco.com", "active", "2025-01-01", "30", "2", file, "dns"]
    assert shown["72.163.9.2/32"] == ["tools.cisco.com", "-", "never", "-", "0", file]
