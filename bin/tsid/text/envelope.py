"""Takes a logger's own line out of what relays have put around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from operator import itemgetter
from typing import Callable, Optional, TypeVar

from tsid.text.syslog import match_after_header

# The keys under which relays pass on a line as it came: message and event.original (Elastic Common Schema),
# log (Docker's json-file driver, Fluent Bit), event (Splunk HEC), MESSAGE (journald, syslog-ng), msg and
# rawmsg (rsyslog), _raw (Splunk, Cribl), short_message and full_message (GELF), raw_event (NXLog), line
# (Loki), SyslogMessage and RawData (Azure Monitor), textPayload (Google Cloud Logging). None under which
# other loggers write what a stranger has chosen, such as body or user_agent.
_KEYS = frozenset(
    (
        "message", "@message", "event", "event.original", "log", "msg", "rawmsg", "raw", "_raw",
        "rawdata", "raw_message", "raw_event", "line", "short_message", "full_message",
        "syslogmessage", "textpayload",
    )
)  # fmt: skip
# The objects that such keys may be in, and the one with a key of its own.
_CARRIERS = frozenset(("event", "log", "result", "message", "jsonpayload"))
_ORIGINAL, _OF_ORIGINAL = "original", ("event", "log")
# A string, of which a cut text may lack the second quote, or what opens and closes objects and lists.
_TOKEN = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"?|[{}\[\]]', re.DOTALL)
_COLON = re.compile(r"\s*:\s*")
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{0,3})?\Z")

# Some write a byte order mark as if it were Latin-1.
_LEADING = re.compile(r"(?:[\s\x00-\x1f\ufeff]|\u00ef\u00bb\u00bf)+")
# rsyslog and others announce JSON with a cookie.
_OBJECT = re.compile(r"(?:@cee: ?)?(?:\[\s*)?\{(?=\s*\")")
_REPEATED = re.compile(r"message repeated \d{1,9} times: \[ ?", re.IGNORECASE)
# What may be around a line, and what ends it where nothing else of the line follows.
_CLOSINGS = {
    opening: re.compile(rf"{re.escape(closing)}(?=[ ,;]*(?:[\x00-\x1f]|\Z))")
    for opening, closing in {"'": "'", "[": "]", "(": ")"}.items()
}
# A quoted cell of CSV: quotes within it are doubled.
_CELL = re.compile(r'"((?:[^"]|"")*)"(?=\s*(?:[,;|\]})\x00-\x1f]|\Z))')
_ESCAPED_OR_BARE = re.compile(r"\\([\"'/\\])|\"")
# Stands for what may be the end of the line: no value goes on after a control character.
_END = "\x1f"

_Read = TypeVar("_Read")

# A line in an object in a line, such as a container's log of a relay's output.
_MAX_DEPTH = 4


def read_wrapped(text: str, read: Callable[[str], Optional[_Read]]) -> Optional[_Read]:
    """Return what a function reads in a text, else in the lines that relays may have wrapped; None: nothing.

    Args:
        text: an event's ``_raw``: a line; JSON with the line as a string, cut or not; syslog's ``message
            repeated 2 times: [ …]``; or a line in quotes or brackets. A header may be in front of each.
        read: reads a line; what it returns is false if the line is not one of its own.
    """
    return read(text) or next(filter(None, map(read, _wrapped(text, _MAX_DEPTH))), None)


def _wrapped(text: str, depth: int) -> Iterator[str]:
    for line in _unwrap(text):
        if depth > 1:
            yield from _wrapped(line, depth - 1)
        yield line


def _unwrap(text: str) -> Iterator[str]:
    """Yield the lines within one wrapping."""
    leading = _LEADING.match(text)
    if leading:
        text = text[leading.end() :]
    opened = match_after_header(text, _OBJECT, by_program=True)
    if opened:
        yield from _strings(text, opened.end())
        return
    repeated = match_after_header(text, _REPEATED)
    if repeated:
        yield _CLOSINGS["["].sub(_END, text[repeated.end() :])
        return
    closing = _CLOSINGS.get(text[:1])
    cell = _CELL.match(text)
    if cell and '""' in cell.group(1):
        yield cell.group(1).replace('""', '"')
    elif text[:1] == '"':
        yield _ESCAPED_OR_BARE.sub(lambda found: found.group(1) or _END, text[1:])
    elif closing:
        yield closing.sub(_END, text[1:])
    elif leading:
        yield text


def _strings(text: str, start: int) -> Iterator[str]:
    """Yield the strings under the keys for lines in a JSON text, the outermost first.

    Args:
        text: the text, which may be cut.
        start: where the outermost object begins, after its brace.
    """
    found: list[tuple[int, str]] = []
    # The keys of the objects and lists around a token; how many of them carry no line.
    around: list[str] = []
    strange, key, value_start = 0, "", -1
    for token in _TOKEN.finditer(text, start):
        mark = token.group()
        if mark in "{[":
            around.append(key if token.start() == value_start else "")
            strange += around[-1] not in _CARRIERS
        elif mark in "}]":
            if not around:
                break
            strange -= around.pop() not in _CARRIERS
        elif colon := _COLON.match(text, token.end()):
            key, value_start = token.group(1).lower(), colon.end()
        elif token.start() == value_start and not strange:
            original = key == _ORIGINAL and around and around[-1] in _OF_ORIGINAL
            if original or key in _KEYS:
                found.append((len(around), token.group(1)))
    yield from (_decoded(string) for _, string in sorted(found, key=itemgetter(0)))


def _decoded(text: str) -> str:
    """Return the text of a JSON string, without half a character at its end."""
    try:
        decoded: str = json.loads(f'"{_CUT_ESCAPE.sub("", text)}"', strict=False)
    except ValueError:
        return text
    # Half a pair of surrogates cannot be written as UTF-8.
    return (
        decoded
        if decoded.isascii()
        else decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
