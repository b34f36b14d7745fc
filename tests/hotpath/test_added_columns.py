"""Columns added to a body of any form: the other cells keep their bytes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsid.facts.fields import Event
from tsid.hotpath.added_columns import add_columns
from tsid.hotpath.csvbytes import quote, read_rows, unquote

NAMES = ("state", "why")


def compute(row: Event) -> Mapping[str, str]:
    return {"state": str(row.get("a", "-")), "why": "x, y"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a,b\n1,2\n", b'a,b,state,why\n1,2,1,"x, y"\n'),
        (b"a,b\r\n1,2\r\n", b'a,b,state,why\n1,2,1,"x, y"\n'),
        (b'"a","b"\n"1","a ""b"""', b'"a","b",state,why\n"1","a ""b""",1,"x, y"\n'),
        (b"a\nx\x00y\n", b'a,state,why\nx\x00y,"x\x00y","x, y"\n'),
        (b"a\nx\ry\n", b'a,state,why\n"x\ry","x\ry","x, y"\n'),
        (b"a,b\n\xff,\xfe\n", b'a,b,state,why\n\xff,\xfe,"\xff","x, y"\n'),
        # A short row, a long one, a column that occurs twice.
        (b"b,a\n1\n", b'b,a,state,why\n1,,,"x, y"\n'),
        (b"a\n1,2,3\n", b'a,state,why\n1,1,"x, y"\n'),
        (b"a,a\n1,2\n", b'a,a,state,why\n1,2,1,"x, y"\n'),
        # Several values count more than the text of all of them; the columns of an earlier run are replaced.
        (b"a,__mv_a,__mv_state\nold,$1$;$2$,$x$\n", b"a,__mv_a,__mv_state,state,why\nold,$1$;$2$,,"),
        (b"state,a\nold,1\n", b'state,a,why\n1,1,"x, y"\n'),
        (b"state,a,state\nold,1,older\n", b'state,a,state,why\n1,1,1,"x, y"\n'),
        (b"a,b\n", b""),
        (b"", b""),
    ],
)
def test_rows_get_the_columns_and_keep_their_cells(body: bytes, expected: bytes) -> None:
    assert b"".join(add_columns(body, NAMES, compute)).startswith(expected)


def test_a_cell_of_any_length_is_read() -> None:
    long = b"x" * (11 << 20)
    (_, line) = add_columns(b"a\n" + long + b"\n", NAMES, compute)
    assert line == long + b"," + long + b',"x, y"\n'


@given(st.lists(st.lists(st.text(max_size=8), min_size=3, max_size=3), min_size=1, max_size=5))
def test_every_text_comes_out_as_it_came_in(rows: list[list[str]]) -> None:
    body = b"".join(b",".join(map(quote, row)) + b"\n" for row in [["a", "b", "c"], *rows])
    found = [
        [unquote(cell) for cell in row] for row in read_rows(b"".join(add_columns(body, NAMES, compute)))
    ]
    kept = [[cell.encode("utf-8", "replace").decode() for cell in row] for row in rows]
    if all("\ufffd" not in cell and cell.isprintable() for row in kept for cell in row):
        assert [row[:3] for row in found[1:]] == rows
    assert len(found) == len(rows) + 1
