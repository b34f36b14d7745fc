"""The SPL subset: each rule with the page of Splunk's documentation that it follows."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from lab.host.app import copy_app, copy_data
from lab.spl.engine import Splunk
from lab.spl.syntax import expand, pipeline
from lab.spl.values import Row, SplError

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_800_000_000

EVENTS: list[Row] = [
    {"_time": "1000", "_raw": "tools.cisco.com one", "a": "1", "b": "x", "n": "9", "ip": "192.0.2.7"},
    {"_time": "2000", "_raw": "xtools.cisco.com two", "a": "2", "b": "X", "n": "10", "ip": "2001:db8::7"},
    {"_time": "3000", "_raw": "three", "b": "y z", "n": "-1.5", "m": ["p", "q"]},
]
MACROS = {
    "pair(2)": {"args": "x, y", "definition": "$x$=$y$"},
    "outer": {"definition": "`pair(a, 1)` OR b=y*"},
}


@pytest.fixture(scope="module")
def splunk(tmp_path_factory: pytest.TempPathFactory) -> Splunk:
    return Splunk(copy_app(ROOT, tmp_path_factory.mktemp("spl")), EVENTS, NOW)


@pytest.fixture
def own(splunk: Splunk, tmp_path: Path) -> Splunk:
    """Return a Splunk for one test, which may write."""
    fresh = splunk.copy(app=copy_data(splunk.app, tmp_path))
    fresh.collections = {}
    return fresh


def times(rows: list[Row]) -> list[Any]:
    return [row["_time"] for row in rows]


@pytest.mark.parametrize(
    ("search", "found"),
    [("*", 1), ("index=*", 2), ("index=fw", 1), ("index IN (fw, main)", 2), ("NOT a=1", 0)],
)
def test_a_search_without_an_index_reads_the_default_indexes_of_the_role(search: str, found: int) -> None:
    """authorize.conf.spec, srchIndexesDefault."""
    events: list[Row] = [
        {"_time": str(n), "_raw": "x", "a": "1", "index": i} for n, i in enumerate(("main", "fw"))
    ]
    assert len(Splunk(ROOT, events, NOW, default_indexes=["main"]).run(search)) == found


# Search Reference, "search": Boolean expressions; comparison; wildcards; TERM and phrases match whole words.
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("*", ["3000", "2000", "1000"]),
        ("a=1", ["1000"]),
        ("a!=1", ["2000"]),
        ("NOT a=1", ["3000", "2000"]),
        ("b=X", ["2000", "1000"]),
        ('b="y z"', ["3000"]),
        ("b=y*", ["3000"]),
        ("m=q", ["3000"]),
        ("m!=q", ["3000"]),
        ("n>9", ["2000"]),
        ("n>=9 n<10", ["1000"]),
        ("a IN (1, 3)", ["1000"]),
        # "=" compares texts: "Use the search command", Comparing; n is 9, 10, -1.5.
        ("n=9.0", []),
        ("n IN (10.0, 9.0)", []),
        ("n>=10.0", ["2000"]),
        # CIDR: "search", "Filter by IP address".
        ('ip="192.0.2.0/24"', ["1000"]),
        ('ip!="192.0.2.0/24"', ["2000"]),
        ('ip IN ("2001:db8::/32", x)', ["2000"]),
        ('b IN ("y z", q)', ["3000"]),
        # OR comes before AND here.
        ("a=1 a=2 OR b=x", ["1000"]),
        ("(a=1 a=2) OR b=y*", ["3000"]),
        ('"tools.cisco.com"', ["1000"]),
        ("tools.cisco.com", ["1000"]),
        ('"*tools.cisco.com"', ["2000", "1000"]),
        ("three OR one", ["3000", "1000"]),
    ],
)
def test_search_finds_the_events_that_meet_its_condition(
    splunk: Splunk, search: str, found: list[str]
) -> None:
    assert times(splunk.run(search)) == found


def test_a_term_is_found_in_other_letters_of_the_same_case() -> None:
    """U+212A and U+017F equal the letters k and s if case is ignored."""
    raws = ["in \u212aelvin", "pa\u017fsed", "kelvin", "passed", "other"]
    events: list[Row] = [{"_time": str(n), "_raw": raw, "index": "x"} for n, raw in enumerate(raws)]
    splunk = Splunk(ROOT, events, NOW)
    assert times(splunk.run("KELVIN")) == ["2", "0"]
    assert times(splunk.run("passed")) == ["3", "1"]
    assert times(splunk.run("\u212aelvin")) == ["2", "0"]


def test_an_asterisk_finds_results_without_raw_text(splunk: Splunk) -> None:
    """Search Reference, "search": the wildcard alone matches everything."""
    assert len(splunk.run("| makeresults count=2 | search *")) == 2


# Search Reference, "eval" and "Evaluation functions"; Search Manual, "Boolean expressions with logical operators".
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("7/2", "3.5"),
        ("1/0", None),
        ("-7%3", "-1"),
        ('"a"."b". 3', "ab3"),
        ('"a"+"b"', "ab"),
        ("1+none", None),
        ("none . 1", None),
        ('if(1<10, "y", "n")', "y"),
        ('if("1"<"10", "y", "n")', "y"),
        ('if("b">"a", "y", "n")', "y"),
        ('if(none=1, "y", "n")', "n"),
        ('if(NOT none=1, "y", "n")', "n"),
        ('if(none=1 OR 1=1, "y", "n")', "y"),
        ('if(true() OR true() AND false(), "y", "n")', "y"),
        ('if(true() XOR true(), "y", "n")', "n"),
        ('if(NOT false() AND true(), "y", "n")', "y"),
        ('case(1=2, "a", 2=2, "b")', "b"),
        ('case(1=2, "a")', None),
        ('coalesce(none, null(), "c", "d")', "c"),
        ('if(isnull(none), "y", "n")', "y"),
        ('replace("10.0.0.1/32", "/.*", "")', "10.0.0.1"),
        ('if(match("abc", "^b"), "y", "n")', "n"),
        ('if(like("abc", "a%"), "y", "n")', "y"),
        ('if(cidrmatch("192.0.2.0/24", "192.0.2.7"), "y", "n")', "y"),
        ('if(in("b", "a", "b"), "y", "n")', "y"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(3.14159, 2)", "3.14"),
        ("floor(-1.5)", "-2"),
        ("ceiling(1.2)", "2"),
        ("max(1, 3, 2)", "3"),
        ('substr("abcdef", 2, 3)', "bcd"),
        ('substr("abcdef", -2)', "ef"),
        # FIPS 180-2, the example "abc".
        ('sha256("abc")', "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ('mvcount(split("a,b,c", ","))', "3"),
        ("mvcount(none)", None),
        ('mvindex(split("a,,c", ","), 2)', "c"),
        ('nullif(mvindex(split("a,,c", ","), 1), "")', None),
        ('nullif("a", "")', "a"),
        ('mvindex(split("a,b,c", ","), -1)', "c"),
        ('mvindex(split("a,b,c", ","), 0, 1)', ["a", "b"]),
        ('mvjoin(mvdedup(split("b,a,b", ",")), "+")', "b+a"),
        ('mvappend("a", none, split("b,c", ","))', ["a", "b", "c"]),
        ('strftime(0, "%Y-%m-%d")', "1970-01-01"),
        ('relative_time(100000, "-1d@d")', "0"),
        ("now()", str(NOW)),
        ("1000000", "1000000"),
        ("0.1+0.2", "0.3"),
        ('mvindex(split("a,b,c", ","), 1, 2)', ["b", "c"]),
        ('mvindex(split("a,b,c", ","), 1, 3)', None),
        ('mvindex(split("a,b,c", ","), 3)', None),
        ('mvindex(split("a,b,c", ","), -4, 1)', None),
        ('split("abc", "")', ["a", "b", "c"]),
        ('tonumber(coalesce(none, " 5 "))', None),
        ('tonumber(coalesce(none, "5"))', "5"),
        ("tonumber(none)", None),
        ('strftime(0, "%d %H:%M:%S %Z %z %%")', "01 00:00:00 UTC +0000 %"),
        ('if(" 5"=5, "y", "n")', "n"),
    ],
)
def test_eval_computes_the_documented_value(splunk: Splunk, expression: str, value: Any) -> None:
    (row,) = splunk.run(f"| makeresults | eval none=null(), value={expression}")
    assert row.get("value") == value


def test_mvmap_evaluates_an_expression_for_each_value_that_it_is_given(splunk: Splunk) -> None:
    search = '| makeresults | eval v=split("1,5,9", ","), w=mvmap({}, if(v>4, v*2, null()))'
    assert splunk.run(search.format("v"))[0]["w"] == ["10", "18"]
    assert splunk.run(search.format("mvindex(v, 1, 1)"))[0]["w"] == "10"


# Search Reference: the page of each command.
@pytest.mark.parametrize(
    ("commands", "rows"),
    [
        ("stats count", [{"count": "3"}]),
        ("search a=7 | stats count max(a) AS m", [{"count": "0"}]),
        ("stats count(a) AS c dc(b) AS d", [{"c": "2", "d": "3"}]),
        ("stats count BY a", [{"a": "1", "count": "1"}, {"a": "2", "count": "1"}]),
        ("stats count BY m", [{"m": "p", "count": "1"}, {"m": "q", "count": "1"}]),
        (
            "stats max(n) AS hi min(n) AS lo sum(a) AS s avg(a) AS v",
            [{"hi": "10", "lo": "-1.5", "s": "3", "v": "1.5"}],
        ),
        ("stats values(b) AS v", [{"v": ["X", "x", "y z"]}]),
        ("stats latest(a) AS l earliest(a) AS e", [{"l": "2", "e": "1"}]),
        ("stats count(eval(a>1)) AS c", [{"c": "1"}]),
        ('stats max(eval(if(b="x", _time, null()))) AS t', [{"t": "1000"}]),
        ("eventstats count AS c | table a c", [{"c": "3"}, {"a": "2", "c": "3"}, {"a": "1", "c": "3"}]),
        ("sort n | table n", [{"n": "-1.5"}, {"n": "9"}, {"n": "10"}]),
        ("sort -n | table n", [{"n": "10"}, {"n": "9"}, {"n": "-1.5"}]),
        ("sort 1 - n | table n", [{"n": "10"}]),
        ("sort a | table a", [{"a": "1"}, {"a": "2"}, {}]),
        ("head 1 | table _time", [{"_time": "3000"}]),
        ("dedup b | table b", [{"b": "y z"}, {"b": "X"}, {"b": "x"}]),
        ("dedup a | table a", [{"a": "2"}, {"a": "1"}]),
        ("fillnull value=none a | table a", [{"a": "none"}, {"a": "2"}, {"a": "1"}]),
        ("where isnull(a) | mvexpand m | table m", [{"m": "p"}, {"m": "q"}]),
        ("where isnull(a) | mvexpand m limit=1 | table m", [{"m": "p"}]),
        # "sort": a missing value is the least if descending, the most if ascending; the kinds of order.
        ("sort - a | table a", [{"a": "2"}, {"a": "1"}, {}]),
        ("sort str(n) | table n", [{"n": "-1.5"}, {"n": "10"}, {"n": "9"}]),
        ("where a=1 | rename a AS c b AS d | table c", SplError),
        ("where a=1 | rename a AS c, b AS d | table c d", [{"c": "1", "d": "x"}]),
        ("where a=1 | table a b | fields - b", [{"a": "1"}]),
    ],
)
def test_a_command_makes_the_documented_table(splunk: Splunk, commands: str, rows: Any) -> None:
    if rows is SplError:
        with pytest.raises(SplError):
            splunk.run(f"* | {commands}")
    else:
        assert splunk.run(f"* | {commands}") == rows


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("* | frobnicate", "unknown command frobnicate"),
        ("* | stats count | table a", "no field a here"),
        ("* | stats count | where a=1", "no field a here"),
        ("* | stats count | eval x=a", "no field a here"),
        ("* | stats count | search a=1", "no field a here"),
        ("* | stats median(a)", "unknown function of stats: median"),
        ("* | eval x=frob(1)", "unknown function frob"),
        ("* | eval x=if(1, 2, 3)", "has to be a condition"),
        ("* | eval x=(1=1)", "cannot assign a condition"),
        ("* | where a", "where needs a condition"),
        ("* | where m=1", "several values"),
        ("* | eval x=1 y=2", "unexpected y"),
        ("* | head limit=3", "only a number is supported"),
        ("* | dedup 2 a", "only fields are supported"),
        ("`nothing`", "unknown macro nothing"),
        ("* | lookup nothing a", "no lookup nothing"),
        ("* | lookup tsid_aliases nope AS a", "has no column nope"),
        ("* | inputlookup tsid_aliases", "can only begin a search"),
        ("| stats count", "cannot begin a search"),
        ('* | eval x="a', "a quote is open"),
        ("* | where (a=1", "\\) is missing"),
        ("| makeresults earliest=1", "only count is supported"),
        ("* [| makeresults]", "return"),
        ("| rest /services/server/info splunk_server=local", "not supported"),
        ("| rest /services/authentication/current-context", "without splunk_server=local"),
        ("| rest /services/authentication/current-context splunk_server=local count=0", "only splunk_server"),
        # "sort": a trailing desc; texts that begin with a number, for which the page contradicts itself.
        ("* | sort n desc", "only fields are supported"),
        ('| makeresults | eval x=split("9.1.a,10.1.a", ",") | mvexpand x | sort x', "not documented"),
        ('| makeresults | eval x=split("a,1", ",") | mvexpand x | sort num(x)', "not documented"),
        ('| makeresults count=2 | eval m=split("a,b", ",") | sort m', "not a single text"),
        # "eval", Rounding.
        ("| makeresults | eval x=8.250*0.2", "rounds"),
        ("| makeresults | eval x=8.25*2", "rounds"),
        ('| makeresults | eval x="0.5", y=x/2', "rounds"),
        ("| makeresults | eval x=1.5%1", "rounds"),
        ("| makeresults | eval x=1.5+0.25", "rounds"),
        ("| makeresults | eval x=3-1.5", "rounds"),
        # "Conversion functions", tonumber: a literal that is not a number fails the search.
        ('* | eval x=tonumber("seven")', "tonumber"),
        ('* | eval x=tonumber(" 5 ")', "tonumber"),
        # "Date and time format variables": those that are not known here.
        ('* | eval x=strftime(0, "%Y-%m-%dT%H:%M:%S.%Q")', "strftime with %Q"),
        ('* | eval x=strftime(0, "%e")', "strftime with %e"),
        # "Aggregate functions", min and max.
        ('| makeresults | eval x=split("5,word", ",") | stats min(x)', "numbers and words"),
        ('| makeresults | eval x=split("5,word", ",") | stats max(x)', "numbers and words"),
        ("* | bin _time span=1h AS t", "only bin _time"),
        ("* | bin _time span=1w", "unknown span 1w"),
        ("* | timechart span=1h limit=1 useother=f count BY b", "become OTHER"),
        ("* | timechart span=1h limit=top1 count BY b", "become OTHER"),
        ("* | mvexpand m limit=x", "only a field and a limit"),
        ("* | mvexpand a b", "only a field and a limit"),
        ("* | table a | outputlookup create_empty=true mine.csv", "no lookup|cannot read"),
        ("a=7 | table a | outputlookup append=true mine.csv", "appends nothing"),
        # What Python cannot compute, this evaluator does not know.
        ("| makeresults count=x", "makeresults count=x: not supported"),
        ('| makeresults | eval x=replace("a", "(", "")', "not supported"),
        ("* | stats latest(b) AS l BY nope", "xxx"),
    ],
)
def test_an_unknown_command_function_or_option_is_an_error(splunk: Splunk, search: str, words: str) -> None:
    if words == "xxx":
        # Before a transforming command a field that no event has is not an error: another event could have it.
        assert splunk.run(search) == []
        return
    with pytest.raises(SplError, match=words):
        splunk.run(search)


# macros.conf.spec
def test_macros_may_contain_macros_and_take_arguments() -> None:
    assert expand("x `outer` y", MACROS) == "x a=1 OR b=y* y"
    with pytest.raises(SplError, match="each other"):
        expand("`a`", {"a": {"definition": "`a`"}})


def test_pipes_in_quotes_and_brackets_belong_to_their_command() -> None:
    assert [command.name for command in pipeline('a="x|y" [| b | c] | d "|"')] == ["search", "d"]


class TestLookups:
    """Search Reference, "lookup", "inputlookup", "outputlookup"; transforms.conf.spec."""

    def test_a_lookup_by_network_takes_the_first_row_that_matches(self, splunk: Splunk) -> None:
        search = '| makeresults | eval ip="72.163.4.38" | lookup cisco_licensing_endpoints network AS ip OUTPUT host'
        assert splunk.run(search)[0]["host"] == "tools.cisco.com"

    def test_a_lookup_ignores_letter_case_where_its_definition_says_so(self, splunk: Splunk) -> None:
        search = '| makeresults | eval x="TOOS.cisco.com", host="mine" | lookup tsid_aliases alias AS x OUTPUTNEW host'
        assert splunk.run(search)[0]["host"] == "mine"
        assert splunk.run(search.replace("OUTPUTNEW", "OUTPUT"))[0]["host"] == "tools.cisco.com"

    def test_a_file_is_written_and_read_again(self, splunk: Splunk) -> None:
        splunk.run("a=1 | table a b | outputlookup mine.csv")
        splunk.run("a=2 | table a b | outputlookup append=true mine.csv")
        splunk.run("a=7 | table a b | outputlookup override_if_empty=false mine.csv")
        assert splunk.run("| inputlookup mine.csv") == [{"a": "1", "b": "x"}, {"a": "2", "b": "X"}]
        assert splunk.run("| inputlookup mine.csv where a=2") == [{"a": "2", "b": "X"}]

    def test_a_collection_is_not_on_the_indexers(self, splunk: Splunk) -> None:
        """collections.conf.spec, "replicate"."""
        with pytest.raises(SplError, match="local=true"):
            splunk.run("a=1 | lookup tsid_devices device AS a OUTPUT label")
        assert splunk.run("a=1 | lookup local=true tsid_devices device AS a OUTPUT label") != []

    def test_rows_of_a_collection_replace_those_of_the_same_key(self, splunk: Splunk) -> None:
        write = (
            "| makeresults | eval _key={0}, device={0}, label={1} "
            "| outputlookup append=true key_field=_key tsid_devices"
        )
        for device, label in (('"d1"', '"one"'), ('"d2"', '"two"'), ('"d1"', '"three"')):
            splunk.run(write.format(device, label))
        rows = splunk.run("| inputlookup tsid_devices | table device label | sort device")
        assert rows == [{"device": "d1", "label": "three"}, {"device": "d2", "label": "two"}]

    def test_the_field_that_gives_the_key_does_not_stay_beside_it(self, own: Splunk) -> None:
        """Splunk's answers to readers of "outputlookup", key_field."""
        row = '| makeresults | eval device="d1", label="one" | table device label'
        own.run(f"{row} | outputlookup append=true key_field=device tsid_devices")
        assert own.collections["tsid_devices"] == {"d1": {"_key": "d1", "label": "one"}}

    def test_append_says_whether_a_collection_is_emptied_first(self, own: Splunk) -> None:
        """The page of version 8 has another default with key_field than that of version 10: it has to be said."""
        row = '| makeresults | eval _key="{}", device=_key | table _key device'
        for append, device, left in (("true", "d1", 1), ("true", "d2", 2), ("false", "d3", 1)):
            write = f"outputlookup append={append} key_field=_key tsid_devices"
            own.run(f"{row.format(device)} | {write}")
            assert len(own.collections["tsid_devices"]) == left
        with pytest.raises(SplError, match="needs append="):
            own.run(f"{row.format('d4')} | outputlookup key_field=_key tsid_devices")
        own.run('| makeresults | eval device="d5" | table device | outputlookup tsid_devices')
        assert [row["device"] for row in own.run("| inputlookup tsid_devices")] == ["d5"]

    def test_rows_of_a_collection_with_a_key_are_written_by_it_or_not_at_all(self, own: Splunk) -> None:
        own.run('| makeresults | eval device="d1" | table device | outputlookup tsid_devices')
        with pytest.raises(SplError, match="_key without key_field"):
            own.run("| inputlookup tsid_devices | outputlookup tsid_devices")

    def test_several_values_become_one_in_a_file(self, own: Splunk) -> None:
        """Search Reference, "outputlookup", Multivalued fields."""
        own.run("m=p | table m b | outputlookup mine.csv")
        assert own.run("| inputlookup mine.csv") == [{"m": "p q", "b": "y z"}]

    def test_a_file_is_removed_if_there_is_nothing_to_write(self, own: Splunk) -> None:
        """Search Reference, "outputlookup", create_empty and override_if_empty; options may come last."""
        own.run("a=1 | table a | outputlookup mine.csv")
        own.run("a=7 | table a | outputlookup mine.csv override_if_empty=false")
        assert own.run("| inputlookup mine.csv") == [{"a": "1"}]
        own.run("a=7 | table a | outputlookup mine.csv")
        with pytest.raises(SplError, match=r"no lookup mine\.csv"):
            own.run("| inputlookup mine.csv")

    def test_every_write_makes_a_new_bundle(self, own: Splunk) -> None:
        """Distributed Search, "What search heads send to search peers": a file of another time is another file."""
        for search in ("a=1 | table a", "a=1 | table a", "a=7 | table a"):
            own.run(f"{search} | outputlookup override_if_empty=false mine.csv")
        assert own.written == ["mine.csv", "mine.csv"]

    def test_permissions_are_checked_only_where_both_files_say_so(self, own: Splunk) -> None:
        """transforms.conf.spec, check_permission; limits.conf.spec, outputlookup_check_permission."""
        shipped = "| inputlookup tsid_aliases | outputlookup tsid_aliases"
        mine = "a=1 | table a | outputlookup mine.csv"
        own.roles = frozenset({"user"})
        own.run(shipped)
        own.checks_permission = True
        own.run(mine)
        for search in (shipped, f"{shipped}.csv"):
            with pytest.raises(SplError, match=r"user may not write tsid_aliases\.csv"):
                own.run(search)
        own.roles = frozenset({"user", "sc_admin"})
        own.run(shipped)


