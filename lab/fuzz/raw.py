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
_ENCORE_REST = "src_ip=10.1.1.1 dest_ip=203.0.113.9 fw_rule_action=Block "
_ENCORE = f"rec_type=71 {_ENCORE_REST}"
# The verdicts that an address in Cisco's networks brings.
_OF_CISCO = ("canonical", "aliased", "unnamed", "foreign", "unlisted")
_DEVICE, _SERVER = "10.1.1.1", "203.0.113.9"
# Fields whose text a stranger chooses: the URL, the user agent, a file, a certificate.
_FTD_STRANGERS = ("URL: ", "UserAgent: ", "FileName: ", "SSLCertificateSubject: ")
_ENCORE_STRANGERS = ('url="', "user_agent=", 'file_name="', 'referenced_host="x" q="')
_FAKED_FTD = "%FTD-1-430003: AccessControlRuleAction: Allow, SrcIP: 10.9.9.9, DstIP: 72.163.4.38, "
_FAKED_ENCORE = '" src_ip=10.9.9.9 dest_ip=72.163.4.38 fw_rule_action=Allow q="'
# Starts of lines that are not about connections.
_OTHERS = (
    "<165>Nov  3 10:00:00 fw1 : %ASA-6-303002: FTP connection from inside:10.1.1.1/1, Stored file ",
    "%ASA-session-5-304001: 10.1.1.1 Accessed URL 203.0.113.9:http://x.example/",
    "%FTD-6-302013: Built ",
    "%SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: ",
    'rec_type=400 url="',
    "Nov  3 10:00:00 host rec_type=9 url=",
)


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
    # A raw text that is not a record changes nothing.
    fields = {"DstIP": _SERVER, "SrcIP": _DEVICE, "url": "www.example.com", "action": "Block"}
    answer = _check_event({**fields, "_raw": text})
    assert read_raw(text) or answer.fields == _parts().plain.enrich(fields).fields
    _check_fast(text, alone)


def _check_fields(text: str) -> None:
    fields = read_raw(text)
    ftd = re.search(r"430\d\d\d|SFIMS", text) is not None
    for key, value in fields.items():
        # What is wrapped may be escaped, and not be UTF-8.
        changed = "\\" in text or '""' in text or "\ufffd" in value
        assert value in text or changed, "a value is made up"
        assert (_FTD_KEY if ftd else _ENCORE_KEY).fullmatch(key) or _ENCORE_KEY.fullmatch(key)


def _check_smuggling(text: str) -> None:
    """Check that no text that a stranger chose changes what the logger wrote, or becomes a record."""
    # One start of each kind for each text, so that the fuzzer has time for many texts.
    start, ftd_key, encore_key = (
        choices[len(text) % len(choices)] for choices in (_OTHERS, _FTD_STRANGERS, _ENCORE_STRANGERS)
    )
    for faked in (text, _FAKED_FTD + text, f" rec_type=71 {_FAKED_ENCORE}{text}"):
        assert read_raw(start + faked) == {}, "a line whose first tag is another gives fields"
    for faked in (text, f"{text}, {_FAKED_FTD}{text}"):
        ftd = read_raw(_FTD + ftd_key + faked)
        assert (ftd["SrcIP"], ftd["DstIP"]) == (_DEVICE, _SERVER), "an address is smuggled in"
        assert ftd["AccessControlRuleAction"] == "Block", "an outcome is smuggled in"
        _check_answer_of(_FTD + ftd_key + faked)
    for faked in (text, f"{text}{_FAKED_ENCORE}", f"{_FAKED_ENCORE}{text}"):
        # eNcore writes its keys in no order that can be relied on.
        for line in (f"{_ENCORE}{encore_key}{faked}", f'rec_type=71 {encore_key}{faked}" {_ENCORE_REST}'):
            encore = read_raw(line)
            assert encore["src_ip"] in (_DEVICE, ""), "an address is smuggled in"
            assert encore["dest_ip"] in (_SERVER, ""), "an address is smuggled in"
            assert encore["fw_rule_action"] in ("Block", ""), "an outcome is smuggled in"
            _check_answer_of(line)


