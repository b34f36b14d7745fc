"""The ledger of devices does not depend on the order, overlap or repetition of its merges."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.generator import START, LabelledEvent, generate
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.scheduler import runs
from lab.spl.values import Row

pytestmark = pytest.mark.spl

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
            # No window has only some of the events of one connection at one time.
            "tsid_connection": f"{time}:{device}:{outcome}:{rule}:{firewall}",
            "tsid_answered": "true" if outcome == "allowed" else "",
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
# What the same devices, and one that is known by its messages only, say of their licences.
WORDS = st.lists(
    st.builds(
        lambda time, device, word, reason: {
            "_time": str(START + time),
            "host": device,
            "device_said": word[0],
            "device_about": word[1],
            "device_reason": reason if word[0] == "failed" else "",
            "device_deadline": str(START + time + 30 * DAY) if word[0] == "deadline" else "",
            "model_seen": word[2],
        },
        st.sampled_from([0, 1, 43_200, DAY, 2 * DAY, 9 * DAY]),
        st.sampled_from(["10.0.0.1", "10.0.0.2", "router"]),
        st.sampled_from(
            [
                ("failed", "communication", ""),
                ("restored", "communication", ""),
                ("failed", "authorization", "classic"),
                ("success", "authorization", "classic"),
                ("expired", "authorization", ""),
                ("deregistered", "registration", ""),
                ("noncompliant", "compliance", ""),
                ("deadline", "reporting", "slp_subscription"),
            ]
        ),
        st.sampled_from(["dns", "certificate"]),
    ),
    max_size=8,
)


def merged(batches: Sequence[Sequence[Row]]) -> dict[str, Row]:
    """The ledger after these searches."""
    ledger: dict[str, dict[str, Row]] = {}
    for batch in batches:
        splunk = Splunk(ROOT, [{k: v for k, v in event.items() if v} for event in batch], NOW)
        splunk.collections = ledger
        splunk.run(MERGE)
    return ledger.get("tsid_devices", {})


@given(traffic=EVENTS, words=WORDS, data=st.data())
def test_any_order_overlap_and_repeat_give_the_same_ledger(
    traffic: list[Row], words: list[Row], data: st.DataObject
) -> None:
    events = [*traffic, *words]
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


def word(said: str, day: float, about: str = "communication", **more: str) -> Row:
    return {
        **dict.fromkeys(("device_reason", "device_deadline", "model_seen"), ""),
        **{"_time": str(START + day * DAY), "host": "10.0.0.1", "device_said": said, "device_about": about},
        **more,
    }


@pytest.mark.parametrize(
    ("words", "said", "success_day", "deadline_day"),
    [
        ([word("failed", 1)], "failed", None, None),
        ([word("failed", 1), word("restored", 2)], "restored", 2, None),
        ([word("restored", 2), word("failed", 3)], "failed", 2, None),
        # Only a success about the same clears a complaint, but any success proves that there is contact.
        ([word("failed", 1, "authorization"), word("restored", 2)], "failed", 2, None),
        ([word("failed", 1, "authorization"), word("success", 2, "authorization")], "success", 2, None),
        ([word("failed", 1), word("success", 2, "authorization")], "success", 2, None),
        ([word("noncompliant", 1, "compliance"), word("success", 2, "compliance")], "success", 2, None),
        # The worst open complaint, not the last.
        ([word("expired", 1, "authorization"), word("failed", 2)], "expired", None, None),
        ([word("expired", 1, "authorization"), word("failed", 2, "authorization")], "expired", None, None),
        ([word("noncompliant", 1, "compliance"), word("failed", 2)], "noncompliant", None, None),
        # At the same time, the failure counts for nothing only if the success is later.
        ([word("failed", 2), word("restored", 2)], "failed", 2, None),
        # A registration ends the evaluation, and a device that is no longer registered has none.
        ([word("expired", 1, "registration"), word("success", 2, "registration")], "success", 2, None),
        ([word("deregistered", 2, "registration")], "deregistered", None, None),
        ([word("deregistered", 2, "registration"), word("restored", 3)], "deregistered", 3, None),
        (
            [word("deregistered", 2, "registration"), word("expired", 3, "authorization")],
            "deregistered",
            None,
            None,
        ),
        ([word("deregistered", 2, "registration"), word("success", 3, "registration")], "success", 3, None),
        (
            [word("success", 1, "registration"), word("deregistered", 2, "registration")],
            "deregistered",
            1,
            None,
        ),
        # The nearest of the deadlines, not the one that was named last; before a success only the last counts.
        (
            [
                word("deadline", 1, "registration", device_deadline=str(START + 6 * DAY)),
                word("deadline", 2, "reporting", device_deadline=str(START + 300 * DAY)),
            ],
            *("deadline", None, 6),
        ),
        (
            [
                word("deadline", 1, "registration", device_deadline=str(START + 6 * DAY)),
                word("success", 2, "authorization"),
                word("deadline", 3, "reporting", device_deadline=str(START + 300 * DAY)),
            ],
            *("deadline", 2, 300),
        ),
        ([word("deadline", 1, "authorization")], "deadline", None, None),
        ([word("deadline", 1, "authorization"), word("failed", 2)], "failed", None, None),
        ([word("deadline", 1, "authorization"), word("restored", 2)], "deadline", 2, None),
        ([word("deadline", 1, "authorization"), word("success", 2, "authorization")], "success", 2, None),
        ([word("deadline", 1, "reporting", device_deadline=str(START + 30 * DAY))], "deadline", None, 30),
    ],
)
def test_the_ledger_keeps_the_word_that_stands(
    words: list[Row], said: str, success_day: Optional[int], deadline_day: Optional[int]
) -> None:
    row = merged([words])["10.0.0.1"]
    times = (None if day is None else str(START + day * DAY) for day in (success_day, deadline_day))
    assert (row["device_said"], row.get("device_success"), row.get("device_deadline")) == (said, *times)


def test_only_an_admin_clears_what_no_message_of_the_platform_clears() -> None:
    """NX-OS and Unified Communications Manager never report a success, and traffic clears no complaint."""
    docs = (ROOT / "docs" / "searches.md").read_text(encoding="utf-8")
    found = re.search(
        r"( {4}\| inputlookup tsid_devices .*device_words=null.*\n {4}.*outputlookup.*)\n", docs
    )
    assert found is not None
    search = " ".join(found[1].split()).replace("2001:db8::7", "10.0.0.1")
    contact: Row = {
        **{"_time": str(START + 2 * DAY), "tsid_device": "10.0.0.1", "tsid_outcome": "allowed"},
        **{"tsid_answered": "true", "host": "fw-1"},
    }
    splunk = Splunk(ROOT, [word("failed", 1), contact], START + 3 * DAY)
    splunk.run(MERGE)
    fleet = "| `tsid_fleet` | table device license_state license_evidence"
    assert splunk.run(fleet) == [
        {"device": "10.0.0.1", "license_state": "rejected", "license_evidence": "device"}
    ]
    splunk.run(search)
    healthy = [{"device": "10.0.0.1", "license_state": "healthy", "license_evidence": "traffic"}]
    assert splunk.run(fleet) == healthy
    later = Splunk(ROOT, [{**contact, "_time": str(START + 2.5 * DAY)}], START + 3 * DAY)
    later.collections = splunk.collections
    later.run(MERGE)
    assert later.run(fleet) == healthy


def test_the_sender_is_the_device_by_address_or_by_label() -> None:
    splunk = Splunk(ROOT, [word("failed", 1)], NOW)
    splunk.run(MERGE)
    splunk.run(
        '| inputlookup tsid_devices | eval label="core-1", _key=device | outputlookup append=true key_field=_key tsid_devices'
    )
    later = Splunk(
        ROOT, [{**word("restored", 2), "host": "core-1"}, {**word("failed", 2), "host": "other"}], NOW
    )
    later.collections = splunk.collections
    later.run(MERGE)
    rows = later.collections["tsid_devices"]
    assert {device: row["device_said"] for device, row in rows.items()} == {
        "10.0.0.1": "restored",
        "other": "failed",
    }


def test_no_field_but_host_names_the_sender() -> None:
    """An add-on may read dvc in the text of a message, where a stranger may have written it."""
    forged = dict.fromkeys(("dvc", "dvc_host", "src", "device", "sender", "labelled"), "10.0.0.2")
    assert list(merged([[{**word("success", 1), **forged}]])) == ["10.0.0.1"]


def test_an_ipv6_sender_is_one_device_in_any_case() -> None:
    assert list(
        merged([[{**word("failed", 1), "host": "FD00::1"}, {**word("failed", 2), "host": "fd00::1"}]])
    ) == ["fd00::1"]


def test_only_an_answered_exchange_is_a_success_and_a_block_at_the_same_time_wins() -> None:
    """A connection's begin and end at one time (Cisco Security Cloud), and what a filter led astray."""
    allow: Row = {
        **{"_time": str(START), "tsid_device": "10.0.0.1", "tsid_outcome": "allowed", "host": "fw-1"},
        **{"tsid_connection": "a:1:1:1", "tsid_answered": "true", "tsid_verdict": "canonical"},
    }
    begin: Row = {**allow, "tsid_answered": ""}
    block: Row = {**begin, "tsid_outcome": "blocked"}
    other: Row = {**begin, "tsid_connection": "a:1:1:2"}
    filtered: Row = {**allow, "tsid_verdict": "filtered"}
    for events, success, blocked in (
        ([allow], True, False),
        ([begin], False, False),
        ([begin, block], False, True),
        ([allow, block], False, True),
        ([begin, allow], True, False),
        ([begin, {**allow, "tsid_outcome": "unknown"}], True, False),
        ([other, block], False, True),
        ([{**allow, "tsid_answered": "false"}], False, False),
        ([filtered], False, True),
    ):
        row = merged([[{k: v for k, v in event.items() if v} for event in events]])["10.0.0.1"]
        assert ("last_allowed" in row, "last_blocked" in row) == (success, blocked), events


