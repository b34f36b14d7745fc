"""Encodes and decodes the bytes between splunkd and a search command: frames with CSV bodies.

The format is splunkd's, as recorded from Splunk 8.2.1 in the public repository
NDietrich/Splunk-CustomSearchProtocol-v2 (``example_messages/``), and that of splunk-sdk 2.1.1.

Text is UTF-8. Bytes that are not valid UTF-8 (syslog has them) travel as surrogate escapes and come back
unchanged. CSV cannot distinguish an empty value from an absent one, so an event has only fields with a value.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, Union

from lab.errors import EventError, ProtocolError

#: An event to send: field name to value. A sequence is a multivalue; an empty value equals a missing field.
Event = Mapping[str, Union[str, Sequence[str]]]

#: An event as received: no empty values, and a list only where there are two values or more.
Record = dict[str, Union[str, list[str]]]

#: Starts the name of the column that carries the values of a multivalue field.
MULTIVALUE_PREFIX = "__mv_"

_HEADER = re.compile(rb"chunked 1\.0,(0|[1-9][0-9]{0,17}),(0|[1-9][0-9]{0,17})\n")
_MAX_HEADER_BYTES = 64
_MULTIVALUE_ITEM = re.compile(r"\$([^$]*(?:\$\$[^$]*)*)\$(;|\Z)")
_MAX_CELL_CHARACTERS = 2**31 - 1
_EXCERPT = 60

# Frames


class Frame(NamedTuple):
    """One message of either side: the metadata object and the body, which may be empty."""

    metadata: dict[str, Any]
    body: bytes


def encode_frame(metadata: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Return the bytes of a frame.

    Raises:
        TypeError, ValueError: JSON cannot express the metadata.
    """
    encoded = json.dumps(dict(metadata), separators=(",", ":"), allow_nan=False).encode("ascii")
    return b"chunked 1.0,%d,%d\n%s%s" % (len(encoded), len(body), encoded, body)


