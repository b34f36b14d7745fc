"""Generates and encodes the chunks before the clock starts."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from lab.generator import generate
from lab.host.chunks import CHUNK_INDEX, chunks, numbered
from lab.host.wire import encode_body

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


class Chunk(NamedTuple):
    """The body of a request, and its number of events."""

    body: bytes
    events: int


def columns_for(kind: str, required_fields: Sequence[str]) -> list[str]:
    """Return the fields that splunkd sends: all, or those that a command asks for."""
    return list(COLUMNS) if kind == FULL else [*dict.fromkeys(required_fields), CHUNK_INDEX]


def make_chunks(
    columns: Sequence[str], events: int, licensing_share: float, chunk_rows: int = CHUNK_ROWS
) -> list[Chunk]:
    """Return generated events as splunkd writes them."""
    made = generate(events, seed=SEED, licensing_share=licensing_share, shapes=(SHAPE,))
    groups = chunks((each.event for each in made), chunk_rows, chunk_rows)
    return [Chunk(encode_body(numbered(rows), columns), len(rows)) for rows in groups]


def rewrite(body: bytes, form: str) -> bytes:
    """Return a body of splunkd's form in another form."""
    if form == SPLUNKD:
        return body
    if form == CRLF:
        pieces = body.split(b'"')
        pieces[::2] = [piece.replace(b"\n", b"\r\n") for piece in pieces[::2]]  # those outside the quotes
        return b'"'.join(pieces)
    rows = csv.reader(io.StringIO(body.decode("utf-8", "surrogateescape"), newline=""))
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, quoting=csv.QUOTE_ALL if form == QUOTED else csv.QUOTE_MINIMAL, lineterminator="\n"
    )
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "surrogateescape")
