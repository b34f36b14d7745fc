"""The schedules of the shipped searches leave no gap, and their alerts name every device, each day anew.

Everything holds for each stanza of savedsearches.conf; what a stanza is follows from its settings.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.generator import START
from lab.generator.fleet import Fleet, make_fleet
from lab.generator.licences import state_of, watched
from lab.host.app import copy_app
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.functions import relative_time
from lab.spl.scheduler import MAX_ALERTS_PER_RUN, Alert, Run, runs
from lab.spl.values import Row
from tsid.text import conf

pytestmark = pytest.mark.spl

ROOT = Path(__file__).resolve().parents[2]
DAY, HOUR, MINUTE = 86_400, 3_600, 60

SAVED = conf.read(ROOT / "default" / "savedsearches.conf")
SCHEDULED = {name: found for name, found in SAVED.items() if "cron_schedule" in found}
ALERTS = {name: found for name, found in SCHEDULED.items() if "counttype" in found}
#: They search events; all others begin with a command that reads a state: the ledger, a lookup, a server.
OF_EVENTS = {name: found for name, found in SCHEDULED.items() if not found["search"].startswith("|")}
OF_A_STATE = {name: found for name, found in SCHEDULED.items() if name not in OF_EVENTS}
#: An outage that must lose nothing, be it the scheduler's or the way of the events.
OUTAGE = 4 * HOUR
NOON = START + 12 * HOUR


def test_the_shipped_searches_have_every_kind() -> None:
    assert len(ALERTS) > 5
    assert ALERTS.keys() & OF_EVENTS.keys() and ALERTS.keys() & OF_A_STATE.keys()


def results(settings: conf.Stanza, *subjects: str) -> list[Row]:
    """Results with these values in the fields by which an alert is throttled."""
    names = settings["alert.suppress.fields"].split(",")
    return [dict.fromkeys(names, subject) for subject in subjects]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_on_one_subject_does_not_silence_the_others(name: str) -> None:
    settings = ALERTS[name]
    alert = Alert(settings)
    assert alert.trigger(results(settings, "one"), NOON) == [results(settings, "one")]
    assert alert.trigger(results(settings, "one", "other"), NOON + HOUR) == [results(settings, "other")]


@pytest.mark.parametrize("name", ALERTS)
def test_what_stays_wrong_is_reported_once_a_day_even_if_the_scheduler_is_late(name: str) -> None:
    settings = ALERTS[name]
    # schedule_window: a run may start after its time.
    dice = random.Random(1)
    alert, at = Alert(settings), []
    for run in runs(settings, START, START + 30 * DAY):
        started = run.started + dice.randrange(40 * MINUTE)
        at += [started for _ in alert.trigger(results(settings, "one"), started)]
    gaps = [later - earlier for earlier, later in zip(at, at[1:])]
    assert min(gaps) > 23 * HOUR
    assert max(gaps) < 26 * HOUR


def seen_by(settings: conf.Stanza, time: float, arrived: float, planned: list[Run]) -> Iterator[Run]:
    """Yield the runs that find an event of a time that has come into the index at another one."""
    for run in planned:
        earliest = relative_time(run.due, settings["dispatch.earliest_time"])
        latest = settings["dispatch.latest_time"]
        end = run.due if latest == "now" else relative_time(run.due, latest)
        if arrived <= run.started and earliest <= time < end:
            yield run


@pytest.mark.parametrize("scheduler_is_down", [False, True])
@pytest.mark.parametrize("name", OF_EVENTS)
def test_no_event_is_missed_in_an_outage_of_four_hours(name: str, scheduler_is_down: bool) -> None:
    settings = OF_EVENTS[name]
    outage = (NOON, NOON + OUTAGE)
    planned = list(runs(settings, START, START + 2 * DAY, [outage] if scheduler_is_down else []))
    for time in range(NOON - 2 * HOUR, NOON + OUTAGE + 2 * HOUR, 5 * MINUTE):
        # What is logged in the outage comes at its end.
        late = outage[1] if outage[0] <= time < outage[1] else time
        for arrived in {time, late, time + OUTAGE}:
            first = next(seen_by(settings, time, arrived, planned), None)
            assert first is not None, (time - NOON, arrived - NOON)
            # Soon: with the next run after it is there.
            assert first.started - max(arrived, time) <= OUTAGE + 2 * HOUR


@pytest.mark.parametrize("name", OF_A_STATE)
def test_a_search_over_a_state_is_not_repeated_for_times_that_have_passed(name: str) -> None:
    planned = runs(OF_A_STATE[name], START, START + 2 * DAY, [(NOON, NOON + 20 * HOUR)])
    assert all(run.due == run.started for run in planned)


#: What a day's alerts must name, by the truth about the fleet.
TRUTH: dict[str, Callable[[Fleet, int], set[str]]] = {
    "TSID: licensing traffic blocked": lambda fleet, day: {
        a for a, device in watched(fleet, day).items() if day - 1 in device.blocked_since(day)
    },
    "TSID: licence expiring": lambda fleet, day: of_state(fleet, day, "expiring"),
    "TSID: licence expired": lambda fleet, day: of_state(fleet, day, "expired", "deregistered"),
}


def of_state(fleet: Fleet, day: int, *states: str) -> set[str]:
    return {a for a, device in watched(fleet, day).items() if state_of(device, day) in states}


@pytest.fixture(scope="module")
def fortnight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fleet, list[tuple[int, Splunk]]]:
    """Return a fleet, and the ledger at the midnight before each of the last days of its history."""
    app = copy_app(ROOT, tmp_path_factory.mktemp("fortnight"))
    fleet = make_fleet(130, app / "lookups", size=40, seed=5)
    splunk = Splunk(app, fleet.events, fleet.start, host=InProcessHost)
    days, since = [], 0
    for day in range(90, 104):
        splunk.now = fleet.start + day * DAY
        splunk.run("`tsid_contacts` | `tsid_ledger_merge`", fleet.start + (since - 1) * DAY)
        for address, row in splunk.collections["tsid_devices"].items():
            device = fleet.devices[address]
            row.update({"model": device.model} if device.model else {})
            row.update({"excluded": "1"} if device.fate == "excluded" else {})
        days.append((day, splunk.copy()))
        since = day
    return fleet, days


@pytest.mark.parametrize("name", TRUTH)
def test_each_day_the_alerts_name_every_device_in_that_state(
    name: str, fortnight: tuple[Fleet, list[tuple[int, Splunk]]]
) -> None:
    fleet, days = fortnight
    alert, found = Alert(SAVED[name]), []
    for day, splunk in days:
        alerted: list[str] = []
        midnight = fleet.start + day * DAY
        # Before the next day's ledger is known.
        for run in runs(SAVED[name], midnight, midnight + 6 * HOUR):
            splunk.now = run.due
            triggered = alert.trigger(splunk.dispatch(name), run.started)
            alerted += [str(row["device"]) for rows in triggered for row in rows]
        assert sorted(alerted) == sorted(TRUTH[name](fleet, day)), day
        found.append(frozenset(alerted))
    # Devices come and go, and several are in the state at once.
    assert len(set(found)) > 1 and max(map(len, found)) > 1


def ledger_of(splunk: Splunk, count: int) -> None:
    """Fill the ledger with devices that were blocked in the last hour; the later ones succeeded later."""
    for number in range(count):
        device = f"10.8.{number // 250}.{number % 250}"
        # Scattered, so that neither the order of the addresses nor that of the collection is the right one.
        rank = number * 7_919 % count
        splunk.collections.setdefault("tsid_devices", {})[device] = {
            "_key": device,
            "device": device,
            "first_seen": str(splunk.now - 200 * DAY),
            "last_allowed": str(splunk.now - 85 * DAY + rank * DAY * 80 / count),
            "last_blocked": str(splunk.now - HOUR),
            "blocked_since_allowed": "1",
            "last_rule": "r",
        }


@pytest.mark.parametrize("name", ["TSID: licensing traffic blocked", "TSID: licence expiring"])
def test_beyond_the_limit_are_the_least_urgent_devices_and_each_alert_says_so(name: str) -> None:
    splunk = Splunk(ROOT, [], START, host=InProcessHost)
    ledger_of(splunk, 4 * MAX_ALERTS_PER_RUN)
    found = splunk.dispatch(name)
    alerted = [row for rows in Alert(SAVED[name]).trigger(found, START) for row in rows]
    cut = found[MAX_ALERTS_PER_RUN:]
    assert (len(alerted), len(cut) > 0) == (MAX_ALERTS_PER_RUN, True)
    scores = [[float(str(row["license_score"])) for row in part] for part in (alerted, cut)]
    assert min(scores[0]) >= max(scores[1])
    deadlines = [[float(str(row["license_deadline"])) for row in part] for part in (alerted, cut)]
    assert max(deadlines[0]) <= min(deadlines[1])
    said = f"Splunk reports {MAX_ALERTS_PER_RUN} of {len(found)}"
    assert all(said in str(row["license_next_step"]) for row in alerted)


def test_within_the_limit_an_alert_says_nothing_of_it() -> None:
    splunk = Splunk(ROOT, [], START, host=InProcessHost)
    ledger_of(splunk, MAX_ALERTS_PER_RUN)
    found = splunk.dispatch("TSID: licensing traffic blocked")
    assert len(found) == MAX_ALERTS_PER_RUN
    assert not any("Splunk reports" in str(row["license_next_step"]) for row in found)


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("TSID: impostor of a licensing server", "203.0.113.{}"),
        ("TSID: unlisted licensing endpoint", "173.36.200.{}"),
    ],
)
def test_beyond_the_limit_are_devices_that_were_not_let_through(name: str, server: str) -> None:
    # Both kinds of action for each server, in an order that is not that of the addresses.
    events: list[Row] = [
        {
            "_time": str(START - 2 * HOUR + number),
            "_raw": f"https://tools.cisco.com/ {number}",
            "index": "i",
            "sourcetype": "cisco:sfw:estreamer",
            "host": "fmc",
            "ResponderIP": server.format(number % 7 + 1),
            "InitiatorIP": f"10.8.{number // 250}.{number % 250}",
            "url": "https://tools.cisco.com/",
            "AC_RuleAction": "Block" if number % 3 else "Allow",
        }
        for number in range(MAX_ALERTS_PER_RUN + 250)
    ]
    found = Splunk(ROOT, events, START, host=InProcessHost).dispatch(name)
    assert len(found) == len(events)
    alerted = [row for rows in Alert(SAVED[name]).trigger(found, START) for row in rows]
    allowed = {event["InitiatorIP"] for event in events if event["AC_RuleAction"] == "Allow"}
    assert len(alerted) == MAX_ALERTS_PER_RUN
    assert allowed <= {row["device"] for row in alerted}
    assert all(
        f"Splunk reports {MAX_ALERTS_PER_RUN} of {len(found)}" in str(row["advice"]) for row in alerted
    )