class FrameReader:
    """Reads frames from a byte stream and accepts only the exact format."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read from a buffered binary stream."""
        self._stream = stream

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end of the stream.

        Raises:
            ProtocolError: the stream goes on with something else, or ends within a frame.
        """
        header = self._stream.readline(_MAX_HEADER_BYTES)
        if not header:
            return None
        match = _HEADER.fullmatch(header)
        if match is None:
            if (
                header.startswith(b"chunked")
                and not header.endswith(b"\n")
                and len(header) < _MAX_HEADER_BYTES
            ):
                raise ProtocolError(f"the output ends within a transport header: {header!r}")
            raise ProtocolError(f"expected 'chunked 1.0,<metadata bytes>,<body bytes>', found {header!r}")
        metadata = self._exactly(int(match[1]), "metadata")
        body = self._exactly(int(match[2]), "body")
        return Frame(_decode_metadata(metadata), body)

    def _exactly(self, length: int, part: str) -> bytes:
        data = self._stream.read(length)
        if len(data) != length:
            raise ProtocolError(f"the output ends after {len(data)} of the {length} {part} bytes promised")
        return data


def decode_frames(data: bytes) -> list[Frame]:
    """Return the frames of one side of a whole conversation.

    Raises:
        ProtocolError: as in ``FrameReader.read``.
    """
    reader = FrameReader(io.BytesIO(data))
    return list(iter(reader.read, None))


def _decode_metadata(data: bytes) -> dict[str, Any]:
    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not valid JSON")

    try:
        metadata = json.loads(data.decode("utf-8"), parse_constant=refuse)
    except ValueError as error:
        raise ProtocolError(f"the metadata is not JSON in UTF-8 ({error}): {data[:_EXCERPT]!r}") from None
    if not isinstance(metadata, dict):
        raise ProtocolError(f"the metadata is not a JSON object: {data[:_EXCERPT]!r}")
    return metadata


# Multivalues


def encode_multivalue(values: Sequence[str]) -> str:
    """Return the ``__mv_`` cell of some values: ``$a$;$b$``, with ``$`` doubled."""
    return ";".join(["$" + value.replace("$", "$$") + "$" for value in values])


def decode_multivalue(cell: str) -> list[str]:
    """Return the values of a ``__mv_`` cell that is not empty.

    Raises:
        ValueError: the cell is not exactly in that form.
    """
    values = []
    position, more = 0, ";"
    while more:
        match = _MULTIVALUE_ITEM.match(cell, position)
        if match is None:
            raise ValueError(f"not in the form $a$;$b$: {cell[:_EXCERPT]!r}")
        values.append(match[1].replace("$$", "$"))
        position, more = match.end(), match[2]
    return values


# Bodies to send


def columns_of(events: Iterable[Event]) -> list[str]:
    """Return the field names of some events in the order in which they first appear."""
    names: dict[str, None] = {}
    for event in events:
        names.update(dict.fromkeys(event))
    return list(names)


def encode_body(events: Sequence[Event], columns: Sequence[str]) -> bytes:
    """Return the CSV body with these columns of the events: no events, only a header; no columns, no bytes.

    As splunkd writes it: every plain column, then every ``__mv_`` column; a cell is quoted if it contains
    anything but ASCII letters and digits.

    Raises:
        EventError: an event or a column cannot be sent.
    """
    for name in columns:
        if not isinstance(name, str) or not name:
            raise EventError(f"{name!r} is not a valid field name")
        if name.startswith(MULTIVALUE_PREFIX):
            raise EventError(f"the field name {name!r} is taken: splunkd sends multivalues in such columns")
    if events and not columns:
        raise EventError(f"{len(events)} events without a single field: there is nothing to send")
    if not columns:
        return b""
    no_multivalues = [""] * len(columns)
    rows = [[*columns, *[MULTIVALUE_PREFIX + name for name in columns]]]
    for number, event in enumerate(events):
        cells = []
        multivalues = no_multivalues
        for index, name in enumerate(columns):
            value = event.get(name, "")
            if not isinstance(value, str):
                values = _checked_values(value, name, number)
                value = "\n".join(values)
                if len(values) > 1:
                    multivalues = list(multivalues)
                    multivalues[index] = encode_multivalue(values)
            cells.append(value)
        rows.append(cells + multivalues)
    lines = [
        ",".join([cell if not cell or (cell.isalnum() and cell.isascii()) else _quoted(cell) for cell in row])
        for row in rows
    ]
    lines.append("")
    try:
        return "\n".join(lines).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise EventError(f"a value contains {character!a}, which UTF-8 cannot encode") from None


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _checked_values(value: object, name: str, number: int) -> Sequence[str]:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return value
    raise EventError(f"event {number}, field {name!r}: {value!r} is neither text nor a list of texts")


# Bodies as received


class TableError(ValueError):
    """A CSV table that is not well formed; ``line`` counts from 1."""

    def __init__(self, line: int, text: str) -> None:
        """Take the line and the problem."""
        super().__init__(text)
        self.line = line


class Table(NamedTuple):
    """A CSV table: the header as it was written, ``__mv_`` columns and all; the rows, read when needed."""

    columns: tuple[str, ...]
    records: Iterator[Record]


def read_table(lines: Iterable[str], *, skip_blank: bool = False, separator: str = ",") -> Table:
    r"""Return the CSV table in some lines (which end at ``\n`` only); no lines are a table without columns.

    ``__mv_x`` wins over ``x`` where it is not empty.

    Raises:
        TableError: here or while the records are read; a row is longer or shorter than the header, a column
            is there twice or has no name, a quote is left open, a multivalue is not in form.
    """
    # Set at each use, because the limit is the whole process's, and other libraries lower it when they are
    # imported.
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    reader = csv.reader(lines, strict=True, delimiter=separator)
    columns = tuple(_next_row(reader, skip_blank) or ())
    for index, name in enumerate(columns):
        if not name:
            raise TableError(1, f"column {index + 1} has no name")
        if name in columns[:index]:
            raise TableError(1, f"the column {name!r} is there twice")
    return Table(columns, _records(reader, columns, skip_blank))


def decode_body(body: bytes) -> Table:
    """Return the table in a reply's body.

    Raises:
        ProtocolError: here or while the records are read, where ``read_table`` raises ``TableError``.
    """
    # Before Python 3.11 csv refuses NUL, which an event may contain.
    has_nul = sys.version_info < (3, 11) and b"\0" in body
    if has_nul:
        body = body.replace(b"\0", _FOR_NUL.encode())
    lines = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", errors="surrogateescape", newline="\n")
    try:
        table = read_table(lines)
    except TableError as error:
        raise _body_error(error) from None
    records = _strictly(table.records)
    return Table(table.columns, map(_with_nul, records) if has_nul else records)


# A character for private use, which no event of the lab has.
_FOR_NUL = "\ue000"


def _with_nul(record: Record) -> Record:
    return {
        name: value.replace(_FOR_NUL, "\0")
        if isinstance(value, str)
        else [item.replace(_FOR_NUL, "\0") for item in value]
        for name, value in record.items()
    }


def plain_columns(columns: Iterable[str]) -> list[str]:
    """Return the field names of a table's columns, which have some fields twice."""
    return list(dict.fromkeys(map(_field_of, columns)))


def _records(reader: Any, columns: Sequence[str], skip_blank: bool) -> Iterator[Record]:
    plain = [(index, name) for index, name in enumerate(columns) if _field_of(name) == name]
    multivalued = [(index, _field_of(name)) for index, name in enumerate(columns) if _field_of(name) != name]
    while True:
        row = _next_row(reader, skip_blank)
        if row is None:
            return
        if len(row) != len(columns):
            raise TableError(reader.line_num, f"the row has {len(row)} cells, the header {len(columns)}")
        record: Record = {name: row[index] for index, name in plain if row[index]}
        for index, name in multivalued:
            if row[index]:
                try:
                    _set_values(record, name, decode_multivalue(row[index]))
                except ValueError as error:
                    raise TableError(reader.line_num, f"column {columns[index]!r} is {error}") from None
        yield record


def _next_row(reader: Any, skip_blank: bool) -> list[str] | None:
    try:
        row: list[str] | None = next(reader, None)
        while skip_blank and row is not None and not any(row):
            row = next(reader, None)
    except csv.Error as error:
        raise TableError(reader.line_num, str(error)) from None
    return [""] if row == [] else row  # a CSV writer may write a single empty cell as a blank line


def _set_values(record: Record, name: str, values: list[str]) -> None:
    if len(values) > 1:
        record[name] = values
    elif values[0]:
        record[name] = values[0]
    else:
        record.pop(name, None)


def _field_of(column: str) -> str:
    return column[len(MULTIVALUE_PREFIX) :] if column.startswith(MULTIVALUE_PREFIX) else column


def _strictly(records: Iterator[Record]) -> Iterator[Record]:
    try:
        yield from records
    except TableError as error:
        raise _body_error(error) from None


def _body_error(error: TableError) -> ProtocolError:
    return ProtocolError(f"the body is not a valid CSV table: line {error.line}: {error}")
