"""Feeds prepared requests to a command as splunkd does, one and its reply before the next, and measures it.

Unlike `lab.host.search` it neither encodes nor decodes anything while the clock runs.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Optional, cast

from lab.bench.datasets import Request
from lab.errors import ProtocolError
from lab.host.host import SearchInfo
from lab.host.wire import encode_frame

_HEADER = re.compile(rb"chunked 1\.0,(\d+),(\d+)\n")
_MEMORY = re.compile(r"Vm(HWM|RSS):\s+(\d+) kB")
_LEAST = 64
_BUFFER = 1 << 20
#: Seconds for all that a command does.
TIMEOUT = 600.0


class Work(NamedTuple):
    """What a command has done: events, seconds from the first byte sent to the last received, bytes."""

    events: int
    seconds: float
    sent: int
    received: int


class Cost(NamedTuple):
    """What a command has used, its start included: seconds of processor time, peak memory in bytes."""

    processor: float
    peak: int


class Memory(NamedTuple):
    """A process's memory in bytes: at most so far, and now."""

    peak: int
    resident: int


class Command:
    """A started command that has answered getinfo; `work` it, then `close` it.

    Args:
        argv: how to start it. arguments: the search's arguments. environment: its variables; those of ours
            named PYTHON... are withheld. keep: remember the bodies of its replies, in ``bodies``.
        timeout: the seconds after which it is killed.

    Raises:
        ProtocolError: it breaks the protocol, dies, or does not end in time; so do the methods.
    """

    def __init__(
        self,
        argv: Sequence[str],
        arguments: Sequence[str] = (),
        *,
        environment: Optional[Mapping[str, str]] = None,
        keep: bool = False,
        timeout: float = TIMEOUT,
    ) -> None:
        self.bodies: list[bytes] = []
        self._keep = keep
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the command
        self._buffer = memoryview(bytearray(_BUFFER))
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        environment = environment or {}
        dispatch = environment.get("TMPDIR", tempfile.gettempdir())
        request = encode_frame(_getinfo(arguments, dispatch))
        started = time.perf_counter()
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**inherited, **environment},
            cwd="/",
            bufsize=0,
        )
        self._stdin = cast("BinaryIO", self._process.stdin).fileno()
        self._replies = io.BufferedReader(cast("io.FileIO", self._process.stdout))
        self._outbox: SimpleQueue[Optional[Request]] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._watchdog = threading.Timer(timeout, self._process.kill)
        self._watchdog.daemon = True
        self._writer.start()
        self._watchdog.start()
        try:
            self._outbox.put(Request(request, memoryview(b""), 0))
            self.getinfo, _ = self._receive()
        except BaseException:
            self.kill()
            raise
        #: Seconds from the start to the getinfo reply.
        self.startup = time.perf_counter() - started

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.kill()

    def work(self, requests: Iterable[Request]) -> Work:
        """Send the requests, each after the reply to the one before."""
        events = sent = received = 0
        started = time.perf_counter()
        for request in requests:
            _, length = self.exchange(request)
            events += request.events
            sent += len(request.head) + len(request.rows)
            received += length
        return Work(events, time.perf_counter() - started, sent, received)

    def exchange(self, request: Request) -> tuple[dict[str, Any], int]:
        """Send a request, await its reply, return that one's metadata and its body's length."""
        self._outbox.put(request)
        metadata, length = self._receive()
        if "finished" not in metadata or metadata["finished"] != (request.events == 0):
            raise self._problem(f"the reply is {metadata}")
        if request.events and not length:
            raise self._problem(f"no event came back of {request.events}")
        return metadata, length

    def memory(self) -> Memory:
        """Look at the memory of the command, which must not have ended."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        sizes = {name: int(size) * 1024 for name, size in _MEMORY.findall(status)}
        return Memory(sizes["HWM"], sizes["RSS"])

    def close(self) -> Cost:
        """Let the command end."""
        peak = self.memory().peak
        self._outbox.put(None)
        if self._replies.read():
            raise self._problem("it says more than it was asked")
        # Not the usage's maximum memory: that counts what this process had when it started the command.
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode:
            raise self._problem(f"it ended with {self._process.returncode}")
        self.kill()
        return Cost(usage.ru_utime + usage.ru_stime, peak)

    def kill(self) -> None:
        """End the command, if it still runs. May be called again."""
        self._watchdog.cancel()
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._outbox.put(None)
        self._writer.join()
        self._replies.close()
        self._stderr.close()

    def _write(self) -> None:
        try:
            for request in iter(self._outbox.get, None):
                for part in (memoryview(request.head), request.rows):
                    while part:
                        part = part[os.write(self._stdin, part) :]
        except BrokenPipeError:
            # The command has died: whoever waits for its reply will say so.
            pass
        finally:
            cast("BinaryIO", self._process.stdin).close()

    def _receive(self) -> tuple[dict[str, Any], int]:
        """Take a reply: its metadata, and its body's length."""
        header = self._replies.readline(_LEAST)
        match = _HEADER.fullmatch(header)
        if match is None:
            raise self._problem(f"expected a reply, found {header!r}")
        metadata = json.loads(self._replies.read(int(match[1])))
        length = int(match[2])
        if self._keep:
            self.bodies.append(self._replies.read(length))
            return metadata, length
        left = length
        while left:
            took = self._replies.readinto(self._buffer[: min(left, _BUFFER)])
            if not took:
                raise self._problem(f"the reply lacks {left} of its {length} bytes")
            left -= took
        return metadata, length

    def _problem(self, text: str) -> ProtocolError:
        self._stderr.seek(0)
        words = self._stderr.read().decode("utf-8", "replace").strip()
        return ProtocolError(f"{text}; its last words on stderr: {words[-500:]}" if words else text)


def _getinfo(arguments: Sequence[str], dispatch: str) -> dict[str, Any]:
    info = {name: value for name, value in asdict(SearchInfo()).items() if name != "preview"}
    names = {"args": list(arguments), "raw_args": list(arguments), "app": "bench", "command": "bench"}
    return {
        "action": "getinfo",
        "preview": False,
        "streaming_command_will_restart": False,
        "searchinfo": {**info, **names, "dispatch_dir": dispatch, "search": "search%20*"},
    }
