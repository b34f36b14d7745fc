"""Reads the fields of a connection event from its raw text: FTD syslog 43000x and eNcore records."""

from __future__ import annotations

import re

from tsid.text.envelope import wrapped_lines
from tsid.text.syslog import end_of_record, match_after_header

# A syslog header, with the structured data of RFC 5424. Most other text has quotes, pairs, lists, brackets or
# other tags before long.
_DATA = r"\[[\w@.\-]{1,64}(?: [\w@.\-]{1,64}=\"[^\"\]]{0,256}\")*\]"
_HEADER = rf"((?:[^\"=,%\[{{]|{_DATA}){{0,200}}?)"
# ``%FTD-1-430003: Key: value, Key: value``; sensors of the 6.x line write ``%NGIPS-``, ASAs with Firepower
# ``%ASA-``, and EMBLEM puts a class before the severity, which may be empty. FMC's own syslog alerts have the
# tag ``SFIMS`` and no number.
_FTD_TAG = (
    r"(?:%?(?:FTD|NGIPS|ASA|FMC)-(?:[A-Za-z_]{0,20}-)?[0-9]-(43000[0-9])(?:\s*:|(?=\s))|SFIMS ?:(?= )) *"
)
_ENCORE_TAG = r"rec_type=71(?!\S)"
_FTD_RECORD, _ENCORE_RECORD = (
    re.compile(rf"{_HEADER}(?<![^\s>:\ufeff]){tag}") for tag in (_FTD_TAG, _ENCORE_TAG)
)
_TAG = re.compile(f"{_FTD_TAG}|{_ENCORE_TAG}")
# What all of these lines contain; most others do not.
_MARKS = ("43000", "rec_type=71", "SFIMS")
# A word after a program's name, a colon and a blank is part of that program's message; after a time it may
# be a host.
_MESSAGE = re.compile(r"(?<![0-9A-Z]):\s+[^\s:]")
# Keys are words (``DstIP``, ``NAT_ResponderIP``), some of two (``Prefilter Policy``); values are unquoted and
# may contain commas.
_FTD_KEY = re.compile(r"([A-Z]\w{0,39}(?: [A-Z]\w{0,39})?):(?: |\Z)", re.ASCII)
# ``key=value key="quoted value"``. A quote within a value is not escaped, so a value can fake a key, and can
# hide one behind a quote that it opens.
_ENCORE = re.compile(r"(?:^|(?<=\s))([a-z][a-z0-9_]{0,39})=(\"[^\"]*\"|[^\s\x00-\x1f]*)")
# The same without regard to quotes: each key with the start of its value.
_ENCORE_ANYWHERE = re.compile(r"(?:^|(?<=[\s\"]))([a-z][a-z0-9_]{0,39})=(?=\"?([^\s\x00-\x1f\"]*))")
# What relays leave at the end of a line.
_REMAINS = " ,;\r\n\0"
# Names that other formats give to what these lines have under a name of their own. The firewall never writes
# them, so only a stranger's text can contain them. A test compares them with tsid_fields.csv.
_FOREIGN_TO_FTD = frozenset(
    (
        *("Responder IP", "ResponderIP", "Responder_IP", "Destination IP", "Destination_IP", "ResponderPort"),
        *(
            "Initiator IP",
            "InitiatorIP",
            "Initiator_IP",
            "Source IP",
            "Source_IP",
            "InitiatorPort",
            "ClientIP",
        ),
        *("AC_RuleAction", "Action", "Responder Bytes", "Responder_Bytes"),
    )
)
# A peer chooses texts that stand before these, such as the user agent: the smallest of several counts.
_COUNTS = ("ResponderBytes",)
_FOREIGN_TO_ENCORE = frozenset(
    (
        *(
            "responder_ip",
            "dst_ip",
            "dst",
            "dest",
            "dstip",
            "cdip",
            "serverip",
            "id_resp_h",
            "dest_host",
            "dstname",
        ),
        *(
            "initiator_ip",
            "src",
            "srcip",
            "csip",
            "id_orig_h",
            "url_domain",
            "uri",
            "server_name",
            "cltdomain",
        ),
        *(
            "hostname",
            "misc",
            "vendor_action",
            "action",
            "disposition",
            "inline_result",
            "file_action",
            "reason",
        ),
        *(
            "responder_port",
            "dst_port",
            "dstport",
            "dport",
            "cdport",
            "id_resp_p",
            "srcport",
            "sport",
            "csport",
        ),
        *(
            "id_orig_p",
            "transport",
            "protocol",
            "proto",
            "tcp_flag",
            "flags",
            "app",
            "conn_state",
            "log_subtype",
        ),
        *(
            "subtype",
            "message_id",
            "signature_id",
            "event_id",
            "bytes",
            "bytes_in",
            "bytes_received",
            "inbytes",
        ),
        *("rcvdbyte", "resp_bytes", "responsesize", "device_id", "deviceuuid", "session_id"),
    )
)


def read_raw(text: str) -> dict[str, str]:
    """Read the raw text of a connection event.

    Args:
        text: the event's ``_raw``.

    Returns:
        Its fields under the logger's own keys, e.g. ``DstIP`` or ``dest_ip``, and an FTD message's number as
        ``message_id``; empty for other lines. Of several FTD records in one text, the first is read;
        of several eNcore records, what they agree on.

        Only a syslog header may be in front, and what relays wrap lines in: strangers choose file names, URLs
        and user agents, in the lines of any program, and may put such a line there. For the same reason a
        value cannot replace an address: FTD writes the addresses before anything that the peers choose, so
        the first of two equal keys counts; eNcore does not, so a key that occurs with two values, in quotes
        or not, has none. Keys of other formats, which the app reads in their place, are left out.
    """
    if not any(mark in text for mark in _MARKS):
        return {}
    fields = _read_line(text)
    if fields:
        return fields
    # Within a wrapping there may be any text, so only a strict header may be in front of the tag there.
    lines = (line for line in wrapped_lines(text) if match_after_header(line, _TAG))
    return next(filter(None, map(_read_line, lines)), {})


def _read_line(line: str) -> dict[str, str]:
    ftd = _FTD_RECORD.match(line)
    record = ftd or _ENCORE_RECORD.match(line)
    if record is None or _MESSAGE.search(record.group(1)):
        return {}
    if ftd is None:
        # A stranger's text may pretend that the record ends and another begins, so all of it is compared.
        return _read_encore(line[len(record.group(1)) :].rstrip(_REMAINS))
    end = end_of_record(line, ftd.end())
    number = ftd.group(2)
    return {**_read_ftd(line[ftd.end() : end]), **({"message_id": number} if number else {})}


def _read_ftd(text: str) -> dict[str, str]:
    pieces: dict[str, list[str]] = {}
    value: list[str] = []
    for piece in _without_remains(text).split(", "):
        match = _FTD_KEY.match(piece)
        if match is None:
            value.append(piece)
        else:
            key, value = match.group(1), [piece[match.end() :]]
            first = pieces.setdefault(key, value)
            if key in _COUNTS and _is_less(value[0], first[0]):
                pieces[key] = value
    return {key: ", ".join(parts) for key, parts in pieces.items() if key not in _FOREIGN_TO_FTD}


def _without_remains(text: str) -> str:
    """Return a record without what relays leave at its end: the end of an object whose start they cut off."""
    text = text.rstrip(_REMAINS)
    inner = text.rstrip(" ]})")
    return inner[:-1] if inner.endswith(('"', "'")) else text


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
