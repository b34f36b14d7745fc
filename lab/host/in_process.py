"""Runs the app's search commands in this process, which saves starting an interpreter for each search.

Everything but the process is as in `CommandHost`: the command's own class reads the options, splunk-sdk and
the chunk protocol carry the events. Features of a process cannot be observed: stderr, the exit code of a
crash, the interpreter's path, signals, the code of an app other than this repository's.
"""

from __future__ import annotations

import gc
import importlib.util
import io
import queue
import stat
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Callable, cast

import tsidsplunk

from splunklib.searchcommands.search_command import SearchCommand

from lab.errors import CommandTimeout, ProtocolError, UsageError
from lab.host.host import CommandHost
from lab.host.process import Reply
from lab.host.search import Search
from lab.host.wire import FrameReader
from tsid.facts.lookups import Lookups, load_lookups

_BIN = Path(tsidsplunk.__file__).resolve().parents[1]


class InProcessHost(CommandHost):
    """Runs a command of this repository over an app's lookups.

    The interpreter, its flags, the environment and SPLUNK_HOME make no difference.
    """

    _make_command: Callable[[], SearchCommand] | None = None

    def _start(self, arguments: str) -> Search:
        if self._make_command is None:
            self._make_command = _load_command(_BIN / self.script.name, self.app)
        # The SDK sets tempfile.tempdir, which is the whole process's, to the dispatch folder.
        request = self._getinfo_request(arguments, Path(tempfile.gettempdir()))
        command = self._make_command()
        # The SDK's method: that of the app's commands is for the interpreter's own signals and pipes.
        thread = CommandThread(partial(SearchCommand.process, command, [command.name]), self._timeout)
        return Search(thread, request, **self._options)


class CommandThread:
    """A command that serves one search in a thread; `Search` uses it like a `CommandProcess`."""

    pid = 0
    stderr = ""

    def __init__(self, command: Callable[[BinaryIO, BinaryIO], object], timeout: float) -> None:
        """Start the command, which is called with its input and output.

        The time limit, in seconds, is for each reply and for the end.
        """
        self.started = time.perf_counter()
        self.exit_code: int | None = None
        self._timeout = timeout
        self._requests, self._replies = _Pipe(), _Pipe(timeout)
        self._reader = FrameReader(cast("BinaryIO", io.BufferedReader(self._replies)))
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, args=(command,), daemon=True)
        self._thread.start()

    def send(self, frame: bytes) -> None:
        """Hand over one request."""
        self._requests.write(frame)

    def receive(self) -> Reply:
        """Return the next reply.

        Raises:
            CommandTimeout: it does not come in time.
            ProtocolError: something else comes, or the command has ended.
        """
        frame = self._reader.read()
        if frame is None:
            raise ProtocolError(f"no reply: it ended ({self._error!r})")
        return Reply(frame, time.perf_counter())

    def finish(self) -> int:
        """Close the command's input, await its end, return the exit code.

        Raises:
            CommandTimeout: it does not end in time.
            ProtocolError: it wrote something more, or raised an error.
        """
        self._requests.write(b"")
        if (extra := self._reader.read()) is not None:
            raise ProtocolError(f"a reply that no request asked for: metadata {extra.metadata}")
        self.kill()
        if self.exit_code is None:
            raise CommandTimeout(f"it did not end within {self._timeout:g} s")
        if self._error is not None:
            raise ProtocolError(f"it ended with {self._error!r}")
        return self.exit_code

    def dismiss(self) -> None:
        """Close the command's input and wait for its end, ignoring its output."""
        self.kill()

    def kill(self) -> None:
        """Close the command's input and await its end. May be called again."""
        self._requests.write(b"")
        self._thread.join(self._timeout)

    def _serve(self, command: Callable[[BinaryIO, BinaryIO], object]) -> None:
        thresholds, code = gc.get_threshold(), 0
        try:
            command(
                cast("BinaryIO", io.BufferedReader(self._requests)),
                cast("BinaryIO", io.BufferedWriter(self._replies)),
            )
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:
            self._error, code = error, 1
        finally:
            # tsidenrich freezes the objects that it has loaded, for its own process.
            gc.unfreeze()
            gc.set_threshold(*thresholds)
            self.exit_code = code
            self._replies.write(b"")


class _Pipe(io.RawIOBase):
    """Bytes from one thread to another, any number of them; an empty piece ends the stream."""

    def __init__(self, timeout: float | None = None) -> None:
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._timeout = timeout
        self._rest = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.put(bytes(data))
        return len(data)

    def readinto(self, buffer: Any) -> int:
        if not self._rest and not self._ended:
            try:
                self._rest = memoryview(self._pieces.get(timeout=self._timeout))
            except queue.Empty:
                raise CommandTimeout(f"no reply within {self._timeout:g} s") from None
            self._ended = not self._rest
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _load_command(script: Path, app: Path) -> Callable[[], SearchCommand]:
    """Return the command class of a script, in a module of its own that reads this app's folder.

    Raises:
        UsageError: the script has no such class.
    """
    spec = importlib.util.spec_from_file_location(f"{script.stem} over {app}", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "LOOKUPS"):
        raise UsageError(f"{script} has no LOOKUPS to replace")
    vars(module).update(APP=app, LOOKUPS=app / "lookups")
    if hasattr(module, "load_lookups"):
        vars(module)["load_lookups"] = _load_lookups
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    (command,) = (
        each for each in classes if issubclass(each, SearchCommand) and each.__module__ == module.__name__
    )
    return cast("Callable[[], SearchCommand]", command)


#: The lookups that were read last, and what their files were like.
_loaded: dict[tuple[Path, bool], tuple[object, Lookups]] = {}


def _load_lookups(folder: Path, *, lenient: bool = False) -> Lookups:
    """Load an app's lookups, but not again while its files stay as they are: it takes as long as a search."""
    try:
        states = {path.name: path.lstat() for path in folder.iterdir()}
    except OSError:
        return load_lookups(folder, lenient=lenient)
    if not all(stat.S_ISREG(state.st_mode) for state in states.values()):
        # The target of a link may change unnoticed.
        return load_lookups(folder, lenient=lenient)
    files = {
        name: (state.st_ino, state.st_mode, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        for name, state in states.items()
    }
    before, lookups = _loaded.get((folder, lenient), (None, None))
    if lookups is None or before != files:
        lookups = load_lookups(folder, lenient=lenient)
        for oldest in list(_loaded)[:-3]:
            _loaded.pop(oldest, None)
        _loaded[folder, lenient] = files, lookups
    return lookups
