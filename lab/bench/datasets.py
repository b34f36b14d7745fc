"""Generates and encodes the chunks before the clock starts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice

from lab.bench.driver import Chunk
from lab.generator import generate
from lab.host.chunks import CHUNK_INDEX
from lab.host.wire import encode_body, encode_frame

FULL, NARROW = "full", "narrow"
KINDS = (FULL, NARROW)
"""The fields that splunkd sends: all, or selected ones."""

SPLUNKD, CRLF, MINIMAL, QUOTED = "as splunkd", "as splunkd, CRLF", "minimal quotes", "all quoted"
FORMS = (SPLUNKD, CRLF, MINIMAL, QUOTED)
"""The forms of cells; splunkd quotes those that are neither empty nor all ASCII letters and digits."""

# `_raw`, and 30 of the 66 fields: those that the command reads, and others that searches commonly use.
# fmt: off
COLUMNS = (
    "_time", "_raw", "host", "source", "sourcetype", "index", "eventtype", "tag",
    "FirstPacketSecond", "DeviceUUID", "InstanceID", "ConnectionID", "AC_RuleAction",
    "InitiatorIP", "ResponderIP", "InitiatorPort", "ResponderPort", "ResponderBytes", "URL",
    "src", "dest", "src_ip", "dest_ip", "src_port", "dest_port", "url",
    "action", "rule", "app", "connection_id", "instance_id",
)
# fmt: on
CHUNK_ROWS = 50_000
SHAPE, SEED = "cisco:sfw:estreamer", 7


def columns_for(kind: str, required_fields: Sequence[str]) -> list[str]:
    """Return the fields that splunkd sends: all, or those that a command asks for."""
    return list(COLUMNS) if kind == FULL else [*dict.fromkeys(required_fields), CHUNK_INDEX]


def make_bodies(
    columns: Sequence[str], events: int, licensing_share: float, chunk_rows: int = CHUNK_ROWS
) -> list[tuple[bytes, int]]:
    """Return the bodies of generated events as splunkd writes them, each with its number of events."""
    made = generate(events, seed=SEED, licensing_share=licensing_share, shapes=(SHAPE,))
    bodies = []
    while rows := [{**each.event, CHUNK_INDEX: str(n)} for n, each in enumerate(islice(made, chunk_rows))]:
        bodies.append((encode_body(rows, columns), len(rows)))
    return bodies


def make_chunks(bodies: Sequence[tuple[bytes, int]], form: str) -> list[Chunk]:
    """Return a whole search: the bodies in one of `FORMS`, and the empty chunk that ends it."""
    frames = [Chunk(encode_frame(_metadata(finished=False), rewrite(body, form)), n) for body, n in bodies]
    return [*frames, Chunk(encode_frame(_metadata(finished=True)), 0)]


def rewrite(body: bytes, form: str) -> bytes:
    """Return a body of splunkd's form in another form."""
    if form == SPLUNKD:
        return body
    text = io.StringIO(body.decode("utf-8", "surrogateescape"), newline="")
    rows: Iterator[list[str]] = csv.reader(text)
    out = io.StringIO(newline="")
    if form == CRLF:
        out.writelines(",".join(map(_cell, row)) + "\r\n" for row in rows)
    elif form == QUOTED:
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    else:
        csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "surrogateescape")


def _cell(text: str) -> str:
    return text if not text or (text.isalnum() and text.isascii()) else '"' + text.replace('"', '""') + '"'


def _metadata(*, finished: bool) -> dict[str, object]:
    return {"action": "execute", "finished": finished}
