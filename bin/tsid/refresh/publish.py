"""Writes the refreshed tables, each in one step: a reader finds a whole file, the old one or the new one."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Optional

from tsid.facts.files import read_file, retry_while_locked, short_name
from tsid.facts.lookups import REFRESHED, load_lookups
from tsid.facts.tables import COUNT_COLUMN
from tsid.refresh.plan import Plan
from tsid.refresh.rows import ALIAS_COLUMNS, ENDPOINT_COLUMNS, counted
from tsid.refresh.safe_files import PublishError, create, read_own

#: The refreshed tables, in the order in which they are written.
FILES = REFRESHED


def contents(plan: Plan, replaced: Collection[str] = ()) -> dict[str, bytes]:
    """Return the new contents of the refreshed tables by file name.

    Args:
        plan: what to write.
        replaced: the tables to replace in any case; of the others, a table without rows has no entry.
    """
    tables = zip(FILES, ((ENDPOINT_COLUMNS, plan.endpoints), (ALIAS_COLUMNS, plan.aliases)))
    return {
        name: as_csv([*columns, *([COUNT_COLUMN] if rows else [])], list(counted(columns, rows)))
        for name, (columns, rows) in tables
        if rows or name in replaced
    }


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bytes:
    """Return a lookup file: UTF-8, a header row, lines that end with LF."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def is_same(path: Path, rows: Sequence[Mapping[str, str]]) -> bool:
    """Return whether a refreshed table has these rows already, whoever has written it."""
    try:
        text = io.StringIO(read_file(path).decode("utf-8"), newline="")
        return _told(csv.DictReader(text)) == _told(rows)
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def _told(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    # Splunk may order the columns otherwise, and leave out those without a value.
    return [{column: value for column, value in row.items() if value} for row in rows]


def changed(folder: Path, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files whose present content differs, or that do not exist."""
    return {name: data for name, data in files.items() if _data_of(folder / name) != data}


def publish(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Put files into the lookups, each in one step, and keep what they held before as ``*.csv.bak``.

    The loader of the search command reads the new files here before they replace the old ones. A command that
    starts meanwhile may read some old and some new files: any mix is valid. Nothing is touched where nothing
    changes.

    Args:
        folder: the app's ``lookups`` folder, locked by `exclusive_refresh`.
        files: new contents, as `contents` returns them.

    Returns:
        The names of the files that were replaced.

    Raises:
        PublishError: there is no room, no permission, or on Windows another program has a table open.
        LookupTableError: the new tables would be refused by the loader.
    """
    files = changed(folder, files)
    temporary = {name: folder / f"{name}.tmp" for name in files}
    written: list[str] = []
    try:
        for name, path in temporary.items():
            _write(path, files[name])
        load_lookups(folder, instead=temporary)
        # Whatever needs disk space happens before the first table is replaced.
        for name in files:
            _keep(folder / name)
        for name, path in temporary.items():
            _put(path, folder / name)
            written.append(name)
        _sync_folder(folder)
    except OSError as error:
        raise _refusal(folder, error, written) from None
    finally:
        for path in (*temporary.values(), *(folder / f"{name}.bak.tmp" for name in files)):
            with contextlib.suppress(OSError):
                path.unlink()
    return written


def _put(path: Path, target: Path) -> None:
    retry_while_locked(lambda: path.replace(target))


def _write(path: Path, data: bytes, times: Optional[tuple[int, int]] = None) -> None:
    with create(path) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    # If the system supports it, a link that has just replaced the file is not followed.
    if times:
        os.utime(path, ns=times, follow_symlinks=os.utime not in os.supports_follow_symlinks)


def _keep(path: Path) -> None:
    """Keep a copy of a table, which replaces the copy before it in one step."""
    # A link is not copied: its target may be a file that only root can read.
    if path.is_file() and not path.is_symlink():
        copy, found = path.with_name(f"{path.name}.bak.tmp"), path.stat()
        _write(copy, retry_while_locked(lambda: read_own(path)), (found.st_atime_ns, found.st_mtime_ns))
        _put(copy, path.with_name(f"{path.name}.bak"))


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder; os.replace has to suffice there.
    with contextlib.suppress(PermissionError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _data_of(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError:
        # Missing, or something that the new table replaces.
        return b""


def _refusal(folder: Path, error: OSError, written: Sequence[str]) -> PublishError:
    """Return the error for the user, which names the files that were replaced before it."""
    reason = error.strerror or error
    done = f"Written so far: {' and '.join(written)}." if written else "The lookups are as before."
    if error.filename2 is None:
        return PublishError(
            f"Nothing can be written to {folder}: {reason}. {done} "
            "Make room, or run the refresh as the user that Splunk runs as."
        )
    return PublishError(
        f"{short_name(Path(error.filename2))} cannot be replaced: {reason}. {done} "
        "Close the program that has it open, check that it is not read-only, and refresh again."
    )
