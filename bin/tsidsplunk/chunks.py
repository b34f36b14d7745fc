"""Lets a streaming command take whole chunks as bytes, past the SDK's own reader.

The SDK turns every event into a dictionary and back, which costs more than anything this app does with it. It
stays responsible for options, getinfo, configuration, messages and metrics; only its loop over the execute
chunks is replaced. Of splunk-sdk 2.1.1 this uses, beyond what is documented:

* ``SearchCommand._execute(ifile, process)``, called once after getinfo and overridden here;
* ``SearchCommand._as_binary_stream(ifile)``;
* ``SearchCommand._record_writer`` with ``ofile``, ``is_flushed`` and ``_inspector`` (messages, metrics).

``tests/tsidsplunk/test_sdk_surface.py`` fails when another version of the SDK changes one of these.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from tsidsplunk.command import TsidCommand, writing
from tsidsplunk.protocol import check_execute, read_body, read_request

from tsid.hotpath.chunk_enricher import BLOCK

if sys.platform == "linux":
    from fcntl import fcntl

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
            request = read_request(stream)
            if request is None:
                return
            # Until the reply is written, an error still has to be reported.
            writer.is_flushed = False
            finished = check_execute(request.metadata)
            pieces = self.transform(read_body(stream, request.length, BLOCK))
            self._write_chunk(writer, pieces, finished)
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
        with writing():
            output.write(b"chunked 1.0,%d,%d\n" % (len(metadata), sum(map(len, pieces))))
            output.write(metadata)
            for piece in pieces:
                output.write(piece)
            output.flush()
        writer.is_flushed = True


def _widen(stream: Any) -> None:
    """Let a pipe hold more, where possible: so Splunk and the command wait less for each other."""
    if sys.platform == "linux":
        # It may be no pipe, or this user's pipes may hold much already.
        with contextlib.suppress(OSError, ValueError):
            if fcntl(stream.fileno(), _GET_PIPE_SIZE) < _PIPE_SIZE:
                fcntl(stream.fileno(), _SET_PIPE_SIZE, _PIPE_SIZE)
