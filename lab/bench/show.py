"""Shows the tables and the progress on the terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from lab.bench.results import Run
from lab.bench.tables import Table


def show(tables: Iterable[Table], console: Console) -> None:
    """Print the tables that have rows."""
    for table in tables:
        if not table.rows:
            continue
        grid = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for index, name in enumerate(table.head):
            number = index > 0 and all(row[index][:1].isdigit() or not row[index] for row in table.rows)
            grid.add_column(name, justify="right" if number else "left")
        for row in table.rows:
            grid.add_row(*row, style="red" if row[-1] == "NOT MET" else None)
        console.print(grid)


def reported(runs: Iterable[Run], console: Console) -> Iterator[Run]:
    """Yield the runs, each with a line on the terminal."""
    started = time.monotonic()
    for run in runs:
        place = f"{run.value:g}" if run.value else ""
        what = " ".join(filter(None, (run.part, run.data, place, run.command)))
        figure = f"{run.events_per_second:,.0f} events/s" if run.events else f"{run.startup * 1000:.0f} ms"
        line = f"{time.monotonic() - started:6.0f} s  {what}, Python {run.python}: {figure}"
        console.print(line, style="dim", highlight=False)
        yield run
