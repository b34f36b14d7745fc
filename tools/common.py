"""The common parts of the tools: the repository's root, an error with a cure, the frame of a command line."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class ToolError(Exception):
    """A problem that the user can solve, and how."""

    def __init__(self, problem: str, cure: str = "") -> None:
        """Join the problem and the cure into one message."""
        super().__init__(f"{problem}\n  what to do: {cure}" if cure else problem)


def run(main: Callable[[], None]) -> None:
    """Run a command line; a ToolError becomes its message and exit code 1 instead of a traceback."""
    try:
        main()
    except ToolError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
