"""What a search asks for, command by command: the rest is not extracted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from lab.host.extraction import Extraction
from lab.spl.fields_needed import fields_needed
from lab.spl.functions import Context
from lab.spl.syntax import Command, pipeline
from lab.spl.values import SplError

REQUIRED: dict[str, Sequence[str]] = {"silent": (), "listing": ("ip", "url"), "greedy": ("*",)}


def required(command: Command) -> Iterable[str]:
    if command.name not in REQUIRED:
        raise SplError(f"unknown command {command.name}")
    return REQUIRED[command.name]


def needed(search: str) -> set[str]:
    return set(fields_needed(pipeline(search), Context(1_000, 10, 20), required))


@pytest.mark.parametrize(
    ("search", "fields"),
    [
        # Without a command that transforms, the result is events, with all their fields.
        ("| silent", {"*"}),
        ("| search a=1 | eval b=c", {"*"}),
        ("| fields *", {"*"}),
        # Transforming commands need what they name, whatever follows.
        ("| stats count BY a", {"a"}),
        ("| stats max(a) AS m count(eval(b=\"x\")) AS n BY c | search d=1 m>1", {"a", "b", "c"}),
        ("| timechart span=1h dc(a) BY b", {"a", "b", "_time"}),
        ("| table a tsid_*", {"a", "tsid_*"}),
        ("| fields a, b", {"a", "b"}),
        ("| fields * | stats count BY a", {"*"}),
        ("| fields a b | silent", {"a", "b"}),
        ("| return $a", {"a"}),
        # The others need what they name besides.
        ("| search a=1 (b=2 OR NOT c=3) | table x", {"a", "b", "c", "x"}),
        ("| where a>1 AND isnull(b) | table x", {"a", "b", "x"}),
        ("| eval x=coalesce(a, b), y=x.\" \".c | table x y", {"a", "b", "c"}),
        ("| eval a=upper(a) | table a", {"a"}),
        ("| eval b=\"1\" | table a b", {"a"}),
        ("| rename a AS b, \"c d\" AS e | table b e", {"a", "c d"}),
        ("| lookup places ip AS a OUTPUT city AS b, country | table b country d", {"a", "d"}),
        ("| lookup local=true places ip OUTPUTNEW city | table city", {"ip", "city"}),
        ("| eventstats max(a) AS m BY b | table m", {"a", "b"}),
        ("| sort 0 - a b | head 5 | dedup c | mvexpand d | table x", {"a", "b", "c", "d", "x"}),
        ("| bin _time span=1h | stats count BY _time", {"_time"}),
        ("| fields - a | table x", {"x"}),
        ("| append [| inputlookup other | table z] | table x", {"x"}),
        ("| appendpipe [stats count BY a] | table x", {"a", "x"}),
        ("| search [| inputlookup other | return $z] a=1 | table x", {"a", "x"}),
        ("| outputlookup some.csv", {"*"}),
        # A custom command needs what its reply requires, besides what follows.
        ("| silent | stats count BY verdict", {"verdict"}),
        ("| listing | stats count BY verdict", {"verdict", "ip", "url"}),
        ("| greedy | stats count BY verdict", {"*"}),
        ("| stats count BY a | greedy", {"a"}),
        ("| fields * | silent | stats count BY verdict", {"*"}),
        ("| silent | fields * | stats count BY verdict", {"*"}),
    ],
)  # fmt: skip
def test_a_search_asks_for_the_fields_that_its_commands_name(search: str, fields: set[str]) -> None:
    found = needed(search)
    # Options and numbers of a command do no harm among the names, nor names in addition to all fields.
    assert fields <= found and ("*" in fields or found - fields <= {"span", "1h", "0"}), found


def test_an_unknown_command_is_refused_before_anything_runs() -> None:
    with pytest.raises(SplError, match="unknown command nosuch"):
        needed("| stats count BY a | nosuch")


def test_a_name_with_a_star_stands_for_every_field_that_it_matches() -> None:
    event = {"_time": "1", "tsid_a": "1", "tsi": "2", "_other": "3", "host": "h"}
    assert Extraction(["tsid_*"]).of(event) == {"_time": "1", "tsid_a": "1", "host": "h"}
