"""Looks at a search's shape only: its brackets and pipes, the macros it calls, the lookups it reads.

Whether a search also means something is for the laboratory, which runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

_COMMENT = re.compile(r"```.*?```", re.DOTALL)
_STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_MACRO = re.compile(r"`([^`]*)`", re.DOTALL)
_LOOKUP = re.compile(r'\|\s*(?:input)?lookup\s+(?:\w+\s*=\s*[^\s|]+\s+)*"?([^\s|"\]]+)')
_CLOSING = {")": "(", "]": "["}


def fault(search: str) -> Optional[str]:
    """Return what keeps a search from being one: an open quote or bracket, an empty command; else None."""
    bare = _STRING.sub('""', _COMMENT.sub(" ", search))
    if '"' in bare.replace('""', ""):
        return "a quotation mark is left open"
    if bare.count("`") % 2:
        return "a backtick is left open"
    if re.search(r"\|\s*(\||\]|$)", bare):
        return "there is no command after a pipe"
    opened = []
    for character in _MACRO.sub(" ", bare):
        if character in "([":
            opened.append(character)
        elif character in _CLOSING and (not opened or opened.pop() != _CLOSING[character]):
            return f"a {character} closes nothing"
    return f"a {opened[-1]} is left open" if opened else None


def macros(search: str) -> Iterator[str]:
    """Yield the stanzas of the macros that a search calls: "name", or "name(2)" if it has two arguments."""
    for call in _MACRO.findall(_COMMENT.sub(" ", search)):
        name, bracket, arguments = call.strip().partition("(")
        count = 1 + _outside_brackets(_STRING.sub("", arguments)).count(",") if bracket else 0
        yield f"{name.strip()}({count})" if count else name


def lookups(search: str) -> Iterator[str]:
    """Yield the names of the lookups, or lookup files, that a search reads."""
    yield from _LOOKUP.findall(_COMMENT.sub(" ", search))


def _outside_brackets(text: str) -> str:
    while True:
        shorter = re.sub(r"\([^()]*\)", "", text)
        if shorter == text:
            return text
        text = shorter
