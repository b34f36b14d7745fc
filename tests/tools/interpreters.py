"""The Pythons that the app has to run on: Splunk's two, and the one that runs the tests."""

from __future__ import annotations

import os
import sys
from functools import cache

from tools import interpreters as machine

SPLUNK_PYTHONS = ("3.9", "3.13")


@cache
def interpreters() -> tuple[str, ...]:
    """Return the path of each of Splunk's Pythons that this machine has, and of the current one.

    Raises:
        RuntimeError: one of Splunk's is missing where all have to be there, which is in CI.
    """
    found = {version: machine.find(version) for version in SPLUNK_PYTHONS}
    missing = [version for version, path in found.items() if path is None]
    if missing and os.environ.get("CI"):
        raise RuntimeError(f"CI needs Python {' and '.join(missing)}, on PATH or below ~/.pyenv/versions")
    return tuple(dict.fromkeys([*(path for path in found.values() if path), sys.executable]))


PYTHONS = interpreters()
"""For pytest.mark.parametrize."""
