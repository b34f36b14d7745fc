"""The locked requirement files: complete, with hashes, and without addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.common import ROOT
from tools.vendor import FLAVOURS

LOCKED = sorted(ROOT.glob("requirements/*.txt"))
PINNED = re.compile(r"(?m)^([\w-]+)==(\S+)")
PIN = re.compile(r"[\w.-]+(\[[\w,.-]+\])?==[^\s;]+( ;[^-]+)?( +--hash=sha256:[0-9a-f]{64})+")


@pytest.mark.parametrize("path", LOCKED, ids=[path.name for path in LOCKED])
def test_every_line_is_a_pin_with_hashes(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not PIN.fullmatch(" ".join(line.split()))] == []


def test_the_flavours_of_the_package_differ_in_splunk_sdk_only() -> None:
    pins = [set(PINNED.findall((ROOT / each.requirements).read_text("utf-8"))) for each in FLAVOURS.values()]
    assert {name for name, _ in pins[0] ^ pins[1]} == {"splunk-sdk"}


def test_every_requirement_file_is_locked() -> None:
    assert [path.stem for path in sorted(ROOT.glob("requirements/*.in"))] == [path.stem for path in LOCKED]