def test_labels_models_and_exclusions_set_by_an_admin_survive_a_merge() -> None:
    first: Row = {
        **{"_time": str(START), "tsid_device": "10.0.0.1", "tsid_outcome": "allowed", "host": "fw-1"},
        "tsid_answered": "true",
    }
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
    # The scheduler is late, skips hours and runs others twice, and is down for longer than the windows reach
    # back; then an administrator runs the backfill.
    dice = random.Random(3)
    runs = [time for time in runs if not START + 13.5 * HOUR < time < START + 21.5 * HOUR]
    runs = [time for time in runs if dice.random() > 0.2] + dice.sample(runs, 3)
    for time in runs:
        hourly.now = time
        hourly.dispatch("TSID ledger: last hour")
    assert hourly.collections != whole.collections
    hourly.now = end
    hourly.dispatch("TSID ledger: backfill")
    hourly.dispatch("TSID ledger: last hour")
    assert hourly.collections["tsid_devices"] == whole.collections["tsid_devices"]


def test_a_device_is_in_the_ledger_if_it_reached_an_endpoint_or_was_kept_from_it(
    half_a_day: list[LabelledEvent],
) -> None:
    splunk = Splunk(ROOT, [event for event, _ in half_a_day], START + 2 * DAY, host=InProcessHost)
    splunk.run(CONTACTS)
    told = {
        truth.device
        for _, truth in half_a_day
        if truth.verdict in ("canonical", "aliased", "unnamed", "foreign", "filtered")
        and (truth.outcome in OUTCOMES or truth.verdict == "filtered")
        # Single sign-on and the API renew no licence.
        and truth.service not in ("cssm_api", "cssm_api_login")
        and truth.shape.startswith("cisco:")
    }
    assert splunk.collections["tsid_devices"].keys() == told


