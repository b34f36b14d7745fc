"""The hot path gives the answers of the plain SDK implementation, whatever bytes it gets."""

from __future__ import annotations

import re
import shutil
import sys
import time
import tracemalloc
from functools import cache, lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.bench.datasets import FORMS, MINIMAL, QUOTED, SPLUNKD, rewrite
from lab.fuzz import oracle
from lab.fuzz.oracle import cut, learning_after
from lab.generator import ALL_SHAPES, generate
from lab.generator.shape import Event
from lab.host.wire import columns_of, encode_body
from tsid import memo
from tsid.decision.enrich import KEEP, OUTPUT_FIELDS, Enricher, Options
from tsid.facts.lookups import Lookups, load_lookups
from tsid.hotpath import chunk_enricher as rows
from tsid.hotpath.chunk_enricher import ChunkEnricher
from tsid.hotpath.csvbytes import (
    decode_multivalue,
    encode_multivalue,
    quote,
    read_rows,
    split_around,
    split_cells,
    unquote,
)
from tsid.hotpath.prefilter import Prefilter
from tsid.hotpath.row_enricher import MV
from tsid.hotpath.row_pattern import ADDRESS, EMPTY, NAME, ORDINARY, PORT, ordinary_pattern
from tsid.memo import AnswerBudget
from tsid.text.addresses import parse_address
from tsid.text.names import parse_name

LOOKUPS = Path(__file__).resolve().parents[2] / "lookups"

#: Equal answers are read once.
events_in = lru_cache(maxsize=16)(oracle.events_in)


def hot(lookups: Lookups, options: Options, bodies: list[bytes], block: int = rows.BLOCK) -> list[bytes]:
    """Return the answers of the hot path to some chunks, which it gets in blocks of some size."""
    chunks = ChunkEnricher(Enricher(lookups, options), Prefilter(lookups))
    answers = []
    for body in bodies:
        pieces, counts = chunks.enrich(cut(body, block))
        answer = b"".join(pieces)
        assert counts.returned == len(events_in(answer))
        assert 0 <= counts.rewritten <= counts.enriched <= counts.seen
        answers.append(answer)
    return answers


def same(
    lookups: Lookups, options: Options, bodies: list[bytes], folder: Path, block: int = rows.BLOCK
) -> None:
    """Check that hot path and oracle agree on every chunk.

    The oracle, which answers each event by itself, gets equal chunks once.
    """
    different = list(dict.fromkeys(bodies))
    answers = map(events_in, oracle.enrich(lookups, options, different, folder))
    expected = dict(zip(different, answers))
    for body, mine in zip(bodies, hot(lookups, options, bodies, block)):
        assert events_in(mine) == expected[body]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dispatch")


@cache
def generated(shape: str) -> tuple[list[Event], bytes]:
    """Return some events of one shape, and a body with all of their fields."""
    events = [item.event for item in generate(200, seed=3, licensing_share=0.4, shapes=[shape])]
    return events, encode_body(events, columns_of(events))


@pytest.mark.parametrize("keep", KEEP)
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_every_generated_shape_is_answered_as_by_the_enricher(
    lookups: Lookups, folder: Path, shape: str, raw: bool, keep: str
) -> None:
    """Most rows of the second time are recognised by what was learned from the first."""
    options = Options(raw=raw, keep=keep)
    events, full = generated(shape)
    fields = Enricher(lookups, options).required_fields
    selected = [{name: event[name] for name in fields if name in event} for event in events]
    narrow = encode_body(selected, [*fields, "_chunked_idx"])
    same(lookups, options, [full, narrow, full, narrow], folder)


def test_mixed_source_types_and_changing_headers_are_answered_as_by_the_enricher(
    lookups: Lookups, folder: Path
) -> None:
    bodies = []
    for seed in range(4):
        events = [
            item.event for item in generate(150, seed=seed, licensing_share=0.3, shapes=ALL_SHAPES[seed:])
        ]
        bodies.append(encode_body(events, columns_of(events)))
    same(lookups, Options(), [*bodies, *bodies], folder)


