"""Runs `make dashboards`, which serves until it is interrupted: looks at a page, then interrupts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import IO
from urllib.request import urlopen

from tools.common import ROOT, ToolError

_READY = re.compile(r"The dashboards are at (http://127\.0\.0\.1:\d+/\S*)")
_SECONDS_TO_STOP = 30


def serve(command: str, output: IO[bytes]) -> str:
    """Run the command until its page has been seen; return the page's address.

    Raises:
        ToolError: there is no page, or it does not end when it is interrupted.
    """
    # Whoever started this in the background had it ignore what Ctrl-C sends; what is started here must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command.split(),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            address = _address(process.stdout, output)
            with urlopen(address, timeout=60) as page:  # noqa: S310 (it is a page of our own)
                if b"<html" not in page.read().lower():
                    raise ToolError(f"{address} is no page")
            os.killpg(process.pid, signal.SIGINT)
            output.write(process.communicate(timeout=_SECONDS_TO_STOP)[0])
        except subprocess.TimeoutExpired:
            raise ToolError("it does not end when it is interrupted") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return address


def _address(lines: IO[bytes], output: IO[bytes]) -> str:
    for line in lines:
        output.write(line)
        found = _READY.search(line.decode("utf-8", "replace"))
        if found:
            return found[1]
    raise ToolError("it ended without serving a page")