def test_the_apps_own_commands_run_as_processes(splunk: Splunk) -> None:
    search = (
        '| tsidlookup table=endpoints | search host="tools.cisco.com" status="active" | head 1 '
        '| eval dest_ip=replace(network, "/.*", ""), url="https://toos.cisco.com" | tsidenrich | table url tsid_verdict'
    )
    assert splunk.run(search) == [{"url": "https://tools.cisco.com", "tsid_verdict": "aliased"}]


class TestTimechart:
    """Search Reference, "timechart" and "bin"."""

    def test_every_span_of_the_range_has_a_row(self, splunk: Splunk) -> None:
        rows = splunk.run("* | timechart span=1000s count", earliest=500, latest=4000)
        assert rows == [
            {"_time": "0", "count": "0"},
            {"_time": "1000", "count": "1"},
            {"_time": "2000", "count": "1"},
            {"_time": "3000", "count": "1"},
        ]

    def test_over_all_time_the_gaps_between_the_events_are_filled(self, splunk: Splunk) -> None:
        rows = splunk.run("a=1 OR b=y* | timechart span=1000s count")
        assert [row["count"] for row in rows] == ["1", "0", "1"]

    def test_a_column_for_each_value_and_one_for_none(self, splunk: Splunk) -> None:
        rows = splunk.run("* | timechart span=1h count BY a", earliest=1, latest=3600)
        assert rows == [{"_time": "0", "1": "1", "2": "1", "NULL": "1"}]
        rows = splunk.run("* | timechart span=1h usenull=f count BY a", earliest=1, latest=3600)
        assert rows == [{"_time": "0", "1": "1", "2": "1"}]

    def test_a_sum_of_nothing_is_null(self, splunk: Splunk) -> None:
        rows = splunk.run("* | timechart span=2000s sum(a) AS total", earliest=1, latest=4000)
        assert rows == [{"_time": "0", "total": "1"}, {"_time": "2000", "total": "2"}]
        rows = splunk.run("a=1 | timechart span=2000s sum(a) AS total", earliest=1, latest=4000)
        assert rows == [{"_time": "0", "total": "1"}, {"_time": "2000"}]

    def test_too_many_series_are_refused(self, splunk: Splunk) -> None:
        search = '| makeresults | eval x=split("a,b,c,d,e,f,g,h,i,j,k", ",") | mvexpand x | timechart span=1d{} count BY x'
        with pytest.raises(SplError, match="OTHER"):
            splunk.run(search.format(""))
        assert len(splunk.run(search.format(" limit=0"))[-1]) == 12

    def test_bin_puts_times_back(self, splunk: Splunk) -> None:
        rows = splunk.run("* | bin _time span=2000s | stats count BY _time")
        assert rows == [{"_time": "0", "count": "1"}, {"_time": "2000", "count": "2"}]
        assert rows == splunk.run("* | bin span=2000s _time | stats count BY _time")

    def test_a_chain_search_continues_a_base_search(self, splunk: Splunk) -> None:
        base = splunk.table("* | bin _time span=1000s | stats count BY _time a", 500, 4000)
        rows = splunk.chain(base, "| timechart span=2000s sum(count) AS count BY a", 500, 4000).rows
        assert rows == [{"_time": "0", "1": "1"}, {"_time": "2000", "2": "1"}]

    def test_appendpipe_of_no_rows_makes_no_rows(self, splunk: Splunk) -> None:
        """This is not documented: a search that needs a zero must add it, and must not rely on rows."""
        assert splunk.run("a=none | timechart span=1h count", earliest=1, latest=3600) == []
        zero = "a=none | timechart span=1h count | appendpipe [stats count | where count=0]"
        assert splunk.run(zero, earliest=1, latest=3600) == [{"count": "0"}]


