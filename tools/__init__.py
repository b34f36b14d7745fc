"""Builds, checks and packages the app; the tools themselves are not packaged."""

import sys
from pathlib import Path

if sys.version_info < (3, 9):  # noqa: UP036 (the rest would fail with a traceback)
    sys.exit("error: Python 3.9 or later is needed\n  what to do: make PYTHON=python3.11, or another one")

# Conf files are read by the app's own library.
sys.path.append(str(Path(__file__).resolve().parent.parent / "bin"))
