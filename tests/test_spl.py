"""What is seen of a search's shape."""

from __future__ import annotations

import pytest

from tools import spl

WHOLE = [
    "index=a | stats count by b",
    '| makeresults | eval x="a | | (b"',
    r'| eval x="a \" ( b"',
    "[| inputlookup x.csv | return $search]",
    '`m` `n(1, 2)` ```a comment with " and ( and | |``` | stats count',
    '| where match(x, "[(]")',
]


@pytest.mark.parametrize("search", WHOLE)
def test_a_whole_search_has_no_fault(search: str) -> None:
    assert spl.fault(search) is None


BROKEN = {
    '| eval x="a': "a quotation mark is left open",
    "`m": "a backtick is left open",
    "| stats count | | head": "there is no command after a pipe",
    "| stats count |": "there is no command after a pipe",
    "[| inputlookup x | ]": "there is no command after a pipe",
    "| eval x=(1": "a ( is left open",
    "| eval x=1)": "a ) closes nothing",
    "[| eval x=(1]": "a ] closes nothing",
}


@pytest.mark.parametrize(("search", "fault"), BROKEN.items())
def test_a_broken_search_has(search: str, fault: str) -> None:
    assert spl.fault(search) == fault


def test_macros_are_named_with_their_number_of_arguments() -> None:
    search = '`a` | x `b(1)` `c(f(1,2), "x,y", z)` ```no `d` here```'
    assert list(spl.macros(search)) == ["a", "b(1)", "c(3)"]


def test_lookups_are_named() -> None:
    search = '| inputlookup append=t max=5 a.csv | lookup local=true "b" x OUTPUT y [|inputlookup c]'
    assert list(spl.lookups(f"{search} | outputlookup d.csv")) == ["a.csv", "b", "c"]
