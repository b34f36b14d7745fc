"""What the app does for others' searches: the filter of a detection, an event type, workflow actions; and moves.

The detection is Splunk's "Cisco Secure Firewall - Blocked Connection", version 7 of 2026-03-10 (github.com/splunk/
security_content, Apache-2.0): its search counts by these fields, and ends with a filter macro.
"""

from __future__ import annotations

import csv
import re

import pytest

from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.syntax import expand
from lab.spl.values import Row
from tests.app.test_owners import CORE, DAY, NOW, OWNED, ROOT, splunk, whose
from tsid.text import conf

pytestmark = pytest.mark.spl

MACROS = conf.read(ROOT / "default" / "macros.conf")
TOOLS, CISCO, PUBLIC = "72.163.4.38", "72.163.4.161", "203.0.113.7"
DETECTION = (
    'sourcetype="cisco:sfw:estreamer" EventType=ConnectionEvent action IN ("Block with reset", "Block", "blocked")'
    " | stats count min(_time) as firstTime max(_time) as lastTime"
    " by src, dest, dest_port, transport, rule, url, EVE_Process, action"
)


def blocked(dest: str, url: str, **more: str) -> Row:
    return {
        "_time": str(NOW - 600),
        "sourcetype": "cisco:sfw:estreamer",
        "EventType": "ConnectionEvent",
        "src": "10.0.0.1",
        "dest": dest,
        "dest_port": "443",
        "transport": "tcp",
        "rule": "Block URLs",
        "url": url,
        "EVE_Process": "unknown",
        "action": "blocked",
        **more,
    }


def found(event: Row, macro: str) -> list[Row]:
    search = DETECTION.replace(" by ", " BY ").replace(", ", " ").replace(" as ", " AS ")
    search = search.replace('reset" "Block" "blocked"', 'reset", "Block", "blocked"')
    return Splunk(ROOT, [event], NOW, host=InProcessHost).run(f"{search} | `{macro}`")


@pytest.mark.parametrize(
    ("event", "genuine"),
    [
        (blocked(TOOLS, "https://toos.cisco.com"), True),
        (blocked(TOOLS, "https://tools.cisco.com/its"), True),
        (blocked(TOOLS, "unknown", action="Block with reset"), True),
        (blocked(TOOLS, "https://other.example"), False),
        (blocked(PUBLIC, "https://tools.cisco.com"), False),
        (blocked(PUBLIC, "https://toos.cisco.com"), False),
        (blocked(CISCO, "https://tools.cisco.com"), False),
        (blocked("10.9.9.9", "https://tools.cisco.com"), False),
        # Unconfirmed.
        (blocked("146.112.59.81", "https://smartreceiver.cisco.com"), False),
        # Not a licensing port.
        (blocked(TOOLS, "https://tools.cisco.com", dest_port="22"), False),
        # An add-on that fills dest with the source.
        (blocked("10.0.0.1", "https://tools.cisco.com"), False),
    ],
)
def test_only_genuine_licensing_traffic_is_kept_from_scoring(event: Row, genuine: bool) -> None:
    (marked,) = found(event, "tsid_mark_genuine")
    assert marked["tsid_genuine"] == ("yes" if genuine else "no")
    kept = found(event, "tsid_not_genuine")
    assert len(kept) == (not genuine)
    # What the detection needs is still there.
    assert all(
        row["src"] == "10.0.0.1" and row["rule"] == "Block URLs" and row["count"] == "1" for row in kept
    )


