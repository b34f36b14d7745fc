"""The views in a browser: painted, correct, clickable, and clear about missing data and errors."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lab.dashboards.browser import Panel, View
from lab.dashboards.sample import Sample, make_sample
from lab.dashboards.splunkd import Site
from lab.dashboards.views import read_view
from lab.errors import LabError
from lab.generator.fleet import DAY, Connection
from lab.generator.licences import deadline_day, evidence_of, state_of, watched
from lab.host.app import copy_app
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.values import Row
from tests.dashboards.conftest import ROOT, VIEWS, Show

WIDE, SMALL = (1920, 1080), (1366, 768)
# Each view is loaded once as a browser loads it, and comes otherwise into a page that has shown others.
FRESH = ("dark", WIDE)
NAMES = ("setup", "overview", "device", "health")
SINGLES = {
    "v_expired": "expired",
    "v_noncompliant": "noncompliant",
    "v_expiring": "expiring",
    "v_overdue": "overdue",
    "v_rejected": "rejected",
    "v_blocked": "blocked",
    "v_unknown": "unknown",
    "v_healthy": "healthy",
}
MONTH = {"time.earliest": "-30d@d", "time.latest": "now"}


def recent(sample: Sample, days: int) -> list[Connection]:
    return [c for c in sample.fleet.connections if sample.days - days <= c.day < sample.days]


def states(sample: Sample) -> dict[str, str]:
    return {a: state_of(d, sample.days) for a, d in watched(sample.fleet, sample.days).items()}


def shown_state(sample: Sample, address: str) -> str:
    """The state of a device in its own view."""
    state, evidence = states(sample)[address], evidence_of(sample.fleet.devices[address], sample.days)
    return f"{state}, by traffic alone" if (state, evidence) == ("healthy", "traffic") else state


def in_order(view: View, name: str, *, may_be_long: bool = False) -> dict[str, Panel]:
    """Check that all panels of a view are painted, without cut or covered text or errors, and return them.

    Args:
        view: in the browser.
        name: the view's.
        may_be_long: rows may be too long for their panel.
    """
    panels = view.panels()
    definition = read_view(VIEWS / f"{name}.xml").definition
    assert panels.keys() == definition["visualizations"].keys()
    assert {p.id: p.trouble for p in panels.values() if p.trouble or not p.painted} == {}
    assert [(p.id, p.cut) for p in panels.values() if p.cut] == []
    assert [(p.id, p.broken) for p in panels.values() if p.broken] == []
    assert may_be_long or [(p.id, p.half) for p in panels.values() if p.half] == []
    for one, other in itertools.combinations(panels.values(), 2):
        (x, y, w, h), (a, b, c, d) = one.box, other.box
        assert x + w <= a + 1 or a + c <= x + 1 or y + h <= b + 1 or b + d <= y + 1, (one.id, other.id)
    assert view.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert view.problems == []
    assert view.invalid() == []
    assert view.site.unexpected == []
    return panels


def marks(view: str, panel: str, counts: Mapping[Any, int]) -> dict[str, int]:
    """The expected number of columns of each colour in a chart, from counts by bucket and series."""
    colours = read_view(VIEWS / f"{view}.xml").definition["visualizations"][panel]["options"][
        "seriesColorsByField"
    ]
    found: Counter[str] = Counter(colours[series] for (_, series), count in counts.items() if count)
    return {rgb(colour): number for colour, number in found.items()}


def rgb(colour: str) -> str:
    return ",".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))


def shown(panel: Panel) -> dict[str, int]:
    """The number of marks of each colour in a chart."""
    return {
        colour.partition("(")[2].rstrip(")").replace(" ", "").removesuffix(",1"): n
        for colour, n in panel.marks.items()
    }


@pytest.mark.parametrize(
    ("theme", "size"), [("dark", WIDE), ("light", SMALL), ("dark", SMALL), ("light", WIDE)]
)
def test_the_overview_agrees_with_the_generated_fleet(
    sample: Sample, show: Show, theme: str, size: tuple[int, int]
) -> None:
    panels = in_order(
        show(sample.splunk, "overview", theme, size, fresh=(theme, size) == FRESH, **MONTH), "overview"
    )
    today = Counter(state.replace("deregistered", "expired") for state in states(sample).values())
    assert {name: panels[name].value for name in SINGLES} == {n: str(today[s]) for n, s in SINGLES.items()}
    assert panels["v_fleet"].value == str(sum(today.values()))
    connections = recent(sample, 30)
    before = [c for c in recent(sample, 60) if c not in connections]
    assert panels["v_attempts"].value == str(
        sum(c.outcome == "blocked" or c.verdict == "filtered" for c in connections)
    )
    assert panels["v_aliased"].value == str(sum(c.verdict == "aliased" for c in connections))
    impostors = [c for c in connections if c.verdict == "impostor"]
    assert panels["v_impostors"].value == str(len(impostors))
    assert panels["v_impostors"].trend == str(len(impostors) - sum(c.verdict == "impostor" for c in before))
    rows = panels["v_impostor_rows"].rows
    assert rows
    assert {tuple(row[:2]) for row in rows} <= {("impostor", c.device) for c in impostors}
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d", row[-2]) for row in rows)
    for panel, kind in (("v_outcomes", "outcome"), ("v_verdicts", "verdict")):
        counts = Counter((c.day, getattr(c, kind)) for c in connections)
        assert shown(panels[panel]) == marks("overview", panel, counts), panel
    risk = panels["v_risk"]
    assert list(risk.columns) == [
        *("Device", "Name", "State", "Score", "Evidence", "Days left", "Deadline", "Why", "What to do")
    ]
    worst = {row[0]: row[2] for row in risk.rows}
    assert len(worst) == 4
    scores = [int(row[3]) for row in risk.rows]
    assert scores == sorted(scores, reverse=True)
    # What the tile counts is what its table shows.
    assert panels["v_kept"].value == str(sum(int(row[2]) for row in panels["v_rules"].rows))
    assert panels["v_standing"].rows[0][0] == "up to date"
    days = [
        left
        for device in watched(sample.fleet, sample.days).values()
        for deadline in [deadline_day(device, sample.days)]
        if deadline is not None and (left := deadline - sample.days) >= 0
    ]
    assert panels["v_next"].rows[0][1] == str(min(days))
    assert worst.items() <= states(sample).items()
    assert "healthy" not in worst.values()


@pytest.mark.parametrize(("theme", "size"), [("dark", WIDE), ("light", SMALL)])
def test_the_device_view_agrees_with_the_generated_fleet(
    sample: Sample, show: Show, theme: str, size: tuple[int, int]
) -> None:
    address = next(a for a, state in states(sample).items() if state == "expiring")
    device = sample.fleet.devices[address]
    fresh = (theme, size) == FRESH
    panels = in_order(show(sample.splunk, "device", theme, size, fresh=fresh, device=address), "device")
    assert panels["v_state"].value == "expiring"
    assert panels["v_days"].value == str(len(device.blocked_since(sample.days)))
    connections = [c for c in recent(sample, 30) if c.device == address]
    for panel, kind in (("v_outcomes", "outcome"), ("v_verdicts", "verdict")):
        counts = Counter((c.day, getattr(c, kind)) for c in connections)
        assert shown(panels[panel]) == marks("device", panel, counts), panel


@pytest.mark.parametrize(("theme", "size"), [("dark", WIDE), ("light", SMALL)])
def test_the_health_view_agrees_with_the_generated_fleet(
    sample: Sample, show: Show, theme: str, size: tuple[int, int]
) -> None:
    panels = in_order(show(sample.splunk, "health", theme, size, fresh=(theme, size) == FRESH), "health")
    connections = recent(sample, 7)
    assert panels["v_aliased"].value == str(sum(c.verdict == "aliased" for c in connections))
    assert panels["v_impostors"].value == str(sum(c.verdict == "impostor" for c in connections))
    assert [row[0] for row in panels["v_report"].rows] == ["refusal", "failure", "change"]


def test_a_click_on_a_device_opens_its_view(sample: Sample, show: Show) -> None:
    view = show(sample.splunk, "overview")
    row = view.panels()["v_risk"].rows[1]
    view.page.locator("[data-test=viz-item][data-id=v_risk] [data-test=cell]", has_text=row[0]).first.click()
    view.page.wait_for_url("**/device?*")
    panels = in_order(view.wait(), "device")
    assert panels["v_state"].value == row[2]
    assert panels["v_left"].value == row[5]


def until(view: View, is_so: Callable[[], bool]) -> None:
    """Wait for the page's reaction to a click: the machine may be busy."""
    for _ in range(600):
        if is_so():
            break
        view.page.wait_for_timeout(100)
    assert is_so()


