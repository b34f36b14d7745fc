"""`bin` and `timechart` (Splunk, Search Reference: both, and "Specifying time spans")."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.spl import aggregates
from lab.spl.functions import Context, seconds_of, start_of
from lab.spl.syntax import flag, options, words
from lab.spl.table import Table
from lab.spl.values import Row, SplError, number, text, texts

# Without limit=0 Splunk keeps the ten largest series and puts the others together.
_MAX_SERIES = 10
# "timechart", default of bins; the spans are those of "Default time spans" below a month, in seconds.
_MAX_BINS = 100
_SPANS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 86400)


def bin_times(context: Context, table: Table, arguments: str) -> Table:
    """Put each row's `_time` back to the start of its span."""
    given, rest = options(arguments, ("span",))
    names = list(words(rest))
    # The option may follow the field.
    more, others = options(" ".join(names[1:]), ("span",))
    given.update(more)
    if names[:1] != ["_time"] or "span" not in given or others:
        raise SplError(f"bin {arguments}: only bin _time span=… is supported")
    span = seconds_of(given["span"])
    table.need(["_time"])
    rows = [
        {**row, "_time": text(_start(context, row, span))} if "_time" in row else row for row in table.rows
    ]
    return Table(rows, table.columns)


def timechart(context: Context, table: Table, arguments: str) -> Table:
    """Return a row for each span of the search's time range, including those without events.

    Without any event Splunk returns no rows; a search that needs a zero has to add it.
    """
    given, rest = options(arguments, ("span", "minspan", "limit", "useother", "usenull"))
    span = seconds_of(given["span"]) if "span" in given else _default_span(context, given.get("minspan"))
    plan = aggregates.parse(rest, context)
    table.need([*plan.fields, "_time"])
    if len(plan.by) > 1 or (plan.by and len(plan.parts) > 1):
        raise SplError("timechart: only one function by one field, or several without, are supported")
    if not any("_time" in row for row in table.rows):
        return Table([], ["_time", *(() if plan.by else (part.name for part in plan.parts))])
    groups: dict[float, list[Row]] = {start: [] for start in _starts(context, span, table.rows)}
    for row in table.rows:
        if "_time" in row:
            groups.setdefault(_start(context, row, span), []).append(row)
    if not plan.by:
        rows = [
            {"_time": text(start), **aggregates.stats(plan, groups[start])[0]} for start in sorted(groups)
        ]
        return Table(rows, ["_time", *(part.name for part in plan.parts)])
    return _split(plan, groups, given)


def _default_span(context: Context, least: str | None) -> int:
    """Return the span that Splunk chooses for the search's time range: at most 100 bins.

    The table "Default time spans" of timechart's page follows from this rule up to a month a bin.
    """
    seconds = context.latest - context.earliest
    if context.earliest <= 0:
        raise SplError(
            "timechart without span over all time: Splunk takes the span of the events, which is unknown here"
        )
    spans = [span for span in _SPANS if span >= (seconds_of(least) if least else 0)]
    found = next((span for span in spans if seconds <= _MAX_BINS * span), None)
    if found is None:
        raise SplError(f"timechart over {seconds:g} seconds: a span of calendar months is not supported")
    return found


def _split(plan: aggregates.Plan, groups: dict[float, list[Row]], given: dict[str, str]) -> Table:
    """Return a column for each value of the field to split by, in the order of the values."""
    (by,) = plan.by
    (part,) = plan.parts
    of = {start: _by_value(rows, by) for start, rows in groups.items()}
    series = sorted({value for values in of.values() for value in values if value is not None})
    limit = given.get("limit", str(_MAX_SERIES))
    if not limit.isdecimal() or 0 < int(limit) < len(series):
        raise SplError(f"timechart by {by}: of {len(series)} series some become OTHER; use limit=0")
    columns: list[tuple[str, str | None]] = [(value, value) for value in series]
    lacks = any(None in values for values in of.values())
    if lacks and flag(given.get("usenull", "true"), "usenull"):
        columns.append(("NULL", None))
    rows = []
    for start in sorted(groups):
        row: Row = {"_time": text(start)}
        for name, value in columns:
            found = part.compute(of[start].get(value, []))
            if found is not None:
                row[name] = text(found)
        rows.append(row)
    return Table(rows, ["_time", *(name for name, _ in columns)])


def _by_value(rows: Sequence[Row], by: str) -> dict[str | None, list[Row]]:
    groups: dict[str | None, list[Row]] = {}
    for row in rows:
        values: list[str | None] = [*texts(row.get(by))]
        for value in values or [None]:
            groups.setdefault(value, []).append(row)
    return groups


def _starts(context: Context, span: int, rows: Sequence[Row]) -> list[float]:
    """Return the starts of the spans of the search's time range; over all time, of that of the rows."""
    if context.earliest <= 0:
        found = [_start(context, row, span) for row in rows if "_time" in row]
        first, end = min(found), max(found) + span
    else:
        first, end = start_of(context.earliest, span, context.zone), context.latest
    return [first + span * step for step in range(math.ceil((end - first) / span))]


def _start(context: Context, row: Row, span: int) -> float:
    time = number(row["_time"])
    if time is None:
        raise SplError(f"_time {row['_time']!r} is not a number")
    return start_of(time, span, context.zone)
