"""Takes a logger's own line out of what relays have put around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tsid.text.syslog import CONTROL, match_after_header

# The keys under which relays pass on a line as it came: message and event.original (Elastic Common Schema),
# log (Docker's json-file driver, Fluent Bit), event (Splunk HEC), MESSAGE (journald, syslog-ng), msg and
# rawmsg (rsyslog), _raw (Splunk, Cribl), short_message and full_message (GELF), raw_event (NXLog), line
# (Loki), SyslogMessage (Azure Monitor), textPayload (Google Cloud Logging). None under which other loggers
# write what a stranger has chosen, such as body or user_agent.
_KEYS = frozenset(
    (
        *(
            "message",
            "@message",
            "event",
            "original",
            "event.original",
            "log",
            "msg",
            "rawmsg",
            "raw",
            "_raw",
        ),
        *(
            "raw_message",
            "raw_event",
            "line",
            "short_message",
            "full_message",
            "syslogmessage",
            "textpayload",
        ),
    )
)
# The string of a cut text has no second quote.
_STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"?', re.DOTALL)
_COLON = re.compile(r"\s*:\s*(?=\")")
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{0,3})?\Z")

_LEADING = re.compile(r"[\s\x00-\x1f\ufeff]+")
# rsyslog and others announce JSON with a cookie.
_OBJECT = re.compile(r"(?:@cee: ?)?(?:\[\s*)?\{(?=\s*\")")
_REPEATED = re.compile(r"message repeated \d{1,9} times: \[ ?", re.IGNORECASE)
_OPENINGS = {'"': '"', "'": "'", "[": "]", "(": ")"}
# A quote ends a quoted text if nothing else of it follows. Within it, quotes are doubled, escaped or bare.
_AFTER_QUOTE = r"(?=\s*(?:[,;|\]})\x00-\x1f]|\Z))"
_DOUBLED = re.compile(rf'"((?:[^"]|"")*)"{_AFTER_QUOTE}')
_CLOSING_QUOTE = re.compile(r"(?<!\\)[\"']" + _AFTER_QUOTE)
_ESCAPED = re.compile(r"\\([\"'/\\])")

# A line in an object in a line, such as a container's log of a relay's output.
_MAX_DEPTH = 4
# More strings under such keys are not a line that a relay passed on.
_MAX_STRINGS = 8


def wrapped_lines(text: str) -> Iterator[str]:
    """Yield the lines that relays may have wrapped, the most likely one first.

    Args:
        text: an event's ``_raw``: JSON with the line as a string, cut or not; syslog's ``message repeated 2
            times: [ …]``; or a line within quotes or brackets. A syslog header may be in front of each.
    """
    return _wrapped(text, _MAX_DEPTH)


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
    line = CONTROL.split(text, 1)[0].rstrip(" ,;")
    repeated = match_after_header(line, _REPEATED)
    if repeated:
        yield _without(line[repeated.end() :], "]")
        return
    closing = _OPENINGS.get(line[:1])
    if closing is None:
        if leading:
            yield text
    elif closing in "\"'":
        doubled = _DOUBLED.match(text)
        if doubled and '""' in doubled.group(1):
            yield doubled.group(1).replace('""', '"')
        else:
            yield _quoted(line, closing)
    else:
        yield _without(line[1:], closing)


def _strings(text: str, start: int) -> Iterator[str]:
    """Yield the strings under the keys for lines in a JSON text, which may be cut."""
    found = 0
    while found < _MAX_STRINGS:
        key = _STRING.search(text, start)
        if key is None:
            return
        colon = _COLON.match(text, key.end())
        start = colon.end() if colon else key.end()
        if colon and key.group(1).lower() in _KEYS:
            value = _STRING.match(text, start)
            if value:
                found, start = found + 1, value.end()
                yield _decoded(value.group(1))


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


def _quoted(text: str, quote: str) -> str:
    """Return what is within the quotes at the start of a text."""
    closing = next((found for found in _CLOSING_QUOTE.finditer(text, 1) if found.group() == quote), None)
    return _ESCAPED.sub(r"\1", text[1 : closing.start() if closing else len(text)])


def _without(text: str, bracket: str) -> str:
    """Return a text without the bracket that ends it."""
    text = text.rstrip()
    return text[:-1] if text.endswith(bracket) else text
