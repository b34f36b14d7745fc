"""The pipes between splunkd and a command: their size, and what happens when splunkd closes its end."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO

if sys.platform == "linux":
    from fcntl import fcntl

# Linux; Python has names for them from 3.10 on.
_SET_PIPE_SIZE, _GET_PIPE_SIZE = 1031, 1032
# Linux allows every user 64 MiB for all enlarged pipes together: enough for more than a hundred commands.
_PIPE_SIZE = 256 * 1024


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Raise BrokenPipeError, also on Windows, when a write fails because splunkd has closed the pipe."""
    try:
        yield
    except OSError as error:
        # Windows reports an invalid argument.
        if sys.platform == "win32" and error.errno == errno.EINVAL:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from error
        raise


def leave_quietly(output: TextIO) -> NoReturn:
    """Exit with status 0 and no message: splunkd closes the pipe when a search has seen enough."""
    # At exit, Python would flush the buffer and complain that it cannot.
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
    sys.exit(0)


def widen(stream: Any) -> None:
    """Enlarge a pipe where possible, so that splunkd and the command wait less for each other."""
    if sys.platform == "linux":
        # The stream may not be a pipe, or the user's other pipes may use up the limit.
        with contextlib.suppress(OSError, ValueError):
            if fcntl(stream.fileno(), _GET_PIPE_SIZE) < _PIPE_SIZE:
                fcntl(stream.fileno(), _SET_PIPE_SIZE, _PIPE_SIZE)
