"""Hostile text is never interpreted: in cells, messages, searches, tokens, terminals, keys (see docs/security.md)."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.dashboards.views import fill, read_view
from lab.host.app import copy_app, copy_data
from lab.host.host import CommandHost, SearchInfo
from lab.host.in_process import InProcessHost
from lab.host.search import Result
from lab.spl.engine import Splunk
from lab.spl.syntax import bracketed, expand, pipeline
from lab.spl.values import Row, SplError
from tests.app.hostile import CONTROLS, FORMULAS, HOSTILE, SEARCHES, STARTS
from tsid.decision.enrich import OUTPUT_FIELDS, Enricher, Options
from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import Lookups, load_lookups
from tsid.facts.tables import LAYERS
from tsid.refresh.script import main
from tsid.text import conf
from tsid.text.names import parse_name
from tsid.text.sanitize import escape_formula, for_message, safe_device_name

ROOT = Path(__file__).resolve().parents[2]
ENDPOINT = "72.163.4.38"
NOW = 1_765_000_000.0
KEY = SearchInfo().session_key

# Fields with the app's own text or sanitized text.
SENTENCES = ("tsid_observed", "tsid_device", "tsid_connection", "tsid_reason", "tsid_advice")


# The lab reads answers with Python's csv module, which refuses NUL before 3.11.
TEXTS = [text for text in HOSTILE.values() if "\0" not in text or sys.version_info >= (3, 11)]


def events() -> Iterator[dict[str, Any]]:
    """Every hostile text in every field that appears in an answer, at an endpoint and elsewhere."""
    for text in TEXTS:
        for address in (ENDPOINT, "203.0.113.9", text):
            yield {
                "dest_ip": address,
                "url": text if address == ENDPOINT else f"https://toos.cisco.com/{text}",
                "src_ip": text,
                "AC_RuleAction": text,
                "DeviceUUID": text,
                "InstanceID": "1",
                "FirstPacketSecond": "2",
                "ConnectionID": text,
                "rule": text,
                "note": text,
            }
        yield {"dest_ip": ENDPOINT, "url": f"https://user:{text}@toos.cisco.com/{text}", "note": text}
        yield {"dest_ip": ENDPOINT, "url": ["https://toos.cisco.com/", text], "src_ip": [text, "10.0.0.1"]}


# With raw=true each event is decided by itself, otherwise also from memos of its bytes.
@pytest.fixture(scope="module", params=["raw=true", "raw=false"])
def enriched(request: pytest.FixtureRequest) -> Result:
    return CommandHost(ROOT, "tsidenrich", wanted=["*"]).run(events(), request.param)


def values(event: Mapping[str, Any], fields: Sequence[str] = OUTPUT_FIELDS) -> Iterator[tuple[str, str]]:
    for field in fields:
        value = event.get(field, "")
        for text in [value] if isinstance(value, str) else value:
            yield field, text


def is_visible(text: str) -> bool:
    """No character moves the cursor, ends the line or changes the direction; bytes that are not text are unchanged."""
    return all(c.isprintable() or "\udc80" <= c <= "\udcff" for c in text)


class TestEvents:
    def test_hostile_values_cause_no_message_and_no_log_line(self, enriched: Result) -> None:
        """Neither in messages nor on stderr, which Splunk writes to search.log."""
        assert enriched.raise_for_error().messages == []
        assert enriched.stderr == ""
        assert len(enriched.events) == len(list(events()))
        assert {event["tsid_verdict"] for event in enriched.events} > {"foreign", "aliased", "impostor"}

    def test_no_value_that_the_app_writes_is_a_formula(self, enriched: Result) -> None:
        for event in enriched.events:
            for field, text in values(event):
                assert not text.startswith(STARTS), (field, text[:80])

    def test_no_sentence_breaks_its_line_or_hides_what_it_says(self, enriched: Result) -> None:
        for event in enriched.events:
            for field, text in values(event, SENTENCES):
                assert is_visible(text), (field, text[:80])
                assert len(text) < 2_000, field

    def test_a_devices_name_cannot_leave_the_quotes_of_a_search(self, enriched: Result) -> None:
        seen = set()
        for event in enriched.events:
            for _, text in values(event, ("tsid_device",)):
                assert not set(text) & set("\"\\`$|[]*=+@'<>\n\r\t"), text
                # A key of the KV store has at most 1,024 bytes.
                assert len(text.encode("utf-8", "surrogateescape")) <= 1_012
                seen.add(text)
        assert len(seen) > 20

    def test_the_events_own_fields_stay_as_they_are(self, enriched: Result) -> None:
        changed = 0
        for before, after in zip(events(), enriched.events):
            for field, value in before.items():
                if field == "url" and after["tsid_verdict"] == "aliased":
                    was, now = ([v] if isinstance(v, str) else v for v in (value, after[field]))
                    assert now == [text.replace("toos.cisco.com", "tools.cisco.com", 1) for text in was]
                    changed += 1
                else:
                    assert after[field] == value, field
        ends = sum(bool(set(text) & set("/?#\\")) for text in TEXTS)
        assert changed == 2 * len(TEXTS) - ends

    def test_an_export_reads_back_cell_by_cell(self, enriched: Result) -> None:
        """A comma or quote in a value does not start another cell."""
        out = io.StringIO(newline="")
        table = [[event.get(field, "") for field in OUTPUT_FIELDS] for event in enriched.events]
        csv.writer(out).writerows(table)
        read = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
        assert read == table
        assert not any(cell.startswith(STARTS) for row in read for cell in row)

    @pytest.mark.parametrize(
        "url", ["{}", "https://toos.cisco.com/{}", "{}toos.cisco.com", "toos.cisco.com{}"]
    )
    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_enriching_twice_equals_enriching_once(self, lookups: Lookups, text: str, url: str) -> None:
        enricher = Enricher(lookups, Options())
        event = {"dest_ip": ENDPOINT, "url": url.replace("{}", text), "src_ip": text}
        first = enricher.enrich(event)
        once = {**event, **first.rewritten, **first.fields}
        second = enricher.enrich(once)
        assert {**once, **second.rewritten, **second.fields} == once


# They look like the alias or the canonical name, but are not valid hostnames.
LOOK_ALIKES = [
    "toos.cisco.com%20",
    "%00toos.cisco.com",
    "\u202etoos.cisco.com",
    "toos.cisco.com\u2067",
    "\x9btoos.cisco.com",
]
# IDNA deletes these characters, which would result in the alias.
LOOK_ALIKES += [
    place.format(spelling)
    for character in "\u200b\u00ad\u2060\ufe0f\ufeff"
    for spelling in (character, quote(character))
    for place in ("{}toos.cisco.com", "toos.ci{}sco.com", "toos.cisco{}.com", "toos.cisco.com{}")
]
LOOK_ALIKES += [text.replace("toos", "tools") for text in LOOK_ALIKES]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_a_name_that_only_looks_like_an_alias_is_foreign(lookups: Lookups, text: str) -> None:
    answer = Enricher(lookups, Options()).enrich({"dest_ip": ENDPOINT, "url": f"https://{text}/"})
    assert (answer.verdict, answer.rewritten) == ("foreign", {})


@given(st.text())
def test_sanitized_text_is_never_a_formula_or_a_control_sequence(text: str) -> None:
    name = parse_name(text)
    assert name is None or not name.observed.startswith(STARTS)
    assert not escape_formula(text.strip()).startswith(STARTS)
    assert re.fullmatch(r"[\w.:%/ -]*", safe_device_name(text)) and not safe_device_name(text).startswith("-")
    assert is_visible(for_message(text))


# A row of a site's lookup: the file's name, its content, and the expected message.
BROKEN = {
    "terminal": ("tsid_aliases", "alias,host,note\nx.example,tools.cisco.com,\x1b[2J\n", "line 2: column note has the invisible character U+001B"),
    "direction": ("tsid_aliases", "alias,host\n\u202ex.example,tools.cisco.com\n", "line 2: column alias has the invisible character U+202E"),
    "formula as alias": ("tsid_aliases", "alias,host\n=1+1,tools.cisco.com\n", "line 2: alias '=1+1' is not a valid name"),
    "formula as service": ("cisco_licensing_endpoints", "network,host,service\n192.0.2.1/32,x.example,=1+1\n", "line 2: service '=1+1' is not a single word"),
    "search as host": ("tsid_aliases", 'alias,host\nx.example,"tools.cisco.com"" | delete"\n', "line 2: host 'tools.cisco.com\" | delete' is not a valid hostname"),
    "search as network": ("cisco_licensing_endpoints", 'network,host\n"* OR index=_internal",x.example\n', "line 2: network '* OR index=_internal' is not in CIDR form"),
    "template": ("cisco_licensing_endpoints", "network,host\n{0.__class__},x.example\n", "line 2: network '{0.__class__}' is not in CIDR form"),
    "a number of a million digits": ("tsid_fields", f"role,rank,field\nname,{'9' * 1_000_000},x\n", "line 2: rank '999"),
    "an address of a million digits": ("cisco_licensing_endpoints", f"network,host\n{'1' * 1_000_000}/32,x.example\n", "line 2: network '111"),
    "terminal in the header": ("tsid_aliases", "alias,host,\x1b[2J,\x1b[2J\nx,y,,\n", "line 1: column ?[2J occurs twice"),
}  # fmt: skip


@pytest.mark.parametrize(("table", "content", "words"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("layer", ["_refreshed", "_local"])
def test_a_hostile_lookup_row_causes_one_plain_message(
    tmp_path: Path, table: str, content: str, words: str, layer: str
) -> None:
    """In a table that the app's own programs write it ends the search; a user's row is left out."""
    app = copy_data(ROOT, tmp_path)
    (app / "lookups" / f"{table}{layer}.csv").write_text(content, encoding="utf-8")
    result = InProcessHost(app, "tsidenrich").run([{"dest_ip": ENDPOINT}])
    (message,) = result.messages
    if layer == "_local":
        assert message.level == "WARN"
        assert [event["tsid_verdict"] for event in result.raise_for_error().events] == ["unnamed"]
    else:
        assert result.failed and result.events == []
    assert f"lookups/{table}{layer}.csv, {words}" in message.text
    assert is_visible(message.text) and len(message.text) < 1_000
    assert "report it" not in message.text


# Any text without control characters may be an alias of a host: an Organisational Unit, for example.
ALIASES = [
    *(text for text in SEARCHES.values() if text != "*"),
    "<script>",
    "{observed}",
    "a, b",
    "x' OR 1=1 --",
    "%s%n",
    "\\\\",
    '\\"',
    'a"b\\"c',
]


@pytest.fixture(scope="module")
def with_aliases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    app = copy_app(ROOT, tmp_path_factory.mktemp("aliases"))
    with (app / "lookups" / "tsid_aliases_local.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["alias", "host"])
        # An alias ends where an authority ends, so some of them are equal.
        names = {name.key: alias for alias in ALIASES for name in [parse_name(alias)] if name and name.key}
        writer.writerows([alias, "tools.cisco.com"] for alias in names.values())
    assert len(names) > 10
    return app


def test_hostile_aliases_stay_quoted_terms_of_the_prefilter(with_aliases: Path) -> None:
    (row,) = CommandHost(with_aliases, "tsidlookup").run((), "table=candidates").raise_for_error().events
    names = load_lookups(with_aliases / "lookups")
    terms = re.findall(r'"((?:[^"\\]|\\.)*)"', str(row["search"]))
    assert row["search"] == "(" + " OR ".join(f'"{term}"' for term in terms) + ")"
    assert set(names.aliases) <= {re.sub(r"\\(.)", r"\1", term) for term in terms}
    assert len(pipeline(f"search {row['search']}")) == 1


def test_the_prefilter_with_hostile_aliases_finds_them_and_nothing_else(with_aliases: Path) -> None:
    found = load_lookups(with_aliases / "lookups").aliases
    raws = [f"- {alias} -" for alias in found] + ["index=_internal", "delete", "session"]
    events = [{"_time": str(NOW - 1), "index": "i", "_raw": raw} for raw in raws]
    rows = Splunk(with_aliases, events, NOW, host=InProcessHost).run("`tsid_candidates`")
    assert {row["_raw"] for row in rows} == set(raws[:-3])


def saved() -> Mapping[str, Mapping[str, str]]:
    return conf.read(ROOT / "default" / "savedsearches.conf")


def subsearches(arguments: str) -> Iterator[str]:
    while "[" in arguments:
        inner = bracketed(arguments[arguments.index("[") :])
        yield inner
        arguments = arguments[arguments.index("[") + len(inner) + 2 :]


def shape(search: str) -> list[str]:
    """The commands of a search, and of its subsearches, in order."""
    macros = conf.read(ROOT / "default" / "macros.conf")
    commands = pipeline(expand(search, macros))
    inner = [part for c in commands for part in subsearches(re.sub(r'"(?:\\.|[^"\\])*"', "", c.arguments))]
    return [command.name for command in commands] + [name for part in inner for name in shape(part)]


def drilldowns() -> Iterator[tuple[str, str]]:
    for name, settings in saved().items():
        for drilldown in json.loads(settings.get("action.notable.param.drilldown_searches", "[]")):
            yield name, drilldown["search"]


def test_a_device_name_cannot_change_the_commands_of_a_drilldown(enriched: Result) -> None:
    """Even if the token's value is not escaped."""
    devices = {text for event in enriched.events for _, text in values(event, ("tsid_device",)) if text}
    searches = list(drilldowns())
    macros = conf.read(ROOT / "default" / "macros.conf")
    assert {name for name, found in saved().items() if "action.notable" in found} == dict(searches).keys()
    for name, search in searches:
        assert set(re.findall(r"\$([^$]+)\$", search)) == {"device"}, name
        expected = shape(search.replace("$device$", "10.0.0.1"))
        plain = pipeline(expand(search, macros))
        for device in devices:
            filled = search.replace("$device$", device)
            assert shape(filled) == expected, (name, device)
            # Only the command that compares or assigns the name is another one, and there it is one text.
            changed = [
                (before.arguments, after.arguments)
                for before, after in zip(plain, pipeline(expand(filled, macros)))
                if before != after
            ]
            assert changed in [[(f'{f}="$device$"', f'{f}="{device}"')] for f in ("main", "device")]
    with pytest.raises((SplError, AssertionError)):
        # With the event's original text it would change them.
        assert shape(searches[0][1].replace("$device$", SEARCHES["search after a quote"])) == expected


