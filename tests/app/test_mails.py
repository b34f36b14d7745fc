"""The mails of the alerts and of the weekly report: their texts, and the recovery of a device.

Splunk replaces `$result.<field>$` by the field of the first result, by nothing where it has none (Alerting Manual,
"Use tokens in email notifications"); each alert triggers for each result by itself. The settings are those of
savedsearches.conf.spec and alert_actions.conf.spec, `[email]`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import pytest

from lab.generator import START
from lab.host.app import copy_app
from lab.spl.engine import Splunk
from lab.spl.scheduler import runs
from lab.spl.values import Row, texts
from tests.app.test_owners import BLOCKED, CORE, DAY, HOUR, NOW, ROOT, SAVED, TestAliases, splunk

pytestmark = pytest.mark.spl

ALERTS = {name: found for name, found in SAVED.items() if "counttype" in found}
TOKEN = re.compile(r"\$([^$]+)\$")


def mail(name: str, result: Row) -> tuple[str, str]:
    """Return subject and text of an alert's mail about a result."""

    def value(found: re.Match[str]) -> str:
        kind, _, field = found[1].partition(".")
        assert kind == "result", found[0]
        return "\n".join(texts(result.get(field)))

    settings = SAVED[name]
    subject, text = settings["action.email.subject"], settings["action.email.message.alert"]
    return TOKEN.sub(value, subject), "\n".join(line.rstrip() for line in TOKEN.sub(value, text).splitlines())


OVERDUE: Row = {**BLOCKED, "device": "10.0.0.1"}
KNOWN: list[Row] = [{"alias": "10.0.0.1", **CORE}]

OF_A_DEVICE = (
    "Licence of core-1 (10.0.0.1) expires on 2027-02-04",
    """\
Device: core-1 (10.0.0.1)
Owner: Network team; site: Vienna; priority: high
Licence: expiring; deadline: 2027-02-04

Why: {license_reason}
What to do: {license_next_step}

Rule: Block URLs
Policy: Edge
Firewall: fw-1
What to permit: Allow it.

Device view: /app/tsidenrich/device?form.device=10.0.0.1""",
)
OF_AN_UNKNOWN_DEVICE = (
    "10.0.0.2 complains about licensing",
    """\
Device: 10.0.0.2
Owner: not known; site: not known; priority: not known
Licence: unknown; deadline: not known

Why: {license_reason}
What to do: {license_next_step}

Rule: not known
Policy: not known
Firewall: not known
What to permit: No block since the last success is known. What licensing needs is listed by tsidlookup table=allow.

Device view: /app/tsidenrich/device?form.device=10.0.0.2""",
)
OF_A_SERVER = (
    "core-1 (10.0.0.1) talked to an impostor of a licensing server",
    """\
Device: core-1 (10.0.0.1)
Owner: Network team; site: Vienna; priority: high
Server: 203.0.113.7, reported as tools.cisco.com; connections let through: 1 of 1

What to permit: nothing by name; the address is none of Cisco's.
What to do: {advice}

Rule: Permit all
Policy: not known
Firewall: fw-1

Device view: /app/tsidenrich/device?form.device=10.0.0.1""",
)
IMPOSTOR: Row = {
    "sourcetype": "cisco:sfw:estreamer",
    "_raw": "203.0.113.7 tools.cisco.com",
    "InitiatorIP": "10.0.0.1",
    "ResponderIP": "203.0.113.7",
    "URL": "https://tools.cisco.com",
    "AC_RuleAction": "Allow",
    "AccessControlRuleName": "Permit all",
    "host": "fw-1",
}
COMPLAINS: Row = {
    "device": "10.0.0.2",
    "first_seen": str(NOW - DAY),
    "device_said": "failed",
    "device_said_at": str(NOW - 60),
    "device_reason": "x",
}


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        ("TSID: licence expiring", splunk(known=KNOWN, devices=[OVERDUE]), OF_A_DEVICE),
        ("TSID: device complains about licensing", splunk(devices=[COMPLAINS]), OF_AN_UNKNOWN_DEVICE),
        ("TSID: impostor of a licensing server", splunk([IMPOSTOR], KNOWN), OF_A_SERVER),
    ],
)
def test_a_mail_says_whose_device_it_is_and_what_to_do(
    name: str, found: Splunk, expected: tuple[str, str]
) -> None:
    (result,) = found.dispatch(name)
    subject, text = expected
    filled = text.format(**{key: "\n".join(texts(value)) for key, value in result.items()})
    assert mail(name, result) == (subject, filled)
    assert "\n\n\n" not in filled and ": \n" not in filled


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_a_mail_with_device_owner_firewall_and_link(name: str) -> None:
    settings = ALERTS[name]
    text = settings["action.email.message.alert"]
    named = set(TOKEN.findall(text))
    assert {
        "result.device_shown",
        "result.device_owner",
        "result.rule",
        "result.policy",
        "result.view",
    } <= named
    assert named & {"result.firewall", "result.dvc"}
    assert settings["action.email.useNSSubject"] == "1"
    # An admin adds the action and its recipients.
    assert settings["disabled"] == "1" and not {"action.email", "action.email.to"} & settings.keys()


