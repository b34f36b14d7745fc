"""The locked requirement files: complete, and tied to no address."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.common import ROOT, ToolError
from tools.requirements import Pin, read_pins

LOCKED = sorted(ROOT.glob("requirements/*.txt"))


@pytest.mark.parametrize("path", LOCKED, ids=[path.name for path in LOCKED])
def test_every_line_is_a_pin_with_hashes(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(read_pins(path)) > 0
    assert "://" not in text


def test_every_list_of_wishes_is_locked() -> None:
    assert [path.stem for path in sorted(ROOT.glob("requirements/*.in"))] == [path.stem for path in LOCKED]


def test_a_pin_has_a_version_and_all_hashes(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(
        f"# y==1\na-b==1.0 ; x < '3' \\\n  --hash=sha256:{'0' * 64} \\\n  --hash=sha256:{'1' * 64}\n"
    )
    assert read_pins(path) == {"a-b": Pin("a-b", "1.0", frozenset({"0" * 64, "1" * 64}))}


def test_a_pin_with_extras_is_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in ("a", "a[b,c-d]")))
    assert list(read_pins(path)) == ["a", "a[b,c-d]"]


def test_a_pin_without_a_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("a==1\n")
    with pytest.raises(ToolError, match=r"a is pinned without a hash\n.*make lock"):
        read_pins(path)
