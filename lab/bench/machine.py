"""Says what a benchmark ran on, as far as it matters to others: no names, no paths."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import NamedTuple

from lab.errors import UsageError
from tools import interpreters

#: Splunk's two Pythons.
VERSIONS = ("3.9", "3.13")


class Python(NamedTuple):
    """An interpreter for the commands: ``version`` as in "3.9", ``release`` as in "3.9.18"."""

    version: str
    release: str
    path: str


def pythons(versions: tuple[str, ...] = VERSIONS) -> list[Python]:
    """Find the interpreters.

    Raises:
        UsageError: one is not on this machine.
    """
    found = []
    for version in versions:
        path = interpreters.find(version)
        if path is None:
            raise UsageError(f"no Python {version} on PATH or among pyenv's versions; see --python")
        asked = [path, "-c", "import platform; print(platform.python_version())"]
        release = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        found.append(Python(version, release, path))
    return found


def describe() -> dict[str, str]:
    """Return the machine's processor, cores, memory and system."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{pages / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()
