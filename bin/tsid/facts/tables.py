"""Reads the app's CSV lookups strictly; local rows replace refreshed rows, which replace shipped rows."""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Callable, NamedTuple, NoReturn, Optional, TypeVar

from tsid.facts.errors import LookupTableError
from tsid.facts.files import read_file, short_name
from tsid.text.sanitize import MISLEADING

T = TypeVar("T")

#: File name suffixes of the layers of a table, weakest first. The package ships only the first, so an upgrade
#: of the app replaces the shipped rows, and keeps the refreshed rows and a site's own.
SHIPPED, REFRESHED, LOCAL = LAYERS = ("", "_refreshed", "_local")

#: The number of rows is in this column, in the first row or in all, so that a table without its last lines is
#: noticed. Only shipped and refreshed tables have it.
COUNT_COLUMN = "rows"

# From this similarity on (`difflib`), an unknown column or file is a misspelt one. A site may have others.
_SIMILARITY = 0.75
_MAX_ROWS = 10_000_000

_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
# What Excel puts between cells, depending on the system's language and the file type.
_SEPARATORS = {";": "semicolons", "\t": "tabs"}


class Row(NamedTuple):
    """One row of a lookup file, with its file and line."""

    values: dict[str, str]
    file: str
    line: int

    def phrase(self, column: str) -> str:
        """Return a value as part of a sentence, on one line; empty if it is missing."""
        return " ".join(self.values.get(column, "").split())

    def refuse(self, problem: str, cure: str) -> NoReturn:
        """Raise the error that names this row."""
        raise LookupTableError(self.file, self.line, problem, cure)


class TableFormat(NamedTuple):
    """The format of a table's files.

    Attributes:
        name: file name without layer suffix and ending, e.g. ``tsid_aliases``.
        required: columns that every file must have, with a value in every row.
        optional: columns that may be missing or empty.
        key: columns that together identify a row; a stronger layer replaces a weaker layer's row with the
            same key.
    """

    name: str
    required: Sequence[str]
    optional: Sequence[str]
    key: Sequence[str]


class LeftOut(NamedTuple):
    """A part of a local file that cannot be used, and is passed over.

    Attributes:
        error: names it, with file, line and cure.
        is_file: it is the whole file, not one row.
    """

    error: LookupTableError
    is_file: bool


def whole_number(text: str, least: int, most: int) -> Optional[int]:
    """Return a whole number within bounds; None if the text is not one."""
    # Python refuses to read very long numbers, or takes quadratic time.
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        return None
    return int(text) if least <= int(text) <= most else None


def read_table(
    folder: Path,
    table: TableFormat,
    parse: Callable[[Row], tuple[tuple[object, ...], T]],
    instead: Optional[Mapping[str, Path]] = None,
    left_out: Optional[list[LeftOut]] = None,
) -> list[T]:
    """Read all layers of a table.

    Args:
        folder: the app's ``lookups`` folder.
        table: the format of the files.
        parse: turns a row into its normalised key and its value; refuses an invalid row.
        instead: files to read in place of those with some names.
        left_out: takes what cannot be used of the local file, which is then passed over: many users may be
            able to write such files, and none of them shall stop everybody's searches. None: an error.

    Returns:
        The values; for each key, the value of the strongest layer.

    Raises:
        LookupTableError: the shipped file is missing, or a file is broken.
    """
    merged: dict[tuple[object, ...], T] = {}
    for layer in LAYERS:
        name = f"{table.name}{layer}.csv"
        path = (instead or {}).get(name, folder / name)
        # A dangling link or a folder of that name is a broken file, not a missing one.
        if layer and not path.exists() and not path.is_symlink():
            continue
        if layer == LOCAL and left_out is not None:
            merged.update(_read_leniently(path, table, parse, left_out))
            continue
        lines: dict[tuple[object, ...], int] = {}
        for row in read_csv(path, table, whole=layer != LOCAL):
            key, value = parse(row)
            if key in lines:
                raise _doubled(table, row.file, row.line, lines[key], key)
            lines[key] = row.line
            merged[key] = value
        if not lines and not layer:
            raise LookupTableError(
                short_name(path),
                None,
                "the shipped table has no rows",
                "Restore it from the app's package or install the app again.",
            )
    return list(merged.values())


