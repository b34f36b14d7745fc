"""Computes the digests of the lookup files here, so that hosts can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

from tsid.facts.files import read_file
from tsid.facts.lookups import TABLES
from tsid.facts.tables import LAYERS


class FileDigest(NamedTuple):
    """A lookup file.

    Attributes:
        file: its name.
        rows: the number of its rows; None if it cannot be read.
        sha256: of its content; empty if it cannot be read.
        problem: why it cannot be read; empty if it can.
    """

    file: str
    rows: Optional[int]
    sha256: str
    problem: str = ""


def file_digests(folder: Path) -> Iterator[FileDigest]:
    """Yield the files of the app's lookups, by name; other files in the folder are not the app's."""
    for name in sorted(f"{table.name}{layer}.csv" for table in TABLES for layer in LAYERS):
        path = folder / name
        # A dangling link is a file that cannot be read.
        if path.exists() or path.is_symlink():
            yield _digest(path)


def _digest(path: Path) -> FileDigest:
    try:
        data = read_file(path)
    except OSError as error:
        return FileDigest(path.name, None, "", f"not readable ({error.strerror})")
    return FileDigest(path.name, max(0, len(data.splitlines()) - 1), hashlib.sha256(data).hexdigest())
