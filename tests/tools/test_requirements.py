"""The locked requirement files: complete, with hashes, and without addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.common import ROOT

LOCKED = sorted(ROOT.glob("requirements/*.txt"))
PIN = re.compile(r"[\w.-]+(\[[\w,.-]+\])?==[^\s;]+( ;[^-]+)?( +--hash=sha256:[0-9a-f]{64})+")


@pytest.mark.parametrize("path", LOCKED, ids=[path.name for path in LOCKED])
def test_every_line_is_a_pin_with_hashes(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not PIN.fullmatch(" ".join(line.split()))] == []


def test_every_requirement_file_is_locked() -> None:
    assert [path.stem for path in sorted(ROOT.glob("requirements/*.in"))] == [path.stem for path in LOCKED]
