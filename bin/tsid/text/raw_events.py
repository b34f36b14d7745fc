"""Reads the fields of a connection event from its raw text: FTD syslog 43000x and eNcore records."""

from __future__ import annotations

import re

from tsid.text.envelope import read_wrapped
from tsid.text.syslog import cut_value, end_of_record, match_after_header

# ``%FTD-1-430003: Key: value, Key: value``; sensors of the 6.x line write ``%NGIPS-``, ASAs with Firepower
# ``%ASA-``, and EMBLEM puts a class before the severity, which may be empty. FMC's own syslog alerts have the
# tag ``SFIMS`` and no number, unless they pass a sensor's line on.
_SFIMS = r"SFIMS(?:\[\d{1,9}\])? ?:"
_TAG = re.compile(
    rf"(?:(?:{_SFIMS} )?%?(?:FTD|NGIPS|ASA|FMC)-(?:[A-Za-z_]{{0,20}}-)?[0-9]-(43000[0-9])(?:\s*:|(?=\s))"
    rf"|{_SFIMS}(?= )|(rec_type=71)(?!\S))[ \t]*"
)
# The same alert by RFC 5424, whose header names the program.
_SFIMS_RFC5424 = re.compile(r"(?:\d{1,6} )?<\d{1,3}>1 \S+ \S+ SFIMS \S+ \S+ (?:-|\[[^\]]*\]) ")
# What all of these lines contain; most others do not.
_MARKS = ("43000", "rec_type=71", "SFIMS")
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
        "Responder IP", "ResponderIP", "Responder_IP", "Destination IP", "Destination_IP",
        "ResponderPort", "Initiator IP", "InitiatorIP", "Initiator_IP", "Source IP", "Source_IP",
        "InitiatorPort", "ClientIP", "AC_RuleAction", "Action", "Responder Bytes",
        "Responder_Bytes", "Source_Port___ICMP_Type", "Destination_Port___ICMP_Code",
    )
)  # fmt: skip
# What only the other kind of record has: the events of a number about parts of a connection, FMC's alerts.
_FOREIGN_TO_NUMBERED = _FOREIGN_TO_FTD | {"ConnectType"}
_FOREIGN_TO_ALERTS = _FOREIGN_TO_FTD | {"InlineResult", "FileAction"}
# A peer chooses texts that are before it, such as the user agent: the smallest of several counts.
_COUNT_KEY = "ResponderBytes"
_COUNT = re.compile(rf"\b{_COUNT_KEY}: ([^,]*)")
# No name contains these, so a relay has put them there.
_NAMES, _NOT_IN_NAMES = ("URL", "URI", "SSLServerName", "ReferencedHost"), re.compile(r"[\"<>]")
_FOREIGN_TO_ENCORE = frozenset(
    (
        "responder_ip", "dst_ip", "dst", "dest", "dstip", "cdip", "serverip", "id_resp_h",
        "dest_host", "dstname", "initiator_ip", "src", "srcip", "csip", "id_orig_h", "url_domain",
        "uri", "server_name", "cltdomain", "hostname", "misc", "vendor_action", "action",
        "disposition", "inline_result", "file_action", "utmaction", "session_end_reason", "reason",
        "responder_port", "dst_port", "dstport", "dport", "cdport", "id_resp_p", "srcport", "sport",
        "csport", "id_orig_p", "transport", "protocol", "proto", "tcp_flag", "flags", "app",
        "conn_state", "log_subtype", "subtype", "message_id", "signature_id", "event_id", "bytes",
        "bytes_in", "bytes_received", "inbytes", "rcvdbyte", "resp_bytes", "responsesize",
        "device_id", "deviceuuid", "session_id",
    )
)  # fmt: skip


class RawFields(dict[str, str]):
    """The fields of a record under the logger's own keys, e.g. ``DstIP`` or ``dest_ip``.

    Attributes:
        contested: the keys whose values do not count, because a stranger may have written them.
    """

    contested: frozenset[str] = frozenset()


