"""The plain SDK implementation of `tsidenrich`, against which the hot path is held."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splunklib.searchcommands import Configuration, StreamingCommand

from lab.wire import decode_frames, encode_frame
from tsid.enrich import Enricher, Options
from tsid.lookups import Lookups


def enrich(lookups: Lookups, options: Options, bodies: list[bytes], folder: Path) -> list[bytes]:
    """Return the SDK's answers to some chunks.

    Args:
        lookups: the tables.
        options: the command's options.
        bodies: the bodies of the chunks.
        folder: a folder for the SDK's temporary files.
    """

    @Configuration()
    class OracleCommand(StreamingCommand):  # type: ignore[misc]
        def prepare(self) -> None:
            self.enricher = Enricher(lookups, options)

        def stream(self, records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
            for record in records:
                answer = self.enricher.enrich(record)
                if self.enricher.keeps(answer):
                    record.update(answer.rewritten)
                    record.update(answer.fields)
                    yield record

    searchinfo = {
        "args": [],
        "dispatch_dir": str(folder),
        "earliest_time": "0",
        "latest_time": "0",
        "search": "",
        "sid": "1",
        "splunk_version": "9.3.2",
    }
    requests = [encode_frame({"action": "getinfo", "preview": False, "searchinfo": searchinfo})]
    requests += [encode_frame({"action": "execute", "finished": False}, body) for body in bodies]
    output = io.BytesIO()
    OracleCommand().process(["oracle"], io.BytesIO(b"".join(requests)), output)
    return [frame.body for frame in decode_frames(output.getvalue())[1:]]
