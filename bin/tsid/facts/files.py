"""Retries file operations that another process may block for a moment on Windows."""

from __future__ import annotations

import sys
import time
from pathlib import PurePath
from typing import Callable, TypeVar

T = TypeVar("T")

#: How long to retry, in seconds: a search or a virus scanner is done by then, an editor is not.
RETRY_SECONDS = 5.0 if sys.platform == "win32" else 0.0

_PAUSE_SECONDS = 0.05


def retry_while_locked(operation: Callable[[], T]) -> T:
    """Read or replace a file, and retry for `RETRY_SECONDS` while another process has it locked.

    On Windows a file that another process has open cannot be replaced, and a file that is being replaced
    cannot be opened. Both end soon.

    Raises:
        OSError: the operation failed.
    """
    end = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            return operation()
        except PermissionError:
            if time.monotonic() >= end:
                raise
        time.sleep(_PAUSE_SECONDS)


def short_name(path: PurePath) -> str:
    """Return a file's name for messages, the same on every platform: ``lookups/tsid_aliases.csv``."""
    return f"{path.parent.name}/{path.name}"