class TestAppending:
    """Search Reference, "append" and "appendpipe"."""

    def test_append_adds_the_rows_of_another_search(self, splunk: Splunk) -> None:
        search = (
            '| makeresults | eval a="1" | table a | append [| makeresults | eval a="2", b="3" | table a b]'
        )
        assert splunk.run(f"{search} | table a b") == [{"a": "1"}, {"a": "2", "b": "3"}]

    def test_appendpipe_adds_what_a_pipeline_makes_of_the_rows(self, splunk: Splunk) -> None:
        rows = splunk.run('* | stats count BY a | appendpipe [stats sum(count) AS count | eval a="all"]')
        assert rows == [{"a": "1", "count": "1"}, {"a": "2", "count": "1"}, {"a": "all", "count": "2"}]

    def test_a_subsearch_of_the_inner_pipeline_is_run(self, splunk: Splunk) -> None:
        one = '| makeresults | eval a="1" | table a'
        inner = f'search [{one} | eval search="a=1" | return $search]'
        assert splunk.run(f"{one} | appendpipe [{inner}]") == [{"a": "1"}, {"a": "1"}]

    @pytest.mark.parametrize("tail", ["append 5", "append maxout=1 [| makeresults]", "appendpipe [| nosuch]"])
    def test_other_forms_of_append_and_appendpipe_are_refused(self, splunk: Splunk, tail: str) -> None:
        with pytest.raises(SplError):
            splunk.run(f"| makeresults | {tail}")

    def test_append_to_events_is_refused(self, splunk: Splunk) -> None:
        with pytest.raises(SplError, match="append to events"):
            splunk.run("* | append [| makeresults]")


