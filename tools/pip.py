"""Runs pip for an environment, which need not have one of its own.

Debian's python3 can make an environment but puts no pip into it: that takes python3-venv, which only root can
install. But anyone can have apt-get bring the wheel that python3-venv would put in, and pip runs where it lies.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from tools.common import ROOT, ToolError

DEBIAN = ROOT / "build" / "debian"
"""Where Debian's packages are unpacked, each in a folder of its own."""

PACKAGES = ("python3-pip-whl", "python-pip-whl", "python3-distutils")
"""What pip consists of in one release or another; none has all of them.

Debian 11 has the second and the third: there pip's own libraries are wheels beside it, and a part of Python that
pip needs is kept out of python3. Debian 12 has the first and the third, later ones the first.
"""

WHEELS = "usr/share/python-wheels/*.whl"
DISTUTILS = "usr/lib/python3*/distutils"

FOREIGN = frozenset({"PYTHONHOME", "PYTHONPATH", "PIP_PREFIX", "PIP_PYTHON", "PIP_TARGET", "PIP_USER"})
"""Settings of the caller's that decide where Python looks and pip installs: meant for another environment."""

INSTALL = "Debian: apt install python3-venv"
UPDATE = "as root, apt-get update and try again; or apt install python3-venv"
NETWORK_CURE = (
    "read what pip says above; without a network, or behind a proxy, set HTTPS_PROXY or PIP_INDEX_URL; "
    "for a certificate that cannot be verified, apt install ca-certificates or set PIP_CERT"
)

_JOIN = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
"""The __init__.py that python3-distutils lacks: it adds the modules of that package which python3 has."""


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
    environment = _environment()
    with tempfile.TemporaryDirectory() as folder:
        if not _pip_of(str(python)):
            places = _lent(base, Path(folder)) or _from_debian(base)
            environment["PYTHONPATH"] = os.pathsep.join(map(str, places))
        command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
        if subprocess.run(command, check=False, env=environment).returncode:
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


def _lent(base: str, folder: Path) -> list[Path]:
    """Return what to put on PYTHONPATH for the base's own pip, if it has one.

    Pip alone: were all its neighbours to be seen, pip would take them for installed in the environment.
    """
    found = _pip_of(base)
    if found is None:
        return []
    (folder / "pip").symlink_to(found)
    return [folder]


def _from_debian(base: str) -> list[Path]:
    """Return what to put on PYTHONPATH for Debian's pip.

    Raises:
        ToolError: this is no Debian, or its package cannot be had.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ToolError(f"{base} has neither pip nor ensurepip", f"install one of them; {INSTALL}")
    folders = [folder for folder in map(_unpacked, PACKAGES) if folder]
    wheels = [wheel for folder in folders for wheel in folder.glob(WHEELS)]
    if not wheels:
        raise ToolError(
            f"{base} has neither pip nor ensurepip, and apt-get knows of no package with pip", UPDATE
        )
    return [*wheels, *(part.parent for folder in folders for part in folder.glob(DISTUTILS))]


def _unpacked(package: str) -> Optional[Path]:
    """Return the folder with a Debian package's files, or None where apt-get knows of no such package."""
    download = ["apt-get", "download", package]
    DEBIAN.mkdir(parents=True, exist_ok=True)
    listed = _run([*download, "--print-uris"], DEBIAN)
    if listed.returncode:
        return None
    archive = listed.stdout.split()[1]  # 'ADDRESS' FILE SIZE HASH
    folder = DEBIAN / Path(archive).stem
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=DEBIAN) as partial:
        files = Path(partial) / "files"
        for command in (download, ["dpkg-deb", "-x", archive, str(files)]):
            done = _run(command, Path(partial))
            if done.returncode:
                raise ToolError(f"{' '.join(command)} failed: {done.stderr.strip()}", UPDATE)
        for part in files.glob(DISTUTILS):
            (part / "__init__.py").write_text(_JOIN, encoding="utf-8")
        files.rename(folder)
    return folder


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=folder
    )
