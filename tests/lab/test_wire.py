"""The bytes on the wire: splunkd's requests, valid replies, and refused ones."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import EventError, ProtocolError
from lab.host.wire import (
    FrameReader,
    Record,
    columns_of,
    decode_body,
    decode_frames,
    decode_multivalue,
    encode_body,
    encode_frame,
    encode_multivalue,
    plain_columns,
)

# The csv module takes NUL from Python 3.11 on.
UNUSABLE = "" if sys.version_info >= (3, 11) else "\0"
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters=UNUSABLE))
AWKWARD = st.text(alphabet='$;,"\n\r\\ aé', max_size=12)
BYTES_AS_TEXT = st.binary().map(
    lambda data: (
        "".join(chr(byte) for byte in data if chr(byte) not in UNUSABLE)
        .encode("latin-1")
        .decode("utf-8", "surrogateescape")
    )
)
VALUE = TEXT | AWKWARD | BYTES_AS_TEXT
NAME = VALUE.filter(lambda name: name and not name.startswith("__mv_"))
EVENT = st.dictionaries(NAME, VALUE | st.lists(VALUE, max_size=4), max_size=5)


def normal(event: dict[str, Union[str, list[str]]]) -> Record:
    """The event without empty values, and with lists of two values or more only."""
    record: Record = {}
    for name, value in event.items():
        if isinstance(value, list) and len(value) < 2:
            value = value[0] if value else ""
        if value:
            record[name] = value
    return record


@given(st.lists(EVENT, max_size=6).filter(lambda events: not events or columns_of(events)))
def test_any_event_comes_back_from_a_body(events: list[dict[str, Union[str, list[str]]]]) -> None:
    columns, records = decode_body(encode_body(events, columns_of(events)))
    assert list(records) == [normal(event) for event in events]
    assert plain_columns(columns) == columns_of(events)


@given(st.lists(VALUE, min_size=1))
def test_any_multivalue_comes_back_from_its_cell(values: list[str]) -> None:
    assert decode_multivalue(encode_multivalue(values)) == values


@pytest.mark.parametrize(
    ("events", "body"),
    [
        ([{"age": "66"}], b'age,"__mv_age"\n66,\n'),
        ([{"_time": "1.5", "name": "Noah"}], b'"_time",name,"__mv__time","__mv_name"\n"1.5",Noah,,\n'),
        ([{"say": 'a "b"\nc'}], b'say,"__mv_say"\n"a ""b""\nc",\n'),
        ([{"si": ["idx1", "a$b;"]}], b'si,"__mv_si"\n"idx1\na$b;","$idx1$;$a$$b;$"\n'),
        ([{"a": "1"}, {"b": "2"}], b'a,b,"__mv_a","__mv_b"\n1,,,\n,2,,\n'),
        ([{"a": ["only"]}, {"a": []}, {"a": ""}], b'a,"__mv_a"\nonly,\n,\n,\n'),
        ([{"host": "m\xfcller"}], b'host,"__mv_host"\n"m\xc3\xbcller",\n'),
        ([{"raw": "\udcff"}], b'raw,"__mv_raw"\n"\xff",\n'),
        ([], b""),
    ],
)
def test_a_body_is_written_as_splunkd_writes_it(
    events: Sequence[dict[str, Union[str, list[str]]]], body: bytes
) -> None:
    assert encode_body(events, columns_of(events)) == body


def test_columns_without_events_make_a_header_row() -> None:
    # As recorded from Splunk 8.2.1: the last request of a search in selected-fields mode.
    assert encode_body([], ["age", "_chunked_idx"]) == b'age,"_chunked_idx","__mv_age","__mv__chunked_idx"\n'


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        ({"a": 1}, "event 0, field 'a': 1 is neither text nor a list of texts"),
        ({"a": None}, "None is neither"),
        ({"a": ["x", 2]}, "neither"),
        ({"a": b"x"}, "neither"),
        ({"": "x"}, "'' is not a valid field name"),
        ({"__mv_a": "x"}, "the field name '__mv_a' is taken"),
        ({"a": "\ud800"}, r"'\\ud800', which UTF-8 cannot hold"),
    ],
)
def test_an_event_that_cannot_be_sent_is_refused(event: dict[str, str], complaint: str) -> None:
    with pytest.raises(EventError, match=complaint):
        encode_body([event], columns_of([event]))


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (b"", []),
        (b"a,b\n", []),
        (b"a\r\n1\r\n", [{"a": "1"}]),
        (b"a,b\n1,2", [{"a": "1", "b": "2"}]),
        (b"a,__mv_a\nx,$y$;$z$\n", [{"a": ["y", "z"]}]),
        (b"a,__mv_a\nx,$y$\n", [{"a": "y"}]),
        (b"a,__mv_a\nx,$$\n", [{}]),
        (b"a,__mv_a\nx,$$;$$$$\n", [{"a": ["", "$"]}]),
        (b"__mv_a\n$y$;$z$\n", [{"a": ["y", "z"]}]),
        (b'a\n\n"x\ny"\n', [{}, {"a": "x\ny"}]),
        (b'a,b\nx"y,"p\rq"\n', [{"a": 'x"y', "b": "p\rq"}]),
    ],
)
def test_every_body_that_a_command_may_write_is_read(body: bytes, records: list[Record]) -> None:
    assert list(decode_body(body).records) == records


def test_events_without_a_single_field_do_not_vanish() -> None:
    with pytest.raises(EventError, match="2 events without a single field"):
        encode_body([{}, {}], [])


def test_a_huge_value_is_read_whole() -> None:
    huge = "x" * 3_000_000
    body = encode_body([{"a": huge, "b": [huge, "$"]}], ["a", "b"])
    assert list(decode_body(body).records) == [{"a": huge, "b": [huge, "$"]}]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"a,b\n1\n", r"line 2: the row has 1 cells, the header 2"),
        (b"a,b\n1,2\n1,2,3\n", r"line 3: the row has 3 cells, the header 2"),
        (b"a,b\n\n", r"line 2: the row has 1 cells"),
        (b"a,a\n1,2\n", r"line 1: the column 'a' is there twice"),
        (b"a,\n1,2\n", r"line 1: column 2 has no name"),
        (b"\na\n", r"line 1: column 1 has no name"),
        (b'a\n"x\ny\n', r"unexpected end of data"),
        (b'a\n"x"y\n', r"expected after"),
        (b"a\nx\ry\n", r"new-line character"),
        (b"a,__mv_a\nx,$y\n", r"line 2: column '__mv_a' is not in the form \$a\$;\$b\$: '\$y'"),
        (b"a,__mv_a\nx,y\n", r"not in the form"),
        (b"a,__mv_a\nx,$y$;\n", r"not in the form"),
        (b"a,__mv_a\nx,$y$z$\n", r"not in the form"),
    ],
)
def test_bodies_that_are_ambiguous_are_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        list(decode_body(body).records)


@given(st.dictionaries(TEXT, TEXT | st.integers() | st.booleans() | st.none()), st.binary())
def test_frames_are_decoded_as_they_were_encoded(metadata: dict[str, object], body: bytes) -> None:
    frame = encode_frame(metadata, body)
    assert decode_frames(frame + frame) == [(metadata, body), (metadata, body)]


def test_a_frame_is_lengths_in_bytes() -> None:
    assert encode_frame({"a": "é"}, b"\xc3\xa9") == b'chunked 1.0,14,2\n{"a":"\\u00e9"}\xc3\xa9'


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"chunked 1.0,2", r"ends within a transport header: b'chunked 1\.0,2'"),
        (b"hello\n", r"expected 'chunked 1\.0,.*found b'hello\\n'"),
        (b"\nchunked 1.0,2,0\n{}", r"found b'\\n'"),
        (b"chunked 2.0,2,0\n{}", r"found b'chunked 2\.0"),
        (b"chunked 1.0, 2,0\n{}", r"expected"),
        (b"chunked 1.0,02,0\n{}", r"expected"),
        (b"chunked 1.0,-2,0\n{}", r"expected"),
        (b"chunked 1.0,2\n{}", r"expected"),
        (b"chunked 1.0,2,0\r\n{}", r"expected"),
        (b"chunked 1.0," + b"9" * 99 + b",0\n", r"expected"),
        (b"chunked 1.0,9,0\n{}", r"ends after 2 of the 9 metadata bytes"),
        (b"chunked 1.0,2,9\n{}abc", r"ends after 3 of the 9 body bytes"),
        (b"chunked 1.0,0,0\n", r"not JSON"),
        (b"chunked 1.0,1,0\n{}", r"not JSON"),
        (b"chunked 1.0,2,0\n[]", r"not a JSON object"),
        (b"chunked 1.0,9,0\n" + b'{"a":NaN}', r"NaN is not valid JSON"),
        (b"chunked 1.0,9,0\n" + b'{"a":"\xff"}', r"not JSON in UTF-8"),
    ],
)
def test_frames_that_are_not_exact_are_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        FrameReader(io.BytesIO(data)).read()


def test_metadata_that_json_cannot_hold_is_never_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_frame({"a": float("nan")})