def choose(view: View, name: str, option: str) -> View:
    view.page.locator(f"[data-input-id={name}] [data-test=select]").click()
    view.page.get_by_role("option", name=option, exact=True).click()
    view.page.wait_for_timeout(300)
    return view.wait()


def test_the_inputs_drive_the_searches(sample: Sample, show: Show) -> None:
    view = show(sample.splunk, "overview", **MONTH)
    jobs = view.site.splunkd.jobs
    first = {job.label: job for job in jobs.values()}
    assert (first["fleet"].earliest, first["fleet"].latest) == (sample.splunk.now - 900, sample.splunk.now)
    assert (first["traffic"].earliest, first["traffic"].latest) == (
        sample.splunk.now - 30 * DAY,
        sample.splunk.now,
    )
    firewall = "fw-03"
    panels = choose(view, "i_firewall", firewall).panels()
    connections = [c for c in recent(sample, 30) if c.firewall == firewall]
    assert panels["v_attempts"].value == str(
        sum(c.outcome == "blocked" or c.verdict == "filtered" for c in connections)
    )
    counts = Counter((c.day, c.verdict) for c in connections)
    assert shown(panels["v_verdicts"]) == marks("overview", "v_verdicts", counts)
    # The base searches run once: only their chain searches change.
    assert len(jobs) == len(first)
    assert view.problems == []


