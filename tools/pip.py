"""Runs pip for an environment, which need not have one of its own.

Debian's python3 makes environments without one, unless root installs python3-venv. But anyone can have
apt-get bring the wheel that python3-venv would put in, and pip need not be installed to run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from tools.common import ROOT, ToolError

DEBIANS = ROOT / "build" / "pip"
"""Where Debian's pip is kept, each version in a folder of its own."""

WHEELS = ("python3-pip-whl", "python-pip-whl")
"""The packages with pip's wheel: of Debian 12 and later; of Debian 11, with wheels of pip's libraries."""

DISTUTILS = "python3-distutils"
"""What pip needs of Python's own library and Debian keeps out of python3, up to Debian 12."""

FOREIGN = frozenset({"PYTHONHOME", "PYTHONPATH", "PIP_PREFIX", "PIP_PYTHON", "PIP_TARGET", "PIP_USER"})
"""Settings of the caller's that decide where Python looks and pip installs: meant for another environment."""

INSTALL = "Debian: apt install python3-venv"
UPDATE = "as root, apt-get update and try again; or apt install python3-venv"
NETWORK_CURE = (
    "read what pip says above; without a network, or behind a proxy, set HTTPS_PROXY or PIP_INDEX_URL; "
    "for a certificate that cannot be verified, apt install ca-certificates or set PIP_CERT"
)

JOIN = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
"""The __init__.py that python3-distutils lacks; this one adds the modules that python3 has of it."""


def run(python: Path, arguments: Sequence[str], problem: str, base: str = sys.executable) -> None:
    """Run pip in an environment; its own words go to the terminal.

    Args:
        python: the environment's interpreter.
        arguments: pip's command line.
        problem: what to say if pip fails.
        base: the interpreter that the environment was made with, whose pip is the second choice.

    Raises:
        ToolError: there is no pip to be had, or it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        pip = _pip_of(str(python)) or _alone(_pip_of(base), empty) or _from_debian(base, empty)
        # By its path, not by PYTHONPATH: what pip starts to build a project must not see pip's libraries.
        command = [str(python), str(pip), "--quiet", "--disable-pip-version-check", *arguments]
        if subprocess.run(command, check=False, env=_environment()).returncode:
            raise ToolError(problem, NETWORK_CURE)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in FOREIGN}


def _pip_of(python: str) -> Optional[Path]:
    """Return the folder of an interpreter's pip, or None where it has none that works."""
    asked = subprocess.run(
        [python, "-m", "pip", "--version"], check=False, capture_output=True, text=True, env=_environment()
    )
    found = re.match(r"pip \S+ from (.+) \(python ", asked.stdout)
    return Path(found[1]) if found else None


def _alone(pip: Optional[Path], empty: Path) -> Optional[Path]:
    """Link to a pip from an empty folder: its neighbours would count as installed in the environment."""
    if pip is None:
        return None
    link = empty / "pip"
    link.symlink_to(pip)
    return link


def _from_debian(base: str, empty: Path) -> Path:
    """Return the folder of Debian's pip; an empty folder is where apt-get can be asked.

    Raises:
        ToolError: this is no Debian, or its packages cannot be had.
    """
    without = f"{base} has neither pip nor ensurepip"
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ToolError(without, f"install one of them; {INSTALL}")
    archives = {name: _archive_of(name, empty) for name in (*WHEELS, DISTUTILS)}
    packages = [name for name, archive in archives.items() if archive]
    version = next((archives[name] for name in WHEELS if name in packages), None)
    if version is None:
        raise ToolError(f"{without}, and apt-get knows of no package with pip", UPDATE)
    folder = DEBIANS / version
    if not folder.is_dir():
        DEBIANS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=DEBIANS) as partial:
            _assemble(packages, Path(partial)).rename(folder)
    return folder / "pip"


def _archive_of(package: str, empty: Path) -> Optional[str]:
    """Return the file name of a Debian package's archive, or None where this release has no such package."""
    # Of an archive that lies where it is run, apt-get would print nothing.
    listed = _command("apt-get", "download", "--print-uris", package, folder=empty)
    return listed.stdout.split()[1] if listed.returncode == 0 else None  # 'ADDRESS' FILE SIZE HASH


def _assemble(packages: Sequence[str], folder: Path) -> Path:
    """Bring Debian's packages; return a folder below this one with pip and all that it imports."""
    _check(_command("apt-get", "download", *packages, folder=folder))
    for archive in folder.glob("*.deb"):
        _check(_command("dpkg-deb", "-x", archive.name, ".", folder=folder))
    made = folder / "made"
    for wheel in folder.glob("usr/share/python-wheels/*.whl"):
        with zipfile.ZipFile(wheel) as files:
            # With its metadata a library would count as installed in the environment.
            files.extractall(made, [name for name in files.namelist() if ".dist-info/" not in name])
    # A release in between two Pythons has it for both; its python3 is the older one.
    for part in sorted(folder.glob("usr/lib/python3*/distutils"))[:1]:
        (part / "__init__.py").write_text(JOIN, encoding="utf-8")
        part.rename(made / "distutils")
    return made


def _command(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)


def _check(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise ToolError(f"{' '.join(done.args)} failed: {done.stderr.strip()}", UPDATE)