@pytest.mark.parametrize(
    "device", ["10.0.0.1", "2001:db8::7", "emea|10.0.0.1", "core-1 a/b_c", "50%25 off%", "b\u00fcro"]
)
def test_the_link_to_the_view_of_a_device_names_it_whatever_characters_it_has(device: str) -> None:
    links = [search for _, search in drilldowns() if "`tsid_view`" in search]
    assert links
    for search in links:
        (row,) = Splunk(ROOT, [], NOW, host=InProcessHost).run(search.replace("$device$", device))
        link = urlsplit(str(row["view"]))
        assert (link.path, parse_qs(link.query)) == ("/app/tsidenrich/device", {"form.device": [device]})


def test_findings_show_only_fields_that_the_app_writes() -> None:
    """Titles and messages contain no unsanitized field of an event."""
    made = {"device", "device_shown", "server", "observed", "advice", "complaints"}
    made |= {"license_reason", "license_next_step", "license_days_left", "license_state"}
    for name, settings in saved().items():
        for key in ("notable.param.rule_title", "notable.param.rule_description", "risk.param._risk_message"):
            assert set(re.findall(r"\$([^$]+)\$", settings.get(f"action.{key}", ""))) <= made, (name, key)


@pytest.mark.parametrize(
    "host", [text for text in HOSTILE.values() if text.strip()], ids=lambda text: ascii(text[:30])
)
def test_the_alert_of_complaining_devices_shows_a_host_only_as_a_safe_name(host: str) -> None:
    event: Row = {
        "_time": "1799999000",
        "_raw": f"%SMART_LIC-3-COMM_FAILED: Communications failure : {host}",
        "host": host,
        "sourcetype": "cisco:ios",
        "index": "netops",
    }
    splunk = Splunk(ROOT, [event], 1_800_000_000, host=InProcessHost)
    splunk.run("`tsid_ledger_events` | `tsid_ledger_merge`", 1_799_990_000)
    (row,) = splunk.dispatch("TSID: device complains about licensing")
    # A control character ends the message, and so its reason.
    reason = str(row.get("device_reason", ""))
    assert reason.isprintable() and "|" not in reason
    for field in ("device",):
        assert re.fullmatch(r"(?!-)[A-Za-z0-9_.:%/ -]{1,253}", str(row[field])), (field, row[field])


