"""Finds the Python interpreters of this machine: on PATH, and among pyenv's.

Usage: `python3 -m tools.interpreters 3.9 3.13` prints their paths, or exits with 1 if one is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from tools.common import ToolError, run


def find(version: str) -> Optional[str]:
    """Return the path of a working interpreter of a version such as "3.9"; None if there is none."""
    if version == "{}.{}".format(*sys.version_info[:2]):
        return sys.executable
    return next((path for path in _candidates(version) if _runs(path, version)), None)


def _candidates(version: str) -> Iterator[str]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for found in sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}")):
        yield str(found)


def _runs(path: str, version: str) -> bool:
    """Return whether it starts: pyenv puts a stand-in on PATH even for versions that are not chosen."""
    program = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"
    try:
        asked = subprocess.run([path, "-c", program], check=False, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and asked.stdout.strip() == version


def main() -> None:
    """Print the paths of the requested interpreters."""
    found = {version: find(version) for version in sys.argv[1:]}
    missing = [version for version, path in found.items() if path is None]
    if not found:
        raise ToolError("versions are expected, such as 3.9 3.13")
    if missing:
        raise ToolError(f"no Python {' or '.join(missing)} on PATH or among pyenv's versions")
    print(*found.values(), sep="\n")


if __name__ == "__main__":
    run(main)