def read_raw(text: str) -> RawFields:
    """Read the raw text of a connection event.

    Args:
        text: the event's ``_raw``.

    Returns:
        Its fields, and an FTD message's number as ``message_id``; empty for other lines. Of several FTD
        records in one text, the first is read; of several eNcore records, what they agree on.

        Only a syslog header may be in front, and what relays wrap lines in: strangers choose file names, URLs
        and user agents, in the lines of any program, and may put such a line there. For the same reason a
        value cannot replace an address: FTD writes the addresses before anything that the peers choose, so
        the first of two equal keys counts; eNcore does not, so a key that occurs with two values, in quotes
        or not, is contested. Keys of other formats, which the app reads in their place, are left out.
    """
    if not any(mark in text for mark in _MARKS):
        return RawFields()
    return read_wrapped(text, _read_line) or RawFields()


def _read_line(line: str) -> RawFields:
    tag = match_after_header(line, _TAG, labelled=True)
    if tag is None:
        alert = _SFIMS_RFC5424.match(line)
        return _read_ftd(line, alert.end(), "") if alert else RawFields()
    if tag.group(2):
        # A stranger's text may pretend that the record ends and another begins, so all of it is compared.
        return _read_encore(line[tag.start() :].rstrip(_REMAINS))
    return _read_ftd(line, tag.end(), tag.group(1) or "")


def _read_ftd(line: str, start: int, number: str) -> RawFields:
    end = end_of_record(line, start)
    pieces: dict[str, list[str]] = {}
    value: list[str] = []
    for piece in _without_remains(line[start:end]).split(", "):
        match = _FTD_KEY.match(piece)
        if match is None:
            value.append(piece)
        else:
            key, value = match.group(1), [piece[match.end() :]]
            pieces.setdefault(key, value)
    fields = RawFields((key, cut_value(", ".join(parts))) for key, parts in pieces.items())
    # What ends the record may be a stranger's text.
    counts = [cut_value(count).rstrip(_REMAINS) for count in _COUNT.findall(line, start)]
    if _COUNT_KEY in fields:
        fields[_COUNT_KEY] = min(counts, key=_size)
    elif counts:
        fields.contested = frozenset((_COUNT_KEY,))
    for key in _NAMES:
        if key in fields:
            fields[key] = _NOT_IN_NAMES.split(fields[key], 1)[0]
    for key in _FOREIGN_TO_NUMBERED if number else _FOREIGN_TO_ALERTS:
        fields.pop(key, None)
    if number:
        fields["message_id"] = number
    return fields


def _size(count: str) -> tuple[bool, int, str]:
    """Return a key to order counts by: text that is not a count is larger than any."""
    digits = count.lstrip("0") if count.isascii() and count.isdecimal() else None
    return (True, 0, "") if digits is None else (False, len(digits), digits)


def _without_remains(text: str) -> str:
    """Return a record without what relays leave at its end: the end of an object whose start they cut off."""
    text = text.rstrip(_REMAINS)
    inner = text.rstrip(" ]})")
    return inner[:-1] if inner.endswith(('"', "'")) else text


def _read_encore(text: str) -> RawFields:
    fields = RawFields()
    contested = set()
    for match in _ENCORE.finditer(text):
        key, value = match.group(1), match.group(2)
        if value.startswith('"'):
            value = value[1:-1]
        if fields.setdefault(key, value) != value:
            contested.add(key)
    starts: dict[str, str] = {}
    for match in _ENCORE_ANYWHERE.finditer(text):
        key, start = match.groups()
        if starts.setdefault(key, start) != start:
            contested.add(key)
    for key in _FOREIGN_TO_ENCORE:
        fields.pop(key, None)
    fields.update(dict.fromkeys(contested - _FOREIGN_TO_ENCORE, ""))
    fields.contested = frozenset(contested - _FOREIGN_TO_ENCORE)
    return fields