@pytest.mark.parametrize("view", ["setup", "overview", "device", "health"])
def test_a_firewall_name_cannot_change_the_commands_of_a_panel(view: str) -> None:
    definition = read_view(ROOT / "default" / "data" / "ui" / "views" / f"{view}.xml").definition
    text = json.dumps(definition)
    # No panel shows text as HTML or Markdown, or links to another site; a link is the same whatever is shown.
    assert not re.search(r"markdown|splunk\.image|html", text, re.IGNORECASE)
    assert all(re.fullmatch(r"/[a-z][\w/?&=%-]*", url) for url in re.findall(r'"url": "([^"]*)"', text))
    sources = [source["options"]["query"] for source in definition["dataSources"].values()]
    plain = {"device": "x", "firewall": "x"}
    for query in sources:
        base = "search x " if query.startswith("|") else ""
        for hostile in [*SEARCHES.values(), *FORMULAS.values(), *CONTROLS.values()]:
            tokens = {"device": hostile, "firewall": hostile}
            assert shape(base + fill(query, tokens)) == shape(base + fill(query, plain)), (query, hostile)


#: Commands that execute a value or send it somewhere.
DANGEROUS = {
    "map",
    "script",
    "run",
    "runshellscript",
    "rest",
    "sendemail",
    "sendalert",
    "dump",
    "outputcsv",
    "outputtext",
}
DANGEROUS |= {
    "collect",
    "mcollect",
    "tscollect",
    "savedsearch",
    "format",
    "foreach",
    "fromjson",
    "localop",
    "delete",
    "from",
}