def test_the_event_type_finds_every_shipped_name_and_is_off() -> None:
    (settings,) = conf.read(ROOT / "default" / "eventtypes.conf").values()
    assert settings["disabled"] == "1"
    # Splunk allows neither a pipe nor a subsearch in it.
    assert not set("|[") & set(expand(settings["search"], MACROS))
    names: set[str] = set()
    for table, column in (("cisco_licensing_endpoints", "host"), ("tsid_aliases", "alias")):
        with (ROOT / "lookups" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            names |= {row[column] for row in csv.DictReader(file)}
    assert set(re.findall(r'"([^"]+)"', settings["search"])) == names
    events: list[Row] = [
        {"_time": str(NOW - 5), "sourcetype": "cisco:ftd", "_raw": f"URL: https://{name}/ x"}
        for name in names
    ]
    other: Row = {"_time": str(NOW - 5), "sourcetype": "cisco:ftd", "_raw": "URL: https://www.example.com"}
    search = Splunk(ROOT, [*events, other], NOW, host=InProcessHost).run(settings["search"])
    assert len(search) == len(names)


def test_tags_belong_to_the_event_type_and_to_no_data_model() -> None:
    tags = conf.read(ROOT / "default" / "tags.conf")
    types = conf.read(ROOT / "default" / "eventtypes.conf")
    assert {f"eventtype={name}" for name in types} == tags.keys()
    assert [list(settings) for settings in tags.values()] == [["cisco_licensing"]]


def test_workflow_actions_are_links_to_the_view_of_the_device_and_off() -> None:
    for name, settings in conf.read(ROOT / "default" / "workflow_actions.conf").items():
        assert settings["disabled"] == "1", name
        assert (settings["type"], settings["link.method"]) == ("link", "get")
        uri = settings["link.uri"]
        # With an exclamation mark Splunk would not encode the value; a search would take it as it is.
        assert re.fullmatch(r"/app/tsidenrich/device\?form\.device=\$(@field_value|tsid_device)\$", uri), name
        assert not [key for key in settings if key.startswith("search.")]


class TestMoves:
    """*TSID report: moves to smartreceiver*."""

    OLD, NEW = ("tools.cisco.com", TOOLS), ("smartreceiver.cisco.com", "146.112.59.81")

    @staticmethod
    def contact(host: tuple[str, str], days: float, outcome: str, device: str = "10.0.0.1") -> Row:
        name, address = host
        return {
            "_time": str(NOW - int(days * DAY)),
            "sourcetype": "cisco:sfw:estreamer",
            "_raw": f"{address} {name}",
            "InitiatorIP": device,
            "ResponderIP": address,
            "URL": f"https://{name}",
            "AC_RuleAction": "Block" if outcome == "blocked" else "Allow",
            "AccessControlRuleName": "Block URLs",
            "FirewallPolicy": "Edge",
            "host": "fw-1",
            **({"ResponderBytes": "5000"} if outcome == "success" else {}),
        }

    def told(self, *events: Row, known: tuple[Row, ...] = ()) -> list[Row]:
        return splunk(events, known).dispatch("TSID report: moves to smartreceiver")

    @pytest.mark.parametrize(
        ("old", "new", "state"),
        [
            (["success"], ["success"], "works at the new host"),
            (["success"], ["blocked"], "blocked at the new host only"),
            (["blocked", "success"], ["blocked"], "blocked at the new host only"),
            (["success", "blocked"], ["blocked"], "blocked at both hosts"),
            (["blocked"], ["blocked"], "blocked at both hosts"),
            (["allowed"], ["blocked"], "blocked at the new host, no success known at the old one"),
            (["success"], ["allowed"], "let through at the new host, no success known"),
            (["success"], ["success", "blocked"], "blocked at the new host only"),
            (["success"], ["blocked", "success"], "works at the new host"),
        ],
    )
    def test_the_state_follows_from_what_happened_at_either_host(
        self, old: list[str], new: list[str], state: str
    ) -> None:
        events = [self.contact(self.OLD, 20 - number, outcome) for number, outcome in enumerate(old)]
        events += [self.contact(self.NEW, 5 - number, outcome) for number, outcome in enumerate(new)]
        (row,) = self.told(*events)
        assert row["state"] == state
        if "blocked" in new:
            assert (row["rule"], row["policy"], row["firewall"]) == ("Block URLs", "Edge", "fw-1")
            assert row["fix"]

    @pytest.mark.parametrize(
        "hosts", [["old"], ["new"], ["new", "old"]], ids=["stayed", "always new", "went back"]
    )
    def test_who_has_not_moved_is_not_in_it(self, hosts: list[str]) -> None:
        places = {"old": self.OLD, "new": self.NEW}
        events = [self.contact(places[host], 9 - number, "success") for number, host in enumerate(hosts)]
        assert self.told(*events) == []

    def test_it_names_the_owner_takes_several_addresses_as_one_and_puts_the_blocked_first(self) -> None:
        events = [
            self.contact(self.OLD, 9, "success"),
            self.contact(self.NEW, 1, "blocked", "10.0.0.2"),
            self.contact(self.OLD, 9, "success", "10.0.0.0"),
            self.contact(self.NEW, 1, "success", "10.0.0.0"),
        ]
        known: tuple[Row, ...] = ({"alias": "10.0.0.1", **CORE}, {"alias": "10.0.0.2", "device": "10.0.0.1"})
        rows = self.told(*events, known=known)
        assert [row["device"] for row in rows] == ["10.0.0.1", "10.0.0.0"]
        assert {**whose(rows[0]), "device_priority": "high"} == OWNED
        assert rows[0]["moved"] == "2027-01-14 08:00"
