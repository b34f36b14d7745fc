"""Rich's console, except that the caller handles a closed pipe."""

from __future__ import annotations

import errno
import os

import rich.console


class Console(rich.console.Console):
    """A console whose broken pipe is an error like any other stream's."""

    def on_broken_pipe(self) -> None:
        """Raise it: rich would end the process with a failure status.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
