"""Shows a counter on the terminal while it reads a long input."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lab.host.wire import Record

_SHOWN_AFTER = 1.0
_LOOKED_AT_EVERY = 256


def counted(events: Iterable[Record]) -> Iterator[Record]:
    """Yield the events, with a counter on stderr once it takes longer than a second; it leaves no trace."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:,.0f} events"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # the events go there, not to this console
        redirect_stderr=False,
    )
    task = bar.add_task("events", total=None)
    started = time.monotonic()
    try:
        for number, event in enumerate(events, 1):
            yield event
            if number % _LOOKED_AT_EVERY == 0 and time.monotonic() - started > _SHOWN_AFTER:
                bar.start()
                bar.update(task, completed=number)
    finally:
        bar.stop()
