"""The Makefile: an environment that cannot be made is an error with a cure."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tools.common import ROOT


def test_a_python_that_cannot_make_environments_is_reported_with_the_cure(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\necho 3.9\n', encoding="utf-8")
    python.chmod(0o755)
    ran = subprocess.run(
        ["make", "--always-make", ".venv/lint/.made", f"PYTHON={python}"],  # noqa: S607
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )
    assert ran.returncode == 2
    assert f"error: {python} cannot make environments; what to do: apt install python3-venv" in ran.stderr