def test_no_shipped_search_runs_a_value_as_a_search() -> None:
    searches = {**{name: settings["search"] for name, settings in saved().items()}, **dict(drilldowns())}
    macros = conf.read(ROOT / "default" / "macros.conf")
    used = {name: set(shape(search)) for name, search in searches.items()}
    assert len(used) > 10
    assert not any(commands & DANGEROUS for commands in used.values())
    # The only subsearches are the prefilters', whose text the app quotes itself.
    assert [name for name, macro in macros.items() if re.search(r"\|\s*return\b", macro["definition"])] == [
        "tsid_candidates",
        "tsid_contacts_tstats",
        "tsid_contacts_tstats_web",
        "tsid_message_terms",
    ]
    assert all("args" not in macro for macro in macros.values())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_ledger_keeps_a_hostile_rule_in_its_own_column(text: str) -> None:
    event = {
        "_time": str(NOW - 60),
        "host": "fw-1",
        "tsid_device": "10.0.0.1",
        "tsid_outcome": "blocked",
        "tsid_advice": "Allow it.",
        "rule": text,
        "fw_policy": "policy",
        "Device": text,
    }
    splunk = Splunk(ROOT, [event], NOW, host=InProcessHost)
    splunk.run("* | `tsid_ledger_merge`")
    splunk.run("* | `tsid_ledger_merge`")
    (row,) = splunk.collections["tsid_devices"].values()
    assert (row["last_policy"], row["last_advice"]) == ("policy", "Allow it.")
    name = re.sub(r"\|tsid\||[\x00-\x1f\x7f]", " ", text)[:200]
    assert (row["last_rule"], row["last_firewall"], row["firewalls"]) == (name, name, name)
    (told,) = splunk.run("| `tsid_fleet`")
    step = str(told["license_next_step"])
    assert is_visible(step) and len(step) < 1_500
    assert step.startswith("Change rule ") and " of policy policy on " in step
    assert not str(told["license_reason"]).startswith(STARTS)


