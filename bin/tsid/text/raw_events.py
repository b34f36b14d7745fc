"""Reads the fields of a connection event from its raw text: FTD syslog 43000x and eNcore records."""

from __future__ import annotations

import re

# A syslog header, with the structured data of RFC 5424. Most other text has quotes, pairs, lists, brackets or
# other tags before long.
_DATA = r"\[[\w@.\-]{1,64}(?: [\w@.\-]{1,64}=\"[^\"\]]{0,256}\")*\]"
_HEADER = rf"((?:[^\"=,%\[{{]|{_DATA}){{0,200}}?)"
# ``%FTD-1-430003: Key: value, Key: value``; sensors of the 6.x line write ``%NGIPS-``.
_FTD_RECORD = re.compile(_HEADER + r"%(?:FTD|NGIPS)-[0-9]-(43000[0-9]): *")
_ENCORE_RECORD = re.compile(_HEADER + r"(?<![^\s>])rec_type=71(?!\S)")
# A word after a program's name, a colon and a blank is part of that program's message; after a time it may
# be a host.
_MESSAGE = re.compile(r"(?<![0-9A-Z]):\s+[^\s:]")
# Keys are words (``DstIP``, ``NAT_ResponderIP``), some of two (``Prefilter Policy``); values are unquoted and
# may contain commas.
_FTD_KEY = re.compile(r"([A-Z]\w{0,39}(?: [A-Z]\w{0,39})?):(?: |\Z)", re.ASCII)
# ``key=value key="quoted value"``. A quote within a value is not escaped, so a value can fake a key, and can
# hide one behind a quote that it opens.
_ENCORE = re.compile(r"(?:^|(?<=\s))([a-z][a-z0-9_]{0,39})=(\"[^\"]*\"|\S*)")
# The same without regard to quotes: each key with the start of its value.
_ENCORE_ANYWHERE = re.compile(r"(?:^|(?<=[\s\"]))([a-z][a-z0-9_]{0,39})=(?=\"?([^\s\"]*))")
# Names that other formats give to what these lines have under a name of their own. The firewall never writes
# them, so only a stranger's text can contain them.
_FOREIGN_TO_FTD = frozenset(
    ("ResponderIP", "Destination IP", "InitiatorIP", "Source IP", "InitiatorPort", "AC_RuleAction", "Action")
)
# A peer chooses texts that stand before these, such as the user agent: the smallest of several counts.
_COUNTS = ("ResponderBytes",)
_FOREIGN_TO_ENCORE = frozenset(
    ("responder_ip", "dst_ip", "dst", "dest", "initiator_ip", "src", "vendor_action", "action")
)


def read_raw(text: str) -> dict[str, str]:
    """Read the raw text of a connection event.

    Args:
        text: the event's ``_raw``.

    Returns:
        Its fields under the logger's own keys, e.g. ``DstIP`` or ``dest_ip``, and an FTD message's number as
        ``message_id``; empty for other lines. Only a
        syslog header may be in front: strangers choose file names, URLs and user agents, in the lines of any
        program, and may put such a line there. For the same reason a value cannot replace an address: FTD
        writes the addresses before anything that the peers choose, so the first of two equal keys counts;
        eNcore does not, so a key that occurs with two values, in quotes or not, has none. And keys of other
        formats, which the app reads in their place, are left out.
    """
    ftd = _FTD_RECORD.match(text)
    record = ftd or _ENCORE_RECORD.match(text)
    if record is None or _MESSAGE.search(record.group(1)):
        return {}
    if not ftd:
        return _read_encore(text)
    return {**_read_ftd(text[record.end() :]), "message_id": ftd.group(2)}


def _read_ftd(text: str) -> dict[str, str]:
    pieces: dict[str, list[str]] = {}
    value: list[str] = []
    for piece in text.rstrip().split(", "):
        match = _FTD_KEY.match(piece)
        if match is None:
            value.append(piece)
        else:
            key, value = match.group(1), [piece[match.end() :]]
            first = pieces.setdefault(key, value)
            if key in _COUNTS and _is_less(value[0], first[0]):
                pieces[key] = value
    return {key: ", ".join(parts) for key, parts in pieces.items() if key not in _FOREIGN_TO_FTD}


def _is_less(text: str, other: str) -> bool:
    """Return whether a text is a smaller number than another, or a number where that is none."""
    if not (text.isascii() and text.isdecimal()):
        return False
    if not (other.isascii() and other.isdecimal()):
        return True
    digits, others = text.lstrip("0"), other.lstrip("0")
    return (len(digits), digits) < (len(others), others)


def _read_encore(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for match in _ENCORE.finditer(text):
        key, value = match.group(1), match.group(2)
        if value.startswith('"'):
            value = value[1:-1]
        if fields.setdefault(key, value) != value:
            fields[key] = ""
    starts: dict[str, str] = {}
    for match in _ENCORE_ANYWHERE.finditer(text):
        key, start = match.groups()
        if starts.setdefault(key, start) != start:
            fields[key] = ""
    return {key: value for key, value in fields.items() if key not in _FOREIGN_TO_ENCORE}