def test_a_second_run_over_the_first_answer_is_answered_as_by_the_enricher(
    lookups: Lookups, folder: Path
) -> None:
    events = [item.event for item in generate(300, seed=5, licensing_share=0.5)]
    body = encode_body(events, columns_of(events))
    (once,) = hot(lookups, Options(), [body])
    (twice,) = hot(lookups, Options(), [once])
    assert twice == once
    same(lookups, Options(prefix="again_"), [once], folder)


ADDRESSES = ["72.163.4.38", "146.112.59.81", "2001:420:1101:5::a", "::ffff:72.163.4.38", " 72.163.4.38", "[72.163.4.38]",
             "72.163.4.39", "72.163.04.38", "72.163.4.38.", "203.0.113.9", "10.0.0.1", "tools.cisco.com", "TOOS.cisco.com.", "-", ""]  # fmt: skip
NAMES = ["https://toos.cisco.com/a?b=c", "toos.cisco.com", "\u00a0toos.cisco.com", " https://TOOS.cisco.com", '"toos.cisco.com"',
         'https://a"b,c@toos.cisco.com/', "toos%2ecisco.com", "ｔoos.cisco.com", "https://example.net/tools.cisco.com", "//tools.cisco.com",
         "https://example.net\\@tools.cisco.com", "https://x@tools.cisco.com:443", "tools.cisco.com evil", "\ntools.cisco.com", "N/A", "",
         "https://www.example.com/", "a,b", "72.163.4.38", "https://72.163.4.38./", "https://72.163.4%2E38/", "https://72.163.4.38%2eevil.example/"]  # fmt: skip