def test_the_refresh_script_shows_hostile_rows_without_effect_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("default", "lookups"):
        shutil.copytree(ROOT / name, tmp_path / name)
    local = tmp_path / "lookups" / "tsid_aliases_local.csv"
    local.write_text('alias,host,note\nx.example,tools.cisco.com,"two\nlines\tand a tab"\n', encoding="utf-8")
    assert main(tmp_path, ["--status"]) == 0
    shown = capsys.readouterr().out
    assert all(is_visible(line) for line in shown.split("\n"))
    assert "two?lines?and a tab" in shown
    assert main(tmp_path, ["--status", "--json"]) == 0
    told = capsys.readouterr().out
    assert told.isascii() and "two\nlines\tand a tab" in {row["source"] for row in json.loads(told)}
    local.write_text("alias,host,note\n\x1b[2J\x9b,tools.cisco.com,\n", encoding="utf-8")
    assert main(tmp_path, ["--status"]) == 4
    assert is_visible(capsys.readouterr().err.rstrip("\n"))
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "tsidrefresh.conf").write_text("[refresh]\nresolvers = \x1b[2J\n", encoding="utf-8")
    assert main(tmp_path, ["--diff"]) == 4
    assert is_visible(capsys.readouterr().err.rstrip("\n"))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_plain_user_cannot_write_the_tables_once_limits_conf_says_so(tmp_path: Path, layer: str) -> None:
    """Search Reference, "outputlookup": without check_permission in both files everybody may."""
    splunk = Splunk(copy_data(ROOT, tmp_path), [], 0)
    splunk.roles = frozenset({"user", "power"})
    files = [path.name.replace(".csv", f"{layer}.csv") for path in (ROOT / "lookups").glob("*.csv")]
    write = '| makeresults | eval network="192.0.2.1/32" | table network | outputlookup {}'
    for name in files:
        splunk.run(write.format(name))
    assert splunk.written == files
    splunk.checks_permission = True
    for name in files:
        for lookup in (name, name.removesuffix(".csv")):
            with pytest.raises(SplError, match=f"may not write {re.escape(name)}"):
                splunk.run(write.format(lookup))
    assert splunk.written == files