def test_the_device_view_takes_the_first_device_by_itself(sample: Sample, show: Show) -> None:
    view = show(sample.splunk, "device")
    in_order(view, "device")
    before = view.panels()["v_success"].value
    label, address = next(
        (str(row["label"]), a)
        for a, row in sorted(sample.splunk.collections["tsid_devices"].items(), reverse=True)
        if row.get("label") and a in states(sample)
    )
    after = choose(view, "i_device", f"{label} ({address})").panels()
    assert after["v_state"].value == shown_state(sample, address)
    assert (after["v_success"].value, after["v_left"].value) != (before, "")


GREENS = {"rgb(0, 158, 115)", "rgb(107, 154, 134)"}


def colours(view: View) -> dict[str, str]:
    """The colours of large texts and of filled cells, by panel."""
    found: dict[str, str] = view.page.evaluate("""() => Object.fromEntries(
      [...document.querySelectorAll('[data-test=viz-item]')].map((item) => [item.dataset.id,
        [...item.querySelectorAll('[data-test=majorValue], [data-test=majorValue] *, [data-test=cell]')]
          .flatMap((e) => [getComputedStyle(e).color, getComputedStyle(e).fill,
            getComputedStyle(e).backgroundColor]).join(';')]))""")
    return found


def green(view: View) -> set[str]:
    return {name for name, found in colours(view).items() if GREENS & set(found.split(";"))}


@pytest.mark.parametrize("size", [WIDE, SMALL])
def test_a_fresh_install_is_not_set_up_and_never_green(
    sample: Sample, show: Show, size: tuple[int, int]
) -> None:
    """As shipped: there are events and no ledger."""
    splunk = Splunk(ROOT, sample.fleet.events, sample.splunk.now, host=InProcessHost)
    view = show(splunk, "overview", size=size)
    panels = in_order(view, "overview")
    assert [panels[name].value for name in (*SINGLES, "v_fleet", "v_kept")] == ["-"] * (len(SINGLES) + 2)
    assert panels["v_standing"].rows[0][:4] == ["not set up", "-", "-", "-"]
    assert panels["v_risk"].rows[0][2] == "not set up"
    assert panels["v_rules"].rows[0][1] == "not known"
    assert panels["v_next"].rows[0][0] == "-"
    assert green(view) == set()
    view.page.locator("[data-test=viz-item][data-id=v_standing] [data-test=cell]").last.click()
    view.page.wait_for_url("**/setup*")
    in_order(view.wait(), "setup")


