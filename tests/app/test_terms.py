"""Each term of the macros and alerts decides something: one small case for each, without a fleet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Optional

import pytest

from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.values import Row
from tsid.text import conf

pytestmark = pytest.mark.spl

ROOT = Path(__file__).resolve().parents[2]
DAY, HOUR = 86_400, 3_600
NOW = 1_800_000_000
DEVICE, TOOLS, CISCO, PUBLIC = "10.1.2.3", "72.163.4.38", "72.163.4.161", "203.0.113.7"
UUID = "9d1b2a3c-0000-11ee-8000-0123456789ab"


def ago(days: float) -> str:
    return str(int(NOW - days * DAY))


def splunk(events: Sequence[Row] = (), ledger: Sequence[Row] = ()) -> Splunk:
    """Return a Splunk with these events of the last minutes, and these rows of the ledger."""
    found = Splunk(
        ROOT, [{"_time": str(NOW - 600), "index": "x", **event} for event in events], NOW, host=InProcessHost
    )
    found.collections = {
        "tsid_devices": {str(row["device"]): {**row, "_key": row["device"]} for row in ledger}
    }
    return found


RULE = (
    "rule",
    "AccessControlRuleName",
    "access_control_rule_name",
    "FirewallRule",
    "fw_rule",
    "Access Control Rule",
)
POLICY = ("fw_policy", "ACPolicy", "FirewallPolicy", "ac_policy", "access_group")
FIREWALL = ("Device", "sensor", "dvc", "host")
NAMES = {"rule": RULE, "policy": POLICY, "firewall": FIREWALL}


class TestNames:
    """The macro `tsid_names`; docs/fields.md has the names."""

    @staticmethod
    def named(event: Row) -> Row:
        (row,) = splunk([event]).run("* | `tsid_names` | table rule policy firewall")
        return row

    @pytest.mark.parametrize("role", NAMES)
    def test_the_first_of_the_fields_that_has_a_value_counts(self, role: str) -> None:
        fields = NAMES[role]
        for place, field in enumerate(fields):
            later: Row = {name: f"in {name}" for name in fields[place:]}
            assert self.named(later) == {role: f"in {field}"}
            # A command may return an empty text for a field that an event lacks.
            assert self.named({**dict.fromkeys(fields[:place], ""), **later}) == {role: f"in {field}"}

    @pytest.mark.parametrize("role", ["rule", "policy"])
    def test_a_name_that_is_nowhere_is_null(self, role: str) -> None:
        assert role not in self.named(dict.fromkeys(NAMES[role], ""))

    @pytest.mark.parametrize("role", NAMES)
    def test_of_several_values_the_first_counts(self, role: str) -> None:
        for field in NAMES[role]:
            if field != "host":
                assert self.named({field: ["one", "two"]})[role] == "one"

    def test_a_uuid_is_no_name_of_a_firewall(self) -> None:
        assert self.named({"dvc": UUID, "host": "collector"})["firewall"] == "collector"
        assert self.named({"dvc": [UUID, "fw"], "host": "collector"})["firewall"] == "collector"

    @pytest.mark.parametrize("role", NAMES)
    def test_names_hold_no_mark_of_the_ledger_and_no_control_character_and_are_cut(self, role: str) -> None:
        for raw, clean in {"a|tsid|b": "a b", "a\x00b\x1fc\x7fd": "a b c d", "x" * 201: "x" * 200}.items():
            assert self.named({NAMES[role][0]: raw})[role] == clean


def event(name: str = "tools.cisco.com", address: str = TOOLS, **more: str) -> Row:
    """An event of an allowed connection; the command reads all of it from the fields."""
    made: Row = {
        "sourcetype": "cisco:sfw:estreamer",
        "_raw": f"{address} {name}",
        "InitiatorIP": DEVICE,
        "ResponderIP": address,
        "URL": f"https://{name}",
        "AC_RuleAction": "Allow",
        "host": "fw-1",
    }
    return {**made, **more}


RAW = (
    "%FTD-6-430003: AccessControlRuleAction: Allow, SrcIP: 10.1.2.3, DstIP: 72.163.4.38, SrcPort: 40000, DstPort: 443, "
    "Protocol: tcp, URL: https://tools.cisco.com"
)
SOURCE_TYPES = (
    "cisco:sfw:estreamer",
    "cisco:ftd:syslog",
    "cisco:ftd",
    "cisco:firepower:syslog",
    "cisco:estreamer:data",
    "cisco:asa",
)


@pytest.mark.parametrize(
    ("contact", "is_one"),
    [
        *((event(sourcetype=name), True) for name in SOURCE_TYPES),
        (event(sourcetype="other"), False),
        ({"sourcetype": "cisco:ftd:syslog", "_raw": RAW}, True),
        (event("toos.cisco.com"), True),
        ({**event(), "URL": ""}, True),
        (event("other.example"), True),
        (event(address=CISCO), False),
        (event(address=PUBLIC), False),
        (event("other.example", PUBLIC), False),
        (event(AC_RuleAction="Block"), True),
        (event(AC_RuleAction="Whatever"), False),
        ({**event(), "InitiatorIP": ""}, False),
    ],
)
def test_contacts_are_allowed_or_blocked_connections_of_a_device_to_an_endpoint(
    contact: Row, is_one: bool
) -> None:
    """docs/searches.md, The ledger."""
    found = splunk([{k: v for k, v in contact.items() if v}]).run("`tsid_contacts`")
    assert [row["tsid_device"] for row in found] == [DEVICE] * is_one


def connections(*events: Mapping[str, str]) -> list[Row]:
    rows: list[Row] = [{"firewall": "fw", "tsid_device": "d", "tsid_ip": "i", **event} for event in events]
    return splunk(rows).run("* | `tsid_connections`")


class TestModels:
    """`tsid_contacts_tstats` and `tsid_contacts_tstats_web`."""

    TRAFFIC = MappingProxyType(
        {
            **{"All_Traffic.src": DEVICE, "All_Traffic.dest": TOOLS, "All_Traffic.dest_port": "443"},
            **{"All_Traffic.transport": "tcp", "All_Traffic.action": "allowed"},
        }
    )

    @staticmethod
    def contacts(**row: str) -> list[Row]:
        model, macro = "Network_Traffic.All_Traffic", "tsid_contacts_tstats"
        if "Web.url" in row:
            model, macro = "Web.Web", "tsid_contacts_tstats_web"
        found = splunk()
        found.models[model] = [
            {"_time": str(NOW - 600), "sourcetype": "pan:traffic", "host": "fw-1", **row},
            {"_time": str(NOW - 300), "sourcetype": "pan:traffic", "host": "fw-1", **row},
        ]
        return found.run(f"| `{macro}`")

    @pytest.mark.parametrize(
        ("row", "verdict", "outcome", "answered"),
        [
            ({"All_Traffic.bytes_in": "7000"}, "unnamed", "allowed", "true"),
            ({}, "unnamed", "allowed", None),
            ({"All_Traffic.bytes_in": "unknown"}, "unnamed", "allowed", None),
            ({"All_Traffic.action": "blocked"}, "unnamed", "blocked", None),
        ],
    )
    def test_traffic_has_no_names_and_without_bytes_no_answer(
        self, row: dict[str, str], verdict: str, outcome: str, answered: Optional[str]
    ) -> None:
        (contact,) = self.contacts(**{**self.TRAFFIC, **row})
        assert (contact["tsid_verdict"], contact["tsid_outcome"]) == (verdict, outcome)
        assert contact.get("tsid_answered") == answered

    @pytest.mark.parametrize(
        "row",
        [
            {"All_Traffic.action": "unknown"},
            {"All_Traffic.dest_port": "80"},
            {"All_Traffic.transport": "icmp"},
            {"sourcetype": "cisco:ftd"},
        ],
    )
    def test_what_a_model_does_not_settle_is_no_contact(self, row: dict[str, str]) -> None:
        assert self.contacts(**{**self.TRAFFIC, **row}) == []

    def test_the_web_has_names(self) -> None:
        web = {
            "Web.src": DEVICE,
            "Web.dest": TOOLS,
            "Web.url": "https://toos.cisco.com/",
            "Web.action": "blocked",
        }
        (contact,) = self.contacts(**web)
        assert (contact["tsid_verdict"], contact["tsid_outcome"]) == ("aliased", "blocked")

    @pytest.mark.parametrize(
        ("table", "terms"),
        [
            ("traffic", ['All_Traffic.dest="72.163.4.38"']),
            ("web", ['Web.url="*tools.cisco.com*"', 'Web.url="*toos.cisco.com*"']),
        ],
    )
    def test_the_models_are_searched_by_address_and_by_name(self, table: str, terms: list[str]) -> None:
        (row,) = splunk().run(f"| tsidlookup table={table}")
        assert all(term in str(row["search"]) for term in terms)


class TestConnections:
    """The macro `tsid_connections`."""

    VERDICTS = ("aliased", "canonical", "impostor", "foreign", "unnamed", "unlisted", "relayed", "unverified")
    OUTCOMES = ("blocked", "allowed", "unknown")

    @pytest.mark.parametrize(("field", "order"), [("verdict", VERDICTS), ("outcome", OUTCOMES)])
    def test_of_the_events_of_a_connection_the_strongest_counts(
        self, field: str, order: tuple[str, ...]
    ) -> None:
        for stronger, weaker in zip(order, order[1:]):
            parts = ({"tsid_connection": "c", f"tsid_{field}": value} for value in (weaker, stronger))
            assert [row[field] for row in connections(*parts)] == [stronger]
            assert [row[field] for row in connections({f"tsid_{field}": weaker})] == [weaker]

    @pytest.mark.parametrize("field", ["_time", "tsid_device", "tsid_ip", "firewall", "tsid_connection"])
    def test_connections_that_differ_in_one_of_these_are_two(self, field: str) -> None:
        one = {"_time": "5", **({"tsid_connection": "c"} if field == "tsid_connection" else {})}
        assert len(connections(one, {**one, field: "6"})) == 2
        assert len(connections(one, one)) == 1

    def test_without_a_number_or_a_device_an_event_counts_too(self) -> None:
        (row,) = connections({"_time": "5", "tsid_connection": "", "tsid_device": ""})
        assert (row["device"], row["connection"], row["_time"]) == ("not known", "5 not known i", "5")

    def test_a_connection_begins_with_its_first_event(self) -> None:
        (row,) = connections(*({"_time": time, "tsid_connection": "c"} for time in "576"))
        assert row["_time"] == "5"


# Rows of the ledger, one for each state of the classic clock: docs/commands.md, tsidrisk.
OF_STATE: Mapping[str, Row] = {
    "healthy": {"last_allowed": ago(1)},
    "blocked": {"last_allowed": ago(2), "last_blocked": ago(0.5), "blocked_since_allowed": "2"},
    "overdue": {"last_allowed": ago(40)},
    "expiring": {"last_allowed": ago(70)},
    "expired": {"last_allowed": ago(100)},
    "deregistered": {"last_allowed": ago(400)},
    "unknown": {"first_seen": ago(1)},
    "offline": {"model": "offline", "last_allowed": ago(1)},
}
LEDGER: list[Row] = [{"device": state, **row} for state, row in OF_STATE.items()]


def test_the_fleet_is_all_but_what_is_excluded_or_offline() -> None:
    excluded: list[Row] = [
        {"device": f"out {value}", "excluded": value} for value in ("1", "true", "yes", "TRUE")
    ]
    found = splunk(ledger=[*LEDGER, *excluded, {"device": "in", "excluded": "0"}]).run("| `tsid_fleet`")
    assert {str(row["device"]) for row in found} == {*OF_STATE, "in"} - {"offline"}
    assert {row["device"]: row["license_state"] for row in found if row["device"] != "in"} == {
        state: state for state in OF_STATE if state != "offline"
    }


def test_a_device_whose_row_has_its_address_as_the_key_only_is_in_the_fleet() -> None:
    found = splunk(ledger=[{"device": "a"}, {"device": "b"}])
    found.collections["tsid_devices"]["b"].pop("device")
    # An admin's own key.
    found.collections["tsid_devices"]["c"] = {"_key": "c", "device": "d"}
    assert [row["device"] for row in found.run("| `tsid_fleet`")] == ["a", "b", "d"]


def test_the_fleet_has_the_firewalls_as_several_values() -> None:
    rows: list[Row] = [{"device": "a", "firewalls": "fw-1|tsid|fw-2"}, {"device": "b"}]
    found = splunk(ledger=rows).run("| `tsid_fleet`")
    assert [row["firewalls"] for row in found] == [["fw-1", "fw-2"], "not known"]


def test_every_state_is_counted_and_the_deregistered_as_expired() -> None:
    (row,) = splunk(ledger=LEDGER).run("| `tsid_fleet` | `tsid_states`")
    once = dict.fromkeys(("expiring", "overdue", "blocked", "unknown", "healthy"), "1")
    assert row == {**once, "expired": "2", "rejected": "0", "noncompliant": "0"}


LATE: Row = {"device": "d", "last_blocked": ago(2), "last_allowed": ago(3), "blocked_since_allowed": "2"}


@pytest.mark.parametrize(
    ("alert", "row", "fires"),
    [
        ("licensing traffic blocked", {}, False),
        ("licensing traffic blocked", {"last_blocked": ago(1)}, True),
        ("licensing traffic blocked", {"last_blocked": ago(1), "blocked_since_allowed": "1"}, True),
        ("licensing traffic blocked", {"last_blocked": str(NOW - 26 * HOUR)}, False),
        ("licensing traffic blocked", {"last_blocked": ago(1), "blocked_since_allowed": "0"}, False),
        ("licence renewal overdue", {}, False),
        ("licence renewal overdue", {"last_allowed": ago(31)}, False),
        ("licence renewal overdue", {"last_allowed": ago(33)}, True),
        ("licence renewal overdue", {"last_allowed": ago(33), "model": "slp_perpetual"}, True),
        ("licence renewal overdue", {"last_allowed": "", "first_seen": ago(29)}, False),
        ("licence renewal overdue", {"last_allowed": "", "first_seen": ago(31)}, False),
        ("licence renewal overdue", {"last_allowed": "", "first_seen": ago(33)}, True),
        (
            "licence renewal overdue",
            {"last_allowed": "", "first_seen": ago(31), "model": "slp_perpetual"},
            False,
        ),
        (
            "licence renewal overdue",
            {"last_allowed": "", "first_seen": ago(366), "model": "slp_perpetual"},
            True,
        ),
        # A model of the site's own: docs/searches.md.
        ("licence renewal overdue", {"last_allowed": "", "first_seen": ago(1), "model": "own"}, True),
        ("licence expiring", {"last_allowed": ago(59)}, False),
        ("licence expiring", {"last_allowed": ago(61)}, True),
        ("licence expiring", {"last_allowed": ago(91)}, False),
        ("licence expired", {"last_allowed": ago(89)}, False),
        ("licence expired", {"last_allowed": ago(91)}, True),
        ("licence expired", {"last_allowed": ago(400)}, True),
    ],
)
def test_an_alert_of_the_ledger_fires_on_either_side_of_its_threshold(
    alert: str, row: Row, fires: bool
) -> None:
    ledger: Row = {name: value for name, value in {**LATE, **row}.items() if value}
    assert [found["device"] for found in splunk(ledger=[ledger]).dispatch(f"TSID: {alert}")] == ["d"] * fires


@pytest.mark.parametrize(
    ("alert", "name", "address", "more", "fires"),
    [
        ("impostor of a licensing server", "tools.cisco.com", PUBLIC, {}, True),
        ("impostor of a licensing server", "tools.cisco.com", CISCO, {}, False),
        ("impostor of a licensing server", "tools.cisco.com", PUBLIC, {"InitiatorIP": ""}, False),
        ("unlisted licensing endpoint", "tools.cisco.com", CISCO, {}, True),
        ("unlisted licensing endpoint", "tools.cisco.com", PUBLIC, {}, False),
        ("unlisted licensing endpoint", "tools.cisco.com", CISCO, {"InitiatorIP": ""}, False),
        ("impostor of a licensing server", "", PUBLIC, {"_raw": RAW.replace(TOOLS, PUBLIC)}, True),
        ("unlisted licensing endpoint", "", CISCO, {"_raw": RAW.replace(TOOLS, CISCO)}, True),
    ],
)
def test_an_alert_about_servers_fires_on_its_verdict_only(
    alert: str, name: str, address: str, more: Mapping[str, str], fires: bool
) -> None:
    made = {**event(name, address), **more}
    if not name:
        # Only the raw text has it.
        made = {"sourcetype": "cisco:ftd:syslog", "_raw": made["_raw"]}
    found = splunk([{k: v for k, v in made.items() if v}]).dispatch(f"TSID: {alert}")
    assert [(row["device"], row["server"]) for row in found] == [(DEVICE, address)] * fires
    assert all(row["observed"] == "tools.cisco.com" and row["count"] == "1" for row in found)


@pytest.mark.parametrize(
    ("alert", "address"), [("impostor of a licensing server", PUBLIC), ("unlisted licensing endpoint", CISCO)]
)
def test_an_alert_about_servers_tells_of_all_events_of_a_device_and_a_server(
    alert: str, address: str
) -> None:
    events = [
        {**event(name, address), "_time": str(NOW - age), "AC_RuleAction": action}
        for name, age, action in (("tools.cisco.com", 600, "Allow"), ("toos.cisco.com", 900, "Block"))
    ]
    (found,) = splunk(events).dispatch(f"TSID: {alert}")
    assert (found["count"], found["first_time"], found["last_time"]) == ("2", str(NOW - 900), str(NOW - 600))
    assert found["observed"] == ["tools.cisco.com", "toos.cisco.com"]
    assert found.get("outcome", ["allowed", "blocked"]) == ["allowed", "blocked"]
    assert found["advice"]


FAILED, RENEW, HOME, RESTORED = (
    "%SMART_LIC-3-COMM_FAILED: Communications failure with CSSM : Unable to resolve server hostname",
    "%SMART_LIC-3-AUTH_RENEW_FAILED: Authorization renewal with CSSM : Communication message send error",
    "%CALL_HOME-5-SL_MESSAGE_FAILED: Fail to send out message to: https://tools.cisco.com (ERR 205 : Request Aborted)",
    "%SMART_LIC-5-COMM_RESTORED: Communications restored",
)


class TestComplaints:
    """The alert of devices that complain; lookups and tsidrisk add what the firewall knows."""

    @staticmethod
    def told(*messages: tuple[str, int], ledger: Sequence[Row] = (), **more: str) -> list[Row]:
        """What the alert says of messages, each with its age in hours."""
        rows: list[Row] = [
            {"sourcetype": "cisco:ios", "host": "r1", "_raw": text, "_time": str(NOW - hours * HOUR), **more}
            for text, hours in messages
        ]
        found = splunk(rows, ledger)
        found.run("`tsid_ledger_events` | `tsid_ledger_merge`", NOW - 48 * HOUR)
        return found.dispatch("TSID: device complains about licensing")

    @pytest.mark.parametrize(
        ("message", "complaint"),
        [
            (FAILED, "Unable to resolve server hostname"),
            (HOME, "Request Aborted"),
            (RESTORED, None),
            ("%SYS-5-CONFIG_I: Configured", None),
        ],
    )
    def test_each_message_of_a_failure_is_a_complaint(self, message: str, complaint: Optional[str]) -> None:
        for sourcetype in ("cisco:ios", "cisco:nx-os", "cisco:xr", "cisco:asa"):
            found = self.told((message, 2), sourcetype=sourcetype)
            assert [row["complaints"] for row in found] == [complaint] * (complaint is not None)
        assert self.told((message, 2), sourcetype="other") == []
        # Restored after it, or before it, or a day ago.
        assert self.told((message, 2), (RESTORED, 1)) == []
        assert len(self.told((message, 2), (RESTORED, 3))) == (complaint is not None)
        assert self.told((message, 26)) == []

    def test_contact_alone_does_not_clear_a_failed_authorization(self) -> None:
        assert len(self.told((RENEW, 2), (RESTORED, 1))) == 1
        assert self.told((RENEW, 2), ("%SMART_LIC-6-AUTH_RENEW_SUCCESS: x", 1)) == []

    @pytest.mark.parametrize(
        ("message", "said"),
        [
            ("SMART_LIC-5-AUTHORIZATION_EXPIRED", "expired"),
            ("SMART_LIC-3-OUT_OF_COMPLIANCE", "noncompliant"),
            ("SMART_LIC-6-AGENT_DEREG_SUCCESS", "deregistered"),
        ],
    )
    def test_what_is_no_longer_valid_is_a_complaint(self, message: str, said: str) -> None:
        (found,) = self.told((f"%{message}: x", 2))
        assert (found["device_said"], found["license_state"], found["license_evidence"]) == (
            said,
            said,
            "device",
        )

    def test_a_text_within_a_message_speaks_for_no_device(self) -> None:
        assert self.told(("%SYS-5-CONFIG_I: by %SMART_LIC-3-COMM_FAILED: x : y", 2)) == []
        assert len(self.told((FAILED, 2), ("%SYS-5-CONFIG_I: by %SMART_LIC-6-AUTH_RENEW_SUCCESS: x", 1))) == 1

    def test_a_device_is_found_in_the_ledger_by_address_or_label(self) -> None:
        row: Row = {
            "device": "r1",
            "last_allowed": ago(2),
            "last_blocked": ago(1),
            "blocked_since_allowed": "1",
        }
        day = int(float(ago(1))) // 86_400
        row.update(
            first_seen=ago(9),
            blocked_days=str(day),
            last_block=f"{ago(1)}|tsid|R|tsid|P|tsid|F|tsid|Allow it.",
        )
        for ledger in (row, {**row, "device": "10.0.0.1", "label": "r1"}):
            (found,) = self.told((FAILED, 1), ledger=[ledger])
            assert (found["device"], found["license_state"]) == (ledger["device"], "blocked")
            step = str(found["license_next_step"])
            assert step.startswith("Change rule R of policy P on F: allow it. Then")
        (found,) = self.told((FAILED, 1), host="r2\x00", ledger=[row])
        assert (found["device"], found["license_state"]) == ("r2_", "unknown")

    def test_of_devices_with_the_same_label_one_is_named(self) -> None:
        ledger: list[Row] = [{"device": device, "label": "r1"} for device in ("10.0.0.1", "10.0.0.2")]
        (found,) = self.told((FAILED, 1), ledger=ledger)
        assert found["device"] == "10.0.0.1"

    def test_a_device_that_is_let_through_and_fails_is_rejected(self) -> None:
        (found,) = self.told((FAILED, 1), ledger=[{"device": "r1", "last_allowed": ago(1)}])
        assert found["license_state"] == "rejected"
        assert str(found["license_next_step"]).startswith(
            "The firewall lets the connection through, but the device rejects the server: check the DNS servers"
        )

    @pytest.mark.parametrize(
        "row", [{"excluded": "1"}, {"excluded": "true"}, {"excluded": "yes"}, {"model": "offline"}]
    )
    def test_a_device_that_is_excluded_or_offline_does_not_complain(self, row: Row) -> None:
        assert self.told((FAILED, 1), ledger=[{"device": "r1", **row}]) == []


def test_every_alert_has_a_filter_of_its_own() -> None:
    saved = conf.read(ROOT / "default" / "savedsearches.conf")
    alerts = [search for search in saved.values() if search.get("alert.track") == "1"]
    filters = [re.findall(r"`(tsid_\w+_filter)`", search["search"]) for search in alerts]
    names = [name for (name,) in filters]
    assert len(set(names)) == len(names) > 5
    macros = conf.read(ROOT / "default" / "macros.conf")
    assert {macros[name]["definition"] for name in names} == {"search *"}
