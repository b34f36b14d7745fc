"""Fuzzes the frames and the bodies of chunks, and compares answers with the plain SDK implementation."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from unittest import mock

from tsidsplunk.protocol import ChunkError, check_execute, check_getinfo, read_body, read_request

from lab.fuzz import oracle
from lab.fuzz.oracle import cut, events_in, learning_after
from lab.fuzz.target import SEPARATOR, Target, scratch, shipped
from lab.generator import ALL_SHAPES, generate
from lab.host.wire import columns_of, encode_body, encode_frame
from tsid.decision.enrich import KEEP, Enricher, Options
from tsid.hotpath import row_enricher
from tsid.hotpath.chunk_enricher import BLOCK, ChunkEnricher
from tsid.hotpath.csvbytes import decode_multivalue, encode_multivalue, read_rows, split_cells, unquote
from tsid.hotpath.row_enricher import MV

_BLOCKS = (1, 7, 64, BLOCK)
_SAMPLE_SIZES = (0, 1, 2, 5)


_folder = lru_cache(maxsize=1)(scratch)


def check(data: bytes) -> None:
    """Check frames or, depending on the first byte, the bodies of chunks.

    The first two bytes of a body's input select the command's options, the size of the blocks and the number
    of rows to learn from.
    """
    if len(data) < 2:
        return
    if data[0] & 0x80:
        _check_frames(data[1:])
    else:
        _check_bodies(_options(data[0]), data[1], data[2:].split(SEPARATOR))


def _options(byte: int) -> Options:
    return Options(
        rewrite=not byte & 8,
        keep=KEEP[(byte & 3) % 3],
        raw=bool(byte & 4),
        prefix="again_" if byte & 16 else "",
        ip="dest" if byte & 32 else None,
        name="dest" if byte & 64 else None,
    )


def _check_frames(data: bytes) -> None:
    """Check that a frame is read, or refused with a message."""
    stream = io.BytesIO(data)
    try:
        while (request := read_request(stream)) is not None:
            metadata, length = request
            assert isinstance(metadata, dict)
            for check_action in (check_getinfo, check_execute):
                with suppress(ChunkError):
                    check_action(metadata)
            body = b"".join(read_body(stream, length))
            assert len(body) == length
            assert data[: stream.tell()].endswith(body)
        assert stream.tell() == len(data)
    except ChunkError as error:
        assert "Splunk" in str(error)


def _check_bodies(options: Options, sizes: int, bodies: Sequence[bytes]) -> None:
    """Check that the hot path and the slow ways agree, for any sample of learned rows and any block size."""
    lookups, prefilter = shipped()
    with learning_after(_SAMPLE_SIZES[sizes >> 2 & 3]):
        chunks = ChunkEnricher(Enricher(lookups, options), prefilter)
        answers: list[bytes] = []
        for body in [*bodies, *bodies]:
            pieces, counts = chunks.enrich(cut(body, _BLOCKS[sizes & 3]))
            answer = b"".join(pieces)
            assert 0 <= counts.rewritten <= counts.enriched <= counts.seen
            if len(answers) < len(bodies):
                _check_passage(options, body, answer, counts.seen, counts.returned)
            answers.append(answer)
    half = len(bodies)
    for body, first, second in zip(bodies, answers[:half], answers[half:]):
        assert first == second, "learning changes the answer"
        assert _texts_in(first) == _texts_in(_slow_answer(options, body)), "the tolerant way differs"
    if all(map(_is_fit_for_sdk, bodies)):
        for mine, sdk in zip(answers, oracle.enrich(lookups, options, list(bodies), _folder())):
            assert events_in(mine) == events_in(sdk), "the SDK's way differs"


def _texts_in(body: bytes) -> list[list[str]]:
    return [[unquote(cell) for cell in row] for row in read_rows(body)]


def _slow_answer(options: Options, body: bytes) -> bytes:
    """Return the answer to a body with the fast path disabled: every row is decoded and decided."""
    lookups, prefilter = shipped()
    with mock.patch.object(ChunkEnricher, "_plan", lambda *_: None):
        return b"".join(ChunkEnricher(Enricher(lookups, options), prefilter).enrich([body])[0])


def _check_passage(options: Options, body: bytes, answer: bytes, seen: int, returned: int) -> None:
    """Check that no event is lost or doubled, and that foreign columns are unchanged."""
    enricher = Enricher(shipped()[0], options)
    before, after = list(read_rows(body)), list(read_rows(answer))
    assert seen == max(0, len(before) - 1), "events are lost or doubled"
    assert returned == max(0, len(after) - 1), "the counts are wrong"
    assert returned <= seen
    if not returned or not enricher.keeps_all:
        return
    assert returned == seen, "events are lost"
    header = [unquote(cell) for cell in before[0]]
    if len(set(header)) < len(header):
        return
    assert [unquote(cell) for cell in after[0][: len(header)]] == header
    touched = {*enricher.output_fields, *enricher.fields_of("name")}
    others = [place for place, name in enumerate(header) if name.replace(MV, "", 1) not in touched]
    for old, new in zip(before[1:], after[1:]):
        assert len(new) == len(after[0]), "a row is ragged"
        old = [*old, *[b""] * (len(header) - len(old))]
        assert [new[place] for place in others] == [old[place] for place in others], "a column is changed"


def _is_fit_for_sdk(body: bytes) -> bool:
    """Return whether the SDK reads a body in the same way.

    It takes a carriage return for the end of a line, sees no column in an empty line, wipes a field whose
    multivalue column is not in form, and its answer has the columns of the first event only.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if b"\r" in body or b"\0" in body:
        return False
    table = list(read_rows(body))
    if table[:1] == [[b""]]:
        return False
    header = [unquote(cell) for cell in table[0]] if table else []
    places = [place for place, name in enumerate(header) if name.startswith(MV)]
    return all(
        len(row) == len(header) and row != [b""] and all(_is_in_form(unquote(row[place])) for place in places)
        for row in table[1:]
    )