def test_links_begin_with_the_address_of_the_splunk_where_it_is_told(tmp_path: Path) -> None:
    app = copy_app(ROOT, tmp_path)
    macros = app / "default" / "macros.conf"
    text = macros.read_text(encoding="utf-8")
    shipped = '[tsid_web]\ndefinition = ""\n'
    assert shipped in text
    macros.write_text(
        text.replace(shipped, '[tsid_web]\ndefinition = "https://splunk.example:8000"\n'), encoding="utf-8"
    )
    (row,) = splunk(devices=[OVERDUE], app=app).dispatch("TSID: licensing traffic blocked")
    assert row["view"] == "https://splunk.example:8000/app/tsidenrich/device?form.device=10.0.0.1"


WEEKLY = "TSID report: weekly, by owner and rule"


def test_the_weekly_report_has_a_row_for_each_owner_and_rule() -> None:
    devices: list[Row] = [
        {**OVERDUE, "device": "10.0.0.1"},
        {**OVERDUE, "device": "10.0.0.2"},
        {**OVERDUE, "device": "10.0.0.3", "last_rule": "Other"},
        {"device": "10.0.0.4", "first_seen": str(NOW - DAY)},
        {"device": "10.0.0.5", "last_allowed": str(NOW - HOUR)},
    ]
    known: list[Row] = [
        {**CORE, "alias": f"10.0.0.{number}", "name": f"core-{number}"} for number in (1, 2, 3)
    ]
    rows = splunk(known=known, devices=devices).dispatch(WEEKLY)
    assert [
        (row["device_owner"], row["last_rule"], row["devices"], row["first_deadline"], row["fix"])
        for row in rows
    ] == [
        ("Network team", "Block URLs", "2", "2027-02-04", "Allow it."),
        ("Network team", "Other", "1", "2027-02-04", "Allow it."),
        ("not known", "not known", "1", "not known", "not known"),
    ]
    assert rows[0]["names"] == "core-1 (10.0.0.1), core-2 (10.0.0.2)"
    assert [(row["states"], row["last_blocked"]) for row in rows[1:]] == [
        ("expiring", "2027-01-15 07:00"),
        ("unknown", "never"),
    ]


def test_the_weekly_report_is_a_mail_with_csv_and_pdf_each_monday() -> None:
    settings = SAVED[WEEKLY]
    assert [settings[f"action.email{key}"] for key in ("", ".sendcsv", ".sendpdf")] == ["1", "1", "1"]
    assert settings["disabled"] == "1" and "action.email.to" not in settings
    assert len(list(runs(settings, START, START + 28 * DAY))) == 4


