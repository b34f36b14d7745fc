"""Runs a search command as a process: frames over pipes, with a time limit on every step.

Requests are written by one thread and replies read by another, so that a command may answer while it still
reads: the two sides cannot deadlock, whatever the size of the chunk and of the pipe.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, Union, cast

from lab.errors import CommandTimeout, ProtocolError, UsageError
from lab.host.wire import Frame, FrameReader

_KILLED_WITHIN = 10.0
_CLOSED_IS_NOTICED_WITHIN = 0.2


class Reply(NamedTuple):
    """A frame, and the time of its last byte on the clock of ``time.perf_counter``."""

    frame: Frame
    received: float


class _EndOfOutput(NamedTuple):
    """The end of the output: None, or the error if something that is not a frame follows."""

    error: ProtocolError | None


_Output = Union[Reply, _EndOfOutput]


class CommandProcess:
    """One started command.

    ``started`` is on the clock of ``time.perf_counter``. After an error of any method, call ``kill``.
    """

    def __init__(
        self, argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str], timeout: float
    ) -> None:
        """Start the command; the time limit, in seconds, is for each reply and for the exit.

        Raises:
            UsageError: it cannot be started.
        """
        self._timeout = timeout
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.started = time.perf_counter()
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                cwd=cwd,
                env=dict(environment),
                start_new_session=True,  # so that whatever the command starts can be killed with it
            )
        except OSError as error:
            self._stderr.close()
            raise UsageError(f"cannot start {argv[0]}: {error.strerror or error}") from None
        self._requests: queue.Queue[bytes | None] = queue.Queue()
        self._outputs: queue.Queue[_Output] = queue.Queue(maxsize=2)
        self._end: _EndOfOutput | None = None
        self._unwritten: str | None = None
        self._closed = threading.Event()
        self._stderr_text = ""
        self._writer = threading.Thread(target=self._write, name="command stdin", daemon=True)
        self._reader = threading.Thread(target=self._read, name="command stdout", daemon=True)
        self._writer.start()
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs, negative for the signal that ended it."""
        return self._process.returncode

    @property
    def stderr(self) -> str:
        """Its stderr; complete once it has ended."""
        return self._stderr_text

    def send(self, frame: bytes) -> None:
        """Hand over one request. The reply to the one before must have been taken.

        Raises:
            ProtocolError: another reply is there already.
        """
        if self._end is None and not self._outputs.empty():
            early = self._outputs.get_nowait()
            if isinstance(early, Reply):
                raise ProtocolError(f"a reply that no request asked for: metadata {early.frame.metadata}")
            self._end = early
        self._requests.put(frame)

    def receive(self) -> Reply:
        """Return the next reply.

        Raises:
            CommandTimeout: it does not come in time.
            ProtocolError: something else comes, or nothing any more.
        """
        output = self._next_output()
        if isinstance(output, Reply):
            return output
        if output.error is not None:
            raise output.error
        raise ProtocolError(f"no reply: it ended ({self._describe_exit()})")

    def finish(self) -> int:
        """Close its stdin after all requests, wait for its end, and return the exit code.

        Raises:
            CommandTimeout: it does not end in time.
            ProtocolError: it says something more, or has not read everything.
        """
        self._requests.put(None)
        output = self._next_output()
        if isinstance(output, Reply):
            raise ProtocolError(f"a reply that no request asked for: metadata {output.frame.metadata}")
        if output.error is not None:
            raise ProtocolError(f"bytes after the last reply: {output.error}")
        self._await_exit()
        self._close()
        if self._unwritten is not None:
            raise ProtocolError(f"it ended without reading all of its input ({self._unwritten})")
        return self._process.returncode

    def dismiss(self) -> None:
        """Close its stdin and wait for its end, ignoring its output; kill it when the time is up."""
        self._requests.put(None)
        deadline = time.monotonic() + self._timeout
        with suppress(CommandTimeout):
            while isinstance(self._next_output(), Reply) and time.monotonic() < deadline:
                pass
            self._await_exit()
        self.kill()

    def kill(self) -> None:
        """End it at once, with everything it started, unless it has ended; reap it. May be called again."""
        if self._process.returncode is None:
            with suppress(OSError):  # it has ended in between, and only its exit code is left to be fetched
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()
            self._process.wait(_KILLED_WITHIN)
        self._close()

    def _close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._requests.put(None)
        for thread, pipe in ((self._writer, self._process.stdin), (self._reader, self._process.stdout)):
            thread.join(_KILLED_WITHIN)
            if pipe is not None and not thread.is_alive():
                with suppress(OSError):  # the rest of the buffer has no reader any more
                    pipe.close()
        self._stderr.seek(0)
        self._stderr_text = self._stderr.read().decode("utf-8", "replace")
        self._stderr.close()

    def _next_output(self) -> _Output:
        if self._end is not None:
            return self._end
        try:
            output = self._outputs.get(timeout=self._timeout)
        except queue.Empty:
            raise CommandTimeout(f"neither a reply nor its end within {self._timeout:g} s") from None
        if isinstance(output, _EndOfOutput):
            self._end = output
        return output

    def _await_exit(self) -> None:
        try:
            self._process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            problem = f"its output ended, but it did not exit within {self._timeout:g} s"
            raise CommandTimeout(problem) from None

    def _describe_exit(self) -> str:
        try:
            return f"exit code {self._process.wait(self._timeout)}"
        except subprocess.TimeoutExpired:
            return "its output is closed, it still runs"

    def _write(self) -> None:
        pipe = cast("BinaryIO", self._process.stdin)
        for frame in iter(self._requests.get, None):
            try:
                pipe.write(frame)
                pipe.flush()
            except OSError as error:
                self._unwritten = f"{error.strerror} within a request of {len(frame)} bytes"
                break
        with suppress(OSError):  # the bytes that it would flush are those of the failed write
            pipe.close()

    def _read(self) -> None:
        reader = FrameReader(cast("BinaryIO", self._process.stdout))
        error = None
        try:
            for frame in iter(reader.read, None):
                self._offer(Reply(frame, time.perf_counter()))
                if self._closed.is_set():
                    return
        except ProtocolError as problem:
            error = problem
        self._offer(_EndOfOutput(error))

    def _offer(self, output: _Output) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._outputs.put(output, timeout=_CLOSED_IS_NOTICED_WITHIN)
                return