def test_a_ledger_that_is_not_kept_up_is_out_of_date(sample: Sample, show: Show) -> None:
    view = show(sample.splunk, "overview")
    in_order(view, "overview")
    assert green(view) == {"v_standing", "v_healthy"}
    # The tests of greenness see it if the events go on and the ledger does not.
    late = sample.splunk.copy(now=sample.splunk.now + 3 * DAY)
    view = show(late, "overview")
    panels = in_order(view, "overview")
    assert panels["v_standing"].rows[0][0] == "out of date"
    assert panels["v_standing"].rows[0][3] == "84"
    assert green(view) == set()
    healthy = next(a for a, state in states(sample).items() if state == "healthy")
    view = show(late, "device", device=healthy)
    assert in_order(view, "device")["v_state"].value == "healthy, out of date"
    assert green(view) == set()


def test_a_healthy_fleet_of_a_stale_ledger_is_not_all_well(show: Show) -> None:
    now = 1_765_000_000
    splunk = Splunk(ROOT, [], now, host=InProcessHost)
    row = {"_key": "192.0.2.1", "device": "192.0.2.1", "last_seen": str(now - 3 * DAY)}
    row.update(last_allowed=row["last_seen"], device_success=row["last_seen"])
    splunk.collections = {"tsid_devices": {"192.0.2.1": dict(row)}}
    panels = in_order(show(splunk, "overview"), "overview")
    assert panels["v_healthy"].value == "1"
    assert panels["v_risk"].rows[0][2] == "none at risk"
    assert "out of date" in panels["v_risk"].rows[0][7]


def test_a_deadline_that_has_passed_is_not_the_next_one(show: Show) -> None:
    now = 1_765_000_000
    splunk = Splunk(ROOT, [], now, host=InProcessHost)
    days = {"192.0.2.1": 91, "192.0.2.2": 80}
    rows: dict[str, Row] = {
        a: {"_key": a, "device": a, "last_seen": str(now), "last_allowed": str(now - n * DAY - 60)}
        for a, n in days.items()
    }
    splunk.collections = {"tsid_devices": dict(rows)}
    panels = in_order(show(splunk, "overview"), "overview")
    assert panels["v_next"].rows[0][1:] == ["9", "192.0.2.2", "1", "192.0.2.2"]
    splunk.collections = {"tsid_devices": {"192.0.2.1": rows["192.0.2.1"]}}
    panels = in_order(show(splunk, "overview"), "overview")
    assert panels["v_next"].rows[0][:4] == ["none ahead", "-", "-", "1"]


def test_the_device_view_without_a_device_says_so(show: Show) -> None:
    panels = in_order(show(Splunk(ROOT, [], 1_765_000_000), "device"), "device")
    assert panels["v_state"].value == "no device"
    assert "No device is chosen" in panels["v_advice"].rows[0][2]
    assert {panels[name].value for name in ("v_left", "v_deadline", "v_success", "v_days")} == {"-"}


def test_the_search_behind_the_impostors_opens(sample: Sample, show: Show) -> None:
    view = show(sample.splunk, "overview", **MONTH)
    with view.page.expect_popup() as opened:
        view.page.locator("[data-test=viz-item][data-id=v_impostor_rows] [data-test=cell]").nth(2).click()
    opened.value.wait_for_url("**/app/tsidenrich/search?q=*")
    query = parse_qs(urlsplit(opened.value.url).query)["q"][0]
    opened.value.close()
    found = sample.splunk.run(query, sample.splunk.now - 30 * DAY)
    assert {row["tsid_device"] for row in found} == {
        c.device for c in recent(sample, 30) if c.verdict == "impostor"
    }


