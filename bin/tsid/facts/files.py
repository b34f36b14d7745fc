"""Does to a file what another process may hinder for an instant, as it can on Windows."""

from __future__ import annotations

import sys
import time
from pathlib import PurePath
from typing import Callable, TypeVar

T = TypeVar("T")

#: For how many seconds to try: a search or a virus scanner is done by then, an editor is not.
RETRY_SECONDS = 5.0 if sys.platform == "win32" else 0.0

_PAUSE_SECONDS = 0.05


def retry_while_locked(act: Callable[[], T]) -> T:
    """Read or replace a file.

    On Windows a file that another process has open cannot be replaced, and one that is being replaced cannot
    be opened. Either is over soon, so there it is tried again, for `RETRY_SECONDS` seconds.

    Raises:
        OSError: as the act does.
    """
    end = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            return act()
        except PermissionError:
            if time.monotonic() >= end:
                raise
        time.sleep(_PAUSE_SECONDS)


def short_name(path: PurePath) -> str:
    """Return how messages name a file of the app, on every platform: ``lookups/tsid_aliases.csv``."""
    return f"{path.parent.name}/{path.name}"
