"""Parses searches: macros, pipes, and the arguments of commands.

Macros: Splunk, macros.conf.spec. A macro is written between backticks, its arguments in parentheses after its
name; its definition may contain macros itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from lab.spl.values import SplError

_MAX_EXPANSIONS = 100
_MACRO = re.compile(r"`\s*([\w:.-]+)\s*(?:\((.*?)\))?\s*`", re.DOTALL)
_COMMAND = re.compile(r"([a-z]\w*)\s*(.*)\Z", re.DOTALL)
_OPTION = re.compile(r"([A-Za-z_]\w*)=(\"(?:[^\"\\]|\\.)*\"|[^\s\"]+)(?:\s+|\Z)")
_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')

_OPEN, _CLOSE = "([", ")]"


class Command(NamedTuple):
    """One command of a search: its name, and the text of its arguments."""

    name: str
    arguments: str


def expand(search: str, macros: Mapping[str, Mapping[str, str]]) -> str:
    """Expand macros.

    Args:
        search: the search.
        macros: the stanzas of macros.conf.

    Raises:
        SplError: a macro is unknown, has other arguments, or contains itself.
    """
    for _ in range(_MAX_EXPANSIONS):
        found = _MACRO.search(search)
        if found is None:
            return search
        definition = _definition(found[1], found[2], macros)
        search = search[: found.start()] + definition + search[found.end() :]
    raise SplError("the macros contain each other")


def _definition(name: str, arguments: str | None, macros: Mapping[str, Mapping[str, str]]) -> str:
    values = [] if arguments is None else [text.strip().strip('"') for text in split(arguments, ",")]
    stanza = macros.get(f"{name}({len(values)})" if values else name)
    if stanza is None or "definition" not in stanza:
        raise SplError(f"unknown macro {name} with {len(values)} arguments")
    names = [text.strip() for text in stanza.get("args", "").split(",") if text.strip()]
    if len(names) != len(values):
        raise SplError(f"macro {name} takes {len(names)} arguments")
    definition = stanza["definition"]
    for argument, value in zip(names, values):
        definition = definition.replace(f"${argument}$", value)
    return definition


@lru_cache(maxsize=1024)
def split(source: str, separator: str) -> Sequence[str]:
    """Split a text at a character that is neither in quotes nor in brackets.

    Raises:
        SplError: a quote or bracket is open at the end.
    """
    parts: list[str] = []
    depth: list[str] = []
    start = position = 0
    while position < len(source):
        character = source[position]
        if character == "\\":
            position += 1
        elif character == '"':
            position = _end_of_quotes(source, position)
        elif character in _OPEN:
            depth.append(_CLOSE[_OPEN.index(character)])
        elif character in _CLOSE:
            if not depth or depth.pop() != character:
                raise SplError(f"unexpected {character} in: {source.strip()[:60]}")
        elif character == separator and not depth:
            parts.append(source[start:position])
            start = position + 1
        position += 1
    if depth:
        raise SplError(f"{depth[-1]} is missing in: {source.strip()[:60]}")
    return (*parts, source[start:])


def _end_of_quotes(source: str, start: int) -> int:
    position = start + 1
    while position < len(source) and source[position] != '"':
        position += 2 if source[position] == "\\" else 1
    if position >= len(source):
        raise SplError(f"a quote is open in: {source.strip()[:60]}")
    return position


def pipeline(search: str) -> list[Command]:
    """Split a search with expanded macros into commands; without a leading pipe the first is `search`.

    Raises:
        SplError: a command is missing.
    """
    first, *others = split(search, "|")
    commands = [Command("search", first.strip())] if first.strip() else []
    if first.strip().startswith("search "):
        commands = [Command("search", first.strip()[len("search ") :])]
    for part in others:
        found = _COMMAND.match(part.strip())
        if found is None:
            raise SplError(f"no command in: | {part.strip()[:40]}")
        commands.append(Command(found[1], found[2].strip()))
    if not commands:
        raise SplError("the search is empty")
    return commands


def options(arguments: str, known: Sequence[str]) -> tuple[dict[str, str], str]:
    """Parse the options at the start of a command's arguments.

    Args:
        arguments: the command's.
        known: the options' names.

    Returns:
        The options, and the rest of the arguments.
    """
    found: dict[str, str] = {}
    while (match := _OPTION.match(arguments)) and match[1] in known:
        if match[1] in found:
            raise SplError(f"option {match[1]} is given twice")
        found[match[1]] = match[2].strip('"')
        arguments = arguments[match.end() :]
    return found, arguments


def words(arguments: str) -> Iterator[str]:
    """Yield the words between blanks and commas, quoted or not."""
    rest = arguments.strip()
    while rest:
        found = _WORD.match(rest)
        if found is None:
            raise SplError(f"cannot read: {rest[:40]}")
        yield found[1] if found[1] is not None else found[2]
        rest = rest[found.end() :].lstrip(" \t\n,")


def flag(value: str, name: str) -> bool:
    """Return an option that is true or false.

    Raises:
        SplError: it has another value.
    """
    if value.lower() in ("true", "t", "1"):
        return True
    if value.lower() in ("false", "f", "0"):
        return False
    raise SplError(f"{name}={value} is neither true nor false")


@lru_cache(maxsize=1024)
def outside_quotes(source: str) -> str:
    """Return the text with everything in quotes blanked out."""
    out, quoted, position = [], False, 0
    while position < len(source):
        character = source[position]
        if character == "\\" and position + 1 < len(source):
            out.append("  ")
            position += 2
            continue
        if character == '"':
            quoted = not quoted
        out.append(" " if quoted else character)
        position += 1
    return "".join(out)


def bracketed(source: str) -> str:
    """Return the text between the bracket at the start and the one that closes it."""
    blanked, depth = outside_quotes(source), 0
    for place, character in enumerate(blanked):
        depth += (character == "[") - (character == "]")
        if depth == 0:
            return source[1:place]
    raise SplError(f"] is missing in: {source[:60]}")