class TestRights:
    """The permissions of a user who may only search."""

    def test_only_admins_may_change_anything_and_run_the_refresh(self) -> None:
        meta = conf.read(ROOT / "metadata" / "default.meta")
        admins = "[ admin, sc_admin ]"
        assert meta[""]["access"] == f"read : [ * ], write : {admins}"
        assert meta["commands/tsidrefresh"]["access"] == f"read : {admins}, write : {admins}"
        for stanza, settings in meta.items():
            assert settings.get("access", f"write : {admins}").endswith(f"write : {admins}"), stanza
        commands = conf.read(ROOT / "default" / "commands.conf")
        assert commands["tsidrefresh"]["is_risky"] == "true"

    def test_searches_that_write_or_connect_are_for_admins(self) -> None:
        meta = conf.read(ROOT / "metadata" / "default.meta")
        protected = {
            name
            for name, found in meta.items()
            if found.get("access", "").startswith("read : [ admin, sc_admin ]")
        }
        writing = {
            name
            for name, found in saved().items()
            if {"outputlookup", "tsidrefresh"} & set(shape(found["search"]))
        }
        assert len(writing) == 8
        for name in writing:
            stanza = name.replace(" ", "%20").replace(":", "%3A")
            assert f"savedsearches/{stanza}" in protected, name

    def test_searches_run_by_hand_have_the_rights_of_their_user(self) -> None:
        by_hand = [found for found in saved().values() if "cron_schedule" not in found]
        assert len(by_hand) == 6
        assert all(found.get("dispatchAs") == "user" for found in by_hand)
        assert all(found["disabled"] == "1" for found in saved().values() if "cron_schedule" in found)

    @pytest.mark.parametrize(
        ("command", "arguments"),
        [
            ("tsidlookup", "table=../../../etc/passwd"),
            ("tsidlookup", "table=/etc/passwd"),
            ("tsidlookup", "file=/etc/passwd"),
            ("tsidenrich", "prefix=../x"),
            ("tsidenrich", "lookups=/tmp"),
            ("tsidrisk", "model=../../license_clocks"),
            ("tsidrefresh", "table=/etc/passwd"),
            ("tsidrefresh", "ca_bundle=/etc/passwd"),
            ("tsidrefresh", "tls_port=22"),
            *((c, "logging_configuration=/etc/passwd") for c in ("tsidlookup", "tsidrisk", "tsidrefresh")),
        ],
    )
    def test_no_option_names_a_file_and_only_that_of_admins_a_server(
        self, command: str, arguments: str
    ) -> None:
        events = [{"device": "10.0.0.1"}] if command in ("tsidenrich", "tsidrisk") else ()
        # Only a process shows the SDK's own treatment of an option.
        host = CommandHost if arguments.startswith("logging_configuration") else InProcessHost
        result = host(ROOT, command).run(events, arguments)
        (message,) = result.messages
        assert result.failed and result.events == []
        assert (
            "use one of" in message.text or "unknown option" in message.text or "start with" in message.text
        )
        # At most the value as typed is returned: no file was read.
        assert "root:" not in message.text + result.stderr


