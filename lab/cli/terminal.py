"""Writes safely to terminals that obey control characters, and to pipes that close early."""

from __future__ import annotations

import os
import re
import sys

# What moves, colours or hides: control characters (line ends excepted), line and paragraph separators, and
# what turns the direction of writing. Surrogates are bytes that are not valid UTF-8.
_ACTIVE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def safe_text(text: str) -> str:
    """Return the text with every such character as a visible escape."""
    return _ACTIVE.sub(lambda match: ascii(match[0])[1:-1], text)


def abandon_stdout() -> None:
    """Discard stdout after its reader has closed the pipe (``| head``).

    Otherwise Python would flush the buffer at exit, fail and print an error.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
