"""Event files: reading and writing each format, and errors for bad input."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import EventError
from lab.host.events import read_events, write_csv, write_jsonl
from lab.host.wire import Record

VALUE = st.text(min_size=1) | st.lists(st.text(), min_size=2, max_size=3)
EVENTS = st.lists(st.dictionaries(st.text(min_size=1), VALUE, max_size=4), max_size=4)


def read(folder: Path, name: str, data: bytes, file_format: str | None = None) -> list[Record]:
    path = folder / name
    path.write_bytes(data)
    return list(read_events([str(path)], file_format))


@pytest.mark.parametrize(
    ("name", "data", "events"),
    [
        (
            "a.tsv",
            b'Source IP\tURL\n10.0.0.1\thttps://a/?q="x\n',
            [{"Source IP": "10.0.0.1", "URL": 'https://a/?q="x'}],
        ),
        ("a.tab", b"a\tb\tc\r\n1\r\n\r\n\t2\t\t\r\n", [{"a": "1"}, {"b": "2"}]),
        ("a.tsv", b"\xef\xbb\xbfa\tb\t\n1\t2\t\n", [{"a": "1", "b": "2"}]),
        ("a.tsv", b"", []),
        ("a.csv", b'a,b\n"1,2","x ""y""\nz"\n\n,3\n', [{"a": "1,2", "b": 'x "y"\nz'}, {"b": "3"}]),
        ("a.CSV", b"\xef\xbb\xbfa\r\n1\r\n", [{"a": "1"}]),
        ("a.csv", b"a,__mv_a\nx,$y$;$z$\n", [{"a": ["y", "z"]}]),
        ("a.csv", b"a\n\xff\n", [{"a": "\udcff"}]),
        ("a.csv", b"a;b\n1,5;2\n", [{"a": "1,5", "b": "2"}]),
        ("a.csv", b'"a,b";c\n"1;2";\n', [{"a,b": "1;2"}]),
        ("a.csv", b"a\tb\r\n1\t2\r\n", [{"a": "1", "b": "2"}]),
        ("a.csv", b"a|b\n1|2\n", [{"a": "1", "b": "2"}]),
        ("a.csv", b"sep=;\r\na;b\r\n1;2\r\n", [{"a": "1", "b": "2"}]),
        ("a.csv", b'\xef\xbb\xbf"sep=\t"\na\tb,c\n1\t2\n', [{"a": "1", "b,c": "2"}]),
        ("a.csv", b"a,b\r1,2\r3,4", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ("a.csv", b'a\r\n"x\ry"\r\n', [{"a": "x\ry"}]),
        ("a.csv", b"a,b\n", []),
        ("a.csv", b"sep=;", []),
        ("a.csv", b"", []),
        ("a.csv", "a;b\r\n1;é\r\n".encode("utf-16"), [{"a": "1", "b": "é"}]),
        ("a.csv", b"\xfe\xff" + "a,b\n1,é\n".encode("utf-16-be"), [{"a": "1", "b": "é"}]),
        ("a.csv", "a,b\r1,é\r".encode("utf-16"), [{"a": "1", "b": "é"}]),
        ("a.csv", "a,b\n1,é\n".encode("utf-16-le"), [{"a": "1", "b": "é"}]),
        ("a.csv", "a,b\n1,é\n".encode("utf-16-be"), [{"a": "1", "b": "é"}]),
        ("a.csv.gz", gzip.compress("a;b\n1;é\n".encode("utf-16"), mtime=0), [{"a": "1", "b": "é"}]),
        ("a.tsv", "a\tb\r\n1\té\r\n".encode("utf-16"), [{"a": "1", "b": "é"}]),
        ("a.tsv", b'\n"a"\t"b c"\n"1\t2"\t"x ""y""\nz"\n', [{"a": "1\t2", "b c": 'x "y"\nz'}]),
        ("a.tsv", b"a\tb\r1\t2\r", [{"a": "1", "b": "2"}]),
        ("a.log", b"x\ry\r", [{"_raw": "x"}, {"_raw": "y"}]),
        (
            "a.json",
            b'{"preview":true,"offset":0,"result":{"a":"0"}}\n'
            b'{"preview":false,"offset":0,"result":{"a":["x","y"]}}\n'
            b'{"preview":false,"offset":1,"lastrow":true,"result":{"a":"z"}}\n',
            [{"a": ["x", "y"]}, {"a": "z"}],
        ),
        ("a.json", b'{"preview":false,"lastrow":true}\n', []),
        (
            "a.json",
            b'{"preview":false,"init_offset":0,"messages":[],"fields":[{"name":"a"}],"results":[{"a":"1"},{"a":"2"}]}',
            [{"a": "1"}, {"a": "2"}],
        ),
        ("a.json", b'{"results":[{"a":"1"}]}', [{"a": "1"}]),
        ("a.json", b'{"preview":"no","result":"ok","a":"1"}', [{"preview": "no", "result": "ok", "a": "1"}]),
        ("a.jsonl", b'{"a": "x"}\n\n{"a": ["y", "z"]}\n', [{"a": "x"}, {"a": ["y", "z"]}]),
        ("a.ndjson", b'{"n": 1.50, "e": 1e3}', [{"n": "1.50", "e": "1e3"}]),
        ("a.ndjson", b'{"big": 12345678901234567890}', [{"big": "12345678901234567890"}]),
        ("a.json", b'{"t": true, "f": false}', [{"t": "true", "f": "false"}]),
        ("a.json", b'{"none": null, "empty": "", "list": [], "object": {}}', [{}]),
        ("a.json", b'{"a": {"b": {"c": 1}, "d": "x"}}', [{"a.b.c": "1", "a.d": "x"}]),
        ("a.json", b'{"a": [{"b": 1}, {"b": 2, "c": 3}]}', [{"a{}.b": ["1", "2"], "a{}.c": "3"}]),
        ("a.json", b'{"m": [["x"], "y"]}', [{"m{}": "x", "m": "y"}]),
        ("a.json", b'{"one": ["x"], "gap": ["x", "", null]}', [{"one": "x", "gap": ["x", ""]}]),
        ("a.json", b'{"half": "\\ud83d!"}', [{"half": "\ufffd!"}]),
        ("a.json", b'{"pair": "\\ud83d\\ude00"}', [{"pair": "\U0001f600"}]),
        ("a.log", b"%FTD-1-430002: a\r\n\nb\xff\n", [{"_raw": "%FTD-1-430002: a"}, {"_raw": "b\udcff"}]),
        ("a.tsv.gz", gzip.compress(b"a\n1\n", mtime=0), [{"a": "1"}]),
        ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n', mtime=0), [{"a": "1"}]),
    ],
)
def test_every_format_of_file_is_read(tmp_path: Path, name: str, data: bytes, events: list[Record]) -> None:
    assert read(tmp_path, name, data) == events


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("a.tsv", b"a\tb\n1\t2\n1\t2\t3\n", r"a\.tsv:3: the row has 3 cells, the header 2: take out"),
        ("a.tsv", b"a\t\tb\n1\n", r"a\.tsv:1: column 2 has no name: give it one"),
        ("a.tsv", b"a\tb\ta\n", r"a\.tsv:1: two columns are named 'a': rename one"),
        ("a.csv", b"a,b\n1,2\n1\n", r"a\.csv:3: the row has 1 cells, the header 2: quote cells"),
        ("a.csv", b'a\n"x\n', r"a\.csv:2: unexpected end of data: quote cells"),
        ("a.csv", b"a,a\n", r"a\.csv:1: the column 'a' is there twice"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', r"a\.jsonl:2: not JSON: Expecting value.*: write one object"),
        ("a.jsonl", b"[1]\n", r"a\.jsonl:1: not a JSON object: write one object a line \(jq -c '\.\[\]'\)"),
        ("a.jsonl", b"[" * 100_000, r"a\.jsonl:1: nested too deeply"),
        (
            "a.csv",
            b"sep=;\na;b\n1;2;3\n",
            r"a\.csv:3: the row has 3 cells, the header 2: quote cells with ';'",
        ),
        (
            "a.tsv",
            b'\n"a"\tb\n1\t2\t3\n',
            r"a\.tsv:3: the row has 3 cells, the header 2: quote cells with '\\t'",
        ),
        ("a.csv", "a,b\n1,2\n".encode("utf-16")[:-1], r"a\.csv: not text: .*: save it as UTF-8"),
        ("a.jsonl", b'{"preview":false,"fields":["a"],"rows":[["1"]]}', r"a\.jsonl:1: .*output_mode=json"),
        ("a.json", b'[{"a":1}]', r"a\.json:1: not a JSON object: write one object a line"),
        ("a.csv.gz", b"no gzip", r"a\.csv\.gz: cannot be read: Not a gzipped file"),
        (
            "a.csv.gz",
            gzip.compress(b"a\n" * 99, mtime=0)[:-9],
            r"a\.csv\.gz: cannot be read: Compressed file ended",
        ),
        ("a.txt", b"", r"a\.txt: unknown ending '\.txt': name the format: --format tsv\|csv\|jsonl\|raw"),
        ("a", b"", r"unknown ending ''"),
    ],
)
def test_bad_input_is_named_with_file_line_and_cure(
    tmp_path: Path, name: str, data: bytes, complaint: str
) -> None:
    with pytest.raises(EventError, match=complaint):
        read(tmp_path, name, data)


def test_a_given_format_overrides_the_ending(tmp_path: Path) -> None:
    assert read(tmp_path, "a.txt", b"a,b\n1,2\n", "csv") == [{"a": "1", "b": "2"}]
    assert read(tmp_path, "b.json", b"a\tb\n1\t2\n", "tsv") == [{"a": "1", "b": "2"}]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EventError, match=r"gone\.csv: cannot be opened: No such file"):
        list(read_events([str(tmp_path / "gone.csv")]))


def test_stdin_needs_a_format() -> None:
    with pytest.raises(EventError, match="stdin: name its format: --format"):
        list(read_events(["-"]))


def test_files_follow_each_other_and_are_opened_when_needed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    events = read_events([str(tmp_path / "a.csv"), str(tmp_path / "gone.csv")])
    assert next(events) == {"a": "1"}
    with pytest.raises(EventError, match="gone"):
        next(events)


@given(EVENTS)
def test_json_lines_are_read_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, events: list[Record]
) -> None:
    out = io.StringIO(newline="\n")
    write_jsonl(events, out)
    folder = tmp_path_factory.mktemp("jsonl")
    assert read(folder, "a.jsonl", out.getvalue().encode()) == events


@given(
    st.lists(
        st.dictionaries(st.text("ab_", min_size=1), st.text('x,"\n é', min_size=1), min_size=1, max_size=3)
    )
)
def test_csv_is_read_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, events: list[Record]
) -> None:
    out = io.StringIO(newline="\n")
    write_csv(events, out)
    assert read(tmp_path_factory.mktemp("csv"), "a.csv", out.getvalue().encode()) == events


@pytest.mark.parametrize(
    ("fields", "table"),
    [
        ([], 'a,b,c\n1,,\n2,"x\ny",z\n'),
        (["c", "a", "none"], "c,a,none\n,1,\nz,2,\n"),
    ],
)
def test_csv_has_every_field_or_the_chosen_ones(fields: list[str], table: str) -> None:
    out = io.StringIO(newline="\n")
    events: list[Record] = [{"a": "1"}, {"a": "2", "b": ["x", "y"], "c": "z"}]
    write_csv(iter(events), out, fields)
    assert out.getvalue() == table


def test_text_is_written_unchanged() -> None:
    out = io.StringIO(newline="\n")
    write_jsonl([{"a": "Jürgen \udcff", "b": ["1", "2"]}], out)
    assert out.getvalue() == '{"a": "Jürgen \udcff", "b": ["1", "2"]}\n'
    assert json.loads(out.getvalue())["b"] == ["1", "2"]
