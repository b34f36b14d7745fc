"""The dashboards' definitions and the results of their searches; tests/dashboards shows them in a browser."""

from __future__ import annotations

import datetime
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import pytest

from lab.dashboards.sample import Sample, make_sample
from lab.dashboards.views import fill, read_view
from lab.errors import LabError
from lab.generator.fleet import DAY
from lab.generator.licences import deadline_day, evidence_of, state_of, watched
from lab.host.app import copy_app
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.syntax import expand, pipeline
from lab.spl.table import Table
from tests.app.hostile import HOSTILE
from tsid.text import conf

pytestmark = pytest.mark.spl

ROOT = Path(__file__).resolve().parents[2]
VIEWS = {
    path.stem: read_view(path).definition for path in sorted((ROOT / "default/data/ui/views").glob("*.xml"))
}
STATES = (
    "expired",
    "noncompliant",
    "expiring",
    "overdue",
    "rejected",
    "blocked",
    "unknown",
    "healthy",
)
SINCE = 30
# What a device of each state looks like in its own view is checked, and the worst.
OTHER_STATES = ("blocked", "rejected", "noncompliant", "healthy")
# A device's view tells a healthy one by the firewalls' word from one by its own.
SHOWN = {("healthy", "traffic"): "healthy, by traffic alone"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(copy_app(ROOT, tmp_path_factory.mktemp("views")), host=InProcessHost)


def results(splunk: Splunk, view: str, tokens: Optional[Mapping[str, str]] = None) -> dict[str, Table]:
    """The results of each data source of a view, over the last days."""
    values = {"device": "*", "firewall": "*", **(tokens or {})}
    found: dict[str, Table] = {}
    latest = splunk.now
    for name, source in VIEWS[view]["dataSources"].items():
        search = fill(source["options"]["query"], values)
        if source["type"] == "ds.chain":
            found[name] = splunk.chain(
                found[source["options"]["extend"]], search, latest - SINCE * DAY, latest
            )
        else:
            found[name] = splunk.table(search, latest - SINCE * DAY, latest)
    return found


@pytest.fixture(scope="module")
def overview(sample: Sample) -> dict[str, Table]:
    """Return the results of each data source of the overview."""
    return results(sample.splunk, "overview")


def test_the_views_are_in_the_navigation() -> None:
    nav = (ROOT / "default/data/ui/nav/default.xml").read_text(encoding="utf-8")
    assert [name for name in re.findall(r'<view name="(\w+)"', nav) if name in VIEWS] == [
        "setup",
        "overview",
        "device",
        "health",
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_every_panel_has_a_title_and_names_its_unit(view: str) -> None:
    units = re.compile(
        r"connections|devices|days|hours|rows|dates?|events|endpoints|messages|lines|state|clock", re.I
    )
    for name, panel in VIEWS[view]["visualizations"].items():
        assert panel["title"], name
        assert units.search(panel["description"]), name


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_three_base_searches_at_most_and_refreshes_no_oftener_than_each_minute(view: str) -> None:
    sources = VIEWS[view]["dataSources"].values()
    bases = [source for source in sources if source["type"] == "ds.search"]
    # The set-up view is for a few looks of an admin, and none of its steps fails with another one.
    assert len(bases) <= (9 if view == "setup" else 3)
    assert all(source["options"]["refresh"] in ("5m", "10m", "1h") for source in bases)


@pytest.mark.parametrize("view", VIEWS)
def test_a_base_search_says_which_fields_its_chains_may_use(view: str) -> None:
    """Dashboard Studio, "Chain searches": of a search that does not transform, only fields that it names go on."""
    macros = conf.read(ROOT / "default" / "macros.conf")
    sources = VIEWS[view]["dataSources"]
    bases = {source["options"]["extend"] for source in sources.values() if "extend" in source["options"]}
    assert bases
    for name in bases:
        search = fill(sources[name]["options"]["query"], {"device": "x"})
        assert pipeline(expand(search, macros))[-1].name in ("table", "stats"), name


@pytest.mark.parametrize("view", VIEWS)
def test_every_panel_that_shows_times_says_in_which_zone(view: str) -> None:
    """`strftime` and charts use the time zone of the user; days of the app's own texts and counts are in UTC."""
    sources = VIEWS[view]["dataSources"]
    shown = 0
    for name, panel in VIEWS[view]["visualizations"].items():
        queries = [sources[source]["options"]["query"] for source in panel["dataSources"].values()]
        is_local = any("strftime" in query or "timechart" in query for query in queries)
        if panel["type"] == "splunk.singlevalue":
            is_local = is_local and panel["description"].startswith("date")
        assert ("your time zone" in panel["description"]) == is_local, name
        shown += is_local
    assert shown >= 3


@pytest.mark.parametrize("view", VIEWS)
def test_tokens_that_are_values_go_into_searches_in_quotes(view: str) -> None:
    """A token is from an event or a link: its value must not change the commands of a search."""
    for name, source in VIEWS[view]["dataSources"].items():
        assert re.findall(r"\$[\w.]+\$", source["options"]["query"]) == [], name


def test_a_token_cannot_leave_its_quotes() -> None:
    assert fill("search a=$x|s$", {"x": '" | delete "\\'}) == 'search a="\\" | delete \\"\\\\"'
    with pytest.raises(LabError, match="token y has no value"):
        fill("search $y$", {})


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=lambda text: ascii(text[:30]))
def test_hostile_text_in_a_token_changes_no_command_of_a_search(view: str, text: str) -> None:
    """Each token in its turn: anybody can send a link that sets it."""
    macros = conf.read(ROOT / "default" / "macros.conf")

    def commands(search: str, tokens: Mapping[str, str]) -> list[str]:
        return [command.name for command in pipeline(expand(fill(search, tokens), macros))]

    for name, source in VIEWS[view]["dataSources"].items():
        query = source["options"]["query"]
        # Of the inputs, and of the panels' own results, without their filters.
        tokens = {token.partition("|")[0] for token in re.findall(r"\$([\w.:|]+)\$", query)}
        plain = dict.fromkeys(tokens, "x")
        for token in tokens:
            assert commands(query, {**plain, token: text}) == commands(query, plain), (name, token)


@pytest.mark.parametrize("view", VIEWS)
def test_no_two_panels_overlap_and_rows_are_full(view: str) -> None:
    layout = VIEWS[view]["layout"]
    places = {item["item"]: item["position"] for item in layout["structure"]}
    for (one, a), (other, b) in itertools.combinations(places.items(), 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, (one, other)
    for y in {place["y"] for place in places.values()}:
        assert sum(place["w"] for place in places.values() if place["y"] == y) == layout["options"]["width"]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2, "contrast ratio"."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("view", VIEWS)
def test_text_has_enough_contrast_in_both_themes(view: str) -> None:
    checked = 0
    for name, panel in VIEWS[view]["visualizations"].items():
        context = panel.get("context", {})
        for step in context.get("textColors", ()):
            # Large text on the panel's own background, black or white.
            assert min(contrast(step["value"], ground) for ground in ("#000000", "#FFFFFF")) >= 3, (
                name,
                step,
            )
            checked += 1
        for cell, words in zip(context.get("stateFills", ()), context.get("stateTexts", ())):
            assert cell["match"] == words["match"]
            if cell["value"] != "transparent":
                assert contrast(cell["value"], words["value"]) >= 4.5, (name, cell)
                checked += 1
    assert checked > 5


def panel_fields(panel: Mapping[str, Any]) -> set[str]:
    text = json.dumps({key: panel.get(key, {}) for key in ("options", "context", "eventHandlers")})
    named = set(re.findall(r"seriesByName\((?:'|\\\")(.+?)(?:'|\\\")\)", text)) | set(
        re.findall(r'"row\.(.+?)\.value', text)
    )
    return named | set(panel["options"].get("columnFormat", {}))


@pytest.mark.parametrize("view", VIEWS)
def test_panels_name_fields_that_their_searches_have(sample: Sample, view: str) -> None:
    device = next(iter(sample.splunk.collections["tsid_devices"]))
    found = results(sample.splunk, view, {"device": device} if view == "device" else {})
    parts = {**VIEWS[view]["visualizations"], **VIEWS[view]["inputs"]}
    used = set()
    for name, panel in parts.items():
        for source in panel.get("dataSources", {}).values():
            used.add(source)
            assert panel_fields(panel) <= set(found[source].columns or ()), name
    extended = {source["options"].get("extend") for source in VIEWS[view]["dataSources"].values()}
    assert set(VIEWS[view]["dataSources"]) == (used | extended) - {None}


def test_the_overview_counts_devices_by_state_as_they_are(sample: Sample, overview: dict[str, Table]) -> None:
    (row,) = [row for row in overview["states"].rows if row.get("kind") == "live"]
    today, before = (
        Counter(
            state_of(device, day).replace("deregistered", "expired")
            for device in watched(sample.fleet, day).values()
        )
        for day in (sample.days, sample.days - 7)
    )
    assert {state: int(str(row[state])) for state in STATES} == {state: today[state] for state in STATES}
    assert sum(today[state] for state in STATES) == len(watched(sample.fleet, sample.days))
    assert today["rejected"] > 0 < today["noncompliant"]
    changes = {state: int(str(row[f"{state}_change"])) for state in STATES}
    assert changes == {state: today[state] - before[state] for state in STATES}
    assert any(changes.values())
    ahead = [
        left
        for device in watched(sample.fleet, sample.days).values()
        for deadline in [deadline_day(device, sample.days)]
        if deadline is not None and (left := deadline - sample.days) >= 0
    ]
    assert row["devices"] == str(len(watched(sample.fleet, sample.days)))
    assert row["kept"] == str(sum(int(str(rule["Devices"])) for rule in overview["rules"].rows))
    (following,) = overview["next"].rows
    assert following["Days left"] == str(min(ahead))
    past = sum(
        deadline is not None and deadline < sample.days
        for device in watched(sample.fleet, sample.days).values()
        for deadline in [deadline_day(device, sample.days)]
    )
    assert following["Passed"] == str(past)


@pytest.mark.parametrize("hours", [-8, 13])
def test_in_another_time_zone_times_are_local_and_ages_and_counts_the_same(
    sample: Sample, hours: int
) -> None:
    abroad = sample.splunk.copy()
    abroad.zone = datetime.timezone(datetime.timedelta(hours=hours))
    at_home = sample.splunk.copy()
    at_risk = next(
        str(row["Device"]) for row in results(abroad, "overview")["risk"].rows if "Deadline" in row
    )
    (row,) = results(abroad, "device", {"device": at_risk})["one"].rows
    for shown, epoch in (("deadline", "license_deadline"), ("success", "last_allowed")):
        local = datetime.datetime.fromtimestamp(float(str(row[epoch])), abroad.zone)
        assert row[shown] == local.date().isoformat()
    # The sentence says whose date it has.
    utc = datetime.datetime.fromtimestamp(float(str(row["last_allowed"])), datetime.timezone.utc)
    assert f"Last success on {utc.date().isoformat()} UTC" in str(row["license_reason"])
    health = [results(splunk, "health")["facts"].rows for splunk in (abroad, at_home)]
    assert health[0] == health[1] != []
    totals = [
        Counter(
            {
                outcome: sum(int(str(line[outcome])) for line in results(splunk, "overview")["outcomes"].rows)
                for outcome in ("allowed", "blocked", "unknown")
            }
        )
        for splunk in (abroad, at_home)
    ]
    assert totals[0] == totals[1]


def test_a_filtered_overview_has_no_trend_of_the_whole_fleet(
    sample: Sample, overview: dict[str, Table]
) -> None:
    firewalls = overview["firewalls"].rows
    rows = results(sample.splunk, "overview", {"firewall": str(firewalls[0]["firewalls"])})["states"].rows
    assert len(rows) == 1
    assert not any(name.endswith("_change") for name in rows[0])


def test_devices_are_filtered_by_any_firewall_that_has_seen_them(
    sample: Sample, overview: dict[str, Table]
) -> None:
    listed = {str(row["firewalls"]) for row in overview["firewalls"].rows}
    seen = [c for c in sample.fleet.connections if c.device in watched(sample.fleet, sample.days)]
    # The ledger contains connections to an endpoint's own address only.
    seen = [c for c in seen if c.verdict in ("canonical", "aliased", "unnamed", "filtered")]
    seen = [c for c in seen if c.outcome != "unknown" or c.verdict == "filtered"]
    assert listed == {c.firewall for c in seen}
    for firewall in sorted(listed)[:3]:
        fleet = results(sample.splunk, "overview", {"firewall": firewall})["states"].rows
        devices = {c.device for c in seen if c.firewall == firewall}
        assert sum(int(str(fleet[0][state])) for state in STATES) == len(devices)


def test_a_device_without_a_known_firewall_is_counted_too(sample: Sample) -> None:
    splunk = Splunk(sample.splunk.app, [], sample.splunk.now, host=InProcessHost)
    splunk.collections = {"tsid_devices": {"192.0.2.1": {"_key": "192.0.2.1", "device": "192.0.2.1"}}}
    (row,) = results(splunk, "overview")["states"].rows
    assert row["unknown"] == "1"


def test_the_overview_counts_connections_once(sample: Sample, overview: dict[str, Table]) -> None:
    recent = [c for c in sample.fleet.connections if sample.days - SINCE <= c.day < sample.days]
    for source, kind in (("outcomes", "outcome"), ("verdicts", "verdict")):
        seen = Counter(
            {
                (int(float(str(row["_time"])) - sample.fleet.start) // DAY, name): int(str(value))
                for row in overview[source].rows
                for name, value in row.items()
                if name != "_time" and value != "0"
            }
        )
        assert seen == Counter((c.day, getattr(c, kind)) for c in recent)
    last = overview["attempts"].rows[-1]
    stopped = [c for c in recent if c.outcome == "blocked" or c.verdict == "filtered"]
    assert last["blocked_total"] == str(len(stopped))
    assert last["aliased_total"] == str(sum(c.verdict == "aliased" for c in recent))
    assert last["impostors_total"] == str(sum(c.verdict == "impostor" for c in recent)) != "0"
    before = [c for c in sample.fleet.connections if sample.days - 2 * SINCE <= c.day < sample.days - SINCE]
    assert last["blocked_change"] == str(
        len(stopped) - sum(c.outcome == "blocked" or c.verdict == "filtered" for c in before)
    )


def test_the_overview_tells_of_each_impostor_who_where_and_since_when(
    sample: Sample, overview: dict[str, Table]
) -> None:
    recent = [c for c in sample.fleet.connections if sample.days - SINCE <= c.day < sample.days]
    rows = overview["impostors"].rows
    impostors = [c for c in recent if c.verdict == "impostor"]
    assert {str(row["Device"]) for row in rows} == {c.device for c in impostors}
    assert sum(int(str(row["Count"])) for row in rows) == len(impostors)
    assert all("-" not in (row["Server"], row["Name"], row["Since"], row["Last seen"]) for row in rows)


def test_what_to_change_names_every_alias_and_the_destination(overview: dict[str, Table]) -> None:
    """A rule keeps many devices from licensing, each under another alias."""
    advice = [str(row["What to change"]) for row in overview["rules"].rows]
    told = [text for text in advice if text.startswith("Allow tools.cisco.com, ")]
    assert told
    aliases = (ROOT / "lookups" / "tsid_aliases.csv").read_text(encoding="utf-8").splitlines()[1:]
    for text in told:
        assert all(line.split(",")[0] in text for line in aliases)
        assert re.search(r"safest together with the destination [0-9.]+/32", text)
        assert "because a name alone can be forged" in text


def test_the_overview_lists_exactly_the_devices_at_risk(sample: Sample, overview: dict[str, Table]) -> None:
    rows = overview["risk"].rows
    true = {a: state_of(d, sample.days) for a, d in watched(sample.fleet, sample.days).items()}
    assert {str(row["Device"]): row["State"] for row in rows} == {
        a: s for a, s in true.items() if s != "healthy"
    }
    assert all(row["Why"] and row["What to do"] for row in rows)
    assert {str(row["Device"]): row["Evidence"] for row in rows} == {
        a: evidence_of(sample.fleet.devices[a], sample.days) for a, s in true.items() if s != "healthy"
    }
    assert sum(int(str(row["Devices"])) for row in overview["rules"].rows) == sum(
        bool(device.blocked_since(sample.days)) for device in watched(sample.fleet, sample.days).values()
    )


def test_a_device_has_its_own_view(sample: Sample, overview: dict[str, Table]) -> None:
    worst = str(overview["risk"].rows[0]["Device"])
    states = {a: state_of(d, sample.days) for a, d in watched(sample.fleet, sample.days).items()}
    for address in (worst, *(next(a for a, s in states.items() if s == state) for state in OTHER_STATES)):
        found = results(sample.splunk, "device", {"device": address})
        device = sample.fleet.devices[address]
        (one,) = found["one"].rows
        assert one["state"] == SHOWN.get((states[address], evidence_of(device, sample.days)), states[address])
        assert one["days_blocked"] == str(len(device.blocked_since(sample.days)))
        recent = [
            c
            for c in sample.fleet.connections
            if c.device == address and sample.days - SINCE <= c.day < sample.days
        ]
        for source, kind in (("outcomes", "outcome"), ("verdicts", "verdict")):
            total = Counter(
                {
                    n: sum(int(str(row[n])) for row in found[source].rows)
                    for n in found[source].columns or ()
                    if n != "_time"
                }
            )
            assert +total == Counter(getattr(c, kind) for c in recent)
        for source in ("names", "rules"):
            assert sum(int(str(row.get("Count", 0))) for row in found[source].rows) == len(recent)


def test_a_healthy_device_is_shown_as_such_only_by_its_own_word(sample: Sample) -> None:
    matches = {
        step["match"]: step["value"]
        for step in VIEWS["device"]["visualizations"]["v_state"]["context"]["textColors"]
    }
    shown = {}
    for address, device in watched(sample.fleet, sample.days).items():
        if state_of(device, sample.days) == "healthy" and evidence_of(device, sample.days) not in shown:
            (one,) = results(sample.splunk, "device", {"device": address})["one"].rows
            shown[evidence_of(device, sample.days)] = str(one["state"])
    assert shown == {"device": "healthy", "traffic": "healthy, by traffic alone"}
    assert len({matches[state] for state in shown.values()}) == 2


def test_the_last_success_of_a_device_is_an_answer_or_its_own_word(sample: Sample) -> None:
    """The last success is the later one of an answered exchange and of the device's word."""
    splunk = Splunk(sample.splunk.app, [], sample.splunk.now, host=InProcessHost)
    early, late = splunk.now - 20 * DAY, splunk.now - 5 * DAY
    for seen, told in ((early, late), (late, early), (late, None), (None, late), (None, None)):
        row = {"_key": "192.0.2.1", "device": "192.0.2.1", "last_allowed": seen, "device_success": told}
        splunk.collections = {"tsid_devices": {"192.0.2.1": {k: str(v) for k, v in row.items() if v}}}
        (one,) = results(splunk, "device", {"device": "192.0.2.1"})["one"].rows
        day = time.strftime("%Y-%m-%d", time.gmtime(late))
        assert one["success"] == (day if seen or told else "never")


def test_a_devices_own_word_is_shown_and_what_others_write_is_not(sample: Sample) -> None:
    states = {a: state_of(d, sample.days) for a, d in watched(sample.fleet, sample.days).items()}
    address = next(a for a, state in states.items() if state == "noncompliant")
    text = "%SMART_LIC-5-AUTH_RENEW_SUCCESS: fine"
    shared = {"_time": str(sample.splunk.now - 60), "sourcetype": "cisco:ios", "index": "netops"}
    forged = [
        {**shared, "_raw": f"<189>1: {text} for {address}", "host": "192.0.2.99"},
        {**shared, "_raw": f"<189>1: %SEC_LOGIN-4-LOGIN_FAILED: user {text}", "host": address},
    ]
    splunk = Splunk(sample.splunk.app, [*sample.fleet.events, *forged], sample.splunk.now, host=InProcessHost)
    splunk.collections = sample.splunk.collections
    found = results(splunk, "device", {"device": address})
    (word,) = found["word"].rows
    assert word["Says"] == "noncompliant"
    assert [row["Meaning"] for row in found["syslog"].rows] == ["noncompliant"]


def test_health_agrees_with_the_truth(sample: Sample) -> None:
    found = results(sample.splunk, "health")
    recent = [c for c in sample.fleet.connections if sample.days - SINCE <= c.day < sample.days]
    (sums,) = found["sums"].rows
    assert sums["aliased"] == str(sum(c.verdict == "aliased" for c in recent))
    assert sums["impostors"] == str(sum(c.verdict == "impostor" for c in recent))
    assert sum(int(str(row["Count"])) for row in found["unlisted"].rows) == sum(
        c.verdict == "unlisted" for c in recent
    )
    blocked = Counter(c.firewall for c in recent if c.verdict == "aliased" and c.outcome == "blocked")
    assert {
        str(row["firewall"]): int(str(row["blocked"])) for row in found["alias_firewalls"].rows
    }.items() <= blocked.items()
    (ages,) = found["ages"].rows
    endpoints = (ROOT / "lookups/cisco_licensing_endpoints.csv").read_text(encoding="utf-8")
    assert (ages["active"], ages["unconfirmed"]) == (
        str(endpoints.count(",active,")),
        str(endpoints.count(",unconfirmed,")),
    )
    assert {row["File"] for row in found["hosts"].rows} == {
        p.name for p in (ROOT / "lookups").glob("cisco_*.csv")
    } | {p.name for p in (ROOT / "lookups").glob("*.csv")}


@pytest.mark.parametrize("view", VIEWS)
def test_every_panel_of_a_view_without_events_has_a_row(view: str) -> None:
    # Each command runs as a process, so its errors are errors here.
    found = results(Splunk(ROOT, [], 1_765_000_000), view)
    for name, panel in VIEWS[view]["visualizations"].items():
        assert found[panel["dataSources"]["primary"]].rows, name
    if view == "overview":
        assert "nothing is known" in str(found["risk"].rows[0]["Why"])