def _read_leniently(
    path: Path,
    table: TableFormat,
    parse: Callable[[Row], tuple[tuple[object, ...], T]],
    left_out: list[LeftOut],
) -> dict[tuple[object, ...], T]:
    """Return the values of a local file's good rows by key; the order of the rows makes no difference.

    So of several rows with one key none is good: the file does not say which is meant.
    """
    errors: list[LookupTableError] = []
    values: dict[tuple[object, ...], T] = {}
    lines: dict[tuple[object, ...], list[int]] = {}
    try:
        for row in read_csv(path, table, broken=errors):
            try:
                key, value = parse(row)
            except LookupTableError as error:
                errors.append(error)
            else:
                values[key] = value
                lines.setdefault(key, []).append(row.line)
    except LookupTableError as error:
        left_out.append(LeftOut(error, is_file=True))
        return {}
    for key, places in lines.items():
        if len(places) > 1:
            del values[key]
            for line in places:
                other = places[0] if line != places[0] else places[1]
                errors.append(_doubled(table, short_name(path), line, other, key))
    errors.sort(key=lambda error: error.line or 0)
    left_out += [LeftOut(error, is_file=False) for error in errors]
    return values


def _doubled(
    table: TableFormat, file: str, line: int, other: int, key: tuple[object, ...]
) -> LookupTableError:
    names = " and ".join(table.key)
    return LookupTableError(
        file,
        line,
        f"the same {names} as in line {other}: {', '.join(str(part) for part in key)}",
        "Remove one of the two rows.",
    )


def warnings_of(left_out: Sequence[LeftOut]) -> list[str]:
    """Return one sentence for each file of which something is left out: the first fault, with its cure."""
    by_file: dict[str, list[LeftOut]] = {}
    for part in left_out:
        by_file.setdefault(part.error.file, []).append(part)
    warnings = []
    for first, *others in by_file.values():
        what = "The whole file is left out." if first.is_file else "The row is left out."
        if others:
            what = f"The row is left out, and {len(others)} more of this file: | tsidlookup table=problems."
        warnings.append(f"{first.error} {what}")
    return warnings


def read_csv(
    path: Path,
    table: TableFormat,
    *,
    whole: bool = False,
    broken: Optional[list[LookupTableError]] = None,
) -> Iterator[Row]:
    """Yield the rows of one CSV file: UTF-8, a header, rows as long as the header.

    Surrounding white space is removed from values; empty lines are skipped.

    Args:
        path: the file.
        table: the format of the file.
        whole: the file was written by a program, so it ends with a newline and has as many rows as its
            `COUNT_COLUMN` says; otherwise it was cut off.
        broken: takes the errors of single rows, which are then passed over; None: they are raised.

    Raises:
        LookupTableError: the file cannot be read or breaks one of these rules; the message names file and
            line.
    """
    file = short_name(path)
    text = _decode(_read(path, file), file)
    if whole and text and not text.endswith("\n"):
        raise _cut_off(file, text.count("\n") + 1, "the last line has no line end")
    _check_separator(text, file)
    rows, expected = 0, 0
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    line = 1
    try:
        for values in reader:
            first_line, line = line, reader.line_num + 1
            if not values or values == [""]:
                continue
            if not header:
                header = _check_header([value.strip() for value in values], table, file, first_line)
                continue
            try:
                row = _check_row(values, header, table, file, first_line)
            except LookupTableError as error:
                if broken is None:
                    raise
                broken.append(error)
                continue
            rows += 1
            expected = max(expected, _take_count(row)) if whole else 0
            yield row
    except csv.Error as error:
        raise LookupTableError(
            file,
            reader.line_num,
            f"not readable as CSV ({error})",
            "Check the double quotes around this line.",
        ) from None
    if not header:
        raise LookupTableError(
            file,
            1,
            "the file is empty",
            f"Give it the header row: {','.join([*table.required, *table.optional])}.",
        )
    if rows < expected:
        raise _cut_off(file, line - 1, f"the table says that it has {expected} rows, and has {rows}")
    if whole and not rows and COUNT_COLUMN in header:
        raise _cut_off(file, line - 1, f"a table with the column {COUNT_COLUMN} has at least one row")


