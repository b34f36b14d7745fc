"""Puts the tables into docs/performance.md, between the markers that stand there for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lab.bench.tables import Table
from lab.errors import UsageError

_MARKED = "(<!-- bench: {} -->\n).*?(<!-- end -->)"


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    return "".join("| {} |\n".format(" | ".join(cells)) for cells in lines)


def updated(page: str, tables: Iterable[Table]) -> str:
    """Return the page with these tables in their places.

    Raises:
        UsageError: the page has no place for one.
    """
    for table in tables:
        text = markdown(table)
        pattern = re.compile(_MARKED.format(re.escape(table.name)), re.DOTALL)
        places = list(pattern.finditer(page))
        if len(places) != 1:
            raise UsageError(f"the page has {len(places)} places for the table {table.name}")
        page = page[: places[0].end(1)] + text + page[places[0].start(2) :]
    return page