LOGGING = """[loggers]
keys = root
[handlers]
keys = file
[formatters]
keys =
[logger_root]
handlers = file
[handler_file]
class = FileHandler
args = (__import__("pathlib").Path({marker!r}).touch() or {marker!r}, "a")
"""


@pytest.mark.parametrize("command", ["tsidenrich", "tsidlookup", "tsidrisk", "tsidrefresh"])
def test_a_logging_configuration_in_the_app_is_not_executed(tmp_path: Path, command: str) -> None:
    """The SDK would find and execute it when it is imported: whoever can write the file would run code."""
    app, marker = copy_app(ROOT, tmp_path / "app"), tmp_path / "executed"
    names = ("logging.conf", "splunklib.logging.conf", f"{command}.logging.conf")
    for folder in (app / "local", app / "default"):
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_text(LOGGING.format(marker=str(marker)), encoding="utf-8")
    CommandHost(app, command).run([], "table=x" if command == "tsidrefresh" else "")
    assert not marker.exists()


FAILING = {
    "a wrong option": ("tsidenrich", "keep=some"),
    "another's option": ("tsidenrich", "record=t"),
    "a wrong table": ("tsidlookup", "table=x"),
    "a wrong time": ("tsidrisk", "now=x"),
    "a wrong report": ("tsidrefresh", "table=x"),
    "none": ("tsidenrich", ""),
    "no rows": ("tsidrisk", ""),
    "the lookups": ("tsidlookup", ""),
}