def test_rest_tells_of_saved_searches_of_the_user_and_of_the_macro(own: Splunk) -> None:
    """Search Reference, "rest"; REST API Reference: saved/searches, authentication/current-context."""
    own.enabled = frozenset({"TSID ledger: last hour"})
    saved = "| rest /servicesNS/-/tsidenrich/saved/searches splunk_server=local | search disabled=0 is_scheduled=1"
    assert [row["title"] for row in own.run(saved)] == ["TSID ledger: last hour", "TSID: another app's"]
    own.roles = frozenset({"power", "user"})
    (row,) = own.run("| rest /services/authentication/current-context splunk_server=local")
    assert row["roles"] == ["power", "user"]
    macro = "| rest /servicesNS/nobody/tsidenrich/configs/conf-macros/tsid_events splunk_server=local"
    assert "cisco:asa" in str(own.run(macro)[0]["definition"])
    own.capabilities = None
    assert own.run(saved) == own.run(macro) == []


def test_strptime_reads_a_day(splunk: Splunk) -> None:
    """Search Reference, "Date and time functions"."""
    search = (
        '| makeresults | eval a=strptime("1970-01-02", "%Y-%m-%d"), b=strptime("never", "%Y-%m-%d") | table a'
    )
    assert splunk.run(search) == [{"a": "86400"}]
    with pytest.raises(SplError, match="not supported"):
        splunk.run('| makeresults | eval a=strptime("1", "%s")')


