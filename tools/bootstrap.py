"""Makes a virtual environment that holds exactly what requirement files pin, with nothing but a bare Python.

Usage: `python3 -m tools.bootstrap .venv/lab requirements/lab.txt`

Debian's python3 comes without pip and without ensurepip: `tools.pip` knows what to do then.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools import pip
from tools.common import ToolError, run

STAMP = "tsidenrich-stamp"
"""File in a finished environment: digest of what it was made from."""


def ensure(venv: Path, requirements: Sequence[Path], python: str = sys.executable) -> Path:
    """Return the Python of an environment that holds these requirements, made anew unless it is up to date.

    Args:
        venv: folder of the environment; a stale one is replaced.
        requirements: files with a hash on every pin.
        python: the interpreter to make it with.

    Raises:
        ToolError: it could not be made.
    """
    inside = venv / "bin" / "python"
    stamp = venv / STAMP
    digest = _digest(requirements, python)
    if inside.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return inside
    stamp.unlink(missing_ok=True)
    names = ", ".join(path.name for path in requirements)
    print(f"making {venv} from {names}", flush=True)
    _create(venv, python)
    wanted = [argument for path in requirements for argument in ("-r", str(path))]
    pip.run(
        inside,
        ["install", "--require-hashes", "--use-pep517", *wanted],
        f"{names} could not be installed",
        python,
    )
    stamp.write_text(digest, encoding="utf-8")
    return inside


def _create(venv: Path, python: str) -> None:
    """Make an empty environment, with a pip in it where the interpreter brings one."""
    make = [python, "-m", "venv", "--clear"]
    if not _run([*make, str(venv)]).returncode:
        return
    made = _run([*make, "--without-pip", str(venv)])
    if made.returncode:
        raise ToolError(f"{python} cannot make a virtual environment: {made.stdout.strip()}", pip.INSTALL)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _digest(requirements: Sequence[Path], python: str) -> str:
    version = platform.python_version() if python == sys.executable else _version_of(python)
    digest = hashlib.sha256(f"{python} {version}".encode())
    for path in requirements:
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            raise ToolError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _version_of(python: str) -> str:
    asked = subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return asked.stdout.strip()


def main() -> None:
    """Make one environment."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.bootstrap", description="Make a virtual environment."
    )
    parser.add_argument("venv", type=Path, help="folder of the environment")
    parser.add_argument("requirements", type=Path, nargs="+", help="files that pin what goes in, with hashes")
    options = parser.parse_args()
    ensure(options.venv, options.requirements)


if __name__ == "__main__":
    run(main)
