"""Retries file operations that another process may block for a moment on Windows."""

from __future__ import annotations

import errno
import stat
import sys
import time
from pathlib import Path, PurePath
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


def read_file(path: Path) -> bytes:
    """Return the content of a file, and retry while another process has it locked.

    Raises:
        OSError: the file cannot be read, or is a pipe, for example, at which a reader might wait for ever.
    """

    def read() -> bytes:
        mode = path.stat().st_mode
        # Opening a folder fails by itself.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return path.read_bytes()

    return retry_while_locked(read)


def short_name(path: PurePath) -> str:
    """Return a file's name for messages, the same on every platform: ``lookups/tsid_aliases.csv``."""
    return f"{path.parent.name}/{path.name}"
