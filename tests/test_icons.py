"""The pictures in static/ are what tools/icons.py draws, in the sizes that Splunk asks for."""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest

from tools import icons
from tools.common import ROOT

SIZES = {
    "appIcon.png": (36, 36),
    "appIcon_2x.png": (72, 72),
    "appIconAlt.png": (36, 36),
    "appIconAlt_2x.png": (72, 72),
    "appLogo.png": (160, 40),
    "appLogo_2x.png": (320, 80),
}


def size_and_digest(png: bytes) -> tuple[tuple[int, int], str]:
    """Return the size of a PNG as tools/icons.py writes it, and a digest of its pixels.

    Compressed bytes may differ from one zlib to another, pixels may not.
    """
    width, height = struct.unpack(">II", png[16:24])
    length = struct.unpack(">I", png[33:37])[0]
    return (width, height), hashlib.sha256(zlib.decompress(png[41 : 41 + length])).hexdigest()


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    return icons.pictures()


def test_every_picture_is_there(drawn: dict[str, bytes]) -> None:
    assert sorted(path.name for path in (ROOT / "static").iterdir()) == sorted(SIZES) == sorted(drawn)


@pytest.mark.parametrize("name", SIZES)
def test_it_is_the_one_that_is_drawn(name: str, drawn: dict[str, bytes]) -> None:
    size, digest = size_and_digest((ROOT / "static" / name).read_bytes())
    assert size == SIZES[name]
    assert (size, digest) == size_and_digest(drawn[name]), "make icons"