class TestRecovery:
    """The alert of devices that are well again; *TSID ledger: troubles* remembers the others."""

    @staticmethod
    def told(found: Splunk, hours: float, **row: str) -> list[Row]:
        """What the alert finds so many hours later, when the ledger's row has changed."""
        later = found.copy(now=NOW + hours * HOUR)
        later.collections["tsid_devices"]["10.0.0.1"].update(row)
        later.dispatch("TSID ledger: troubles")
        return later.dispatch("TSID: licensing recovered")

    @pytest.fixture
    def troubled(self) -> Splunk:
        found = splunk(known=KNOWN, devices=[{**OVERDUE, "last_allowed": str(NOW - 2 * DAY)}])
        found.dispatch("TSID ledger: troubles")
        return found

    WELL: ClassVar[dict[str, str]] = {"last_allowed": str(NOW + 60), "blocked_since_allowed": "0"}

    def test_a_device_that_has_succeeded_since_is_reported_for_a_day(self, troubled: Splunk) -> None:
        (row,) = self.told(troubled, 1, **self.WELL)
        assert (row["device"], row["state_before"], row["license_state"]) == (
            "10.0.0.1",
            "blocked",
            "healthy",
        )
        assert len(self.told(troubled, 23, **self.WELL)) == 1
        assert self.told(troubled, 25, **self.WELL) == []
        subject, text = mail("TSID: licensing recovered", row)
        assert subject == "Licensing of core-1 (10.0.0.1) has recovered"
        assert "Licence: healthy by traffic; it was blocked until 2027-01-15 08:00 or later" in text

    def test_what_is_still_in_trouble_or_never_was_is_not_reported(self, troubled: Splunk) -> None:
        assert self.told(troubled, 1) == []
        # Blocked no more, but without a success: overdue.
        assert self.told(troubled, 1, blocked_since_allowed="0", last_allowed=str(NOW - 40 * DAY)) == []
        well = splunk(devices=[{**OVERDUE, **self.WELL}])
        assert self.told(well, 1) == []

    def test_a_device_of_which_nothing_is_known_any_more_has_not_recovered(self, troubled: Splunk) -> None:
        later = troubled.copy(now=NOW + HOUR)
        later.collections["tsid_devices"] = {"10.0.0.1": {"_key": "10.0.0.1", "device": "10.0.0.1"}}
        assert later.dispatch("TSID: licensing recovered") == []

    @pytest.mark.parametrize(
        ("row", "state"),
        [
            ({"last_allowed": str(NOW - 70 * DAY), "blocked_since_allowed": "0"}, "expiring"),
            ({"last_allowed": str(NOW - 40 * DAY), "blocked_since_allowed": "0"}, "overdue"),
            ({"last_allowed": str(NOW - 100 * DAY)}, "expired"),
            (
                {
                    "last_allowed": str(NOW - HOUR),
                    "last_blocked": str(NOW - 80 * DAY),
                    "blocked_since_allowed": "0",
                    "device_said": "failed",
                    "device_said_at": str(NOW - 60),
                },
                "rejected",
            ),
        ],
    )
    def test_every_kind_of_trouble_is_remembered(self, row: Row, state: str) -> None:
        found = splunk(devices=[{**OVERDUE, **row}])
        found.dispatch("TSID ledger: troubles")
        (remembered,) = found.collections["tsid_troubles"].values()
        assert (remembered["device"], remembered["state"]) == ("10.0.0.1", state)
        cured = {"device_said": "success", "device_success": str(NOW + 60), "device_said_at": str(NOW + 60)}
        (told,) = self.told(found, 1, **self.WELL, **cured)
        assert told["state_before"] == state

    def test_devices_known_by_several_addresses_recover_as_one(self, troubled: Splunk) -> None:
        troubled.collections["tsid_inventory"].update(
            {str(row["alias"]): {**row, "_key": row["alias"]} for row in TestAliases.KNOWN}
        )
        assert [row["device"] for row in self.told(troubled, 1, **self.WELL)] == ["10.0.0.1"]