@pytest.mark.parametrize("view", ["overview", "device", "health"])
def test_a_view_without_events_shows_what_is_not_known(show: Show, view: str) -> None:
    tokens = {"device": "192.0.2.1"} if view == "device" else {}
    panels = in_order(show(Splunk(ROOT, [], 1_765_000_000), view, **tokens), view)
    if view == "overview":
        assert [panels[name].value for name in SINGLES] == ["-"] * len(SINGLES)
        assert "nothing is known" in panels["v_risk"].rows[0][7]
        assert panels["v_impostor_rows"].rows[0][0] == "not known"
    elif view == "device":
        assert panels["v_state"].value == "not in ledger"
    else:
        assert [panels[name].value for name in ("v_aliased", "v_impostors", "v_unlisted")] == ["-"] * 3
        assert panels["v_oldest"].value == panels["v_checked"].value == "never"


@pytest.mark.parametrize(("devices", "days"), [(1, 20), (500, 70)])
def test_the_overview_is_right_for_one_device_and_for_five_hundred(
    show: Show, tmp_path: Path, devices: int, days: int
) -> None:
    made = make_sample(copy_app(ROOT, tmp_path), devices=devices, days=days, host=InProcessHost)
    panels = in_order(show(made.splunk, "overview"), "overview")
    today = Counter(states(made).values())
    assert {name: panels[name].value for name in SINGLES} == {n: str(today[s]) for n, s in SINGLES.items()}
    assert sum(today.values()) > devices * 0.8
    if devices == 1:
        assert panels["v_risk"].rows[0][2] in ("none at risk", "all well")


@pytest.mark.parametrize("size", [WIDE, SMALL])
def test_very_long_names_stay_inside_their_panels(sample: Sample, show: Show, size: tuple[int, int]) -> None:
    splunk = Splunk(sample.splunk.app, sample.fleet.events, sample.splunk.now, host=InProcessHost)
    long = {
        "label": "site " + "x" * 250,
        "last_rule": "rule-" * 50,
        "last_policy": "a policy with a name " * 12,
    }
    splunk.collections = {
        **sample.splunk.collections,
        "tsid_devices": {a: {**row, **long} for a, row in sample.splunk.collections["tsid_devices"].items()},
    }
    worst = next(a for a, state in states(sample).items() if state == "expired")
    for name, tokens in (("overview", {}), ("device", {"device": worst})):
        in_order(show(splunk, name, size=size, **tokens), name, may_be_long=True)


def test_a_hostile_firewall_name_does_not_become_part_of_a_search(sample: Sample, show: Show) -> None:
    """A firewall's name from an event must not change a search."""
    name = 'x" | outputlookup tsid_devices | search "'
    splunk = Splunk(sample.splunk.app, sample.fleet.events, sample.splunk.now, host=InProcessHost)
    splunk.collections = {**sample.splunk.collections, "tsid_devices": {}}
    splunk.collections["tsid_devices"]["192.0.2.1"] = {
        "_key": "192.0.2.1",
        "device": "192.0.2.1",
        "firewalls": name,
    }
    view = show(splunk, "overview")
    panels = choose(view, "i_firewall", name).panels()
    assert panels["v_unknown"].value == "1"
    assert splunk.collections["tsid_devices"].keys() == {"192.0.2.1"}


MARK = "outputlookup"
HOSTILE = (
    f"1d sum(count) | {MARK} tsid_aliases_local.csv | timechart span=1d",
    f'" | {MARK} tsid_aliases_local.csv | search "',
    f'\\" | {MARK} tsid_aliases_local.csv | search "',
    f"x) ] | {MARK} tsid_aliases_local.csv",
)


def tokens_of(view: str) -> tuple[list[str], list[str]]:
    """The tokens of a view's inputs that its address can set: values, and ends of time ranges."""
    inputs = read_view(VIEWS / f"{view}.xml").definition["inputs"].values()
    values = [i["options"]["token"] for i in inputs if i["type"] != "input.timerange"]
    ranges = [i["options"]["token"] for i in inputs if i["type"] == "input.timerange"]
    return values, [f"{token}.{end}" for token in ranges for end in ("earliest", "latest")]