class Recorded(dict[str, Row]):
    """The rows of a collection as a search has read them, and what it writes."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        super().__init__({key: dict(row) for key, row in rows.items()})
        self.written: dict[str, Row] = {}

    def __setitem__(self, key: str, row: Row) -> None:
        self.written[key] = row
        super().__setitem__(key, row)

    def clear(self) -> None:
        raise AssertionError("a merge that empties a collection loses what others write")


Store = dict[str, dict[str, Row]]


class Merge(NamedTuple):
    """A search that writes to the collections.

    Attributes:
        name: the saved search.
        now: when it runs.
        earliest: the begin of another time range than its own.
    """

    name: str
    now: float
    earliest: Optional[float] = None

    def after_reading(self, events: Sequence[Row], store: Store) -> Callable[[], None]:
        """Run it over the store as it is now; return a function that writes its rows later."""
        splunk = Splunk(ROOT, events, self.now, host=InProcessHost)
        read = {name: Recorded(store.get(name, {})) for name in COLLECTIONS}
        splunk.collections = {**read}
        if self.earliest is None:
            splunk.dispatch(self.name)
        else:
            splunk.run(splunk.saved[self.name]["search"], self.earliest)

        def write() -> None:
            for name, rows in read.items():
                store.setdefault(name, {}).update(rows.written)

        return write


COLLECTIONS = ("tsid_devices", "tsid_backfill")
HOURLY, BACKFILL = "TSID ledger: last hour", "TSID ledger: backfill"


def contacts(rows: Sequence[tuple[float, str, str]]) -> list[Row]:
    """Contacts with an endpoint: the time, the device, the firewall's action."""
    return [
        {
            "_time": str(time),
            "_raw": "72.163.4.38 tools.cisco.com",
            "index": "i",
            "sourcetype": "cisco:sfw:estreamer",
            "host": "fmc",
            "Device": f"fw-{device[-1]}",
            "ResponderIP": "72.163.4.38",
            "InitiatorIP": device,
            "url": "https://tools.cisco.com/",
            "AC_RuleAction": action,
            "ResponderBytes": "5120" if action == "Allow" else "66",
        }
        for time, device, action in rows
    ]


