"""Lets a streaming command take whole chunks as bytes: the only user of the private side of splunk-sdk.

The SDK turns every event into a dictionary and back, which costs more than anything this app does with it. It
stays responsible for options, getinfo, configuration, messages and metrics; only its loop over the execute
chunks is replaced. Of splunk-sdk 2.1.1 this uses, beyond what is documented:

* ``SearchCommand._execute(ifile, process)``, called once after getinfo and overridden here;
* ``SearchCommand._as_binary_stream(ifile)``;
* ``SearchCommand._record_writer`` with ``ofile``, ``is_flushed`` and ``_inspector`` (messages, metrics).

``tests/test_sdk_surface.py`` fails when another version of the SDK changes one of these.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn, Optional

# First, because it puts the app's own copies of the libraries on the path.
from tsidcommand import TsidCommand

# isort: split
from tsid.rows import BLOCK

try:
    from fcntl import fcntl
except ImportError:
    # Windows.
    fcntl = None  # type: ignore[assignment]

_HEADER = re.compile(rb"chunked\s+1\.0\s*,\s*(\d+)\s*,\s*(\d+)\s*\n\Z")
_LONGEST_HEADER = 200

# Of Linux; Python knows them from 3.10 on.
_SET_PIPE_SIZE, _GET_PIPE_SIZE = 1031, 1032
# Linux allows every user 64 MiB in all pipes that are larger than usual: more than a hundred commands.
_PIPE_SIZE = 256 * 1024


class ChunkCommand(TsidCommand):
    """A streaming command that is handed the bytes of each chunk; stands before ``StreamingCommand``."""

    _record_writer: Any
    _as_binary_stream: Any

    def transform(self, body: Iterator[bytes]) -> list[bytes]:
        """Return the pieces of a chunk's new body.

        Args:
            body: CSV with a header row, as Splunk sends it, block by block; to be taken whole; may be empty.
        """
        raise NotImplementedError

    def stream(self, records: Iterator[Any]) -> NoReturn:
        """Tell the SDK that this is a streaming command; never called, because `_execute` is replaced."""
        raise NotImplementedError

    def _execute(self, ifile: Any, process: object) -> None:  # noqa: ARG002 - the SDK's signature
        stream, writer = self._as_binary_stream(ifile), self._record_writer
        _widen(stream)
        _widen(writer.ofile)
        while True:
            # Until the reply is written, an error still has to be reported.
            writer.is_flushed = False
            request = _read_metadata(stream)
            if request is None:
                writer.is_flushed = True
                return
            metadata, length = request
            if metadata.get("action") != "execute":
                raise RuntimeError(f"expected an execute chunk from Splunk, not {metadata.get('action')}")
            pieces = self.transform(_read_body(stream, length))
            try:
                self._write_chunk(writer, pieces, bool(metadata.get("finished", False)))
            except BrokenPipeError:
                _leave_quietly(writer)
            # The next chunk is read while nothing of this one is held.
            del pieces

    @staticmethod
    def _write_chunk(writer: Any, pieces: list[bytes], finished: bool) -> None:
        reply: dict[str, Any] = {"finished": finished}
        if writer._inspector:
            reply["inspector"] = dict(writer._inspector)
            writer._inspector.clear()
        metadata = json.dumps(reply, separators=(",", ":")).encode("ascii")
        output: BinaryIO = writer.ofile
        output.write(b"chunked 1.0,%d,%d\n" % (len(metadata), sum(map(len, pieces))))
        output.write(metadata)
        for piece in pieces:
            output.write(piece)
        output.flush()
        writer.is_flushed = True


def _read_metadata(stream: BinaryIO) -> Optional[tuple[dict[str, Any], int]]:
    """Read the start of a chunk: its metadata, and its body's length; None at the end of the input."""
    header = stream.readline(_LONGEST_HEADER)
    if not header:
        return None
    match = _HEADER.match(header)
    if match is None:
        raise RuntimeError(f"expected the header of a chunk from Splunk, not {header[:60]!r}")
    return json.loads(_read(stream, int(match.group(1)), "metadata")), int(match.group(2))


def _read_body(stream: BinaryIO, length: int) -> Iterator[bytes]:
    """Yield a body block by block: what is still to come waits in the pipe, not in memory."""
    for position in range(0, length, BLOCK):
        yield _read(stream, min(BLOCK, length - position), "body")


def _read(stream: BinaryIO, length: int, what: str) -> bytes:
    data = stream.read(length)
    if len(data) != length:
        raise RuntimeError(f"the chunk's {what} from Splunk ends after {len(data)} of {length} bytes")
    return data


def _widen(stream: Any) -> None:
    """Let a pipe hold more, where possible: so Splunk and the command wait less for each other."""
    if fcntl is not None and sys.platform == "linux":
        # It may be no pipe, or this user's pipes may hold much already.
        with contextlib.suppress(OSError, ValueError):
            if fcntl(stream.fileno(), _GET_PIPE_SIZE) < _PIPE_SIZE:
                fcntl(stream.fileno(), _SET_PIPE_SIZE, _PIPE_SIZE)


def _leave_quietly(writer: Any) -> NoReturn:
    """Exit without a word: Splunk closes the pipe when a search has seen enough."""
    writer.is_flushed = True
    # Python would try, and complain, to flush what is still in the buffer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)