def _is_in_form(text: str) -> bool:
    return not text or encode_multivalue(decode_multivalue(text)) == text


def seeds() -> Iterator[bytes]:
    """Yield small chunks of every shape, odd ones, and frames."""
    required = Enricher(shipped()[0], Options()).required_fields
    for number, shape in enumerate(ALL_SHAPES):
        events = [item.event for item in generate(3, seed=number, licensing_share=0.5, shapes=[shape])]
        selected = [{name: event[name] for name in required if name in event} for event in events]
        cells = [split_cells(row) for row in encode_body(selected, columns_of(selected)).splitlines()]
        # Empty columns only take time.
        used = [place for place, column in enumerate(zip(*cells)) if any(column[1:])]
        lines = [b",".join([row[place] for place in used]) for row in cells]
        for byte in (number % 8, 16 + number % 3):
            yield bytes([byte, 4 * (number % 4) + 1]) + b"\n".join([*lines, b""])
    yield from (b"\0\x05" + SEPARATOR.join(bodies) for bodies in _ODD)
    yield b'\4\5_raw,dest_ip\n"%FTD-1-430003: DstIP: 72.163.4.38, URL: https://toos.cisco.com",\n"x","1.1.1.1"\n'
    frame = encode_frame({"action": "execute", "finished": False}, b"dest_ip\n72.163.4.38\n")
    yield b"\x80" + encode_frame({"action": "getinfo", "searchinfo": {"args": []}}) + frame


_ODD = (
    [b"dest_ip,url\n", b'dest_ip,url\n"72.163.4.38","toos.cisco.com","junk"\n"72.163.4.38"\n'],
    [b"note,note\na,b\n", b'dest_ip,note,dest_ip\n"72.163.4.38","x","203.0.113.1"\n'],
    [b'dest_ip,url\n"72.163.4.38",too"s.cisco.com\n72.163.4.38,"toos.cisco.com"x\n'],
    [b'dest_ip,url\r\n"72.163.4.38","toos.cisco.com"\r\n"203.0.113.1",x\n'],
    [b'dest_ip,__mv_dest_ip\n"203.0.113.1","$203.0.113.1$;$72.163.4.38$"\n"72.163.4.38",""\n'],
    [b'dest_ip,__mv_url\n"72.163.4.38","$toos.cisco.com$"\n"72.163.4.38","$a$;$toos.cisco.com$"\n'],
    [b'tsid_verdict,dest_ip,tsid_host\nstale,"203.0.113.1",\n,"72.163.4.38",\n'],
    [b'"dest_ip","__mv_url","tsid_host"\r\n"72.163.4.38","",""\r\n"203.0.113.1","","x"\n"","",""\r\n'],
    [b"dest_ip,url,src_port\n203.0.113.1,n/a,1 (x)\n72.163.4.38,toos.cisco.com/a,443 (https)\ncafe,Cafe,\n"],
    [b'src_ip,dest_ip,src_port\n"10.0.0.1","203.0.113.1",40000\n"10.0.0.2","203.0.113.2",40001\n'],
)


def plant() -> AbstractContextManager[object]:
    """Let the fast path assume that a cell is valid UTF-8."""

    def strictly(cell: bytes) -> str:
        return unquote(cell).encode("utf-8").decode("utf-8")

    return mock.patch.object(row_enricher, "unquote", strictly)


_WORDS = (
    SEPARATOR,
    *(b",", b'"', b'""', b'","', b"\n", b"\r\n", b'",\n', b"$", b"$;$", b"\xff", b"\0", b" ", b"443", b"{}"),
    *b"dest_ip dest src_ip src_port url SSLServerName action _time _raw note tsid_observed".split(),
    *b"tsid_verdict __mv_ __mv_dest_ip __mv_url __mv_src_ip".split(),
    *b'"72.163.4.38" "203.0.113.9" "2001:420:1101:5::a" "toos.cisco.com" "https://tools.cisco.com/"'.split(),
    *(b'"443 (https)"', b"chunked 1.0,", b'{"action":"execute"}', b"null", b"[", b"9" * 20),
)

TARGET = Target(check, seeds, _WORDS, 1_500, plant, b'\0\5dest_ip,url\n"72.163.4.38","\xff"\n')
