"""Feeds prepared chunks to a command in lock-step, as splunkd does, and measures it."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Optional

from lab.errors import ProtocolError
from lab.host.host import SearchInfo
from lab.host.process import CommandProcess
from lab.host.wire import Frame, encode_frame

_MEMORY = re.compile(r"Vm(HWM|RSS):\s+(\d+) kB")
_TICKS = os.sysconf("SC_CLK_TCK")
TIMEOUT = 600.0
"""Seconds for each reply."""


class Chunk(NamedTuple):
    """A chunk: its whole frame and its number of events; the last one of a search has none."""

    frame: bytes
    events: int


class Usage(NamedTuple):
    """The resources of a process since its start: processor seconds, peak and present memory in bytes."""

    processor: float
    peak: int
    resident: int


class Command:
    """A started command that has answered getinfo.

    Args:
        argv: how to start it.
        environment: variables to add to ours without those named PYTHON...

    Raises:
        ProtocolError: it violates the protocol, fails, or does not answer in time; also from the methods.
    """

    def __init__(self, argv: Sequence[str], environment: Optional[Mapping[str, str]] = None) -> None:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        self._process = CommandProcess(
            argv, cwd=Path("/"), environment={**inherited, **(environment or {})}, timeout=TIMEOUT
        )
        self._process.send(encode_frame(_getinfo()))
        try:
            reply = self._process.receive()
        except ProtocolError as error:
            self._process.kill()
            raise ProtocolError(f"{error}; stderr: {self._process.stderr[-500:].strip()}") from None
        self.getinfo: dict[str, Any] = reply.frame.metadata
        self.startup = reply.received - self._process.started
        """Seconds from the start to the getinfo reply."""

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    def exchange(self, chunk: Chunk) -> Frame:
        """Send a chunk and return its reply."""
        self._process.send(chunk.frame)
        reply = self._process.receive().frame
        if reply.metadata.get("finished") != (chunk.events == 0) or (chunk.events and not reply.body):
            raise ProtocolError(f"{chunk.events} events were answered with {reply.metadata}")
        return reply

    def work(self, chunks: Iterable[Chunk]) -> float:
        """Exchange chunks and return the seconds."""
        started = time.perf_counter()
        for chunk in chunks:
            self.exchange(chunk)
        return time.perf_counter() - started

    def usage(self) -> Usage:
        """Return the resources of the command; it must still run."""
        folder = Path(f"/proc/{self._process.pid}")
        sizes = dict(_MEMORY.findall((folder / "status").read_text("utf-8")))
        fields = (folder / "stat").read_text("utf-8").rpartition(") ")[2].split()
        processor = (int(fields[11]) + int(fields[12])) / _TICKS
        return Usage(processor, int(sizes["HWM"]) * 1024, int(sizes["RSS"]) * 1024)

    def close(self) -> None:
        """Let the command end."""
        if self._process.finish():
            raise ProtocolError(
                f"it ended with {self._process.exit_code}: {self._process.stderr[-500:].strip()}"
            )


def _getinfo() -> dict[str, Any]:
    searchinfo = asdict(SearchInfo())
    preview = searchinfo.pop("preview")
    searchinfo.update(args=[], raw_args=[], app="bench", command="bench", search="search%20*")
    searchinfo["dispatch_dir"] = tempfile.gettempdir()
    metadata = {"preview": preview, "streaming_command_will_restart": False, "searchinfo": searchinfo}
    return {"action": "getinfo", **metadata}
