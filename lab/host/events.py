"""Event files: tables, JSON lines and raw log lines in, CSV and JSON lines out, one event at a time.

An event is a ``Record`` (see ``wire``): field name to text, or to a list of texts where there are several.
Bytes that are not valid UTF-8 come out as they went in.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, BinaryIO, TextIO, cast

from lab.errors import EventError
from lab.host.wire import Record, TableError, read_table

#: The formats, each with its file name endings (``.gz`` may follow).
FORMATS: Mapping[str, tuple[str, ...]] = {
    "tsv": (".tsv", ".tab"),
    "csv": (".csv",),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "raw": (".log", ".raw"),
}

STDIN = "-"

# How many bytes show how a text is written.
_PEEK = 4096
# The encodings other than UTF-8, by the first bytes: with a byte order mark, or two letters or digits.
_ENCODINGS: Mapping[str, Callable[[bytes], object]] = {
    "utf-16": re.compile(b"\xff\xfe|\xfe\xff").match,
    "utf-16-le": re.compile(rb"[^\0]\0[^\0]\0").match,
    "utf-16-be": re.compile(rb"\0[^\0]\0[^\0]").match,
}
# What Excel reads in the first line of a table.
_SEPARATOR = re.compile('"?sep=(.)"?', re.IGNORECASE)
_QUOTED = re.compile('"[^"]*"')
# The keys of what Splunk exports: an event a line, none after the last; or all events, and keys about them.
_EXPORT = {"preview", "offset", "lastrow", "result"}
_REPORT = {"preview", "init_offset", "messages", "fields", "highlighted", "post_process_count"}

# Surrogates that a JSON escape can name and UTF-8 cannot encode, without those that represent single bytes.
_LONE_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def read_events(paths: Iterable[str], file_format: str | None = None) -> Iterator[Record]:
    """Yield the events of some files, one after the other; ``-`` is stdin.

    * tsv: a header row, cells between tabs, nothing quoted, as a table is copied out of a web page; a row may
      lack empty cells at its end. If a name in the header is quoted, it is csv with tabs
    * csv: a header row; ``__mv_`` columns, as Splunk writes them, are understood. What separates cells is
      the header's most frequent mark, or what a first line ``sep=;`` says
    * jsonl: an object a line. Nested objects are flattened with dots, as with Splunk's KV_MODE=json; a list
      is a multivalue (of objects: ``a{}.b``); numbers keep their spelling; null is an absent value. Of what
      Splunk exports as JSON, these are the objects in ``result`` or ``results``, without previews
    * raw: each line is the ``_raw`` of an event

    ``file_format`` None: by each file's ending. Text is UTF-8 or UTF-16; lines end with LF, CR LF or CR.

    Raises:
        EventError: with file, line and cure; a file cannot be read or is not well formed.
    """
    for path in paths:
        parse = _PARSERS[file_format or _format_of(path)]
        with _open(path) as data:
            try:
                with _text(data) as lines:
                    yield from parse(lines, "stdin" if path == STDIN else path)
            except (OSError, EOFError, zlib.error) as error:
                raise EventError(f"{path}: cannot be read: {error}") from None
            except UnicodeError as error:
                raise EventError(f"{path}: not text: {error}: save it as UTF-8") from None


def write_jsonl(events: Iterable[Record], out: TextIO) -> None:
    """Write a JSON object a line, a multivalue as a list; ``read_events`` reads the same events back."""
    for event in events:
        out.write(json.dumps(event, ensure_ascii=False) + "\n")


def write_csv(events: Iterable[Record], out: TextIO, fields: Sequence[str] = ()) -> None:
    """Write a CSV table; a multivalue is one cell with a line for each value, as in Splunk's own export.

    Without ``fields`` it has every field there is, in order of appearance; the events wait in a temporary
    file, because the header row comes first.
    """
    if fields:
        _write_rows(events, out, fields)
        return
    columns: dict[str, None] = {}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape", newline="\n") as spool:
        for event in events:
            columns.update(dict.fromkeys(event))
            write_jsonl([event], spool)
        spool.seek(0)
        _write_rows((json.loads(line) for line in spool), out, list(columns))


def cell_text(value: str | Sequence[str]) -> str:
    """Return a value as the text of one cell; each value of a multivalue is a line."""
    return value if isinstance(value, str) else "\n".join(value)


def _write_rows(events: Iterable[Record], out: TextIO, fields: Sequence[str]) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(fields)
    for event in events:
        writer.writerow([cell_text(event.get(name, "")) for name in fields])


def _format_of(path: str) -> str:
    if path == STDIN:
        raise EventError(f"stdin: name its format: --format {'|'.join(FORMATS)}")
    ending = Path(path[:-3] if path.endswith(".gz") else path).suffix.lower()
    for name, endings in FORMATS.items():
        if ending in endings:
            return name
    raise EventError(f"{path}: unknown ending {ending!r}: name the format: --format {'|'.join(FORMATS)}")


@contextmanager
def _open(path: str) -> Iterator[IO[bytes]]:
    with ExitStack() as files:
        try:
            if path == STDIN:
                data: IO[bytes] = sys.stdin.buffer
            elif path.endswith(".gz"):
                data = cast("IO[bytes]", files.enter_context(gzip.open(path)))
            else:
                data = files.enter_context(Path(path).open("rb"))
        except OSError as error:
            raise EventError(f"{path}: cannot be opened: {error.strerror or error}") from None
        yield data


@contextmanager
def _text(data: IO[bytes]) -> Iterator[TextIO]:
    """Decode a text by what it starts with."""
    buffer = data if hasattr(data, "peek") else io.BufferedReader(cast("Any", data))
    start: bytes = cast("Any", buffer).peek(_PEEK)
    encoding = next((name for name, is_start in _ENCODINGS.items() if is_start(start)), "utf-8-sig")
    # A carriage return within a value is part of it, so lines end at one only if there is no other end.
    end = "\r" if b"\r" in start[:-2] and b"\n" not in start else "\n"
    lines = io.TextIOWrapper(cast("BinaryIO", buffer), encoding, "surrogateescape", end)
    try:
        yield lines
    finally:
        lines.detach()


def _read_csv(lines: TextIO, name: str) -> Iterator[Record]:
    first = next(lines, "")
    said = _SEPARATOR.fullmatch(first.rstrip("\r\n"))
    names = _QUOTED.sub("", first)
    separator = said[1] if said else max(",;\t|", key=names.count)
    # The blank line keeps the numbers of the others.
    return _read_cells(chain(["\n" if said else first], lines), separator, name)


def _read_cells(lines: Iterable[str], separator: str, name: str) -> Iterator[Record]:
    try:
        yield from read_table(lines, skip_blank=True, separator=separator).records
    except TableError as error:
        cure = f"quote cells with {separator!r}, a quote or a line break, and double the quotes in them"
        raise EventError(f"{name}:{error.line}: {error}: {cure}") from None


def _read_tsv(lines: TextIO, name: str) -> Iterator[Record]:
    columns: list[str] = []
    for number, line in enumerate(lines, 1):
        cells = line.rstrip("\r\n").split("\t")
        if not any(cells):
            continue
        if not columns:
            if any(map(_QUOTED.fullmatch, cells)):
                yield from _read_cells(chain(["\n"] * (number - 1), [line], lines), "\t", name)
                return
            columns = _header(cells, name, number)
            continue
        if any(cells[len(columns) :]):
            raise EventError(
                f"{name}:{number}: the row has {len(cells)} cells, the header {len(columns)}: "
                "take out the tabs within values, or use --format csv"
            )
        yield {column: cell for column, cell in zip(columns, cells) if cell}


def _header(cells: list[str], name: str, number: int) -> list[str]:
    columns = [cell.strip() for cell in cells]
    while not columns[-1]:
        columns.pop()
    for index, column in enumerate(columns):
        if not column:
            raise EventError(f"{name}:{number}: column {index + 1} has no name: give it one")
        if column in columns[:index]:
            raise EventError(f"{name}:{number}: two columns are named {column!r}: rename one")
    return columns


def _read_jsonl(lines: TextIO, name: str) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            # Numbers keep their digits: Splunk would extract 1.50 as written.
            value = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
            for event in _exported(value, f"{name}:{number}"):
                if not isinstance(event, dict):
                    raise EventError(
                        f"{name}:{number}: not a JSON object: write one object a line (jq -c '.[]')"
                    )
                found: dict[str, list[str]] = {}
                _flatten(event, "", found)
                full = ((field, values) for field, values in found.items() if values != [""])
                yield {field: values if len(values) > 1 else values[0] for field, values in full}
        except ValueError as error:
            raise EventError(f"{name}:{number}: not JSON: {error}: write one object a line (jq -c)") from None
        except RecursionError:
            raise EventError(f"{name}:{number}: nested too deeply for an event: flatten it") from None


def _exported(value: Any, place: str) -> list[Any]:
    """Return the events in a line of JSON: itself, or the results in what Splunk exports."""
    if not isinstance(value, dict):
        return [value]
    if isinstance(value.get("results"), list) and value.keys() - _REPORT <= {"results"}:
        return list(value["results"])
    if "preview" in value and value.keys() <= _EXPORT:
        # Results of a preview come again.
        return [value["result"]] if "result" in value and value["preview"] is False else []
    if "preview" in value and not value.keys().isdisjoint(("rows", "columns")):
        raise EventError(f"{place}: rows without the names of fields: export with output_mode=json")
    return [value]


def _flatten(value: Any, field: str, found: dict[str, list[str]]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _flatten(item, f"{field}.{key}" if field else key, found)
    elif isinstance(value, list):
        for item in value:
            _flatten(item, field + "{}" if isinstance(item, (dict, list)) else field, found)
    elif isinstance(value, bool):
        found.setdefault(field, []).append("true" if value else "false")
    elif value is not None:
        found.setdefault(field, []).append(_LONE_SURROGATE.sub("\ufffd", value))


def _read_raw(lines: TextIO, name: str) -> Iterator[Record]:
    del name  # a line of text cannot be malformed
    for line in lines:
        text = line.rstrip("\r\n")
        if text:
            yield {"_raw": text}


_PARSERS = {"csv": _read_csv, "tsv": _read_tsv, "jsonl": _read_jsonl, "raw": _read_raw}
