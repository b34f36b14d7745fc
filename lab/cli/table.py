"""Prints events as a table that a person can read; needs rich."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.table import Table
from rich.text import Text

from lab.cli.console import Console
from lab.cli.terminal import safe_text
from lab.host.events import cell_text
from lab.host.wire import Record

_NARROWEST_COLUMN = 12
_UNBOUNDED = 1 << 20


def print_table(events: Sequence[Record], columns: Sequence[str], out: TextIO) -> None:
    """Print each event as a row, or as a block where that many columns would not fit on the screen.

    In a file or a pipe no line is folded, however wide the table is.
    """
    console = Console(file=out)
    if console.is_terminal and len(columns) * _NARROWEST_COLUMN > console.width:
        _print_blocks(console, events, columns)
    else:
        _print_grid(console, events, columns)


def _print_grid(console: Console, events: Sequence[Record], columns: Sequence[str]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(_cell(name), overflow="fold")
    for event in events:
        table.add_row(*[_cell(event.get(name, "")) for name in columns])
    if not console.is_terminal:
        unbounded = console.options.update(max_width=_UNBOUNDED)
        console.width = max(console.measure(table, options=unbounded).maximum, 1)
    console.print(table)


def _print_blocks(console: Console, events: Sequence[Record], columns: Sequence[str]) -> None:
    for number, event in enumerate(events, 1):
        block = Table.grid(padding=(0, 2))
        block.add_column(style="bold", no_wrap=True)
        block.add_column(overflow="fold")
        for name in columns:
            if name in event:
                block.add_row(_cell(name), _cell(event[name]))
        console.rule(f"event {number}", align="left", style="dim")
        console.print(block)


def _cell(value: str | Sequence[str]) -> Text:
    # A Text, not a str: square brackets in an event are not markup.
    return Text(safe_text(cell_text(value)))
