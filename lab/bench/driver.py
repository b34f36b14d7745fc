"""Feeds prepared chunks to a command as splunkd does, one after the reply to another, and measures it."""

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
    """One chunk: its whole frame, and the number of events in it; the last one of a search has none."""

    frame: bytes
    events: int


class Usage(NamedTuple):
    """What a process has used since its start: processor seconds, peak and present memory in bytes."""

    processor: float
    peak: int
    resident: int


class Command:
    """A started command that has answered getinfo.

    Args:
        argv: how to start it.
        arguments: the search's arguments.
        environment: variables to add to ours, of which those named PYTHON... are withheld.

    Raises:
        ProtocolError: it breaks the protocol, fails, or does not answer in time; so do the methods.
    """

    def __init__(
        self,
        argv: Sequence[str],
        arguments: Sequence[str] = (),
        environment: Optional[Mapping[str, str]] = None,
    ) -> None:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        self._process = CommandProcess(
            argv, cwd=Path("/"), environment={**inherited, **(environment or {})}, timeout=TIMEOUT
        )
        self._process.send(encode_frame(_getinfo(arguments)))
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
        """Exchange some chunks and return the seconds that it took."""
        started = time.perf_counter()
        for chunk in chunks:
            self.exchange(chunk)
        return time.perf_counter() - started

    def usage(self) -> Usage:
        """Return what the command has used; it must still run."""
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


def _getinfo(arguments: Sequence[str]) -> dict[str, Any]:
    info = {name: value for name, value in asdict(SearchInfo()).items() if name != "preview"}
    names = {"args": list(arguments), "raw_args": list(arguments), "app": "bench", "command": "bench"}
    searchinfo = {**info, **names, "dispatch_dir": tempfile.gettempdir(), "search": "search%20*"}
    return {
        "action": "getinfo",
        "preview": False,
        "streaming_command_will_restart": False,
        "searchinfo": searchinfo,
    }