TEXT = st.text(
    st.one_of(
        st.sampled_from("\",\n$;% \t'=|"),
        st.characters(codec="utf-8", exclude_characters="\0\r" if sys.version_info < (3, 11) else "\r"),
    ),
    max_size=12,
)
COLUMNS = [
    "dest_ip",
    "dest",
    "src_ip",
    "src_port",
    "url",
    "SSLServerName",
    "action",
    "_time",
    "_raw",
    "user",
    "note",
    "tsid_observed",
]
VALUES: dict[str, st.SearchStrategy[str]] = {
    "dest_ip": st.sampled_from(ADDRESSES) | TEXT,
    "dest": st.sampled_from(ADDRESSES),
    "src_ip": st.sampled_from(ADDRESSES),
    "src_port": st.sampled_from(["443", "40000", ""]),
    "url": st.sampled_from(NAMES) | TEXT,
    "SSLServerName": st.sampled_from(NAMES),
    "action": st.sampled_from(["Allow", "Block", ""]),
    "_time": st.just("1700000000"),
    "_raw": st.sampled_from(["%FTD-1-430003: DstIP: 72.163.4.38, URL: https://toos.cisco.com", "x"]) | TEXT,
    "tsid_observed": st.sampled_from(["", "", "toos.cisco.com"]),
}


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Well-formed chunks: columns in any order, with or without their multivalue columns."""
    columns = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=8, unique=True))
    multivalued = draw(st.lists(st.sampled_from(columns), max_size=3, unique=True))
    lines = [b",".join(quote(name) for name in [*columns, *(MV + name for name in multivalued)])]
    for _ in range(draw(st.integers(0, 6))):
        cells, multivalues = [], {}
        for name in columns:
            value = VALUES.get(name, TEXT)
            if name in multivalued and draw(st.booleans()):
                values = draw(st.lists(value, min_size=1, max_size=3))
                cells.append(quote("\n".join(values)))
                multivalues[name] = quote(encode_multivalue(values))
            else:
                cells.append(quote(draw(value)))
        line = b",".join([*cells, *(multivalues.get(name, b"") for name in multivalued)])
        # Of an empty line the SDK makes an event without any field; if it is the first, it loses the column.
        lines.append(line or b'""')
    return b"\n".join(lines) + draw(st.sampled_from([b"\n", b"\n", b""]))


OPTIONS = st.builds(
    Options,
    rewrite=st.booleans(),
    keep=st.sampled_from(KEEP),
    raw=st.booleans(),
    prefix=st.sampled_from(["", "second_"]),
)


@given(
    st.lists(bodies(), min_size=1, max_size=3),
    OPTIONS,
    st.sampled_from([1, 50, rows.BLOCK]),
    st.integers(0, 3),
)
def test_generated_chunks_are_answered_as_by_the_enricher(
    lookups: Lookups, folder: Path, chunks: list[bytes], options: Options, block: int, lesson: int
) -> None:
    with learning_after(lesson):
        same(lookups, options, [*chunks, *chunks], folder, block)


@given(
    st.lists(bodies(), min_size=1, max_size=3),
    st.sampled_from(FORMS),
    st.sampled_from(FORMS),
    OPTIONS,
    st.sampled_from([1, 50, rows.BLOCK]),
    st.integers(0, 3),
)
def test_chunks_in_other_forms_of_csv_are_answered_as_by_the_enricher(
    lookups: Lookups, folder: Path, chunks: list[bytes], form: str, later: str, options: Options, block: int, lesson: int
) -> None:  # fmt: skip
    """The second chunk begins in one form, and goes on in another."""
    first = [rewrite(chunk, form) for chunk in chunks]
    mixed = [
        b"\n".join([start.removesuffix(b"\n"), rewrite(chunk, later).partition(b"\n")[2]])
        for start, chunk in zip(first, chunks)
    ]
    with learning_after(lesson):
        same(lookups, options, [*first, *mixed, *first], folder, block)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'"a-b",dest_ip\r\nx,"203.0.113.1"\r\n', b'"a-b",dest_ip,more\nx,"203.0.113.1",\n'),
        (b"a-b,dest_ip\nx-y,203.0.113.1\n", b"a-b,dest_ip,more\nx-y,203.0.113.1,\n"),
        (b'"a","dest_ip"\n"","203.0.113.1"\n', b'"a","dest_ip",more\n"","203.0.113.1",\n'),
    ],
)
def test_the_cells_of_a_row_stay_as_they_came_and_its_end_is_a_newline(
    lookups: Lookups, body: bytes, answer: bytes
) -> None:
    commas = b"," * (len(OUTPUT_FIELDS) - 1)
    for lesson in (0, 1):
        with learning_after(lesson):
            for mine in hot(lookups, Options(), [body] * 2):
                names = b",".join(map(quote, OUTPUT_FIELDS))
                assert mine == answer.replace(b"more", names).replace(b",\n", commas + b",\n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"dest_ip",
        b"dest_ip\n",
        b"dest_ip,url\n",
        b"dest_ip\n72.163.4.38",
        b"dest_ip\n72.163.4.38\n",
        b'dest_ip\n"72.163.4.38"\n\n"203.0.113.1"\n',
        b"note\n\n\n",
        b"note,note\na,b\n",
        b'dest_ip,dest_ip\n"203.0.113.1","72.163.4.38"\n',
        b'dest_ip,note,dest_ip\n"72.163.4.38","x","203.0.113.1"\n',
        b'dest_ip,url\n"72.163.4.38","toos.cisco.com","junk"\n"72.163.4.38"\n',
        b'dest_ip,url\n"72.163.4.38",too"s.cisco.com\n72.163.4.38,"toos.cisco.com"x\n',
        b'dest_ip,url\r\n"72.163.4.38","toos.cisco.com"\r\n203.0.113.1,x\r\n',
        b'dest_ip,url\n"72.163.4.38","toos.cisco.com"\r\n"203.0.113.1",x\n',
        b'dest_ip,url\n"72.163.4.38","toos.cisco.com',
        b'dest_ip,url\n"72.163.4.38",\xff\xfe\n"72.163.4.38","https://t\xf6os.cisco.com/"\n',
        b'dest_ip,note\n"72.163.4.38","\xff\xfe""\xfd"\n"203.0.113.1","\xff"\n',
        b'dest_ip,__mv_dest_ip\n"203.0.113.1","$203.0.113.1$;$72.163.4.38$"\n"72.163.4.38",""\n',
        b'__mv_dest_ip,dest_ip\n"$203.0.113.1$;$72.163.4.38$",\n',
        b'__mv_dest_ip\n"$203.0.113.1$;$72.163.4.38$"\n',
        b'dest_ip,__mv_url\n"72.163.4.38","$toos.cisco.com$"\n"72.163.4.38","$a$;$toos.cisco.com$"\n',
        b'dest_ip,note,dest_ip,__mv_note\n"72.163.4.38","x","203.0.113.1",\n',
        b'tsid_verdict,dest_ip,tsid_host\nstale,"203.0.113.1",\n,"72.163.4.38",\n,"203.0.113.1",\n',
        b'"dest ip","Destination IP"\nx,"72.163.4.38"\n',
        b'dest_ip,url,__mv_tsid_observed\n"72.163.4.38","tools.cisco.com","$toos.cisco.com$;$x$"\n"203.0.113.1",,"$a$;$b$"\n',
        b"dest_ip,dest,__mv_dest_ip,SrcIP,src_ip,src,__mv_note,note\n"
        b'"8.8.8.8","toos.cisco.com","$8.8.8.8$;$8.8.4.4$","10.0.0.1\n10.0.0.1","72.163.4.38","$10.0.0.1$;$10.0.0.1$",,\n'
        b'"10.0.0.1\n10.0.0.1","72.163.4.38","$10.0.0.1$;$10.0.0.1$","10.0.0.1",,,,\n',
    ],
)  # fmt: skip
@pytest.mark.parametrize("keep", KEEP)
def test_malformed_bodies_are_answered_as_by_the_enricher(
    lookups: Lookups, folder: Path, body: bytes, keep: str
) -> None:
    same(lookups, Options(keep=keep), [body, body], folder)


@pytest.mark.parametrize("lesson", [0, 1, 2])
def test_an_address_written_like_a_name_is_found(lookups: Lookups, folder: Path, lesson: int) -> None:
    pairs = [
        ("72.163.4.38", "https://74.16.4.74./"),
        ("72.163.4.38", "74.16.4%2E74"),
        ("72.163.4.38", "https://72.163.4.38%2eevil.example/"),
        ("72.163.4.38.", "toos.cisco.com"),
        ("203.0.113.9.", "tools.cisco.com"),
        ("203.0.113.9", "https://72.163.4.38./"),
    ]
    body = b"dest_ip,url\n" + b"".join(b",".join(map(quote, pair)) + b"\n" for pair in pairs)
    with learning_after(lesson):
        same(lookups, Options(), [body, body], folder)
        answers = hot(lookups, Options(), [body, body])
    for answer in answers:
        verdicts = [event.get("tsid_verdict", "") for event in events_in(answer)]
        assert verdicts == ["unnamed", "unnamed", "foreign", "aliased", "impostor", ""]


def test_a_multivalue_raw_text_is_read(lookups: Lookups, folder: Path) -> None:
    body = b'_raw,__mv__raw\n"%FTD-1-430003: DstIP:\n72.163.4.38","$%FTD-1-430003: DstIP:$;$72.163.4.38$"\n'
    same(lookups, Options(raw=True), [body], folder)


@pytest.mark.parametrize("name", ["tsid_observed", "tsid_ip"])
def test_a_field_may_be_both_read_and_added(lookups: Lookups, folder: Path, name: str) -> None:
    body = b'%b,dest_ip\n"toos.cisco.com","72.163.4.38"\n' % name.encode()
    same(lookups, Options(name=name), [body, body], folder)


def test_bytes_of_other_columns_are_left_alone(lookups: Lookups) -> None:
    note = b'"\xff\xfe \x00 "" $$; \xc3\xa9\n,"'
    body = b"note,dest_ip,more\n" + b"".join(
        b"%b,%b,\x00x\n" % (note, address) for address in (b'"203.0.113.1"', b'"72.163.4.38"')
    )
    (answer,) = hot(lookups, Options(), [body])
    assert answer.startswith(b"note,dest_ip,more,")
    assert answer.count(note) == 2
    assert answer.count(b",\x00x,") == 2


def test_the_rows_of_a_body_that_becomes_malformed_are_counted_once(lookups: Lookups) -> None:
    good, odd = b'"72.163.4.38","toos.cisco.com"\n', b'"72.163.4.38",too"s\n'
    _, counts = ChunkEnricher(Enricher(lookups, Options()), Prefilter(lookups)).enrich(
        cut(b"dest_ip,url\n" + good * 20_000 + odd)
    )
    assert counts == (20_001, 20_001, 20_001, 20_000)


@pytest.mark.parametrize("field", ["src", "dest"])
def test_a_field_may_play_several_roles(lookups: Lookups, folder: Path, field: str) -> None:
    body = b'src,dest,src_port\n"72.163.4.38","10.0.0.1",443\n"toos.cisco.com","72.163.4.38",443\n'
    for options in (
        Options(name=field),
        Options(device=field),
        Options(ip=field),
        Options(name=field, ip=field),
    ):
        for lesson in (0, 1):
            with learning_after(lesson):
                same(lookups, options, [body, body], folder)


PLAIN = b"203.0.113.7", b"2001:db8::7", b"www.example.com", b"https://www.example.com/x"
#: What may stand in front of, within and behind the address or name of an endpoint.
WRAPPERS = ["{}", "{}.", "{}..", "x{}", "{}x", " {}", "{} ", "[{}]", "{}:443", "{}:", "https://{}", "HTTPS://{}/", "ftp://{}", "//{}/a",
            "http://{}:80?x", "https://x@{}", "https://{}@x.example", "https://{}#a", "{}/a", "{}\\a", "https://x.example\\@{}", "{}%20",
            "%{}", "::ffff:{}", "64:ff9b::{}", "0{}", "{}\n", "a,{}", '"{}"', "https:/{}", "https:{}", "a:1//{}", "{}.example.com", "1.{}", "{}:12"]  # fmt: skip
TARGETS = ["72.163.4.38", "2001:420:1101:5::a", "2001:0420:1101:0005::a", "2001:420:1101:5::A", "tools.cisco.com", "toos.cisco.com",
           "TOOS.cisco.com", "licence", "cafe", "10.20.30.alias.example", "198.18.0.1", "2001:dc1::9"]  # fmt: skip


ENDPOINTS = """network,host
198.18.0.0/23,tools.cisco.com
2001:dc0::/28,tools.cisco.com
203.0.112.0/24,{host}
"""


@pytest.fixture(scope="module")
def odd_lookups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lookups]:
    """Lookups with networks of all lengths and with names that look like something else, by such a name."""
    made = {}
    for host in ("tools.cisco.com", "licence", "cafe"):
        tables = tmp_path_factory.mktemp("odd") / "lookups"
        shutil.copytree(LOOKUPS, tables)
        (tables / "cisco_licensing_endpoints_local.csv").write_text(ENDPOINTS.format(host=host), "ascii")
        (tables / "tsid_aliases_local.csv").write_text(
            "alias,host\n10.20.30.alias.example,tools.cisco.com\n", "ascii"
        )
        made[host] = load_lookups(tables)
    return made


@pytest.mark.parametrize("form", [SPLUNKD, MINIMAL, QUOTED])
@pytest.mark.parametrize("host", ["tools.cisco.com", "licence", "cafe"])
@pytest.mark.parametrize("port", ["443", "40000", "443 (https) / tcp", "4430", " 443"])
@pytest.mark.parametrize(
    "columns",
    [["dest_ip"], ["url"], ["src_ip", "dest"], ["dest_ip", "dest", "url", "SSLServerName", "src_ip"]],
)
def test_no_row_with_a_verdict_is_passed_over(
    odd_lookups: dict[str, Lookups], host: str, port: str, columns: list[str], form: str
) -> None:
    """What the expression that was learned from harmless rows calls ordinary is ordinary."""
    lookups = odd_lookups[host]
    header = b",".join(map(quote, [*columns, "src_port"]))
    plain = [b",".join([*[b'"' + value + b'"'] * len(columns), b"40000"]) for value in PLAIN]
    texts = [wrapper.format(target) for wrapper in WRAPPERS for target in TARGETS]
    events = [{column: text, "src_port": port} for column in columns for text in texts]
    lines = [b",".join(quote(event.get(name, "")) for name in [*columns, "src_port"]) for event in events]
    enricher = Enricher(lookups, Options(keep="licensing"))
    with learning_after(len(PLAIN)):
        chunks = ChunkEnricher(enricher, Prefilter(lookups))
        chunks.enrich([rewrite(b"\n".join([header, *plain, b""]), form)])
        _, counts = chunks.enrich([rewrite(b"\n".join([header, *lines, b""]), form)])
    assert counts.enriched == sum(enricher.enrich(event).verdict != "" for event in events)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_ordinary_rows_of_every_shape_are_recognised_after_learning(
    lookups: Lookups, shape: str, form: str
) -> None:
    events = [item.event for item in generate(1000, seed=9, licensing_share=0, shapes=[shape])]
    body = rewrite(encode_body(events, columns_of(events)), form)
    header, _, table = body.partition(b"\n")
    prefilter = Prefilter(lookups)
    columns = [unquote(cell) for cell in split_cells(header.rstrip())]
    plan = rows._Plan(header, columns, Enricher(lookups, Options()), prefilter, AnswerBudget())
    every = [row for _, row, _ in plan.pattern.expression.findall(table)]
    assert len(every) == 1000
    plan.learn(every, 1000, 1000)
    ordinary = sum(found[0] != b"" for found in plan.pattern.expression.findall(table))
    assert ordinary > 800


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", ["n/a", "N/A", "abc", "Abc", "443", "1.2.3.4", "https://a/b", ""])
def test_a_row_of_which_many_cells_fit_and_the_last_does_not_is_given_up_fast(text: str, form: str) -> None:
    """No cell fits in two ways: forty would take hours."""
    width = 40
    for kind in (ADDRESS, NAME, PORT, ORDINARY):
        sample = [f"{number}.example.com" for number in range(width)]
        seen, row = (
            split_cells(rewrite(b",".join(map(quote, [*texts, "x"])) + b"\n", form).strip())
            for texts in (sample, [text] * width)
        )
        pattern = ordinary_pattern([kind] * width + [EMPTY], [seen], words=True)
        started = time.process_time()
        assert pattern.expression.match(b",".join(row) + b"\n")
        assert time.process_time() - started < 1


@pytest.mark.parametrize("quotes", [b"", b'"'])
def test_a_field_of_a_mebibyte_is_answered_as_by_the_enricher(
    lookups: Lookups, folder: Path, quotes: bytes
) -> None:
    huge = quotes + b"x" * (1 << 20) + quotes
    rows_ = [
        b'"72.163.4.38","toos.cisco.com",a',
        b'"203.0.113.1",%b,b' % huge,
        b'"72.163.4.38",%b,%b' % (huge, huge),
    ]
    same(lookups, Options(), [b"dest_ip,url,note\n" + b"\n".join(rows_ * 3) + b"\n"], folder)


@pytest.mark.parametrize("most", [0, 20_000])
def test_forgotten_answers_are_found_again(
    lookups: Lookups, folder: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memo, "MAX_ANSWER_BYTES", most)
    events = [item.event for item in generate(300, seed=6, licensing_share=1)]
    body = encode_body(events, columns_of(events))
    same(lookups, Options(), [body, body], folder)


def test_remembered_answers_stay_within_their_limit(
    lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memo, "MAX_ANSWER_BYTES", 2_000_000)
    chunks = ChunkEnricher(Enricher(lookups, Options()), Prefilter(lookups))

    def chunk(number: int) -> bytes:
        lines = [
            b'"72.163.4.38","https://tools.cisco.com/%d/%b"' % (number + i, b"x" * 50_000) for i in range(20)
        ]
        return b"\n".join([b"dest_ip,url", *lines, b""])

    chunks.enrich([chunk(0)])
    tracemalloc.start()
    try:
        for number in range(20, 200, 20):
            chunks.enrich([chunk(number)])
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The names alone have nine million bytes.
    assert now < 4_000_000


def test_long_rows_are_not_learned_from(lookups: Lookups) -> None:
    chunks = ChunkEnricher(Enricher(lookups, Options()), Prefilter(lookups))
    rows = [b'"192.0.2.%d","%b"' % (number, b"x" * 100_000) for number in range(100)]
    tracemalloc.start()
    try:
        chunks.enrich([b"\n".join([b"dest_ip,_raw", *rows, b""])])
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < sum(map(len, rows)) / 4


def test_memory_depends_on_the_size_of_chunks_and_not_on_their_number(lookups: Lookups) -> None:
    events = [item.event for item in generate(2000, seed=1)]
    body = encode_body(events, columns_of(events))
    chunks = ChunkEnricher(Enricher(lookups, Options()), Prefilter(lookups))
    chunks.enrich(cut(body))
    tracemalloc.start()
    try:
        for _ in range(4):
            pieces, _ = chunks.enrich(cut(body))
            del pieces
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(body)


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_cells_round_trip(texts: list[str]) -> None:
    row = b",".join(map(quote, texts))
    assert [unquote(cell) for cell in split_cells(row)] == texts
    assert [[unquote(cell) for cell in cells] for cells in read_rows(row + b"\n")] == [texts]


@given(st.lists(st.text(), min_size=1))
def test_multivalues_round_trip(values: list[str]) -> None:
    assert decode_multivalue(encode_multivalue(values)) == values


@given(st.text(alphabet="$;a"))
def test_malformed_multivalues_are_read_as_the_sdk_reads_them(text: str) -> None:
    # Its expression, which takes quadratic time.
    values = re.findall(r"\$((?:\$\$|[^$])*)\$(?:;|\Z)", text)
    assert decode_multivalue(text) == [value.replace("$$", "$") for value in values]


CELLS = st.lists(st.text(alphabet='a,"\n', max_size=4), min_size=1, max_size=6)


@given(CELLS, st.data())
def test_the_quick_split_agrees_with_the_exact_one(texts: list[str], data: st.DataObject) -> None:
    row = b",".join(map(quote, texts))
    place = data.draw(st.integers(0, len(texts) - 1))
    cells = split_around(row, len(texts), place)
    others = [text for number, text in enumerate(texts) if number != place]
    if any("," in text for text in others):
        assert cells in (None, split_cells(row))
    else:
        assert cells == split_cells(row)


ADDRESS_TEXTS = [
    "72.163.4.38",
    "72.163.4.39",
    "::ffff:72.163.4.38",
    "64:ff9b::72.163.4.38",
    "2001:420:1101:5::a",
    "2001:420:1101:5:0:0:0:A",
    "2001:0420:1101:5::a",
    "[2001:420:1101:5::a]",
    "2001:db8::1",
]
NAME_TEXTS = [
    "tools.cisco.com",
    "toos.cisco.com",
    "Tools.Cisco.Com",
    "tools.cisco.com.",
    "www.example.com",
    "tools",
]
BEFORE = ["", " ", "http://", "HTTPS://", "//", "ftp://", "https://user@", "x"]
BEHIND = ["", " ", ":443", ":", ":x", "/", "/a,b", "?q=1", "\\@example.com", "%65", '"', "\n"]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("behind", BEHIND)
def test_the_prefilter_has_no_false_negatives(lookups: Lookups, before: str, behind: str) -> None:
    prefilter = Prefilter(lookups)
    for text in [*ADDRESS_TEXTS, *NAME_TEXTS]:
        cell = before + text + behind
        address, name = parse_address(cell), parse_name(cell)
        endpoint = address is not None and lookups.endpoints.longest(address) is not None
        licensing = name is not None and (name.host in lookups.canonical or name.host in lookups.aliases)
        assert prefilter.endpoint[quote(cell)] or not endpoint, cell
        assert prefilter.name(quote(cell)) or not licensing, cell
        assert prefilter.endpoint_or_name[quote(cell)] or not (endpoint or licensing), cell
