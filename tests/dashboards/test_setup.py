"""The set-up view in a browser: what is found is shown, and what is not known is never shown as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lab.dashboards.browser import Panel
from lab.dashboards.sample import Sample
from lab.generator.fleet import DAY
from lab.host.app import copy_app
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.values import Row
from tests.dashboards.conftest import ROOT, Show
from tests.dashboards.test_browser import SMALL, WIDE, in_order

STEPS = (
    *("v_events", "v_definition", "v_in_force", "v_quality", "v_syslog"),
    *("v_switches", "v_ledger", "v_lookups", "v_context", "v_selftest"),
)
SHIPPED = "(sourcetype IN ("


def states(panels: Mapping[str, Panel]) -> dict[str, set[str]]:
    return {name: {row[0] for row in panels[name].rows} for name in STEPS}


def cells(panel: Panel, column: str) -> dict[str, str]:
    """A column of a table by source type."""
    key, at = panel.columns.index("Source type"), panel.columns.index(column)
    return {row[key]: row[at] for row in panel.rows}


def last_day(sample: Sample) -> list[Row]:
    return [
        dict(event)
        for event in sample.fleet.events
        if float(str(event["_time"])) > sample.splunk.now - DAY and "tsid" not in str(event["sourcetype"])
    ]


def fresh(sample: Sample, events: list[Row], app: Path = ROOT) -> Splunk:
    return Splunk(app, events, sample.splunk.now, host=InProcessHost)


def with_macro(folder: Path, definition: str) -> Path:
    """The app with another definition of tsid_events."""
    app = copy_app(ROOT, folder)
    path = app / "default" / "macros.conf"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = lines.index("[tsid_events]\n") + 1
    assert lines[at].startswith(f"definition = {SHIPPED}")
    lines[at] = f"definition = {definition}\n"
    path.write_text("".join(lines), encoding="utf-8")
    return app


@pytest.mark.parametrize("size", [WIDE, SMALL])
def test_an_empty_install_is_shown_as_one(show: Show, size: tuple[int, int]) -> None:
    panels = in_order(show(Splunk(ROOT, [], 1_765_000_000), "setup", size=size), "setup")
    assert states(panels) == {
        "v_events": {"not known"},
        "v_definition": {"not known"},
        "v_in_force": {"to do"},
        "v_quality": {"not known"},
        "v_syslog": {"not known"},
        "v_switches": {"to do"},
        "v_ledger": {"to do"},
        "v_lookups": {"to do"},
        "v_context": {"ok"},
        "v_selftest": {"ok"},
    }
    assert panels["v_definition"].rows[0][1] == "-"


@pytest.mark.parametrize("size", [WIDE, SMALL])
def test_the_events_are_found_and_named(
    sample: Sample, show: Show, tmp_path: Path, size: tuple[int, int]
) -> None:
    """The events are in indexes that the macro does not name; with the definition that is shown all is found."""
    events = last_day(sample)
    app = with_macro(tmp_path, '(index=elsewhere sourcetype="cisco:asa")')
    panels = in_order(show(fresh(sample, events, app), "setup", size=size), "setup")
    assert {row[0] for row in panels["v_events"].rows} == {"to do"}
    assert set(cells(panels["v_events"], "Named").values()) == {"0"}
    state, definition = panels["v_definition"].rows[0]
    assert state == "ok"
    named = with_macro(tmp_path / "named", definition)
    panels = in_order(show(fresh(sample, events, named), "setup", size=size), "setup")
    assert {row[0] for row in panels["v_events"].rows} == {"ok"}
    assert cells(panels["v_events"], "Named") == cells(panels["v_events"], "Events")
    assert panels["v_in_force"].rows[0][0] == "ok"


def test_a_macro_that_splunk_cannot_read_does_not_hide_the_definition(
    sample: Sample, show: Show, tmp_path: Path
) -> None:
    app = with_macro(tmp_path, '(index=elsewhere sourcetype="cisco:asa"')
    panels = show(fresh(sample, last_day(sample), app), "setup").panels()
    assert panels["v_events"].trouble
    assert not panels["v_events"].rows
    assert panels["v_definition"].rows[0][0] == "ok"


def test_half_extracted_events_are_not_well(sample: Sample, show: Show) -> None:
    """No add-on on the search heads: the fields of a source type are missing, its raw text is there."""
    kept = {"_time", "_raw", "index", "sourcetype", "host", "source"}
    bare = [
        {name: value for name, value in event.items() if name in kept}
        if event["sourcetype"] == "cisco:sfw:estreamer"
        else event
        for event in last_day(sample)
    ]
    assert any(event["sourcetype"] == "cisco:sfw:estreamer" and "_raw" in event for event in bare)
    panels = in_order(show(fresh(sample, bare), "setup"), "setup")
    assert cells(panels["v_quality"], "State")["cisco:sfw:estreamer"] == "to do"
    assert cells(panels["v_quality"], "No verdict")["cisco:sfw:estreamer"] == "100%"
    assert "install the add-on" in cells(panels["v_quality"], "What to do")["cisco:sfw:estreamer"]
    assert cells(panels["v_events"], "State")["cisco:sfw:estreamer"] == "to do"
    assert "cisco:sfw:estreamer" not in panels["v_definition"].rows[0][1]


def test_begins_without_ends_are_not_well(show: Show) -> None:
    begin = (
        "%FTD-6-430002: ConnectionID: 7, AccessControlRuleAction: Allow, SrcIP: 10.0.0.1, "
        "DstIP: 72.163.4.38, DstPort: 443, Protocol: tcp, URL: https://toos.cisco.com/its/service"
    )
    event: Row = {"_time": "1764990000", "_raw": begin, "index": "fw", "sourcetype": "cisco:ftd:syslog"}
    panels = in_order(show(Splunk(ROOT, [event], 1_765_000_000), "setup"), "setup")
    (row,) = panels["v_quality"].rows
    assert row[0] == "to do"
    assert "Log at End of Connection" in row[-1]
    # With the end of it all is well.
    end = begin.replace("430002", "430003") + ", InitiatorBytes: 4000, ResponderBytes: 9000"
    both = [event, {**event, "_raw": end, "_time": "1764990003"}]
    panels = in_order(show(Splunk(ROOT, both, 1_765_000_000), "setup"), "setup")
    assert [row[0] for row in panels["v_quality"].rows] == ["ok"]


def test_what_splunk_does_not_tell_a_user_is_not_known(sample: Sample, show: Show) -> None:
    splunk = fresh(sample, [])
    splunk.capabilities = None
    found = states(in_order(show(splunk, "setup"), "setup"))
    assert {name: found[name] for name in ("v_in_force", "v_switches", "v_context")} == {
        "v_in_force": {"not known"},
        "v_switches": {"not known"},
        "v_context": {"not known"},
    }


def test_a_plain_user_is_told_who_may_take_the_steps(sample: Sample, show: Show) -> None:
    splunk = fresh(sample, [])
    splunk.roles, splunk.capabilities = frozenset({"user", "power"}), frozenset({"search"})
    panels = in_order(show(splunk, "setup"), "setup")
    assert panels["v_context"].rows[0][:5] == ["to do", "someone", "power, user", "no", "no"]


def test_what_is_on_and_what_the_ledger_holds(sample: Sample, show: Show) -> None:
    splunk = sample.splunk.copy()
    splunk.enabled = frozenset(name for name in splunk.saved if not name.startswith("TSID refresh"))
    panels = in_order(show(splunk, "setup"), "setup")
    assert [row[:3] for row in panels["v_switches"].rows] == [
        ["ok", "ledger, hourly", "1 of 1"],
        ["ok", "trends of the overview", "1 of 1"],
        ["ok", "alerts, troubles", "11 of 11"],
        ["to do", "refresh of the lookups", "0 of 3"],
    ]
    ledger = splunk.collections["tsid_devices"]
    assert panels["v_ledger"].rows[0][:2] == ["ok", str(len(ledger))]
    splunk.now += 3 * DAY
    assert in_order(show(splunk, "setup"), "setup")["v_ledger"].rows[0][0] == "to do"


def spoiled_endpoints(app: Path) -> None:
    path = app / "lookups" / "cisco_licensing_endpoints_local.csv"
    path.write_text(
        "network,host,service,status,source\n203.0.113.9/32,tools.cisco.com,smart_call_home,active,x\n",
        encoding="utf-8",
    )


def spoiled_aliases(app: Path) -> None:
    path = app / "lookups" / "tsid_aliases_local.csv"
    path.write_text("alias,host,origin\nwww.example.com,tools.cisco.com,local\n", encoding="utf-8")


@pytest.mark.parametrize("spoil", [spoiled_endpoints, spoiled_aliases])
def test_the_self_test_tells_what_differs(show: Show, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    app = copy_app(ROOT, tmp_path)
    spoil(app)
    panels = in_order(show(Splunk(app, [], 1_765_000_000), "setup"), "setup")
    differing = [row for row in panels["v_selftest"].rows if row[0] == "differs"]
    assert differing
    assert all(row[2] != row[3] for row in differing)


def test_a_click_opens_the_place_that_changes_it(sample: Sample, show: Show) -> None:
    view = show(fresh(sample, []), "setup")
    at = "[data-test=viz-item][data-id={}] [data-test=cell]"
    for panel, place in (
        ("v_events", "/manager/tsidenrich/admin/macros"),
        ("v_switches", "/manager/tsidenrich/saved/searches"),
    ):
        with view.page.expect_popup() as opened:
            view.page.locator(at.format(panel)).last.click()
        opened.value.wait_for_url(f"**{place}?*")
        opened.value.close()
    view.page.locator(at.format("v_ledger")).last.click()
    view.page.wait_for_url("**/overview*")
    view.wait()
