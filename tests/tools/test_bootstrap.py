"""Making an environment, with whichever pip this machine has; nothing here needs a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools import bootstrap
from tools.common import ROOT


def number(python: Path) -> str:
    return subprocess.check_output([python, "-c", "import tiny; print(tiny.NUMBER)"], text=True).strip()


def test_an_environment_is_made_once_and_again_when_its_requirements_change(
    tiny: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    python = bootstrap.ensure(venv, [tiny])
    assert number(python) == "7"
    (venv / "mine").touch()

    bootstrap.ensure(venv, [tiny])
    assert (venv / "mine").exists()

    tiny.write_text(f"# other\n{tiny.read_text(encoding='utf-8')}", encoding="utf-8")
    bootstrap.ensure(venv, [tiny])
    assert not (venv / "mine").exists()
    assert number(python) == "7"


def test_what_is_not_as_pinned_fails_with_a_cure_and_leaves_nothing_that_counts_as_made(
    tiny: Path, tmp_path: Path
) -> None:
    text = tiny.read_text(encoding="utf-8")
    tiny.write_text(text[:-5] + ("0000\n" if text[-5:] != "0000\n" else "1111\n"), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "tools.bootstrap", tmp_path / "venv", tiny],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ran.returncode == 1
    assert "error: tiny.txt could not be installed\n  what to do: " in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "venv" / bootstrap.STAMP).exists()