def test_a_sign_of_sort_applies_to_its_field_or_before_a_blank_to_all_that_follow(splunk: Splunk) -> None:
    """Search Reference, "sort"."""
    made = '| makeresults | eval a=split("1,2", ",") | mvexpand a | eval b=split("1,2", ",") | mvexpand b | table a b'
    order = [("2", "1"), ("2", "2"), ("1", "1"), ("1", "2")]
    assert [(row["a"], row["b"]) for row in splunk.run(f"{made} | sort 0 - a + b")] == order
    assert [(row["a"], row["b"]) for row in splunk.run(f"{made} | sort 0 -a, b")] == order
    order = [("2", "2"), ("2", "1"), ("1", "2"), ("1", "1")]
    for both in ("- a b", "- a, b", "-a -b", "- a -b"):
        assert [(row["a"], row["b"]) for row in splunk.run(f"{made} | sort 0 {both}")] == order
    assert [row["a"] for row in splunk.run(f"{made} | sort 0 - a +b")] == ["2", "2", "1", "1"]


def test_addresses_are_sorted_as_such(splunk: Splunk) -> None:
    """Search Reference, "sort"."""
    made = '| makeresults | eval ip=split("10.0.0.10,9.0.0.1,10.0.0.9", ",") | mvexpand ip | table ip'
    order = ["9.0.0.1", "10.0.0.9", "10.0.0.10"]
    assert [row["ip"] for row in splunk.run(f"{made} | sort ip")] == order
    assert [row["ip"] for row in splunk.run(f"{made} | sort -ip")] == order[::-1]


