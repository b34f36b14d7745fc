"""The licence clock: states, deadlines, scores, and the search command that returns them."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import SearchFailed
from lab.host.host import CommandHost
from tsid.decision.risk import DAY, LICENSE_FIELDS, Assessment, Assessor, FieldNames
from tsid.facts.clocks import CLASSIC, load_clocks
from tsid.facts.errors import LookupTableError
from tsid.facts.messages import load_failures

ROOT = Path(__file__).resolve().parents[2]
CLOCKS = load_clocks(ROOT / "lookups")
FAILURES = load_failures(ROOT / "lookups")
NOW = 1_800_000_000
MODELS = sorted(CLOCKS)
TIMED = [model for model in MODELS if CLOCKS[model].expire is not None]


def assess(now: float = NOW, **row: Any) -> Assessment:
    return Assessor(CLOCKS, FAILURES, FieldNames(), CLASSIC, now).assess(row)


def ago(days: float) -> str:
    return str(NOW - days * DAY)


# What is known of these models: see the sources in lookups/license_clocks.csv.
@pytest.mark.parametrize(
    ("model", "days", "blocked", "state", "days_left"),
    [
        ("classic", 0, None, "healthy", 90),
        ("classic", 30, None, "healthy", 60),
        ("classic", 0.5, 0.1, "blocked", 89),
        ("classic", 0.5, 0.9, "healthy", 89),
        ("classic", 32, None, "healthy", 58),
        ("classic", 32.01, None, "overdue", 57),
        ("classic", 45, 1, "overdue", 45),
        ("classic", 59.99, None, "overdue", 30),
        ("classic", 60, None, "expiring", 30),
        ("classic", 90, None, "expiring", 0),
        ("classic", 90.01, None, "expired", -1),
        ("classic", 365, None, "expired", -275),
        ("classic", 365.01, None, "deregistered", -276),
        ("", 60, None, "expiring", 30),
        ("CLASSIC", 60, None, "expiring", 30),
        ("fmc", 60, None, "expiring", 30),
        ("fmc", 90.01, None, "deregistered", -1),
        ("slp_subscription", 32, 1, "blocked", 58),
        ("slp_subscription", 59, 1, "overdue", 31),
        ("slp_subscription", 60, None, "expiring", 30),
        ("slp_subscription", 400, None, "expired", -310),
        ("slp_perpetual", 32, None, "healthy", 333),
        ("slp_perpetual", 300, None, "overdue", 65),
        ("slp_perpetual", 330, None, "overdue", 35),
        ("slp_perpetual", 335, None, "expiring", 30),
        ("on_prem", 33, None, "overdue", 57),
        ("uc", 33, None, "overdue", 57),
        ("uc", 366, None, "deregistered", -276),
        ("evaluation", 59, None, "healthy", 31),
        ("evaluation", 91, None, "expired", -1),
        ("fmc", 32, None, "healthy", 58),
        ("fmc", 32.01, None, "overdue", 57),
        ("fmc", 59.99, None, "overdue", 30),
        ("fmc", 90, None, "expiring", 0),
        ("slp_subscription", 59.99, None, "overdue", 30),
        ("slp_subscription", 90, None, "expiring", 0),
        ("slp_subscription", 90.01, None, "expired", -1),
        ("slp_perpetual", 334.99, None, "overdue", 30),
        ("slp_perpetual", 365, None, "expiring", 0),
        ("slp_perpetual", 365.01, None, "expired", -1),
        ("on_prem", 32, None, "healthy", 58),
        ("on_prem", 32.01, None, "overdue", 57),
        ("on_prem", 59.99, None, "overdue", 30),
        ("on_prem", 60, None, "expiring", 30),
        ("on_prem", 90, None, "expiring", 0),
        ("on_prem", 90.01, None, "expired", -1),
    ],
)
def test_the_state_follows_from_the_times_of_success_and_block(
    model: str, days: float, blocked: Optional[float], state: str, days_left: int
) -> None:
    found = assess(model=model, last_allowed=ago(days), last_blocked="" if blocked is None else ago(blocked))
    expire = CLOCKS[model.lower() or CLASSIC].expire
    assert expire is not None
    assert (found.state, found.days_left) == (state, days_left)
    assert found.deadline == math.floor(NOW - days * DAY + expire * DAY)


# The same sources; no state shows a renewal that is as long as the licence.
@pytest.mark.parametrize(
    ("model", "renew"),
    [("classic", 30), ("fmc", 30), ("slp_subscription", 30), ("slp_perpetual", 30), ("on_prem", 30)],
)
def test_the_reason_tells_how_often_the_model_renews(model: str, renew: int) -> None:
    assert f"Model {model}: renewal every {renew} days, " in assess(model=model, last_allowed=ago(1)).reason


def test_offline_devices_are_left_alone() -> None:
    found = assess(model="offline", last_allowed=ago(4000), last_blocked=ago(1), blocked_since_allowed="7")
    assert (found.state, found.score, found.deadline, found.next_step) == ("offline", 0, None, "")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "No success was ever seen for this device"),
        (
            {"first_seen": ago(3), "last_blocked": ago(1)},
            "first seen on 2027-01-12 UTC, so its deadline is not known",
        ),
        ({"last_allowed": "yesterday"}, "last_allowed 'yesterday' is not a valid time in epoch seconds"),
        ({"last_allowed": "nan"}, "'nan' is not a valid time"),
        ({"last_allowed": "-5"}, "'-5' is not a valid time"),
        ({"last_allowed": "0"}, "'0' is not a valid time"),
        ({"last_allowed": "250246627199"}, "last_allowed 9899-12-31 UTC is in the future"),
        ({"last_allowed": "250246627200"}, "'250246627200' is not a valid time"),
        ({"last_allowed": str(NOW + DAY + 1)}, "last_allowed 2027-01-16 UTC is in the future"),
        ({"last_allowed": ago(1), "first_seen": "x"}, "first_seen 'x' is not a valid time"),
        ({"last_allowed": "1e300"}, "'1e300' is not a valid time"),
        ({"last_allowed": str(NOW + 2 * DAY)}, "last_allowed 2027-01-17 UTC is in the future"),
        ({"last_allowed": ago(1), "last_blocked": "x"}, "last_blocked 'x' is not a valid time"),
        (
            {"last_allowed": ago(1), "blocked_since_allowed": "many"},
            "blocked_since_allowed 'many' is not a valid count",
        ),
        ({"last_allowed": ago(1), "blocked_since_allowed": "inf"}, "'inf' is not a valid count"),
        ({"last_allowed": ago(1), "blocked_since_allowed": "nan"}, "'nan' is not a valid count"),
        ({"last_allowed": ago(1), "blocked_since_allowed": "-1"}, "'-1' is not a valid count"),
        ({"last_allowed": ago(1), "model": "abacus"}, "Model 'abacus' is in no row of license_clocks.csv"),
    ],
)
def test_a_row_that_makes_no_sense_is_unknown_with_a_reason(row: dict[str, Any], words: str) -> None:
    found = assess(**row)
    assert found.state == "unknown"
    assert words in found.reason
    assert found.next_step
    assert (found.deadline, found.days_left) == (None, None)


ASK = "on the device run license smart renew auth and show license status"
SILENT = (
    f"Find out why the device is silent: {ASK}; check its DNS and its route to the internet. If it is gone or "
    "licensed offline, exclude it or set its model to offline."
)
UNBLOCK = (
    "Change the rule that blocks it: permit the licensing host by name and destination network together, because a "
    "name alone can be forged; where TSID reports an alias, allow it in URL filtering and Security Intelligence, or "
    f"permit by URL category or broader domain (Cisco KB 226091). Then {ASK}."
)
NOTHING = "; nothing seen since, which may also be handshakes that never complete"
MODEL = "Model classic: renewal every 30 days, expiry"
EFFECT = CLOCKS[CLASSIC].effect


@pytest.mark.parametrize(
    ("row", "state", "score", "reason", "step"),
    [
        (
            {"last_allowed": ago(10)},
            "healthy",
            0,
            f"Last success on 2027-01-05 UTC, 10 days ago. {MODEL} is on 2027-04-05 UTC.",
            "",
        ),
        (
            {"last_allowed": ago(10), "last_blocked": ago(1)},
            "blocked",
            32,
            f"Last success on 2027-01-05 UTC, 10 days ago; blocked since, last on 2027-01-14 UTC. {MODEL} is on 2027-04-05 UTC.",
            UNBLOCK,
        ),
        (
            {"last_allowed": ago(0), "blocked_since_allowed": "0.5"},
            "blocked",
            30,
            f"Last success on 2027-01-15 UTC, 0 days ago; blocked since. {MODEL} is on 2027-04-15 UTC.",
            UNBLOCK,
        ),
        (
            {"last_allowed": ago(45)},
            "overdue",
            60,
            f"Last success on 2026-12-01 UTC, 45 days ago{NOTHING}. {MODEL} is on 2027-03-01 UTC.",
            SILENT,
        ),
        (
            {"last_allowed": ago(45), "last_blocked": ago(2)},
            "overdue",
            65,
            f"Last success on 2026-12-01 UTC, 45 days ago; blocked since, last on 2027-01-13 UTC. {MODEL} is on 2027-03-01 UTC.",
            UNBLOCK,
        ),
        (
            {"last_allowed": ago(75)},
            "expiring",
            82,
            f"Last success on 2026-11-01 UTC, 75 days ago{NOTHING}. {MODEL} is on 2027-01-30 UTC; {EFFECT}.",
            SILENT,
        ),
        (
            {"last_allowed": ago(90), "blocked_since_allowed": "1"},
            "expiring",
            95,
            f"Last success on 2026-10-17 UTC, 90 days ago; blocked since. {MODEL} is on 2027-01-15 UTC; {EFFECT}.",
            UNBLOCK,
        ),
        (
            {"last_allowed": ago(91)},
            "expired",
            95,
            f"Last success on 2026-10-16 UTC, 91 days ago{NOTHING}. {MODEL} was on 2027-01-14 UTC; {EFFECT}.",
            SILENT,
        ),
        (
            {"last_allowed": ago(366)},
            "deregistered",
            100,
            f"Last success on 2026-01-14 UTC, 366 days ago{NOTHING}. {MODEL} was on 2026-04-14 UTC; {EFFECT}.",
            SILENT,
        ),
        (
            {},
            "unknown",
            25,
            "No success was ever seen for this device, so its deadline is not known.",
            SILENT,
        ),
        (
            {"first_seen": ago(3), "last_blocked": [ago(2), ago(1)]},
            "unknown",
            60,
            "No success was ever seen for this device since it was first seen on 2027-01-12 UTC, so its deadline is not "
            "known; it is blocked, last on 2027-01-14 UTC.",
            UNBLOCK,
        ),
        (
            {"blocked_since_allowed": "2"},
            "unknown",
            60,
            "No success was ever seen for this device, so its deadline is not known; it is blocked.",
            UNBLOCK,
        ),
        (
            {"last_allowed": "x"},
            "unknown",
            25,
            "last_allowed 'x' is not a valid time in epoch seconds.",
            "Correct the row; check the licence state on the device.",
        ),
        (
            {"model": ["OFFLINE", "fmc"]},
            "offline",
            0,
            "Model offline: none: reservations (SLR, PLR) need no contact.",
            "",
        ),
    ],
)
def test_the_assessment_word_for_word(
    row: dict[str, Any], state: str, score: int, reason: str, step: str
) -> None:
    found = assess(**row)
    assert (found.state, found.score, found.reason, found.next_step) == (state, score, reason, step)


def test_an_assessment_fills_every_license_field() -> None:
    assert assess(last_allowed=ago(10)).fields() == {
        "license_state": "healthy",
        "license_deadline": str(NOW + 80 * DAY),
        "license_days_left": "80",
        "license_score": "0",
        "license_evidence": "traffic",
        "license_reason": f"Last success on 2027-01-05 UTC, 10 days ago. {MODEL} is on 2027-04-05 UTC.",
        "license_next_step": "",
    }
    unknown = assess().fields()
    assert (unknown["license_deadline"], unknown["license_days_left"]) == ("", "")


@pytest.mark.parametrize(
    ("days", "blocked", "score"),
    [
        (0, "1", 30),
        (17.55, "1", 33),
        (29.9, "1", 36),
        (57.6, "", 62),
        (57.6, "1", 67),
        (74, "", 82),
        (73, "", 81),
    ],
)
def test_the_score_grows_with_the_time_since_the_last_success(days: float, blocked: str, score: int) -> None:
    assert assess(last_allowed=ago(days), blocked_since_allowed=blocked).score == score


def test_days_are_utc_in_every_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    here = assess(last_allowed=ago(10)).reason
    for zone in ("XYZ-14", "XYZ+12"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        there = assess(last_allowed=ago(10)).reason
        monkeypatch.undo()
        time.tzset()
        assert there == here


@pytest.mark.parametrize(
    ("success", "blocked", "state"),
    [
        # Clocks differ, by a time zone at most.
        (NOW + DAY, None, "healthy"),
        (NOW - DAY, NOW - DAY, "healthy"),
        (NOW - DAY, NOW - DAY + 1, "blocked"),
        (NOW - DAY, NOW + DAY, "blocked"),
    ],
)
def test_a_block_counts_only_if_it_is_later_than_the_success(
    success: int, blocked: Optional[int], state: str
) -> None:
    found = assess(last_allowed=str(success), last_blocked="" if blocked is None else str(blocked))
    assert found.state == state
    assert f"{max(0, NOW - success) // DAY} days ago" in found.reason


def told(meaning: str, days: float, reason: str = "", **more: str) -> dict[str, Any]:
    return {"device_said": meaning, "device_said_at": ago(days), "device_reason": reason, **more}


DNS = "Unable to resolve server hostname/domain name"


@pytest.mark.parametrize(
    ("row", "state", "evidence", "days_left"),
    [
        # Traffic alone, the device's own word, and nothing.
        ({"last_allowed": ago(1)}, "healthy", "traffic", 89),
        ({"last_allowed": ago(1), **told("success", 1, device_success=ago(1))}, "healthy", "device", 89),
        ({"last_allowed": ago(50), **told("restored", 1, device_success=ago(1))}, "healthy", "device", 89),
        ({**told("success", 1, device_success=ago(1))}, "healthy", "device", 89),
        ({"first_seen": ago(9)}, "unknown", "none", None),
        ({"last_blocked": ago(1)}, "unknown", "none", None),
        (told("info", 1), "unknown", "none", None),
        # A failure outranks what a firewall let through, and a later success outranks the failure.
        ({"last_allowed": ago(1), **told("failed", 2, DNS)}, "rejected", "device", None),
        ({"last_allowed": ago(1), **told("failed", 2, device_success=ago(9))}, "rejected", "device", 81),
        # The same though it has reached the server since: the ledger says that the complaint is open.
        ({"last_allowed": ago(1), **told("failed", 2, device_success=ago(1))}, "rejected", "device", 89),
        ({"last_allowed": ago(1), **told("failed", 2, device_success=ago(50))}, "overdue", "device", 40),
        ({"last_allowed": ago(40), **told("failed", 2)}, "overdue", "device", 50),
        ({**told("failed", 2)}, "unknown", "device", None),
        (
            {"last_allowed": ago(9), "last_blocked": ago(1), **told("failed", 2, device_success=ago(9))},
            "blocked",
            "device",
            81,
        ),
        ({"last_blocked": ago(5), **told("success", 1, device_success=ago(1))}, "healthy", "device", 89),
        ({"last_blocked": ago(1), **told("success", 5, device_success=ago(5))}, "blocked", "device", 85),
        # Its word for a licence that is no longer valid.
        ({"last_allowed": ago(1), **told("expired", 3)}, "expired", "device", -3),
        ({"last_allowed": ago(1), **told("noncompliant", 3)}, "noncompliant", "device", None),
        ({"last_allowed": ago(1), **told("deregistered", 3)}, "deregistered", "device", -3),
        (
            {"last_allowed": ago(1), **told("deregistered", 3, device_success=ago(1))},
            "deregistered",
            "device",
            -3,
        ),
        ({**told("deregistered", 3)}, "deregistered", "device", -3),
        (
            {"last_allowed": ago(1), **told("noncompliant", 3, device_success=ago(1))},
            "noncompliant",
            "device",
            None,
        ),
        # The deadline that it names is the deadline, until it has renewed.
        (
            {
                "last_allowed": ago(5),
                **told("deadline", 2, device_deadline=ago(-9), device_deadline_said=ago(2)),
            },
            "expiring",
            "device",
            9,
        ),
        (
            {
                "last_allowed": ago(5),
                **told("deadline", 2, device_deadline=ago(-300), device_deadline_said=ago(2)),
            },
            "healthy",
            "traffic",
            300,
        ),
        (
            {
                "last_allowed": ago(1),
                **told("deadline", 2, device_deadline=ago(-9), device_deadline_said=ago(2)),
            },
            "expiring",
            "device",
            9,
        ),
        (
            {**told("deadline", 2, device_deadline=ago(-300), device_deadline_said=ago(2))},
            "unknown",
            "none",
            300,
        ),
        (
            {**told("deadline", 20, device_deadline=ago(1), device_deadline_said=ago(20))},
            "expired",
            "device",
            -1,
        ),
        # A deadline without a time.
        ({"last_allowed": ago(1), **told("deadline", 2)}, "expiring", "device", None),
        # The model that its messages show.
        ({"last_allowed": ago(100), "model_seen": "slp_perpetual"}, "overdue", "traffic", 265),
        (
            {"last_allowed": ago(100), "model_seen": "slp_perpetual", "model": "classic"},
            "expired",
            "traffic",
            -10,
        ),
    ],
)
def test_a_state_rests_on_the_devices_word_then_on_traffic(
    row: dict[str, Any], state: str, evidence: str, days_left: Optional[int]
) -> None:
    found = assess(**row)
    assert (found.state, found.evidence, found.days_left) == (state, evidence, days_left)
    assert found.next_step or state == "healthy"


@pytest.mark.parametrize(
    ("reason", "step"),
    [
        (DNS, "check the DNS servers of the device"),
        ("Received empty response from server", "which proxy or server answers"),
        ("Certificate validation failed", "look for TLS inspection on the way, and check the trust pool"),
        ("something else", "check DNS, proxy, clock and certificates"),
    ],
)
def test_the_devices_own_reason_chooses_the_next_step(reason: str, step: str) -> None:
    found = assess(last_allowed=ago(1), **told("failed", 1, reason))
    assert found.next_step.startswith(
        "The firewall lets the connection through, but the device rejects the server: "
    )
    assert step in found.next_step
    assert f"failed ({reason})" in found.reason


def test_a_device_that_says_that_it_is_no_longer_registered_is_to_be_registered_again() -> None:
    found = assess(last_allowed=ago(1), **told("deregistered", 3))
    assert found.score == 100
    assert found.reason == "The device said on 2027-01-12 UTC that it is no longer registered."
    register = "Register the device again; if it is gone or licensed offline, exclude it or set its model to offline."
    assert found.next_step == register
    found = assess(last_blocked=ago(1), last_rule="R", **told("deregistered", 3))
    assert found.next_step.startswith("Change rule R: ")
    assert found.next_step.endswith(f" {register}")


@given(
    said=st.sampled_from(("failed", "expired", "noncompliant", "deregistered")),
    success=st.none() | st.integers(1, 400),
    failed=st.integers(0, 400),
    own=st.none() | st.integers(0, 400),
    blocked=st.none() | st.integers(0, 400),
)
def test_no_device_is_healthy_after_it_said_that_it_failed(
    said: str, success: Optional[int], failed: int, own: Optional[int], blocked: Optional[int]
) -> None:
    times = {"last_allowed": success, "device_success": own, "last_blocked": blocked}
    row = told(said, failed)
    row.update({name: ago(days) for name, days in times.items() if days is not None})
    found = assess(**row)
    if own is None or own > failed:
        assert found.state != "healthy"


def test_a_model_without_an_effect_has_a_complete_reason(tmp_path: Path) -> None:
    (tmp_path / "license_clocks.csv").write_text(
        "model,renew_days,warn_days,expire_days\nOwn,1,2,3\n", encoding="ascii"
    )
    clocks = load_clocks(tmp_path)
    assert clocks == {"own": ("own", 1, 2, 2, 3, None, "", "")}
    found = Assessor(clocks, FAILURES, FieldNames(), "own", NOW).assess({"last_allowed": ago(4)})
    assert found.reason.endswith("Model own: renewal every 1 days, expiry was on 2027-01-14 UTC.")


def test_the_next_step_names_rule_policy_firewall_and_the_advice() -> None:
    found = assess(
        last_allowed=ago(40),
        blocked_since_allowed="3",
        last_blocked=ago(1),
        last_rule="Block URLs",
        last_policy="Branch",
        last_firewall="ftd-7",
        last_advice="Allow toos.cisco.com in URL filtering.",
    )
    assert found.next_step == (
        "Change rule Block URLs of policy Branch on ftd-7: allow toos.cisco.com in URL filtering. Then on the "
        "device run license smart renew auth and show license status."
    )


def test_a_dns_filter_is_no_rule_to_change() -> None:
    row: dict[str, Any] = {"last_allowed": ago(9), "last_blocked": ago(1), "last_rule": "DNS filter"}
    found = assess(**row, last_advice="Exempt tools.cisco.com from the DNS filter that the device uses.")
    assert found.next_step.startswith(
        "Exempt tools.cisco.com from the DNS filter that the device uses. Then on"
    )
    assert assess(**row).next_step.startswith("Exempt the licensing hosts from the DNS filter")


def test_advice_is_quoted_without_its_capital_and_full_stop() -> None:
    step = assess(
        last_allowed=ago(1), blocked_since_allowed="1", last_rule=" R ", last_advice=[" Ask FTDX. ", "no"]
    )
    assert step.next_step == f"Change rule R: ask FTDX. Then {ASK}."


def test_without_advice_both_treatments_and_the_safer_form_are_named() -> None:
    step = assess(last_allowed=ago(1), blocked_since_allowed="1").next_step
    for words in ("the rule that blocks it", "destination network", "URL category", "Security Intelligence"):
        assert words in step


def test_a_silent_device_is_reported_as_silent() -> None:
    found = assess(last_allowed=ago(50))
    assert "handshakes that never complete" in found.reason
    assert "Find out why the device is silent" in found.next_step


def test_the_smallest_valid_time_and_count() -> None:
    assert assess(last_allowed="1", blocked_since_allowed="0").state == "deregistered"
    assert assess(last_allowed=ago(1), blocked_since_allowed="0").state == "healthy"


def test_the_latest_of_several_times_counts() -> None:
    assert assess(last_allowed=[ago(80), ago(2), ""]).days_left == 88


DAYS = st.floats(0, 800)


@given(st.sampled_from(TIMED), DAYS, DAYS, st.booleans())
def test_the_risk_never_falls_as_time_goes_by(model: str, one: float, other: float, blocked: bool) -> None:
    row = {"model": model, "last_allowed": str(NOW), "blocked_since_allowed": str(int(blocked))}
    early, late = (assess(NOW + days * DAY, **row) for days in sorted((one, other)))
    assert early.score <= late.score
    assert early.deadline == late.deadline


@given(st.sampled_from(MODELS), DAYS)
def test_a_block_never_lowers_the_risk_nor_moves_the_deadline(model: str, days: float) -> None:
    free = assess(model=model, last_allowed=ago(days))
    blocked = assess(model=model, last_allowed=ago(days), blocked_since_allowed="1", last_blocked=ago(0))
    assert free.score <= blocked.score
    assert free.deadline == blocked.deadline


VALUES = st.one_of(
    st.text(max_size=20),
    st.lists(st.text(max_size=9), max_size=3),
    st.floats().map(str),
    st.integers().map(str),
)


@given(st.dictionaries(st.sampled_from(FieldNames()), VALUES))
def test_any_row_gets_an_assessment(row: dict[str, Any]) -> None:
    found = assess(**row)
    assert 0 <= found.score <= 100
    assert found.reason.endswith(".")
    assert list(found.fields()) == list(LICENSE_FIELDS)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("x,30,30,90,80", "the days are out of order"),
        ("x,100,30,90,", "the days are out of order"),
        ("x,30,30,,", "expire_days is missing"),
        ("x,,,90,", "renew_days or warn_days is missing"),
        ("x,30,30,ninety,", "expire_days 'ninety' is not a valid number of days"),
        ("x,30,30,0,", "expire_days '0' is not a valid number of days"),
        pytest.param(
            f"x,30,30,{'9' * 5_000},",
            "expire_days '999…' is not a valid number of days",
            id="a number of 5,000 digits",
        ),
        ("x,36501,30,36500,", "renew_days '36501' is not a valid number of days"),
        ("x,30,\u0663,90,", "warn_days '\u0663' is not a valid number of days"),
        ("x,30,30,90,9.5", "deregister_days '9.5' is not a valid number of days"),
        ("x,30,100,90,", "the days are out of order"),
        ("x,30,,90,", "renew_days or warn_days is missing"),
        ("x,,30,90,", "renew_days or warn_days is missing"),
        ("x,30,,,", "expire_days is missing"),
        ("x,,,,90", "expire_days is missing"),
    ],
)
def test_a_broken_clock_is_refused_with_its_line(tmp_path: Path, row: str, words: str) -> None:
    write_clocks(tmp_path, row)
    with pytest.raises(LookupTableError) as error:
        load_clocks(tmp_path)
    said, cure = str(error.value), CURES[words.rpartition("' ")[2]]
    begin, cut, _ = words.partition("…")
    # What is too long is cut, and with it what is wrong; what to do stays.
    expected = (begin, f"9…. {cure}") if cut else (f"{words}. {cure}",) * 2
    assert f"license_clocks.csv, line 2: {expected[0]}" in said
    assert said.endswith(expected[1])
    assert len(said) < 1_000


CURES = {
    "the days are out of order": (
        "renew_days and warn_days must not exceed expire_days, nor expire_days deregister_days."
    ),
    "expire_days is missing": "Give it, or leave all days empty for a model without deadlines.",
    "renew_days or warn_days is missing": "Give both if expire_days has a number.",
    "is not a valid number of days": "Write a whole number from 1 to 36500.",
}


@pytest.mark.parametrize(
    ("row", "clock"),
    [
        ("Edge,90,90,90,90", ("edge", 90, 2, 90, 90, 90, "", "")),
        ("x,1,1,36500,36500", ("x", 1, 2, 1, 36500, 36500, "", "")),
        ("x,1,2,3,", ("x", 1, 2, 2, 3, None, "", "")),
        ("x,,,,", ("x", 0, 0, 0, None, None, "", "")),
    ],
)
def test_a_local_clock_adds_a_model(tmp_path: Path, row: str, clock: tuple[Any, ...]) -> None:
    write_clocks(tmp_path, row)
    assert list(load_clocks(tmp_path).values()) == [clock]


def write_clocks(folder: Path, row: str) -> None:
    header = "model,renew_days,warn_days,expire_days,deregister_days"
    (folder / "license_clocks.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")


def test_a_model_without_days_may_have_an_effect() -> None:
    offline = load_clocks(ROOT / "lookups")["offline"]
    assert (offline.expire, offline.effect) == (None, "none: reservations (SLR, PLR) need no contact")


def test_a_local_clock_replaces_the_shipped_one(tmp_path: Path) -> None:
    write_clocks(tmp_path, "classic,1,2,3,4")
    (tmp_path / "license_clocks_local.csv").write_text(
        "model,renew_days,warn_days,expire_days,effect\nCLASSIC,5,6,7,ours\n", encoding="ascii"
    )
    assert load_clocks(tmp_path) == {"classic": ("classic", 5, 2, 6, 7, None, "ours", "")}


class TestCommand:
    """`| tsidrisk`, in a process of its own as splunkd starts it."""

    def test_each_row_gets_the_fields_and_keeps_its_own(self, packaged_app: Path) -> None:
        rows: list[dict[str, Any]] = [
            {"device": f"192.0.2.{number}", "last_allowed": ago(number), "model": model, "label": 'a "b", c'}
            for number, model in enumerate(["", *MODELS])
        ]
        host = CommandHost(packaged_app, "tsidrisk")
        found = host.run(rows, f"now={NOW}").raise_for_error().events
        assert found == [
            {name: value for name, value in {**row, **assess(**row).fields()}.items() if value}
            for row in rows
        ]

    def test_rows_that_the_sdk_could_not_read_are_assessed(self, packaged_app: Path) -> None:
        """A cell over 10 MiB, a carriage return: the same as for `tsidenrich`."""
        rows = [
            {"device": "192.0.2.2", "last_allowed": ago(70), "label": "x" * (11 << 20)},
            {"device": "192.0.2.3", "last_allowed": ago(400), "label": "x\ry"},
        ]
        found = CommandHost(packaged_app, "tsidrisk").run(rows, f"now={NOW}").raise_for_error().events
        assert [row["license_state"] for row in found] == ["expiring", "deregistered"]
        assert [row["label"] for row in found] == [row["label"] for row in rows]

    def test_a_row_with_nul_is_assessed(self, packaged_app: Path) -> None:
        """On bytes, because Python's csv module, with which the lab reads replies, refuses NUL before 3.11."""
        with CommandHost(packaged_app, "tsidrisk").start(f"now={NOW}") as search:
            row = f"192.0.2.1,{ago(1)},x\0y".encode()
            header, answer = search.exchange(
                b"device,last_allowed,label\n" + row + b"\n", finished=True
            ).splitlines()
            search.finish()
        assert answer.startswith(row)
        assert b",healthy," in answer
        assert header.startswith(b"device,last_allowed,label,")

    def test_options_name_other_fields(self, packaged_app: Path) -> None:
        host = CommandHost(packaged_app, "tsidrisk")
        arguments = f"success=ok blocked=bad rule=why model=fmc now={NOW}"
        (found,) = host.run([{"ok": ago(70), "bad": ago(1), "why": "R1"}], arguments).raise_for_error().events
        assert (found["license_state"], found["license_days_left"]) == ("expiring", "20")
        assert "rule R1" in found["license_next_step"]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ("model=abacus", "use one of classic, evaluation, fmc, offline"),
            ("now=soon", "give a time in epoch seconds"),
            ("limit=3", "unknown option limit"),
        ],
    )
    def test_a_wrong_option_is_refused_with_a_cure(
        self, packaged_app: Path, arguments: str, words: str
    ) -> None:
        host = CommandHost(packaged_app, "tsidrisk")
        with pytest.raises(SearchFailed, match=words):
            host.run([{"device": "192.0.2.1"}], arguments).raise_for_error()