def outside_quotes(search: str) -> str:
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', search)


@pytest.mark.parametrize("view", NAMES)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_token_never_becomes_a_part_of_a_search(
    sample: Sample, show: Show, site: Site, view: str, text: str
) -> None:
    """Anyone can send a link to a dashboard: `?form.span=1d sum(count) | outputlookup …`."""
    values, _ = tokens_of(view)
    # Includes a token that no input sets any more.
    show(sample.splunk, view, **dict.fromkeys([*values, "span"], text))
    assert len(site.splunkd.searches) > 3
    assert any(MARK in search for search in site.splunkd.searches) == bool(values)
    assert [search for search in site.splunkd.searches if MARK in outside_quotes(search)] == []


@pytest.mark.parametrize("view", NAMES)
def test_hostile_text_as_a_time_never_becomes_a_part_of_a_search(
    sample: Sample, show: Show, site: Site, view: str
) -> None:
    _, times = tokens_of(view)
    for time in times:
        # Splunk refuses such a time, so some panels are empty.
        with contextlib.suppress(LabError):
            show(sample.splunk, view, timeout=5, **{time: HOSTILE[0]})
        assert site.splunkd.searches
        assert [search for search in site.splunkd.searches if MARK in search] == []


Spoil = Callable[[dict[str, Any]], object]

# Defects of a panel: how to cause each, and the expected message.
FAILURES: Mapping[str, tuple[Spoil, str]] = {
    "a search that fails": (
        lambda d: d["dataSources"]["risk"]["options"].update(query="| nosuchcommand"),
        "v_risk.*unknown command nosuchcommand",
    ),
    "a field that is not there": (
        lambda d: d["visualizations"]["v_fleet"]["options"].update(
            majorValue="> primary | seriesByName('deadlin') | lastPoint()"
        ),
        "v_fleet.*no value",
    ),
    "an unknown visualization": (
        lambda d: d["visualizations"]["v_risk"].update(type="splunk.tabel"),
        "v_risk",
    ),
    "an unknown function": (
        lambda d: d["visualizations"]["v_fleet"]["options"].update(
            majorValue="> primary | nosuch('devices')"
        ),
        "v_fleet|nosuch",
    ),
    "a panel without its search": (
        lambda d: d["visualizations"]["v_risk"]["dataSources"].update(primary="no"),
        "v_risk",
    ),
    "two panels in one place": (
        lambda d: d["layout"]["structure"][1]["position"].update(d["layout"]["structure"][0]["position"]),
        "v_standing.*v_next",
    ),
    "a column that is too narrow": (
        lambda d: d["visualizations"]["v_risk"]["options"]["columnFormat"]["Evidence"].update(width=40),
        "v_risk.*Evidence",
    ),
    "a panel that is too low": (
        lambda d: next(s for s in d["layout"]["structure"] if s["item"] == "v_risk")["position"].update(
            h=300
        ),
        "v_risk",
    ),
    "a description that is too long": (
        lambda d: d["visualizations"]["v_fleet"].update(description="long " * 40),
        "v_fleet.*long long",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_broken_panel_is_reported(sample: Sample, show: Show, name: str) -> None:
    change, told = FAILURES[name]
    with pytest.raises((AssertionError, LabError)) as caught:
        in_order(show(sample.splunk, "overview", change=change, timeout=20), "overview")
    assert re.search(told, str(caught.value))


def test_a_wrong_number_is_noticed(sample: Sample, show: Show) -> None:
    def spoil(definition: dict[str, Any]) -> None:
        query = definition["dataSources"]["states"]["options"]["query"]
        definition["dataSources"]["states"]["options"]["query"] = query + " | eval overdue=overdue+1"

    panels = show(sample.splunk, "overview", change=spoil).panels()
    today = Counter(states(sample).values())
    assert panels["v_overdue"].value != str(today["overdue"])
