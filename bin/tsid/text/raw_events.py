"""Reads the fields of a connection event from its raw text: FTD syslog 43000x and eNcore records."""

from __future__ import annotations

import re

# ``%FTD-1-430003: Key: value, Key: value``; sensors of the 6.x line write ``%NGIPS-``.
_FTD = re.compile(r"%(?:FTD|NGIPS)-[0-9]-43000[0-9]: *")
# Keys are words (``DstIP``, ``NAT_ResponderIP``), some of two (``Prefilter Policy``); values are unquoted and
# may contain commas.
_FTD_KEY = re.compile(r"([A-Z]\w{0,39}(?: [A-Z]\w{0,39})?):(?: |\Z)", re.ASCII)
# ``key=value key="quoted value"``. A quote within a value is not escaped, so a value can fake a key.
_ENCORE = re.compile(r"(?:^|(?<=\s))([a-z][a-z0-9_]{0,39})=(\"[^\"]*\"|\S*)")
_ENCORE_CONNECTION = re.compile(r"(?:^|\s)rec_type=71(?:\s|$)")


def read_raw(text: str) -> dict[str, str]:
    """Read the raw text of a connection event.

    Args:
        text: the event's ``_raw``.

    Returns:
        Its fields under the logger's own keys, e.g. ``DstIP`` or ``dest_ip``; empty for other lines. A value
        cannot fake an address: FTD writes the addresses before any text that the peers choose, so the first
        of two equal keys counts; eNcore does not, so a key with two values has no value.
    """
    ftd = _FTD.search(text)
    # The logger writes the first one: a stranger may have put the other into a name or URL.
    if _ENCORE_CONNECTION.search(text, 0, ftd.start() if ftd else len(text)):
        return _read_encore(text)
    return _read_ftd(text[ftd.end() :]) if ftd else {}


def _read_ftd(text: str) -> dict[str, str]:
    pieces: dict[str, list[str]] = {}
    value: list[str] = []
    for piece in text.rstrip().split(", "):
        match = _FTD_KEY.match(piece)
        if match is None:
            value.append(piece)
        else:
            value = [piece[match.end() :]]
            pieces.setdefault(match.group(1), value)
    return {key: ", ".join(parts) for key, parts in pieces.items()}


def _read_encore(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for match in _ENCORE.finditer(text):
        key, value = match.group(1), match.group(2)
        if value.startswith('"'):
            value = value[1:-1]
        if fields.setdefault(key, value) != value:
            fields[key] = ""
    return fields
