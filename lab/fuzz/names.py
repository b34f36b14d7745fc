"""Fuzzes the readers of names and addresses, exact and in the fast path."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Optional, Union
from unittest import mock
from urllib.parse import unquote_to_bytes

from lab.fuzz.target import Target, shipped, text_of
from lab.generator import generate
from tsid.decision.judge import Judge
from tsid.hotpath import prefilter
from tsid.hotpath.csvbytes import quote
from tsid.hotpath.row_pattern import address_key, name_key
from tsid.text import names
from tsid.text.addresses import (
    Address,
    canonical_address,
    is_host_address,
    parse_address,
    parse_prefix,
)
from tsid.text.names import MAX_HOST_LENGTH, ReportedName, ascii_host, parse_name, replace_host

_HOST, _ENDPOINT = "tools.cisco.com", "72.163.4.38"
# Text without white space and without characters that IDNA ignores or maps by rules of its own.
_PLAIN = re.compile(r"[!-~\u3002\uff0e\uff61\uff01-\uff5e]{1,200}")
_ZONE = re.compile(r"%[\w.~:%-]*\Z", re.ASCII)


def check(data: bytes) -> None:
    """Check the names and addresses that are read from a text."""
    text = text_of(data)
    address = _check_address(text)
    _check_prefix(text)
    _check_name(text)
    _check_browser(text)
    _check_prefilter(text, address)


def _check_address(text: str) -> Optional[Address]:
    address, stripped = parse_address(text), text.strip()
    expected = _by_standard_library(stripped)
    if address is None:
        assert expected is None or len(stripped) > 64, "an address is not read"
        assert canonical_address(text) == text
        return None
    assert expected is not None, "a text that is not an address is read as one"
    if expected.version == address.version:
        assert int(expected) == address.value, "the wrong address is read"
    else:
        assert (address.version, int(expected) & 0xFFFFFFFF) == (4, address.value)
    canonical = str(address)
    assert parse_address(canonical) == address
    assert canonical_address(canonical) == canonical
    is_host_address(address)
    return address


def _by_standard_library(text: str) -> Union[ipaddress.IPv4Address, ipaddress.IPv6Address, None]:
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        text = _ZONE.sub("", text)
        if "%" in text:
            return None
    elif text.endswith("."):
        text = text[:-1]
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _check_prefix(text: str) -> None:
    found = parse_prefix(text)
    if found is not None:
        address, prefix = found
        assert parse_prefix(str(prefix)) == (Address(prefix.version, prefix.first), prefix)
        assert prefix.version == address.version
        assert prefix.first <= address.value


def _check_name(text: str) -> None:
    host = ascii_host(text)
    assert ascii_host(host) == host
    name = parse_name(text)
    if name is None:
        return
    assert 0 <= name.start <= name.end <= len(text), "the host is outside of the text"
    assert len(name.observed) <= MAX_HOST_LENGTH
    assert name.observed == name.observed.lower()
    if name.is_address:
        assert name.host == ""
        assert parse_address(name.observed) is not None, "a text that is not an address counts as one"
    if name.host:
        assert name.host.isascii()
        assert name.host == name.host.lower()
        assert len(name.host) <= MAX_HOST_LENGTH
        assert ascii_host(name.host) == name.host
        assert parse_address(name.host) is None, "an address counts as a name"
        again = parse_name(name.host)
        assert again is not None
        assert (again.host, again.observed, again.is_address) == (name.host, name.host, False)
    if name.host:
        # The shown name equals the compared one, and a second run reads it again.
        seen = parse_name(name.observed)
        assert seen is not None, "the shown text is not a name"
        assert (seen.key, ascii_host(name.observed)) == (name.key, name.host), "another name is shown"
    _check_verdict(name)
    replaced = replace_host(text, name, _HOST)
    assert replaced.startswith(text[: name.start])
    assert replaced.endswith(text[name.end :])
    assert len(replaced) == len(text) - (name.end - name.start) + len(_HOST)
    # Text such as ``["https://a"]`` does not have a scheme until a host replaces its start.
    if not text.startswith("://", name.end):
        after = parse_name(replaced)
        assert after is not None, "the text with another host does not contain a host"
        assert after.host == _HOST, "the text with another host contains a third one"
        assert replace_host(replaced, after, _HOST) == replaced


def _check_browser(text: str) -> None:
    """Check that a licensing name is found in a web URL if and only if a browser would go there."""
    lookups = shipped()[0]
    name, there = parse_name(text), _as_browser(text)
    found = name.host if name is not None else ""
    licensing = lookups.canonical.union(lookups.aliases)
    if there is not None:
        assert found not in licensing or found == there, "a browser would go to another host"
        if _PLAIN.fullmatch(text):
            assert there not in licensing or found == there, "a browser would go to a licensing host"


def _as_browser(text: str) -> Optional[str]:
    """Return the host of a URL with a web scheme (WHATWG URL Standard, sections 4.4 and 3.5).

    It is None for other texts and where a browser fails. Characters that IDNA ignores are kept.
    """
    text = re.sub(r"[\t\n\r]", "", text.strip("".join(map(chr, range(0x21)))))
    scheme = re.match(r"(?:https?|wss?|ftp):[/\\]+", text, re.IGNORECASE)
    if scheme is None:
        return None
    authority = re.split(r"[/\\?#]", text[scheme.end() :])[0]
    host, _, port = authority.rpartition("@")[2].partition(":")
    if port.strip("0123456789"):
        return None
    try:
        host = unquote_to_bytes(host.encode("utf-8")).decode("utf-8")
    except UnicodeError:
        return None
    host = unicodedata.normalize("NFKC", host).lower().replace("\u3002", ".")
    if re.search(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]", host):
        return None
    return host[:-1] if host.endswith(".") else host


def _check_verdict(name: ReportedName) -> None:
    """Check that a judge with memos of a similar name decides like a new one."""
    used, fresh = Judge(shipped()[0]), Judge(shipped()[0])
    alike = parse_name(name.observed)
    if alike is not None:
        used.decide((_ENDPOINT,), (alike,), None)
    decisions = [judge.decide((_ENDPOINT,), (name,), None) for judge in (used, fresh)]
    assert decisions[0] == decisions[1], "the verdict on another name is remembered"


def _check_prefilter(text: str, address: Optional[Address]) -> None:
    """Check that the prefilter accepts everything that the exact path would find."""
    lookups, suspects = shipped()
    cell = quote(text)
    name = parse_name(text)
    known = name.key if name is not None and not name.is_address else ""
    licensing = known in lookups.canonical or known in lookups.aliases
    endpoint = address is not None and lookups.endpoints.longest(address) is not None
    assert suspects.name(cell) or not licensing, "the prefilter misses a licensing name"
    assert suspects.endpoint[cell] or not endpoint, "the prefilter misses an endpoint's address"
    assert suspects.endpoint_or_name[cell] or not (licensing or endpoint)
    # For any other table: a cell's key must be among the keys of its own address or name.
    key = address_key(cell)
    if key is not None and address is not None:
        assert key in _keys_of(address), "the fast path has another key for an address"
    opened = prefilter._AUTHORITY.match(cell)
    key = name_key(opened.group().lower()) if opened else None
    if key is not None and name is not None and name.host:
        assert key in (name.host.encode(), name.host.encode() + b"."), "the fast path reads another name"


def _keys_of(address: Address) -> tuple[bytes, ...]:
    value = address.value
    if address.version == 4:
        return b"%d.%d.%d" % (value >> 24, value >> 16 & 255, value >> 8 & 255), b"64:ff9b"
    return (b"%x:%x" % (value >> 112, value >> 96 & 0xFFFF),)


def seeds() -> Iterator[bytes]:
    """Yield the names and addresses of made-up events, and spellings that once went wrong."""
    fields = shipped()[0].fields
    texts: dict[str, None] = {}
    for item in generate(300, seed=1, licensing_share=0.5):
        for field in (*fields.of("address"), *fields.of("name")):
            value = item.event.get(field, "")
            texts.update(dict.fromkeys([value] if isinstance(value, str) else value))
    yield from (text.encode("utf-8", "surrogateescape") for text in texts)
    yield from (text.encode() for text in _ODD)


_ODD = (
    "https://user:secret@tools.cisco.com:443/a?b=c@d#e",
    "https://tools%2Ecisco%2ecom/",
    "https://evil.example\\@tools.cisco.com/",
    "https://b\u00fccher.example./",
    "//\uff54ools\u3002cisco.com",
    "tools.cisco.com\u3002",
    "https://tools\uff0ecisco\uff61com\uff61/",
    "https:\\\\tools.cisco.com\\a",
    "HTTPS:/\\/toos.cisco.com:443",
    "wss:////evil.example\\@tools.cisco.com",
    "ftp:/a@b@tools.cisco.com/",
    "https:tools.cisco.com",
    "ldap:\\\\tools.cisco.com",
    "[2001:db8::1%25eth0]:443",
    "::ffff:192.0.2.1",
    "64:ff9b::c000:201",
    "198.51.100.0/24",
    "2001:db8::/32",
    "Cisco Systems, Inc.",
)


def plant() -> AbstractContextManager[object]:
    """Let the reader of names assume that hexadecimal digits follow a per cent sign."""

    def strictly(text: str) -> str:
        start, *others = text.split("%")
        return start + "".join(chr(int(other[:2], 16)) + other[2:] for other in others)

    return mock.patch.object(names, "unquote", strictly)


_WORDS = (
    *b"https:// HTTP:// // @ :443 : . .. [ ] % %2e %25 %00 \\ ? # *. xn-- - n/a unknown /32 /0".split(),
    *b":: 0x 0 ::ffff: 64:ff9b:: 72.163.4.38 2001:420:1101:5::a toos.cisco.com cisco .com".split(),
    *b"https:/ https:\\\\ https:/\\ wss:\\ ftp:/// http: \\@ tools.cisco.com /\\".split(),
    *"\uff0e \uff61 \uff0f \uff20 \uff05 \u017f \u212a".encode().split(),
    *"\uff54 \u3002 \u0130 \u03c2 \u00df \uff11 \u0660 \u00ad".encode().split(),
    *(b" ", b'"', b'""', b"\xc2\xa0", b"\xff"),
)

TARGET = Target(check, seeds, _WORDS, 400, plant, b"a.example%zz")
