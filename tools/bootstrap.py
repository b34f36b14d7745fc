"""Makes a virtual environment that holds exactly what requirement files pin, with nothing but a bare Python.

Usage: `python3 -m tools.bootstrap .venv/lab requirements/lab.txt`

Debian's python3 comes without pip and without ensurepip: then a pip that is pinned by its hash is fetched.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.common import ROOT, ToolError, run
from tools.fetch import fetch
from tools.requirements import read_pins

STAMP = "tsidenrich-stamp"
"""File in a finished environment: digest of what it was made from."""

FOREIGN = frozenset({"PYTHONHOME", "PYTHONPATH", "PIP_PREFIX", "PIP_TARGET", "PIP_USER"})
"""Settings of the caller's that decide where Python looks and pip installs: meant for another environment."""

NETWORK_CURE = (
    "read what pip says above; without a network, or behind a proxy, set HTTPS_PROXY or PIP_INDEX_URL; "
    "for a certificate that cannot be verified, apt install ca-certificates or set PIP_CERT"
)


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
    pip(inside, ["install", "--require-hashes", *wanted], problem=f"{names} could not be installed")
    stamp.write_text(digest, encoding="utf-8")
    return inside


def pip(python: Path, arguments: Sequence[str], problem: str) -> None:
    """Run the pip of an environment; its own words go to the terminal.

    Raises:
        ToolError: pip failed; the message is the problem given.
    """
    _run_pip([str(python), "-m", "pip"], arguments, problem)


def _create(venv: Path, python: str) -> None:
    """Make an empty environment with pip in it."""
    make = [python, "-m", "venv", "--clear"]
    if _quiet([*make, str(venv)]):
        return
    made = subprocess.run(
        [*make, "--without-pip", str(venv)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode:
        raise ToolError(
            f"{python} cannot make a virtual environment: {made.stdout.strip()}",
            "Debian: apt install python3-venv",
        )
    pin = read_pins(ROOT / "requirements" / "pip.txt")["pip"]
    wheel = fetch("pip", f"pip-{pin.version}-py3-none-any.whl", pin.hashes)
    # A wheel is a zip file, and pip runs out of its own.
    _run_pip(
        [str(venv / "bin" / "python"), str(wheel / "pip")],
        ["install", "--no-index", str(wheel)],
        "pip could not install itself",
    )


def _quiet(arguments: list[str]) -> bool:
    """Tell whether a command succeeds."""
    return not subprocess.run(
        arguments, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ).returncode


def _run_pip(pip: list[str], arguments: Sequence[str], problem: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    command = [*pip, "--quiet", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, check=False, env=environment).returncode:
        raise ToolError(problem, NETWORK_CURE)


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
