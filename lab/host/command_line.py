"""Splits a command line as splunkd does: ``args`` without quotes, ``raw_args`` as typed."""

from __future__ import annotations

import re
from typing import NamedTuple

from lab.errors import UsageError

_COMMAND_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?!\S)")
_QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_ARGUMENT = re.compile(rf'(?:[^\s,"|]|{_QUOTED})+', re.DOTALL)
_SEPARATORS = re.compile(r"[\s,]+")
_QUOTED_PART = re.compile(_QUOTED, re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\])')


class CommandLine(NamedTuple):
    """A command line: the command's name, and the rest of the line."""

    command: str
    arguments: str


class Arguments(NamedTuple):
    """A command's arguments in order.

    ``ip="Destination IP"`` is ``ip=Destination IP`` in ``args`` and has its quotes in ``raw_args``.
    """

    args: list[str]
    raw_args: list[str]


def split_command(line: str) -> CommandLine:
    """Split a line such as ``tsidenrich keep=licensing``; a leading pipe is allowed.

    Raises:
        UsageError: the line does not start with a command's name.
    """
    text = line.strip()
    if text.startswith("|"):
        text = text[1:].lstrip()
    match = _COMMAND_NAME.match(text)
    if match is None:
        raise UsageError(f"no command name at the start of {line!r}")
    return CommandLine(match[0], text[match.end() :].strip())


def split_arguments(text: str) -> Arguments:
    r"""Return the arguments; blanks and commas separate them.

    A command never gets to see a comma outside quotes (says the SDK, whose grammar was written for it).
    Within quotes ``\"`` is a quote and ``\\`` a backslash.

    Raises:
        UsageError: a quote is left open, another command follows, or there are blanks around an equals
            sign: how splunkd splits those is not known.
    """
    raw_args = []
    position = 0
    while position < len(text):
        separators = _SEPARATORS.match(text, position)
        if separators:
            position = separators.end()
            continue
        argument = _ARGUMENT.match(text, position)
        if argument is None:
            raise UsageError(_complaint(text[position:]))
        raw_args.append(argument[0])
        position = argument.end()
    if any(raw.startswith("=") or raw.endswith("=") for raw in raw_args):
        raise UsageError(f'write name=value without blanks, and an empty value as name="": {text!r}')
    return Arguments([_unquoted(raw) for raw in raw_args], raw_args)


def _complaint(rest: str) -> str:
    if rest.startswith("|"):
        return f"one command at a time, no pipe: {rest!r}"
    return f"a quote is opened and never closed: {rest!r}"


def _unquoted(raw: str) -> str:
    return _QUOTED_PART.sub(lambda part: _ESCAPE.sub(r"\1", part[0][1:-1]), raw)