# Of each device something old, which only a backfill reads, and something of the last hours.
HISTORY = contacts(
    [
        *((NOW - days * DAY, "10.0.0.1", "Allow") for days in (20, 12)),
        *((NOW - days * DAY, "10.0.0.1", "Block") for days in (11, 4)),
        *((NOW - days * DAY, "10.0.0.2", "Block") for days in (15, 3)),
        (NOW - 8 * DAY, "10.0.0.3", "Allow"),
        *((NOW - minutes * 60, f"10.0.0.{n}", a) for minutes, n, a in ((150, 1, "Block"), (90, 2, "Allow"))),
        *((NOW - minutes * 60, f"10.0.0.{n}", "Block") for minutes, n in ((30, 1), (29, 2), (28, 4))),
    ]
)
NOW_HOURLY, NOW_BACKFILL = Merge(HOURLY, NOW), Merge(BACKFILL, NOW)
OLD_BACKFILL = Merge(BACKFILL, NOW - 10 * DAY, NOW - 30 * DAY)
RECENT_BACKFILL = Merge(BACKFILL, NOW - 60, NOW - 10 * DAY)
PAIRS = {
    "the hourly search and a backfill": (NOW_HOURLY, NOW_BACKFILL),
    "the hourly search and a backfill of old times": (NOW_HOURLY, OLD_BACKFILL),
    "a late hourly search and a backfill": (Merge(HOURLY, NOW - 2 * HOUR), NOW_BACKFILL),
    "the hourly search twice": (NOW_HOURLY, Merge(HOURLY, NOW - HOUR)),
    "two backfills of other times": (OLD_BACKFILL, RECENT_BACKFILL),
    "two backfills of overlapping times": (NOW_BACKFILL, RECENT_BACKFILL),
}