@pytest.mark.parametrize("broken", [False, True], ids=["as it is", "a broken lookup"])
@pytest.mark.parametrize(("command", "arguments"), FAILING.values(), ids=FAILING)
def test_the_session_key_is_in_no_message_and_no_log(
    tmp_path: Path, command: str, arguments: str, broken: bool, caplog: pytest.LogCaptureFixture
) -> None:
    # One process for each command; options are refused before the app reads any file.
    host = InProcessHost if arguments and command != "tsidrefresh" else CommandHost
    app = copy_app(ROOT, tmp_path) if host is CommandHost else copy_data(ROOT, tmp_path)
    if broken:
        for name in ("tsid_aliases", "license_clocks"):
            (app / "lookups" / f"{name}.csv").write_text("x\n", encoding="utf-8")
    generating = command in ("tsidlookup", "tsidrefresh")
    result = host(app, command).run(() if generating else [{"dest_ip": ENDPOINT}], arguments)
    told = json.dumps([result.events, [m.text for m in result.messages], result.getinfo]) + result.stderr
    told += caplog.text
    assert KEY not in told and KEY[5:] not in told
    written = [path for path in app.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert not any(KEY.encode() in path.read_bytes() for path in written)


#: Bytes of address space; a search process of this app uses some 100 MiB.
MAX_MEMORY_BYTES = 450 << 20
LIMITED = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({0}, {0})); os.execv(sys.argv[1], sys.argv[1:])"

LARGE: Mapping[str, Mapping[str, Any]] = {
    "a URL of a mebibyte": {"dest_ip": ENDPOINT, "url": "https://toos.cisco.com/" + "a" * (1 << 20)},
    "a URL of a mebibyte of quotes": {"dest_ip": ENDPOINT, "url": "https://toos.cisco.com/" + '"' * (1 << 20)},
    "a host of a mebibyte": {"dest_ip": ENDPOINT, "url": "a." * (1 << 19)},
    "a host of a mebibyte that is not ASCII": {"dest_ip": ENDPOINT, "url": "ß。" * (1 << 19)},
    # More than the memos of answers can contain.
    "60,000 addresses and names": {
        "dest_ip": [ENDPOINT, *(f"198.18.{n >> 8 & 255}.{n & 255}" for n in range(60_000))],
        "url": ["https://toos.cisco.com/", *(f"https://{n}.example/" for n in range(60_000))],
    },
    "100,000 times an alias": {"dest_ip": [ENDPOINT] * 100_000, "url": ["https://toos.cisco.com/"] * 100_000},
    "a raw text of 8 MiB": {"_raw": f"%FTD-1-430003: DstIP: {ENDPOINT}, URL: toos.cisco.com" + ", A: b" * ((8 << 20) // 6)},
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are Linux's")
@pytest.mark.parametrize("event", LARGE.values(), ids=LARGE)
def test_a_huge_event_is_answered_within_bounds(tmp_path: Path, event: Mapping[str, Any]) -> None:
    wrapper = tmp_path / "limited.py"
    wrapper.write_text(LIMITED.format(MAX_MEMORY_BYTES), encoding="utf-8")
    host = CommandHost(ROOT, "tsidenrich", python_flags=(str(wrapper), sys.executable), timeout=120)
    small = {"dest_ip": ENDPOINT, "url": "https://toos.cisco.com/"}
    result = host.run([small, event, small], "raw=true").raise_for_error()
    assert result.stderr == ""
    before, huge, after = result.events
    assert before["tsid_verdict"] == after["tsid_verdict"] == "aliased"
    assert huge["tsid_verdict"] in ("aliased", "foreign")


def test_messages_from_lookups_are_short_and_plain() -> None:
    error = LookupTableError(
        "lookups/x.csv", 2, "host '" + "\x1b" * 10_000 + "' is not a valid hostname", "Correct it."
    )
    assert is_visible(str(error)) and len(str(error)) < 600
