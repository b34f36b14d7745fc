"""Who a device is: names and owners, several addresses of one device, and zones with the same addresses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from lab.host.app import copy_app
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.values import Row
from tests.app.test_views import results
from tsid.text import conf

pytestmark = pytest.mark.spl

ROOT = Path(__file__).resolve().parents[2]
DAY, HOUR = 86_400, 3_600
NOW = 1_800_000_000
SAVED = conf.read(ROOT / "default" / "savedsearches.conf")
MERGE = "* | `tsid_ledger_merge`"

CORE: Row = {"name": "core-1", "owner": "Network team", "site": "Vienna", "priority": "high"}
OWNED = {
    "device_name": "core-1",
    "device_owner": "Network team",
    "device_site": "Vienna",
    "device_priority": "high",
}
NOT_KNOWN = dict.fromkeys(OWNED, "not known")
BLOCKED: Row = {
    "first_seen": str(NOW - 90 * DAY),
    "last_allowed": str(NOW - 70 * DAY),
    "last_blocked": str(NOW - HOUR),
    "blocked_since_allowed": "1",
    "blocked_days": str(NOW // DAY),
    "last_rule": "Block URLs",
    "last_policy": "Edge",
    "last_firewall": "fw-1",
    "last_advice": "Allow it.",
}


def inventory(*rows: Row) -> dict[str, Row]:
    return {str(row["alias"]): {**row, "_key": row["alias"]} for row in rows}


def ledger(*rows: Row) -> dict[str, Row]:
    return {str(row["device"]): {**row, "_key": row["device"]} for row in rows}


def splunk(
    events: Iterable[Row] = (), known: Iterable[Row] = (), devices: Iterable[Row] = (), app: Path = ROOT
) -> Splunk:
    """Return a Splunk with these events of the last minutes, inventory and ledger."""
    found = Splunk(
        app, [{"_time": str(NOW - 600), "index": "x", **event} for event in events], NOW, host=InProcessHost
    )
    found.collections = {"tsid_inventory": inventory(*known), "tsid_devices": ledger(*devices)}
    return found


def contact(device: str, outcome: str = "blocked", **more: str) -> Row:
    """What `tsidenrich` says of a connection."""
    answered = {"tsid_answered": "true"} if outcome == "allowed" else {}
    return {"tsid_device": device, "tsid_outcome": outcome, "host": "fw-1", "rule": "r", **answered, **more}


def whose(row: Mapping[str, object]) -> dict[str, object]:
    return {name: row.get(name) for name in OWNED}


class TestNames:
    """The macros `tsid_asset` and `tsid_owned`."""

    def test_a_device_of_the_inventory_has_its_name_owner_site_and_priority(self) -> None:
        (row,) = splunk(
            known=[{"alias": "10.0.0.1", **CORE}], devices=[{**BLOCKED, "device": "10.0.0.1", "label": "x"}]
        ).run("| `tsid_fleet`")
        assert whose(row) == OWNED
        assert row["device_shown"] == "core-1 (10.0.0.1)"

    def test_without_a_row_the_label_is_the_name_and_what_nothing_tells_is_not_known(self) -> None:
        rows = splunk(devices=[{"device": "10.0.0.1", "label": "lab"}, {"device": "10.0.0.2"}]).run(
            "| `tsid_fleet`"
        )
        assert [whose(row) for row in rows] == [{**NOT_KNOWN, "device_name": "lab"}, NOT_KNOWN]
        assert [row["device_shown"] for row in rows] == ["lab (10.0.0.1)", "10.0.0.2"]

    def test_a_column_that_is_empty_is_not_known(self) -> None:
        (row,) = splunk(known=[{"alias": "a", "owner": "Ops"}], devices=[{"device": "a"}]).run(
            "| `tsid_fleet`"
        )
        assert whose(row) == {**NOT_KNOWN, "device_owner": "Ops"}

    def test_a_name_holds_no_control_characters_and_is_cut(self) -> None:
        hostile: Row = {"alias": "a", "name": "a\x00b\r\nBcc: x", "owner": "x" * 201}
        (row,) = splunk(known=[hostile], devices=[{"device": "a"}]).run("| `tsid_fleet`")
        assert (row["device_name"], row["device_owner"]) == ("a b  Bcc: x", "x" * 200)

    def test_the_line_for_enterprise_security_reads_its_asset_lookup(self, tmp_path: Path) -> None:
        """The line is the one that docs/lookups.md shows; the asset lookup here is a file with its columns."""
        app = copy_app(ROOT, tmp_path)
        (app / "lookups" / "assets.csv").write_text(
            "key,nt_host,owner,bunit,priority\n10.0.0.1,core-1,Network team,Vienna,high\n", encoding="utf-8"
        )
        page = (ROOT / "docs" / "lookups.md").read_text(encoding="utf-8")
        (line,) = [text.strip() for text in page.splitlines() if "    lookup asset_lookup_by_str" in text]
        macros = app / "default" / "macros.conf"
        text = macros.read_text(encoding="utf-8")
        shipped = conf.read(macros)["tsid_asset"]["definition"]
        assert line in text
        macros.write_text(
            text.replace(shipped, line.replace("asset_lookup_by_str", "assets.csv")), encoding="utf-8"
        )
        (row,) = splunk(devices=[{"device": "10.0.0.1"}], app=app).run("| `tsid_fleet`")
        assert whose(row) == OWNED


DEVICE_ALERTS = ["licensing traffic blocked", "licence expiring", "device complains about licensing"]


@pytest.mark.parametrize("alert", DEVICE_ALERTS)
def test_an_alert_about_a_device_names_it_and_its_owner(alert: str) -> None:
    said: Row = {"device_said": "failed", "device_said_at": str(NOW - 60), "device_reason": "x"}
    row: Row = {**BLOCKED, **(said if "complains" in alert else {}), "device": "10.0.0.1"}
    (found,) = splunk(known=[{"alias": "10.0.0.1", **CORE}], devices=[row]).dispatch(f"TSID: {alert}")
    assert (whose(found), found["device_shown"]) == (OWNED, "core-1 (10.0.0.1)")


@pytest.mark.parametrize(
    ("alert", "address"),
    [("impostor of a licensing server", "203.0.113.7"), ("unlisted licensing endpoint", "72.163.4.161")],
)
def test_an_alert_about_a_server_names_the_device_once_for_all_its_addresses(
    alert: str, address: str
) -> None:
    events: list[Row] = [
        {
            "sourcetype": "cisco:sfw:estreamer",
            "_raw": f"{address} tools.cisco.com",
            "InitiatorIP": device,
            "ResponderIP": address,
            "URL": "https://tools.cisco.com",
            "AC_RuleAction": "Allow",
            "AccessControlRuleName": "Permit all",
            "host": "fw-1",
        }
        for device in ("10.0.0.1", "10.0.0.2")
    ]
    known: list[Row] = [{"alias": "10.0.0.1", **CORE}, {"alias": "10.0.0.2", "device": "10.0.0.1"}]
    (found,) = splunk(events, known).dispatch(f"TSID: {alert}")
    assert (found["device"], found["count"], whose(found)) == ("10.0.0.1", "2", OWNED)
    assert (found["rule"], found["policy"]) == ("Permit all", "not known")
    assert {row["device"] for row in splunk(events).dispatch(f"TSID: {alert}")} == {"10.0.0.1", "10.0.0.2"}


def test_the_drilldowns_show_the_owner_and_the_traffic_of_all_addresses() -> None:
    traffic, licence = json.loads(SAVED["TSID: licence expired"]["action.notable.param.drilldown_searches"])
    events: list[Row] = [
        {"sourcetype": "cisco:ftd:syslog", "_raw": RAW.format(device=device)}
        for device in ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    ]
    found = splunk(
        events,
        [{"alias": "10.0.0.1", **CORE}, {"alias": "10.0.0.2", "device": "10.0.0.1"}],
        [{**BLOCKED, "device": "10.0.0.1"}],
    )
    shown = found.run(traffic["search"].replace("$device$", "10.0.0.1"))
    assert {row["tsid_device"] for row in shown} == {"10.0.0.1", "10.0.0.2"}
    (told,) = found.run(licence["search"].replace("$device$", "10.0.0.1"))
    assert whose(told) == OWNED


RAW = (
    "%FTD-6-430003: AccessControlRuleAction: Block, SrcIP: {device}, DstIP: 72.163.4.38, SrcPort: 40000, DstPort: 443, "
    "Protocol: tcp, URL: https://tools.cisco.com"
)


def test_the_reports_name_the_owners() -> None:
    found = splunk(known=[{"alias": "10.0.0.1", **CORE}], devices=[{**BLOCKED, "device": "10.0.0.1"}])
    (device,) = found.dispatch("TSID report: devices by risk")
    assert whose(device) == OWNED
    (rule,) = found.dispatch("TSID report: blocked licensing by rule")
    assert rule["owners"] == "Network team"


class TestAliases:
    """Several addresses, or an address and a name in syslog, are one device: `tsid_one_device`."""

    KNOWN: tuple[Row, ...] = (
        {"alias": "10.0.0.1", **CORE},
        {"alias": "10.0.0.2", "device": "10.0.0.1"},
        {"alias": "core-1", "device": "10.0.0.1"},
    )
    SAID: ClassVar[Row] = {
        "host": "core-1",
        "device_said": "failed",
        "device_about": "communication",
        "device_reason": "dns",
    }

    def test_their_events_make_one_row_of_the_ledger(self) -> None:
        found = splunk([contact("10.0.0.1", "allowed"), contact("10.0.0.2"), self.SAID], self.KNOWN)
        found.run(MERGE)
        (row,) = found.collections["tsid_devices"].values()
        assert (row["device"], row["device_said"]) == ("10.0.0.1", "failed")
        assert row["last_allowed"] and row["last_blocked"]

    def test_without_the_inventory_they_are_three(self) -> None:
        found = splunk([contact("10.0.0.1", "allowed"), contact("10.0.0.2"), self.SAID])
        found.run(MERGE)
        assert found.collections["tsid_devices"].keys() == {"10.0.0.1", "10.0.0.2", "core-1"}

    def test_rows_from_before_go_into_the_one_and_are_no_devices_any_more(self) -> None:
        found = splunk([contact("10.0.0.1", "allowed"), contact("10.0.0.2"), self.SAID])
        found.run(MERGE)
        found.collections["tsid_devices"]["10.0.0.1"].update(label="main", model="classic")
        found.collections["tsid_devices"]["10.0.0.2"].update(excluded="1", model="offline", label="other")
        found.collections["tsid_inventory"] = inventory(*self.KNOWN)
        assert {row["device"] for row in found.run("| `tsid_fleet`")} == {"10.0.0.1"}
        assert len(found.run(MERGE)) == 1
        (row,) = found.run("| `tsid_fleet`")
        assert (row["device"], row["last_rule"], row["device_said"]) == ("10.0.0.1", "r", "failed")
        # What an admin has entered for the duplicate neither excludes nor renames the device.
        assert (row["label"], row["model"], row.get("excluded")) == ("main", "classic", None)
        assert found.run(MERGE) == []

    def test_as_long_as_the_one_has_no_row_the_others_are_shown(self) -> None:
        found = splunk([], self.KNOWN, [{**BLOCKED, "device": "10.0.0.2"}])
        assert [row["device"] for row in found.run("| `tsid_fleet`")] == ["10.0.0.2"]
        found.run(MERGE)
        assert [row["device"] for row in found.run("| `tsid_fleet`")] == ["10.0.0.1"]


class TestZones:
    """The macro `tsid_zone`."""

    @pytest.fixture
    def by_index(self, tmp_path: Path) -> Path:
        """An app in which each index is a zone."""
        app = copy_app(ROOT, tmp_path)
        macros = app / "default" / "macros.conf"
        text = macros.read_text(encoding="utf-8")
        assert "[tsid_zone]\ndefinition = null()\n" in text
        macros.write_text(
            text.replace("[tsid_zone]\ndefinition = null()", "[tsid_zone]\ndefinition = index"),
            encoding="utf-8",
        )
        return app

    EVENTS: tuple[Row, ...] = (
        contact("10.0.0.1", "allowed", index="acme"),
        contact("10.0.0.1", index="bolt"),
        {**TestAliases.SAID, "index": "bolt"},
    )

    def test_the_same_address_in_two_zones_is_two_devices(self, by_index: Path) -> None:
        found = splunk(self.EVENTS, app=by_index)
        found.run(MERGE)
        rows = found.collections["tsid_devices"]
        assert rows.keys() == {"acme|10.0.0.1", "bolt|10.0.0.1", "bolt|core-1"}
        assert ("last_blocked" in rows["acme|10.0.0.1"], "last_allowed" in rows["bolt|10.0.0.1"]) == (
            False,
            False,
        )
        assert len(found.run("| `tsid_fleet`")) == 3
        assert found.run(MERGE) == []

    def test_a_label_and_an_alias_count_in_their_zone_only(self, by_index: Path) -> None:
        labelled: list[Row] = [
            {"device": "acme|10.0.0.9", "label": "core-1"},
            {"device": "bolt|10.0.0.1", "label": "core-1"},
            {"device": "10.0.0.9", "label": "core-1"},
        ]
        found = splunk(self.EVENTS, devices=labelled, app=by_index)
        found.run(MERGE)
        said = {key for key, row in found.collections["tsid_devices"].items() if "device_said" in row}
        assert said == {"bolt|10.0.0.1"}
        found = splunk(
            self.EVENTS,
            [{"alias": "bolt|core-1", "device": "bolt|10.0.0.1"}, *TestAliases.KNOWN],
            app=by_index,
        )
        found.run(MERGE)
        assert found.collections["tsid_devices"].keys() == {"acme|10.0.0.1", "bolt|10.0.0.1"}

    def test_an_alert_of_a_zone_names_zone_and_address_and_links_to_its_view(self, by_index: Path) -> None:
        found = splunk(devices=[{**BLOCKED, "device": "bolt|10.0.0.1"}], app=by_index)
        (row,) = found.dispatch("TSID: licensing traffic blocked")
        assert row["device"] == "bolt|10.0.0.1"
        assert row["view"] == "/app/tsidenrich/device?form.device=bolt%7C10.0.0.1"

    def test_a_hostile_zone_stays_one_word(self, by_index: Path) -> None:
        found = splunk([contact("10.0.0.1", index='-a"|b c')], app=by_index)
        found.run(MERGE)
        assert list(found.collections["tsid_devices"]) == ["_a__b_c|10.0.0.1"]

    def test_as_shipped_nothing_moves_in_a_ledger_of_version_0_2_0(self) -> None:
        """Its keys are addresses and names; a row may lack its field device."""
        rows: list[Row] = [
            {
                "device": "10.0.0.1",
                "first_seen": str(NOW - DAY),
                "last_allowed": str(NOW - DAY),
                "label": "a",
            },
            {"device": "2001:db8::7", "first_seen": str(NOW - DAY), "last_seen": str(NOW - DAY)},
            {"device": "core-1", "first_seen": str(NOW - DAY), "excluded": "1", "model": "offline"},
        ]
        found = splunk([contact("10.0.0.1", index="acme"), contact("10.0.0.1", index="bolt")], devices=rows)
        before = {key: dict(row) for key, row in found.collections["tsid_devices"].items()}
        found.run(MERGE)
        after = found.collections["tsid_devices"]
        assert after.keys() == before.keys()
        for key, row in before.items():
            kept = ("device", "first_seen", "last_allowed", "label", "excluded", "model")
            assert {name: after[key].get(name) for name in kept} == {name: row.get(name) for name in kept}
        assert found.run(MERGE) == []


class TestViews:
    """The overview and the view of a device."""

    KNOWN: tuple[Row, ...] = (
        {"alias": "10.0.0.1", **CORE},
        {"alias": "10.0.0.2", "device": "10.0.0.1"},
        {"alias": 'core"1', "device": "10.0.0.1"},
    )

    def viewed(self) -> Splunk:
        events: list[Row] = [
            {"sourcetype": "cisco:ftd:syslog", "_raw": RAW.format(device=device)}
            for device in ("10.0.0.1", "10.0.0.2", "10.0.0.3")
        ]
        ledger_rows: list[Row] = [{**BLOCKED, "device": "10.0.0.1"}, {**BLOCKED, "device": "10.0.0.3"}]
        return splunk(events, self.KNOWN, ledger_rows)

    def test_the_overview_names_devices(self) -> None:
        found = results(self.viewed(), "overview")
        assert [(row["Device"], row.get("Name")) for row in found["risk"].rows] == [
            ("10.0.0.1", "core-1"),
            ("10.0.0.3", None),
        ]
        assert {row["choice"] for row in found["devices"].rows} == {"core-1 (10.0.0.1)", "10.0.0.3"}

    @pytest.mark.parametrize(("device", "count"), [("10.0.0.1", 2), ("10.0.0.3", 1), ("10.0.0.9", 0)])
    def test_a_device_shows_the_traffic_of_all_its_addresses_and_no_others(
        self, device: str, count: int
    ) -> None:
        found = results(self.viewed(), "device", {"device": device})
        assert len([row for row in found["evidence"].rows if row["Time"] != "none"]) == count
        (told,) = found["advice"].rows
        assert told["Name"] == ("core-1" if count == 2 else "-")

    def test_in_zones_a_device_shows_the_traffic_of_its_zone(self, tmp_path: Path) -> None:
        app = copy_app(ROOT, tmp_path)
        macros = app / "default" / "macros.conf"
        text = macros.read_text(encoding="utf-8")
        macros.write_text(
            text.replace("[tsid_zone]\ndefinition = null()", "[tsid_zone]\ndefinition = index"),
            encoding="utf-8",
        )
        events: list[Row] = [
            {"sourcetype": "cisco:ftd:syslog", "_raw": RAW.format(device="10.0.0.1"), "index": index}
            for index in ("acme", "bolt")
        ]
        found = splunk(events, devices=[{**BLOCKED, "device": "acme|10.0.0.1"}], app=app)
        search = results(found, "device", {"device": "acme|10.0.0.1"})
        assert len(search["evidence"].rows) == 1