def interleavings(one: Merge, other: Merge) -> Iterator[tuple[str, Store]]:
    """Yield the store after each order in which two merges can read and write.

    Each reads once and writes once: one after the other, or both read first, and either writes first.
    """
    for first, second in ((one, other), (other, one)):
        for both_read_first in (False, True):
            store = begin()
            write_first = first.after_reading(HISTORY, store)
            if not both_read_first:
                write_first()
            write_second = second.after_reading(HISTORY, store)
            if both_read_first:
                write_first()
            write_second()
            yield f"{first} then {second}, both read first: {both_read_first}", store


def begin() -> Store:
    """A ledger that knows the second device's first days, and what an admin has said of it."""
    store: Store = {}
    Merge(HOURLY, NOW - 15 * DAY + HOUR).after_reading(HISTORY, store)()
    store["tsid_devices"]["10.0.0.2"]["label"] = "core-2"
    return store


@pytest.mark.parametrize("pair", PAIRS)
def test_two_merges_at_the_same_time_lose_nothing_after_the_next_hour(pair: str) -> None:
    one, other = PAIRS[pair]
    expected = begin()
    for merge in (one, other, one, other, Merge(HOURLY, NOW + HOUR)):
        merge.after_reading(HISTORY, expected)()
    assert expected["tsid_devices"]["10.0.0.2"]["label"] == "core-2"
    for order, store in interleavings(one, other):
        Merge(HOURLY, NOW + HOUR).after_reading(HISTORY, store)()
        assert store["tsid_devices"] == expected["tsid_devices"], order


def test_a_backfill_is_in_the_ledger_after_the_next_hour_and_then_writes_nothing_more() -> None:
    whole = Splunk(ROOT, HISTORY, NOW + HOUR, host=InProcessHost)
    whole.run(CONTACTS)
    store: Store = {}
    for merge in (OLD_BACKFILL, RECENT_BACKFILL, NOW_HOURLY):
        merge.after_reading(HISTORY, store)()
    assert store["tsid_devices"] == whole.collections["tsid_devices"]
    # A merge writes what has changed, and nothing else: the less it writes, the less it can overwrite.
    quiet = Splunk(ROOT, [], NOW + DAY, host=InProcessHost)
    quiet.collections = {name: Recorded(rows) for name, rows in store.items()}
    assert quiet.dispatch(HOURLY) == []
    written = quiet.collections["tsid_devices"]
    assert isinstance(written, Recorded) and written.written == {}


def test_a_backfill_that_is_run_again_over_the_same_time_adds_no_row() -> None:
    store: Store = {}
    for _ in range(2):
        NOW_BACKFILL.after_reading(HISTORY, store)()
    assert len(store["tsid_backfill"]) == 4


@pytest.mark.parametrize("scheduler_is_down", [False, True])
@pytest.mark.parametrize("minutes_late", [0, 30, 240])
def test_an_outage_of_four_hours_of_the_scheduler_or_of_the_events_loses_nothing(
    half_a_day: list[LabelledEvent], minutes_late: int, scheduler_is_down: bool
) -> None:
    events = [event for event, _ in half_a_day]
    begin, end = START + 12 * HOUR, START + 34 * HOUR
    whole = Splunk(ROOT, events, end, host=InProcessHost)
    whole.run(CONTACTS)
    outage = (START + 15 * HOUR, START + 19 * HOUR)
    ledger: Store = {}
    settings = whole.saved[HOURLY]
    for run in runs(settings, begin, end, [outage] if scheduler_is_down else []):
        # What has come into the index by then.
        there = [event for event in events if float(str(event["_time"])) + minutes_late * 60 <= run.started]
        splunk = Splunk(ROOT, there, run.due, host=InProcessHost)
        splunk.collections = ledger
        splunk.dispatch(HOURLY)
    assert ledger["tsid_devices"] == whole.collections["tsid_devices"]
