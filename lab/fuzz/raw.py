"""Fuzzes the reading of raw lines: alone, as an event, and as a row of the fast path."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import NamedTuple, Union
from unittest import mock

from lab.fuzz.oracle import events_in
from lab.fuzz.target import Target, shipped, text_of
from lab.generator import ALL_SHAPES, generate
from tsid.decision.enrich import Answer, Enricher, Options
from tsid.hotpath.chunk_enricher import ChunkEnricher
from tsid.hotpath.csvbytes import quote
from tsid.text import raw_events
from tsid.text.raw_events import read_raw

_FTD_KEY = re.compile(r"[A-Z]\w*(?: [A-Z]\w*)?", re.ASCII)
_ENCORE_KEY = re.compile(r"[a-z][a-z0-9_]*")
# The trusted start of a logger's line, and the addresses in it.
_FTD = "%FTD-1-430003: AccessControlRuleAction: Block, SrcIP: 10.1.1.1, DstIP: 203.0.113.9, "
_ENCORE = "rec_type=71 src_ip=10.1.1.1 dest_ip=203.0.113.9 "
_DEVICE, _SERVER = "10.1.1.1", "203.0.113.9"


class _Parts(NamedTuple):
    plain: Enricher
    reading: Enricher
    fast: ChunkEnricher


@lru_cache(maxsize=1)
def _parts() -> _Parts:
    lookups, prefilter = shipped()
    plain, reading = Enricher(lookups, Options()), Enricher(lookups, Options(raw=True))
    return _Parts(plain, reading, ChunkEnricher(reading, prefilter))


def check(data: bytes) -> None:
    """Check a raw text."""
    text = text_of(data)
    _check_fields(text)
    _check_smuggling(text)
    alone = _check_event({"_raw": text})
    # The raw text changes nothing if the fields are complete.
    fields = {"DstIP": _SERVER, "SrcIP": _DEVICE, "url": "www.example.com", "action": "Block"}
    assert _check_event({**fields, "_raw": text}).fields == _parts().plain.enrich(fields).fields
    _check_fast(text, alone)


def _check_fields(text: str) -> None:
    fields = read_raw(text)
    ftd = "%FTD-" in text or "%NGIPS-" in text
    for key, value in fields.items():
        assert value in text, "a value is made up"
        assert (_FTD_KEY if ftd else _ENCORE_KEY).fullmatch(key) or _ENCORE_KEY.fullmatch(key)


def _check_smuggling(text: str) -> None:
    """Check that text after the addresses cannot replace them."""
    ftd = read_raw(_FTD + "URL: " + text)
    assert (ftd["SrcIP"], ftd["DstIP"]) == (_DEVICE, _SERVER), "an address is smuggled in"
    encore = read_raw(_ENCORE + "url=" + text)
    assert encore["src_ip"] in (_DEVICE, ""), "an address is smuggled in"
    assert encore["dest_ip"] in (_SERVER, ""), "an address is smuggled in"


def _check_event(event: Mapping[str, Union[str, list[str]]]) -> Answer:
    before = copy.deepcopy(event)
    answer = _parts().reading.enrich(event)
    assert event == before, "the event itself is changed"
    assert "_raw" not in answer.rewritten, "the raw text is changed"
    return answer


def _check_fast(text: str, expected: Answer) -> None:
    """Check that the fast path gives the same answer, and does not change the text."""
    body = b"_raw,note\n%b,\n" % quote(text)
    pieces, counts = _parts().fast.enrich([body])
    answer = b"".join(pieces)
    assert (counts.seen, counts.returned) == (1, 1)
    assert answer.split(b"\n", 1)[1].startswith(quote(text) + b","), "the raw text is changed"
    (event,) = events_in(answer)
    event.pop("_raw", None)
    assert event == {name: _replaced(value) for name, value in expected.fields.items() if value}, "it differs"


def _replaced(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ue000")


def seeds() -> Iterator[bytes]:
    """Yield the raw lines of made-up events, and lines with traps."""
    texts = dict.fromkeys(
        str(item.event["_raw"])
        for shape in ALL_SHAPES
        for item in generate(6, seed=2, licensing_share=0.5, shapes=[shape])
        if item.event.get("_raw")
    )
    yield from (text.encode("utf-8", "surrogateescape") for text in texts)
    yield b"%NGIPS-0-430002: Prefilter Policy: a, b, DstIP: 72.163.4.38, URL: https://toos.cisco.com/a, b\n"
    yield b'rec_type=71 url="" dest_ip=72.163.4.38 fw_rule="a=b c" url=https://second.example/?dest_ip=203.0.113.9'


def plant() -> AbstractContextManager[object]:
    """Let the reader assume that a line is valid UTF-8."""
    read = raw_events._read_ftd
    return mock.patch.object(raw_events, "_read_ftd", lambda text: read(text.encode("utf-8").decode("utf-8")))


_WORDS = (
    *b'%FTD-1-430003: |%NGIPS-0-430002: |rec_type=71 |, |: |=|"| |DstIP: |DstIP:|SrcIP: |URL: '.split(b"|"),
    *b"ReferencedHost: |NAT_ResponderIP: |AccessControlRuleAction: |SrcPort: 443|dest_ip=|src_ip=".split(
        b"|"
    ),
    *b"url= ssl_server_name= fw_rule_action= 72.163.4.38 203.0.113.10 tools.cisco.com toos.cisco.com".split(),
    *(b"https://", b"\n", b"\r", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xff"),
)

TARGET = Target(check, seeds, _WORDS, 1_500, plant, b"%FTD-1-430003: DstIP: \xff")
