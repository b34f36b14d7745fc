"""Lets a streaming command take whole chunks as bytes, past the SDK's own reader.

The SDK turns every event into a dictionary and back, which costs more than all that this app does with an
event. The SDK still handles options, getinfo, configuration, messages and metrics; only its loop over the
execute chunks is replaced. In addition to the documented API, this module uses of splunk-sdk 2.1.1:

* ``SearchCommand._execute(ifile, process)``, called once after getinfo and overridden here;
* ``SearchCommand._as_binary_stream(ifile)``;
* ``SearchCommand._record_writer`` with ``ofile``, ``is_flushed`` and ``_inspector`` (messages, metrics).

``tests/tsidsplunk/test_sdk_surface.py`` fails when another version of the SDK changes one of these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from tsidsplunk.command import TsidCommand
from tsidsplunk.pipes import widen, writing
from tsidsplunk.protocol import check_execute, read_body, read_request

from tsid.hotpath.chunk_enricher import BLOCK


class ChunkCommand(TsidCommand):
    """A streaming command that gets each chunk as bytes; list it before ``StreamingCommand``."""

    _record_writer: Any
    _as_binary_stream: Any

    def transform(self, body: Iterator[bytes]) -> list[bytes]:
        """Return the pieces of a chunk's new body.

        Args:
            body: CSV with a header row, as Splunk sends it, in blocks; read all of them. It may be empty.
        """
        raise NotImplementedError

    def stream(self, records: Iterator[Any]) -> NoReturn:
        """Mark the class as a streaming command for the SDK; never called, because `_execute` is replaced."""
        raise NotImplementedError

    def _execute(self, ifile: Any, process: object) -> None:  # noqa: ARG002 - the SDK's signature
        stream, writer = self._as_binary_stream(ifile), self._record_writer
        widen(stream)
        widen(writer.ofile)
        while True:
            request = read_request(stream)
            if request is None:
                return
            # An error before the reply is written must still be reported.
            writer.is_flushed = False
            finished = check_execute(request.metadata)
            pieces = self.transform(read_body(stream, request.length, BLOCK))
            self._write_chunk(writer, pieces, finished)
            # Free this chunk before the next one is read.
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
