"""Finding Pythons that start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import interpreters


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of a machine with only the interpreters that a test creates."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return tmp_path


def test_the_running_interpreter_is_found_without_a_search(machine: Path) -> None:
    assert not list(machine.iterdir())
    assert interpreters.find("{}.{}".format(*sys.version_info[:2])) == sys.executable


def test_an_interpreter_that_does_not_start_is_skipped(machine: Path) -> None:
    script(machine / "bin" / "python3.1", "exit 127")
    script(machine / "pyenv" / "versions" / "3.1.0" / "bin" / "python3.1", "echo 3.2")
    good = script(machine / "pyenv" / "versions" / "3.1.4" / "bin" / "python3.1", "echo 3.1")
    assert interpreters.find("3.1") == str(good)


def test_a_missing_version_is_none(machine: Path) -> None:
    assert interpreters.find("3.1") is None
    assert not list(machine.iterdir())
