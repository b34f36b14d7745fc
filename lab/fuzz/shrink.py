"""Makes an input that fails as small as it can be while it still fails in the same way."""

from __future__ import annotations

import time
import traceback
from typing import Callable, Optional

#: The kind of an error, and the place in the code that raised it.
Failure = tuple[str, str, Optional[int]]


def failure_of(check: Callable[[bytes], None], data: bytes) -> Optional[Failure]:
    """Return how a check fails on some bytes; None if it does not."""
    try:
        check(data)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return type(error).__name__, place.filename, place.lineno
    return None


def shrink(check: Callable[[bytes], None], data: bytes, seconds: float) -> bytes:
    """Return a smaller input that fails in the same way; the input itself if it does not fail again.

    Args:
        check: raises an error on the input.
        data: the input.
        seconds: when to be content with what was reached.
    """
    failure = failure_of(check, data)
    if failure is None:
        return data
    end = time.monotonic() + seconds
    size = len(data) // 2
    while size and time.monotonic() < end:
        start = 0
        while start < len(data) and time.monotonic() < end:
            rest = data[:start] + data[start + size :]
            if failure_of(check, rest) == failure:
                data = rest
            else:
                start += size
        size //= 2
    return data
