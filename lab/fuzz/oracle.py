"""A plain SDK implementation of `tsidenrich`, and the comparison of the hot path with it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from splunklib.searchcommands import Configuration, StreamingCommand

from lab.host.wire import decode_frames, encode_frame
from tsid.decision.enrich import Enricher, Options
from tsid.facts.lookups import Lookups
from tsid.hotpath import chunk_enricher
from tsid.hotpath.csvbytes import decode_multivalue
from tsid.hotpath.row_enricher import MV


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


def events_in(body: bytes) -> list[dict[str, Any]]:
    """Read a body into events: no empty fields, several values as a list, invalid UTF-8 replaced."""
    csv.field_size_limit(1 << 30)
    text = body.decode("utf-8", "replace").replace("\0", "\ue000")
    table = list(csv.reader(io.StringIO(text, newline="")))
    if not table:
        return []
    columns = [(name[len(MV) :], True) if name.startswith(MV) else (name, False) for name in table[0]]
    events = []
    for row in table[1:]:
        event: dict[str, Any] = {}
        for (name, is_multivalue), value in zip(columns, row):
            if not is_multivalue:
                event.setdefault(name, value)
            elif value and (values := decode_multivalue(value)):
                event[name] = values if len(values) > 1 else values[0]
        events.append({name: value for name, value in event.items() if value})
    return events


def cut(body: bytes, block: int = chunk_enricher.BLOCK) -> Iterator[bytes]:
    """Cut a body into blocks."""
    for start in range(0, len(body), block):
        yield body[start : start + block]


@contextmanager
def learning_after(lesson: int) -> Iterator[None]:
    """Let the hot path learn from that many rows, and relearn as often as possible; 0: never learn."""
    with mock.patch.multiple(chunk_enricher, _SAMPLE_ROWS=lesson or 1_000_000, _RELEARN_ROWS=1):
        yield
