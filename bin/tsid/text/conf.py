"""Reads Splunk's conf files; the one parser of the project.

Splunk's format is not that of configparser: a backslash at the end of a line continues it, indentation has no
meaning, and a stanza may have an empty name (`[]` in default.meta). Where Splunk would guess, this parser
refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Stanza = Mapping[str, str]
"""Settings of one stanza, in the file's order."""

Conf = Mapping[str, Stanza]
"""Stanzas of one file, in its order; settings before the first header are in "default", as in Splunk."""

DEFAULT = "default"


class ConfError(Exception):
    """A conf file that Splunk might misread; the message names file and line."""


def read(path: Path) -> Conf:
    """Return the stanzas of a conf file.

    Raises:
        ConfError: a stanza or setting occurs twice, a line is neither of them, or the text is not UTF-8.
        OSError: the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfError(f"{path.name}: byte {error.start} is not UTF-8") from error
    return parse(text, path.name)


def parse(text: str, name: str = "conf") -> Conf:
    """Return the stanzas of a conf file's text; the name is for error messages.

    A value over several lines keeps its line breaks, without the backslashes.

    Raises:
        ConfError: as in read().
    """
    stanzas: dict[str, dict[str, str]] = {}
    settings = None
    lines = enumerate(text.split("\n"), 1)
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{name}:{number}"
        logical = [line]
        while logical[-1].endswith("\\"):
            logical[-1] = logical[-1][:-1]
            logical.append(next(lines, (0, ""))[1])
        for part in logical:
            if part.rstrip().endswith("\\"):
                raise ConfError(f"{where}: a backslash with blanks after it does not continue the line")
        entry = "\n".join(logical).strip()
        if entry.startswith("["):
            if not entry.endswith("]"):
                raise ConfError(f"{where}: {entry!r} is not a valid stanza header")
            header = entry[1:-1]
            if header in stanzas:
                raise ConfError(f"{where}: [{header}] occurs twice")
            settings = stanzas.setdefault(header, {})
            continue
        key, equals, value = entry.partition("=")
        key = key.strip()
        if not equals or not key:
            raise ConfError(f"{where}: {entry!r} is neither a stanza nor a setting")
        if settings is None:
            settings = stanzas.setdefault(DEFAULT, {})
        if key in settings:
            raise ConfError(f"{where}: {key} occurs twice in its stanza")
        settings[key] = value.strip()
    return stanzas
