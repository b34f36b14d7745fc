"""The ledger of devices does not depend on the order, overlap or repetition of its merges."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.generator import START, LabelledEvent, generate
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.values import Row

ROOT = Path(__file__).resolve().parents[2]
DAY, HOUR = 86_400, 3_600
NOW = START + 30 * DAY

MERGE = "* | `tsid_ledger_merge`"
CONTACTS = "`tsid_contacts` | `tsid_ledger_merge`"

# Few values, so that devices, days, times and rules repeat.
EVENTS = st.lists(
    st.builds(
        lambda time, device, outcome, rule, policy, firewall: {
            "_time": str(START + time),
            "tsid_device": device,
            "tsid_outcome": outcome,
            **({"rule": rule} if rule else {}),
            **({"fw_policy": policy} if policy else {}),
            "host": firewall,
            "tsid_advice": f"change {rule}" if outcome == "blocked" else "",
        },
        st.sampled_from([0, 1, 43_200.5, DAY - 1, DAY, DAY + 1, 2 * DAY, 9 * DAY, 9 * DAY + 5]),
        st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"]),
        st.sampled_from(["allowed", "blocked", "blocked"]),
        st.sampled_from(["block one", "block two", ""]),
        st.sampled_from(["policy", ""]),
        st.sampled_from(["fw-1", "fw-2"]),
    ),
    min_size=1,
    max_size=12,
)


def merged(batches: Sequence[Sequence[Row]]) -> dict[str, Row]:
    """The ledger after these searches."""
    ledger: dict[str, dict[str, Row]] = {}
    for batch in batches:
        splunk = Splunk(ROOT, [{k: v for k, v in event.items() if v} for event in batch], NOW)
        splunk.collections = ledger
        splunk.run(MERGE)
    return ledger.get("tsid_devices", {})


@given(events=EVENTS, data=st.data())
def test_any_order_overlap_and_repeat_give_the_same_ledger(events: list[Row], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    batches: list[list[Row]] = [[] for _ in range(count)]
    for event in events:
        for number in data.draw(st.sets(st.integers(0, count - 1), min_size=1)):
            batches[number].append(event)
    order = data.draw(st.permutations(batches))
    again = data.draw(st.sampled_from(batches))
    assert merged([*order, again]) == merged([events])


@given(events=EVENTS)
def test_the_ledger_agrees_with_its_events(events: list[Row]) -> None:
    ledger = merged([events])
    assert ledger.keys() == {event["tsid_device"] for event in events}
    for device, row in ledger.items():
        own = [event for event in events if event["tsid_device"] == device]
        times = {
            outcome: [str(e["_time"]) for e in own if e["tsid_outcome"] == outcome] for outcome in OUTCOMES
        }
        every = times["allowed"] + times["blocked"]
        assert (row["first_seen"], row["last_seen"]) == (min(every, key=float), max(every, key=float))
        assert row.get("last_allowed") == max(times["allowed"], key=float, default=None)
        assert row.get("last_blocked") == max(times["blocked"], key=float, default=None)
        # Whole days in UTC, including that of the last success.
        success, block = (max(map(float, times[outcome]), default=0) for outcome in OUTCOMES)
        blocked_days = {float(time) // DAY for time in times["blocked"]}
        days = {day for day in blocked_days if day >= success // DAY}
        assert row["blocked_since_allowed"] == str(len(days) if block > success else 0)
        assert set(str(row["firewalls"]).split("|tsid|")) == {e["host"] for e in own}
        last = [e for e in own if e["tsid_outcome"] == "blocked" and e["_time"] == row.get("last_blocked")]
        told = tuple(row.get(name) for name in ("last_rule", "last_policy", "last_firewall", "last_advice"))
        # Of two simultaneous last ones, either, but never a mixture.
        assert (
            told in [(e.get("rule"), e.get("fw_policy"), e["host"], e["tsid_advice"]) for e in last]
            or not last
        )


OUTCOMES = ("allowed", "blocked")


def test_labels_models_and_exclusions_set_by_an_admin_survive_a_merge() -> None:
    first: Row = {"_time": str(START), "tsid_device": "10.0.0.1", "tsid_outcome": "allowed", "host": "fw-1"}
    splunk = Splunk(ROOT, [first, {**first, "tsid_device": "10.0.0.2"}], NOW)
    splunk.run(MERGE)
    splunk.run(
        '| inputlookup tsid_devices | search device="10.0.0.1" '
        '| eval label="core-1", model="fmc", excluded="1" | outputlookup append=true key_field=_key tsid_devices'
    )
    later = Splunk(ROOT, [{**first, "_time": str(START + DAY), "tsid_outcome": "blocked"}], NOW)
    later.collections = splunk.collections
    later.run(MERGE)
    rows = later.collections["tsid_devices"]
    assert [rows["10.0.0.1"].get(name) for name in ("label", "model", "excluded")] == ["core-1", "fmc", "1"]
    assert rows["10.0.0.1"]["blocked_since_allowed"] == "1"
    assert rows["10.0.0.2"].keys() & {"label", "model", "excluded"} == set()


@pytest.fixture(scope="module")
def half_a_day() -> list[LabelledEvent]:
    """Return the traffic from noon to the small hours in every shape that has a time."""
    made = generate(800, seed=5, licensing_share=0.4, start=START + 12 * HOUR, interval=DAY / 1200)
    return [event for event in made if "_time" in event.event]


def test_hour_by_hour_with_gaps_and_a_backfill_equals_all_at_once(half_a_day: list[LabelledEvent]) -> None:
    events = [event for event, _ in half_a_day]
    end = START + 27 * HOUR
    whole = Splunk(ROOT, events, end)
    whole.run(CONTACTS)
    hourly = Splunk(ROOT, events, end, host=InProcessHost)
    runs = [START + hour * HOUR + 7 * 60 for hour in range(13, 27)]
    # The scheduler is late, skips hours and runs others twice; then an administrator runs the backfill.
    dice = random.Random(3)
    runs = [time for time in runs if dice.random() > 0.2] + dice.sample(runs, 5)
    for time in runs:
        hourly.now = time
        hourly.dispatch("TSID ledger: last hour")
    assert hourly.collections != whole.collections
    hourly.now = end
    hourly.dispatch("TSID ledger: backfill")
    assert hourly.collections == whole.collections


def test_a_device_is_in_the_ledger_if_it_reached_an_endpoint_or_was_kept_from_it(
    half_a_day: list[LabelledEvent],
) -> None:
    splunk = Splunk(ROOT, [event for event, _ in half_a_day], START + 2 * DAY, host=InProcessHost)
    splunk.run(CONTACTS)
    told = {
        truth.device
        for _, truth in half_a_day
        if truth.verdict in ("canonical", "aliased", "unnamed", "foreign")
        and truth.outcome in OUTCOMES
        and truth.shape.startswith("cisco:")
    }
    assert splunk.collections["tsid_devices"].keys() == told
