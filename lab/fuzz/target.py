"""The parts of a fuzz target: a check of any bytes, seeds, and a planted bug that it must find."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Callable, NamedTuple

from lab import ROOT
from tsid.facts.lookups import Lookups, load_lookups
from tsid.hotpath.prefilter import Prefilter

LOOKUPS = ROOT / "lookups"

#: Separates the parts of an input. No compared text contains it.
SEPARATOR = b"\0\x1e\0"


class Target(NamedTuple):
    """A fuzz target.

    Attributes:
        check: takes any bytes; an exception is a finding.
        seeds: makes the first inputs.
        words: the texts that a mutation may insert.
        longest: the maximum number of bytes of an input.
        plant: a context in which the app has a plausible bug, in this process.
        witness: an input that shows the planted bug; no seed does, so the engine must find one like it.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: Sequence[bytes]
    longest: int
    plant: Callable[[], AbstractContextManager[object]]
    witness: bytes


@lru_cache(maxsize=1)
def shipped() -> tuple[Lookups, Prefilter]:
    """Return the shipped lookups and their prefilter."""
    lookups = load_lookups(LOOKUPS)
    return lookups, Prefilter(lookups)


def scratch() -> Path:
    """Return a new folder that is removed at the end of this process."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def text_of(data: bytes) -> str:
    """Decode bytes as the app decodes those of an event."""
    return data.decode("utf-8", "surrogateescape")


def dictionary(words: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a dictionary file for libFuzzer."""
    for word in dict.fromkeys(words):
        yield '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"'
