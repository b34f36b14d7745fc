"""Finds the host in a name or URL that a firewall reports, and replaces it."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional
from urllib.parse import unquote

from tsid.memo import MAX_NAMES, BoundedMemo
from tsid.text.addresses import parse_address
from tsid.text.sanitize import INVISIBLE, escape_formula

#: Placeholders that loggers write for a missing name: eNcore ``Unknown`` and ``N/A``, FMC ``None``, Splunk
#: and CIM ``-`` and ``unknown``.
PLACEHOLDERS = frozenset({"", "-", "n/a", "none", "null", "unknown"})

#: RFC 1035, section 2.3.4: a name has at most 255 octets on the wire, which leaves 253 characters of text.
MAX_HOST_LENGTH = 253

# After a scheme of the web, or instead of it, browsers read any number of slashes and backslashes as two
# slashes (WHATWG URL Standard, "special authority ignore slashes state").
_SCHEME = re.compile(r"(?i:https?|wss?|ftp):[/\\]*|[/\\]{2,}|[A-Za-z][A-Za-z0-9+.\-]*://")
# The full stop and the stops that IDNA reads as one (RFC 3490, section 3.1).
_STOPS = (".", "\u3002", "\uff0e", "\uff61")
# The backslash ends an authority as it does in browsers, so that ``https://a\@b`` means host ``a`` for us as
# for them.
_AUTHORITY_END = re.compile(r"[/?#\\]")
_PORT = re.compile(r":[0-9]*\Z")
# Underscores occur in real names, an asterisk in the common name of a wildcard certificate.
_HOST = re.compile(
    r"(?:[a-z0-9_*](?:[a-z0-9_\-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?)*\Z"
)
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]+")


class ReportedName(NamedTuple):
    """The host part of a reported name or URL.

    Attributes:
        observed: the host as reported, lower case, without port, brackets and final dot. Text that is not a
            host name (such as a certificate's Organisational Unit) is kept, shortened to 253 characters, with
            an apostrophe before what would be a formula to a spreadsheet.
        host: the ASCII form to compare with the lookups; empty if the text is not a valid host name.
        is_address: the host is an IP address, not a name.
        start: where the host starts in the reported text.
        end: where it ends.
    """

    observed: str
    host: str
    is_address: bool
    start: int
    end: int

    @property
    def key(self) -> str:
        """The key to compare with aliases, which need not be host names.

        It is empty for text that looks like a host name only because its odd characters are invisible.
        """
        return self.host or ("" if ascii_host(self.observed) else self.observed)


#: Represents a name that was not reported.
NO_NAME = ReportedName("", "", False, 0, 0)


def is_placeholder(text: str) -> bool:
    """Return whether a field's value means that there is no value, such as ``-`` or ``N/A``."""
    return text.strip().lower() in PLACEHOLDERS


def parse_name(text: str) -> Optional[ReportedName]:
    """Find the host in a reported name.

    Args:
        text: a URL with or without scheme, user info, port and path; a bare host; or any other content of
            the field.

    Returns:
        The host; None if the text contains none (empty, a placeholder, a URL without authority).
    """
    return _parsed[text]


def _parse(text: str) -> Optional[ReportedName]:
    if is_placeholder(text):
        return None
    start = len(text) - len(text.lstrip())
    scheme = _SCHEME.match(text, start)
    if scheme:
        start = scheme.end()
    ending = _AUTHORITY_END.search(text, start)
    end = start + len(text[start : ending.start() if ending else len(text)].rstrip())
    if scheme:
        # Only a URL has user info; a bare ``someone@example.com`` is a mail address, not a host.
        start += text[start:end].rfind("@") + 1
    if parse_address(text[start:end]) is not None:
        return _address(text[start:end], start, end)
    port = _PORT.search(text, start, end)
    if port:
        end = port.start()
    if is_placeholder(text[start:end]):
        return None
    if parse_address(text[start:end]) is not None:
        return _address(text[start:end], start, end)
    observed = text[start:end].lower()
    if "%" in observed:
        observed = unquote(observed).lower()
    host = ascii_host(observed)
    if parse_address(host or observed) is not None:
        # Only visible after decoding: ``74%2E16.4.74`` is the address ``74.16.4.74``.
        return _address(host or observed, start, end)
    if host and is_placeholder(host):
        return None
    visible = _visible(observed)
    if visible.endswith(_STOPS):
        visible = visible[:-1]
    visible = escape_formula(visible)[:MAX_HOST_LENGTH]
    if visible != observed and ascii_host(visible) != host:
        # IDNA drops some characters without width: the name to show would be another one.
        host = ""
    return ReportedName(visible, host, False, start, end)


def _visible(text: str) -> str:
    return INVISIBLE.sub("?", _BLANK.sub(" ", text)).strip()


def _address(text: str, start: int, end: int) -> ReportedName:
    observed = _visible(text.strip().strip("[]").lower())
    return ReportedName(observed[:-1] if observed.endswith(".") else observed, "", True, start, end)


# A few names make up most of the traffic.
_parsed = BoundedMemo(_parse, MAX_NAMES)


def ascii_host(text: str) -> str:
    """Return a host name in the form in which names are compared.

    Args:
        text: a host name, possibly international (RFC 3490), in any letter case, with or without final dot.

    Returns:
        Lower-case ASCII; empty if the text is not a valid host name.
    """
    host = text.lower()
    if host.endswith(_STOPS):
        host = host[:-1]
    # Check the length first: the IDNA codec of older Pythons takes quadratic time.
    if len(host) > MAX_HOST_LENGTH:
        return ""
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return ""
    return host if len(host) <= MAX_HOST_LENGTH and _HOST.match(host) else ""


def replace_host(text: str, name: ReportedName, host: str) -> str:
    """Replace the host `name` in `text` by `host`, and keep scheme, user info, port, path and query."""
    return text[: name.start] + host + text[name.end :]
