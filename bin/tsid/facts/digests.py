"""Tells which content the lookup files have here, so that hosts can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tsid.facts.files import patiently


class FileVersion(NamedTuple):
    """A lookup file: its name, the number of its rows, and the SHA-256 of its content."""

    file: str
    rows: int
    sha256: str


def file_versions(folder: Path) -> Iterator[FileVersion]:
    """Yield every lookup file of a folder, by name."""
    for path in sorted(folder.glob("*.csv")):
        data = patiently(path.read_bytes)
        yield FileVersion(path.name, max(0, len(data.splitlines()) - 1), hashlib.sha256(data).hexdigest())
