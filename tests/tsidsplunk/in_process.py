"""Runs a search command in this process: for tests in which the process and its pipes are not the subject."""

from __future__ import annotations

import gc
import io
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any, NamedTuple

import tsidenrich
import tsidlookup
import tsidrefresh
import tsidrisk
from lab.host.wire import Frame, decode_frames

COMMANDS: dict[str, Any] = {
    "tsidenrich": tsidenrich.TsidEnrichCommand,
    "tsidlookup": tsidlookup.TsidLookupCommand,
    "tsidrefresh": tsidrefresh.TsidRefreshCommand,
    "tsidrisk": tsidrisk.TsidRiskCommand,
}


class Said(NamedTuple):
    """The replies of a command, its exit status, and what it wrote to stderr."""

    frames: list[Frame]
    status: int
    stderr: str


def run(command: str, data: bytes) -> Said:
    """Let a command read all of the data and then the end of its input."""
    output, stderr, status = io.BytesIO(), io.StringIO(), 0
    with _process_state_kept(), redirect_stderr(stderr):
        try:
            COMMANDS[command]().process([f"{command}.py"], io.BytesIO(data), output)
        except SystemExit as ended:
            assert isinstance(ended.code, int)
            status = ended.code
    return Said(decode_frames(output.getvalue()), status, stderr.getvalue())


@contextmanager
def _process_state_kept() -> Iterator[None]:
    """Restore what a command changes of a process that it thinks its own."""
    threshold, folder = gc.get_threshold(), tempfile.tempdir
    handler, stdin = signal.getsignal(signal.SIGINT), sys.stdin
    # The SDK's exit() closes it.
    sys.stdin = io.StringIO()
    try:
        yield
    finally:
        sys.stdin = stdin
        gc.enable()
        gc.unfreeze()
        gc.set_threshold(*threshold)
        tempfile.tempdir = folder
        signal.signal(signal.SIGINT, handler)
