"""Reads the tag of a device's own syslog message: facility, severity and mnemonic."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

# The longest header to read: priority, relay, host, number, time and zone, program.
_MAX_HEADER = 400

# The words of a header; over TCP, a count of octets may be in front (RFC 6587). A device's text comes after
# them, so a tag within that text, which a stranger may have written, is not the line's tag.
_PRIORITY = re.compile(r"(?:\d{1,6} )?<\d{1,3}>")
_RFC5424 = re.compile(r"(?:\d{1,6} )?<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[[^\]]*\])+) ")
_WORD = re.compile(r"\S+")
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MONTHS_AND_DAYS = f"{_MONTHS}|Mon|Tue|Wed|Thu|Fri|Sat|Sun"
# Unified Communications Manager writes the milliseconds behind the half of the day: ``11:31:15 AM.484``.
_HALF_DAY = r"[AP]M(?:\.\d{1,6})?"
_WHEN = re.compile(rf"[*.]?(?:\d[\d:.,\-/TZ+]*|{_MONTHS_AND_DAYS}|{_HALF_DAY}|[+\-]\d\d:?\d\d):?\Z")
# Only right after a time, because GET is no time zone.
_ZONE = re.compile(r"[A-Z]{2,5}:?\Z")
# IOS XR names the node, with a colon between it and the month, or the program where a relay has cut the time
# off; NX-OS names the virtual device. Without a node before it, a program is any host's, and so is its text.
_NODE = re.compile(r"[0-9A-Z]{1,8}/[0-9A-Z/]{1,24}:")
_VIRTUAL_DEVICE = re.compile(r"%\$ VDC-\d+ %\$ ")
_NAME = re.compile(r"[\w.\-:]{1,255}\Z")
_PROGRAM = re.compile(r"[\w.\-/]{1,64}\[\d{1,9}\]:?\Z")

_START = re.compile(r"%?[A-Z][A-Z0-9_\-]{1,60}-[0-7]-[A-Z0-9_]{2,80}(?= ?:|\Z)")
# An ASA writes the message of the licensing agent behind a number of its own; behind others, such as 304001,
# there is text that a stranger may have written.
_TAG = re.compile(r"%?(?:ASA-[0-7]-4443\d\d: %?)?([A-Z][A-Z0-9_\-]{1,60}-[0-7]-[A-Z0-9_]{2,80})(?: ?:|\Z)")
#: What no logger writes into a value.
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_LINE_END = re.compile(r"[\n\r\0]")
# The next record: a header with a time, or one with a tag. A tag alone may be in a value, and ends only that.
_ANY_TAG = (
    r"(?:%[A-Z][A-Z0-9_]{1,30}(?:-[A-Z0-9_]{1,30}){0,2}-(?:[a-z]{0,20}-)?[0-7]-[A-Z0-9_]{2,40} ?:|SFIMS ?: )"
)
_TIME = rf"(?:(?:{_MONTHS}) [ \d]\d |\d{{4}}-\d\d-\d\dT)"
_NEXT_RECORD = re.compile(
    rf"(?:\d{{1,6}} )?<\d{{1,3}}>(?:1 |[:*. ]{{1,3}})?(?:{_TIME}|[^,=\"%<]{{0,150}}{_ANY_TAG})"
    rf"|{_TIME}(?:\d{{4}} )?\d\d:\d\d:\d\d[^,=\"%<]{{0,150}}{_ANY_TAG}"
)
_TAG_IN_VALUE = re.compile(rf"(?:\s[\w.\-]{{1,64}}[ :]{{0,4}})?{_ANY_TAG}")
# Unified Communications Manager puts the alert's name first.
_ALERT = re.compile(r"%?UC_\w{1,40}-[0-7]-\w{1,60} ?: *%?\[AlertName=([\w\-]{1,120})\]")


class Tag(NamedTuple):
    """What a line of syslog is about.

    Attributes:
        tag: ``SMART_LIC-3-COMM_FAILED``; empty for an alert.
        alert: the name of an alert of Unified Communications Manager; empty for other lines.
        text: what follows.
    """

    tag: str
    alert: str
    text: str


def read_tag(line: str) -> Optional[Tag]:
    """Return the tag of a line; None if it has none right after its header.

    Args:
        line: an event's ``_raw``.
    """
    start = match_after_header(line, _START)
    if start is None:
        return None
    alert = _ALERT.match(line, start.start())
    if alert:
        return Tag("", alert.group(1), _text_of(line, alert.end()))
    tag = _TAG.match(line, start.start())
    return Tag(tag.group(1), "", _text_of(line, tag.end()).strip()) if tag else None


def _text_of(line: str, start: int) -> str:
    return cut_value(line[start : end_of_record(line, start)])


def end_of_record(text: str, start: int) -> int:
    """Return where a record ends: at the end of its line, at NUL, or before the header of the next one.

    Args:
        text: one or more records; relays put several together, and strangers may pretend that there are more.
        start: where the record's own text starts, after its tag.
    """
    line = _LINE_END.search(text, start)
    end = line.start() if line else len(text)
    following = _NEXT_RECORD.search(text, start, end)
    return following.start() if following else end


def cut_value(text: str) -> str:
    """Return a value up to what no logger writes into one: a control character, or the tag of a record."""
    ending = CONTROL.search(text)
    if ending:
        text = text[: ending.start()]
    if "%" in text or "SFIMS" in text:
        tag = _TAG_IN_VALUE.search(text)
        if tag:
            text = text[: tag.start()]
    return text


def match_after_header(
    line: str, start: re.Pattern[str], *, by_program: bool = False, labelled: bool = False
) -> Optional[re.Match[str]]:
    """Return the match of an expression right after a line's header, if any; None if it is not there.

    Args:
        line: the line.
        start: what must follow the header.
        by_program: a program such as ``app[7]:`` may have written it, not only IOS XR, which names its own.
        labelled: after time and host there may be one more word, such as the tag that FMC's alerts can have.
    """
    ietf = _RFC5424.match(line)
    priority = ietf or _PRIORITY.match(line)
    place = priority.end() if priority else 0
    # A host may be named at the start and after each time; a device's own name and a program have a colon.
    # Any other word is part of a program's text.
    may_be_host, named, node, program, timed = ietf is None, False, False, False, False
    had_time, labels = False, 0
    while place < min(len(line), _MAX_HEADER):
        if line[place] in " \t:\ufeff":
            place += 1
            continue
        found = start.match(line, place)
        if found:
            return found
        virtual = _VIRTUAL_DEVICE.match(line, place)
        if virtual:
            place = virtual.end()
            continue
        node_name = _NODE.match(line, place)
        if node_name:
            place, node, may_be_host = node_name.end(), True, ietf is None and not named
            continue
        next_word = _WORD.match(line, place)
        if next_word is None:
            return None
        word, place = next_word.group(), next_word.end()
        was_timed, timed = timed, bool(_WHEN.match(word))
        if word == "-" or timed or (was_timed and _ZONE.match(word)):
            may_be_host, had_time, labels = ietf is None and not named, True, 0
        elif _PROGRAM.match(word) and (node or by_program) and not program:
            program, may_be_host, labels = True, False, 0
        elif word.endswith(":") and _NAME.match(word) and not named and not program:
            named, may_be_host, labels = True, False, 0
        elif may_be_host and _NAME.match(word):
            may_be_host, labels = False, 1 if labelled and had_time else 0
        elif labels and _NAME.match(word):
            labels = 0
        else:
            return None
    return None
