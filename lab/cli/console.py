"""Rich's console, except that a closed pipe is left to its caller."""

from __future__ import annotations

import errno
import os

import rich.console


class Console(rich.console.Console):
    """A console whose broken pipe is an error like any other stream's."""

    def on_broken_pipe(self) -> None:
        """Raise it: rich's own way is to end the process, and with a status that means failure.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