def _check_row(values: list[str], header: list[str], table: TableFormat, file: str, line: int) -> Row:
    if len(values) != len(header):
        raise LookupTableError(
            file,
            line,
            f"{len(values)} values where the header has {len(header)} columns",
            "Give every row one value for each column; quote a value that contains a comma.",
        )
    row = Row(dict(zip(header, (value.strip() for value in values))), file, line)
    if MISLEADING.search("".join(values)):
        _refuse_misleading(row)
    for column in table.required:
        if not row.values[column]:
            row.refuse(f"no value in column {column}", f"Fill in {column} or remove the row.")
    return row


def _take_count(row: Row) -> int:
    """Remove the count from a row; return it, 0 without one."""
    text = row.values.pop(COUNT_COLUMN, "")
    count = whole_number(text, 1, _MAX_ROWS) if text else 0
    if count is None:
        row.refuse(f"{COUNT_COLUMN} '{text}' is not a number of rows", "Restore the file.")
    return count


def _cut_off(file: str, line: int, problem: str) -> LookupTableError:
    is_refreshed = REFRESHED in file
    cure = "Refresh again, or delete it." if is_refreshed else "Restore it from the app's package."
    return LookupTableError(file, line, f"{problem}: the file is cut off", cure)


def _refuse_misleading(row: Row) -> None:
    for column, value in row.values.items():
        found = MISLEADING.search(value)
        if found:
            row.refuse(
                f"column {column} has the invisible character U+{ord(found.group()):04X}",
                "Remove it, or write the value again.",
            )


def _read(path: Path, file: str) -> bytes:
    try:
        return read_file(path)
    except FileNotFoundError:
        raise LookupTableError(
            file, None, "the file is missing", "Restore it from the app's package or install the app again."
        ) from None
    except OSError as error:
        raise LookupTableError(
            file, None, f"the file cannot be read ({error.strerror})", "Check that Splunk's user may read it."
        ) from None


def _decode(data: bytes, file: str) -> str:
    if data.startswith(_UTF16_BOMS):
        raise LookupTableError(
            file,
            1,
            "the file is UTF-16, which Excel calls Unicode text",
            "Save it as UTF-8: in Excel as CSV UTF-8 (comma delimited).",
        )
    # Excel's CSV UTF-8 starts with a byte order mark.
    data = data[len(BOM_UTF8) :] if data.startswith(BOM_UTF8) else data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LookupTableError(
            file, line, f"byte 0x{data[error.start]:02x} is not valid UTF-8", "Save the file as UTF-8."
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise LookupTableError(file, line, "a NUL character", "Save the file as plain UTF-8 text.")
    return text


def _check_separator(text: str, file: str) -> None:
    """Raise the error for cells that are not between commas."""
    for line, header in enumerate(io.StringIO(text, newline=""), 1):
        if header.strip():
            found = [name for mark, name in _SEPARATORS.items() if mark in header.strip()]
            if found and "," not in header:
                raise LookupTableError(
                    file,
                    line,
                    f"{found[0]} between the cells",
                    "Put commas there: Excel does it if the list separator of the system is a comma.",
                )
            return


def _check_header(header: list[str], table: TableFormat, file: str, line: int) -> list[str]:
    missing = [column for column in table.required if column not in header]
    if missing:
        expected = ",".join([*table.required, *table.optional])
        raise LookupTableError(
            file,
            line,
            f"column {', '.join(missing)} is missing",
            f"The header row must have these columns: {expected}.",
        )
    doubled = sorted({column for column in header if header.count(column) > 1})
    if doubled:
        raise LookupTableError(
            file, line, f"column {', '.join(doubled)} occurs twice", "Remove one of the columns."
        )
    known = [*table.required, *table.optional, COUNT_COLUMN]
    for column in (column for column in header if column not in known):
        similar = nearest(column, known)
        if similar:
            raise LookupTableError(
                file,
                line,
                f"column {column} is unknown; the nearest is {similar}",
                "Correct its name. A column of your own needs a name that is not similar to the app's.",
            )
    return header


def nearest(text: str, known: Sequence[str], similarity: float = _SIMILARITY) -> str:
    """Return the known name that a text probably means; empty if it is not similar to any."""
    # Imported late: a correct table does not need it.
    import difflib

    by_case = {name.lower(): name for name in known}
    found = difflib.get_close_matches(text.lower(), by_case, 1, similarity)
    return by_case[found[0]] if found else ""
