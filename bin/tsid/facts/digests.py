"""Computes the digests of the lookup files here, to compare hosts with each other and with the package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Optional

from tsid.facts.files import read_file
from tsid.facts.lookups import TABLES
from tsid.facts.tables import LAYERS

#: The file in ``bin/`` with the digests of the shipped tables, as the program sha256sum writes them. It is in
#: the package, not in the repository. Whatever replaces the code replaces it, but perhaps not the tables.
SHIPPED = "lookups.sha256"

_OTHER_TABLE = (
    "not the table of this version: kept from another version, or edited. Install the file from the app's "
    "package; rows of your own belong in {}_local.csv"
)


class FileDigest(NamedTuple):
    """A lookup file.

    Attributes:
        file: its name.
        rows: the number of its rows; None if it cannot be read.
        sha256: of its content; empty if it cannot be read.
        problem: why it cannot be read or should be replaced; empty if all is well.
        as_shipped: whether it is the table that this version of the code was packaged with: ``true`` or
            ``false``. Empty for files of the site, and where the code does not come from a package.
    """

    file: str
    rows: Optional[int]
    sha256: str
    problem: str = ""
    as_shipped: str = ""


def file_digests(folder: Path) -> Iterator[FileDigest]:
    """Yield the files of the app's lookups, by name; other files in the folder are not the app's."""
    shipped = _shipped(folder.parent / "bin" / SHIPPED)
    for name in sorted(f"{table.name}{layer}.csv" for table in TABLES for layer in LAYERS):
        path = folder / name
        # A dangling link is a file that cannot be read.
        if path.exists() or path.is_symlink():
            yield _digest(path, shipped.get(name, ""))
        elif name in shipped:
            yield FileDigest(name, None, "", "missing. Install the file from the app's package", "false")


def _digest(path: Path, shipped: str) -> FileDigest:
    try:
        data = read_file(path)
    except OSError as error:
        return FileDigest(path.name, None, "", f"not readable ({error.strerror})", shipped and "false")
    rows, sha256 = max(0, len(data.splitlines()) - 1), hashlib.sha256(data).hexdigest()
    if shipped in ("", sha256):
        return FileDigest(path.name, rows, sha256, "", shipped and "true")
    return FileDigest(path.name, rows, sha256, _OTHER_TABLE.format(path.stem), "false")


def _shipped(path: Path) -> Mapping[str, str]:
    """Return the digests of the shipped tables by file name; none if it is not known what was shipped."""
    try:
        lines = read_file(path).decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = [line.split("  ", 1) for line in lines]
    return {Path(pair[1]).name: pair[0] for pair in pairs if len(pair) == 2}