class TestTimeZone:
    """Search Reference, "Date and time functions", "Time modifiers", "bin": all in the user's time zone."""

    @pytest.fixture
    def abroad(self, own: Splunk) -> Splunk:
        own.zone = datetime.timezone(datetime.timedelta(hours=-8))
        return own

    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ('strftime(0, "%Y-%m-%d %H:%M %z")', "1969-12-31 16:00 -0800"),
            ('strptime("1970-01-01", "%Y-%m-%d")', "28800"),
            ('strptime("1970-01-01 +0000", "%Y-%m-%d %z")', "0"),
            ('relative_time(100000, "@d")', "28800"),
            ('relative_time(100000, "@h")', "97200"),
        ],
    )
    def test_times_are_read_and_shown_in_it(self, abroad: Splunk, expression: str, value: str) -> None:
        assert abroad.run(f"| makeresults | eval value={expression}")[0]["value"] == value

    def test_days_of_a_chart_begin_at_its_midnight(self, abroad: Splunk) -> None:
        rows = abroad.run("* | bin _time span=1d | stats count BY _time")
        assert rows == [{"_time": "-57600", "count": "3"}]
        assert abroad.run("* | timechart span=1d count") == rows

    def test_hours_of_a_zone_of_half_hours_are_refused(self, abroad: Splunk) -> None:
        abroad.zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
        with pytest.raises(SplError, match="its start is not documented"):
            abroad.run("* | bin _time span=1h")
