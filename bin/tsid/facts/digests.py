"""Computes the digests of the lookup files here, so that hosts can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tsid.facts.files import retry_while_locked


class FileDigest(NamedTuple):
    """A lookup file: its name, the number of its rows, and the SHA-256 of its content."""

    file: str
    rows: int
    sha256: str


def file_digests(folder: Path) -> Iterator[FileDigest]:
    """Yield every lookup file of a folder, by name."""
    for path in sorted(folder.glob("*.csv")):
        data = retry_while_locked(path.read_bytes)
        yield FileDigest(path.name, max(0, len(data.splitlines()) - 1), hashlib.sha256(data).hexdigest())