def _check_answer_of(line: str) -> None:
    """Check that a line about a server that is not Cisco's gets no other device, address or outcome."""
    enricher = _parts().reading
    fields = enricher.enrich({"_raw": line}).fields
    assert fields["tsid_verdict"] not in _OF_CISCO, "a stranger's text makes the server one of Cisco's"
    assert fields["tsid_ip"] in (_SERVER, ""), "another address is shown"
    assert fields["tsid_device"] in (_DEVICE, ""), "another device is shown"
    assert fields["tsid_outcome"] in ("blocked", "unknown", ""), "another outcome is shown"


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
    yield b"%ASA-6-303002: Stored file %FTD-1-430003: SrcIP: 10.9.9.9, DstIP: 72.163.4.38, URL: https://tools.cisco.com"
    yield b'rec_type=71 referenced_host="x" dest_ip=72.163.4.38 q=" dest_ip=203.0.113.9 url=tools.cisco.com'
    yield b'x" dest_ip=72.163.4.38 dest=72.163.4.38 responder_ip=72.163.4.38 url=tools.cisco.com y="'
    yield b'{"message":"%FTD-1-430003: DstIP: 72.163.4.38, URL: https:\\/\\/toos.cisco.com","host":"x"}'
    yield b"message repeated 2 times: [ <166>Nov  3 10:00:00 fw1 %FTD-session-6-430002: DstIP: 72.163.4.38]\0"
    yield b"Nov  3 10:00:00 fmc SFIMS: Protocol: TCP, DstIP: 72.163.4.38<166>fw1 %FTD-6-430002: x"
    yield b"https://tools.cisco.com, ResponderIP: 72.163.4.38, InitiatorIP: 10.9.9.9, AC_RuleAction: Allow"


def plant() -> AbstractContextManager[object]:
    """Let the reader assume that a line is valid UTF-8."""
    read = raw_events._read_ftd
    return mock.patch.object(
        raw_events, "_read_ftd", lambda text, *rest: read(text.encode("utf-8").decode("utf-8"), *rest)
    )


_WORDS = (
    *b'%FTD-1-430003: |%NGIPS-0-430002: |rec_type=71 |, |: |=|"| |DstIP: |DstIP:|SrcIP: |URL: '.split(b"|"),
    *b"ReferencedHost: |NAT_ResponderIP: |AccessControlRuleAction: |SrcPort: 443|dest_ip=|src_ip=".split(
        b"|"
    ),
    *b"url= ssl_server_name= fw_rule_action= 72.163.4.38 203.0.113.10 tools.cisco.com toos.cisco.com".split(),
    *b'%ASA-6-303002: |%ASA-session-5-304001: |rec_type=400 |rec_type=71|" dest_ip=72.163.4.38 q="'.split(
        b"|"
    ),
    *b'" src_ip=10.9.9.9 |dest_ip="72.163.4.38"|, DstIP: 72.163.4.38|, SrcIP: 10.9.9.9|UserAgent: '.split(
        b"|"
    ),
    *b"FileName: |ResponderIP: |InitiatorIP: |AC_RuleAction: Allow|Destination IP: |Source IP: ".split(b"|"),
    *b"dest=|dst=|dst_ip=|responder_ip=|src=|initiator_ip=|action=|vendor_action=|InitiatorPort: 443".split(
        b"|"
    ),
    *(
        b'{"message":"',
        b'"log": "',
        b"message repeated 2 times: [ ",
        b"<166>",
        b"142 ",
        b"\\u002f",
        b"\\/",
        b"\0",
        b'""',
    ),
    *(b"SFIMS: ", b"%FTD--6-430003: ", b"FTD-session-6-430002 ", b"%ASA-1-430003: "),
    *(b"https://", b"\n", b"\r", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xff"),
)

TARGET = Target(check, seeds, _WORDS, 1_500, plant, b"%FTD-1-430003: DstIP: \xff")
