"""What a fuzz target consists of: a check of any bytes, inputs to start from, and a bug that it must find."""

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

#: Separates the parts of an input that has several. No text that is compared holds it.
SEPARATOR = b"\0\x1e\0"


class Target(NamedTuple):
    """A fuzz target.

    Attributes:
        check: takes any bytes; whatever it raises is a finding.
        seeds: makes the inputs to start from.
        words: what a mutation may put in.
        longest: how many bytes an input may have.
        plant: breaks the product in this process as long as the context lasts, in a way that a person might.
        witness: an input that shows the planted bug; no seed does, so an engine has to come upon its like.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: Sequence[bytes]
    longest: int
    plant: Callable[[], AbstractContextManager[object]]
    witness: bytes


@lru_cache(maxsize=1)
def shipped() -> tuple[Lookups, Prefilter]:
    """Return the shipped lookups, and what the fast path knows of them."""
    lookups = load_lookups(LOOKUPS)
    return lookups, Prefilter(lookups)


def scratch() -> Path:
    """Return a new folder that is there as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def text_of(data: bytes) -> str:
    """Return a text that comes from bytes, as the app reads those of an event."""
    return data.decode("utf-8", "surrogateescape")


def dictionary(words: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a dictionary file as libFuzzer reads it."""
    for word in dict.fromkeys(words):
        yield '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"'
