"""The app's saved searches, over months of a generated fleet whose truth is known."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Optional

import pytest

from lab.generator import START, LabelledEvent
from lab.generator.fleet import BLOCKED_FOR_GOOD, DAY, EXCLUDED, Device, Fleet, make_fleet
from lab.generator.licences import deadline_day, renewal_days, state_of, watched
from lab.host.app import copy_app, copy_data
from lab.host.host import CommandHost
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.values import Row
from tests.app.examples import labelled_events, searches_of, searches_of_help, splunk_for_examples
from tsid.text import conf

ROOT = Path(__file__).resolve().parents[2]

INVENTORY = (
    "| inputlookup tsid_devices | lookup inventory.csv device OUTPUTNEW model label excluded "
    "| outputlookup append=true key_field=_key tsid_devices"
)


class Moment(NamedTuple):
    """Midnight after so many days, with the ledger up to then."""

    day: int
    fleet: Fleet
    splunk: Splunk

    def fired(self, name: str, by: str = "device") -> set[str]:
        """The subject of an alert."""
        return {str(row[by]) for row in self.splunk.dispatch(f"TSID: {name}")}

    def watched(self) -> Mapping[str, Device]:
        """The devices that have a licence to lose and were seen by now."""
        return watched(self.fleet, self.day)

    def at(self, day: int, hour: int) -> Moment:
        """The same ledger at another time."""
        now = self.fleet.start + day * DAY + hour * 3600
        return self._replace(day=day, splunk=self.splunk.copy(now=now))

    def of_state(self, *states: str) -> set[str]:
        """The devices in one of these states."""
        return {a for a, device in self.watched().items() if state_of(device, self.day) in states}


# Of each fate five or more.
DEVICES = 100

# For each threshold some devices are on either side, because their last days differ.
FLEETS = {
    "400 days": (400, [1, 20, 33, 61, 92, 150, 200, 275, 366, 400]),
    "90 days": (90, [3, 31, 47, 62, 75, 90]),
}

# The other one shows that the commands work over a fleet.
LONG = pytest.param("400 days", marks=pytest.mark.spl)

# For behaviour that does not depend on the length of the history; the longer one has every state.
of_one_fleet = pytest.mark.parametrize("moments", [LONG], indirect=True)


@pytest.fixture(scope="module", params=[LONG, "90 days"])
def moments(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Moment]:
    """Return the results of the searches on each of these days; the app's own searches update the ledger."""
    days, stops = FLEETS[request.param]
    app = copy_app(ROOT, tmp_path_factory.mktemp("fleet"))
    fleet = make_fleet(days, app / "lookups", size=DEVICES, seed=days)
    with (app / "lookups" / "inventory.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["device", "model", "label", "excluded"])
        for device in fleet.devices.values():
            excluded = "1" if device.fate == EXCLUDED else ""
            writer.writerow([device.address, device.model, f"label of {device.address}", excluded])
    splunk = Splunk(app, fleet.events, fleet.start, host=InProcessHost)
    moments, since = [], 0
    for day in stops:
        splunk.now = fleet.start + day * DAY
        # A day more than needed: windows overlap.
        splunk.run(splunk.saved["TSID ledger: backfill"]["search"], fleet.start + (since - 1) * DAY)
        splunk.dispatch("TSID ledger: last hour")
        splunk.run(INVENTORY)
        moments.append(Moment(day, fleet, splunk.copy()))
        since = day
    return moments


def test_every_device_has_the_state_and_the_deadline_to_the_day(moments: list[Moment]) -> None:
    seen = set()
    for moment in moments:
        rows = {str(row["device"]): row for row in moment.splunk.run("| `tsid_fleet`")}
        assert rows.keys() == moment.watched().keys()
        for address, device in moment.watched().items():
            row, place = rows[address], (moment.day, device)
            assert row["license_state"] == state_of(device, moment.day), place
            assert row["blocked_since_allowed"] == str(len(device.blocked_since(moment.day))), place
            assert _day_of(row, "license_deadline", moment.fleet) == deadline_day(device, moment.day), place
            assert row["label"] == f"label of {address}"
            seen.add(state_of(device, moment.day))
    assert moments[-1].splunk.copy(host=CommandHost).run("| `tsid_fleet`") == list(rows.values())
    # The data must contain every state.
    expected = {"healthy", "blocked", "rejected", "overdue", "expiring", "unknown"}
    assert seen == (expected if moments[-1].day == 90 else expected | {"expired", "deregistered"})


def _day_of(row: Row, name: str, fleet: Fleet) -> Optional[int]:
    value = row.get(name)
    return None if value is None else int((float(str(value)) - fleet.start) // DAY)


def test_licence_alerts_name_exactly_the_devices_in_that_state(moments: list[Moment]) -> None:
    for moment in moments:
        day, watched = moment.day, moment.watched()
        blocked = {a for a, device in watched.items() if day - 1 in device.blocked_since(day)}
        assert moment.fired("licensing traffic blocked") == blocked, day
        never = {a for a in moment.of_state("unknown") if _waits_too_long(watched[a], day)}
        assert moment.fired("licence renewal overdue") == moment.of_state("overdue") | never, day
        assert moment.fired("licence expiring") == moment.of_state("expiring"), day
        assert moment.fired("licence expired") == moment.of_state("expired", "deregistered"), day


def _waits_too_long(device: Device, day: int) -> bool:
    return device.first_seen is not None and day - device.first_seen > renewal_days(device)


@of_one_fleet
def test_server_alerts_name_exactly_the_servers_of_the_day(moments: list[Moment]) -> None:
    last = moments[-1]
    for days, name in (
        (last.fleet.impostors, "impostor of a licensing server"),
        (last.fleet.unlisted, "unlisted licensing endpoint"),
    ):
        for day in list(days)[:3]:
            # All of a day's traffic is in the hour before noon, and the search looks back over five hours.
            assert last.at(day, hour=12).fired(name) == days[day], (name, day)
            assert last.at(day, hour=16).fired(name) == days[day], (name, day)
            assert last.at(day, hour=17).fired(name) == set(), (name, day)


@of_one_fleet
def test_a_device_that_complains_is_reported_until_it_recovers(moments: list[Moment]) -> None:
    last = moments[-1]
    for day, devices in list(last.fleet.complaints.items())[:4]:
        for later, complaining in ((day, devices), (day + 2, set())):
            moment = last.at(later, hour=13)
            moment.splunk.collections = {}
            moment.splunk.run(
                "`tsid_ledger_events` | `tsid_ledger_merge`", last.fleet.start + (day - 1) * DAY
            )
            assert moment.fired("device complains about licensing") == complaining, later


def latest(moments: list[Moment], name: str) -> tuple[Moment, list[Row]]:
    """The last time at which a search finds something, and its results."""
    for moment in reversed(moments):
        rows = moment.splunk.dispatch(name)
        if rows:
            return moment, rows
    raise AssertionError(f"{name} finds nothing at any moment")


@of_one_fleet
def test_a_drilldown_shows_what_the_finding_is_about(moments: list[Moment]) -> None:
    last = moments[-1]
    of_a_day = [last.at(next(iter(last.fleet.impostors)), hour=12)]
    for name in ("licence expiring", "licence expired", "impostor of a licensing server"):
        moment, rows = latest(of_a_day if name.startswith("impostor") else moments, f"TSID: {name}")
        saved = moment.splunk.saved[f"TSID: {name}"]
        traffic, licence = json.loads(saved["action.notable.param.drilldown_searches"])
        for row in rows[:2]:
            search = traffic["search"].replace("$device$", str(row["device"]))
            shown = moment.splunk.run(search, moment.splunk.now - DAY)
            assert {event["tsid_device"] for event in shown} <= {row["device"]}
            (told,) = moment.splunk.run(licence["search"].replace("$device$", str(row["device"])))
            assert told["view"] == f"/app/tsidenrich/device?form.device={row['device']}"
            if "license_state" in row:
                columns = ("license_state", "license_next_step", "label", "last_firewall")
                assert [told.get(c) for c in columns] == [row.get(c) for c in columns]
            contacts = moment.fleet.devices[str(row["device"])]
            recent = [day for day in (*contacts.allowed, *contacts.blocked) if 0 < moment.day - day <= 30]
            assert shown or not recent, (name, row["device"])


@of_one_fleet
def test_fields_named_in_alert_texts_are_in_the_results(moments: list[Moment]) -> None:
    """Risk messages, titles and descriptions name fields; entities, throttling and threats too."""
    last = moments[-1]
    for name, saved in last.splunk.saved.items():
        told = " ".join(value for key, value in saved.items() if key.startswith("action."))
        fields = {field for field in re.findall(r"\$(\w+)\$", told) if not field.startswith("info_")}
        fields |= set(saved.get("alert.suppress.fields", "").replace(",", " ").split())
        fields |= set(re.findall(r'_object_field": "(\w+)"', told))
        fields |= set(re.findall(r"\$result\.(\w+)\$", told))
        # Who has recovered was in trouble an hour before: tests/app/test_mails.py.
        if not fields or "tsid_troubles" in saved["search"]:
            continue
        days = (last.day, *(day + more for day in list(last.fleet.impostors)[:1] for more in (0, 1)))
        rows = [
            row
            for day in days
            for row in last.at(day, hour=13 if "complains" in name else 12).splunk.dispatch(name)
        ]
        rows = rows or latest(moments, name)[1]
        assert all(fields <= row.keys() for row in rows), name


@of_one_fleet
def test_a_complaint_is_joined_with_the_ledger_by_address_or_label(moments: list[Moment]) -> None:
    last = moments[-1]
    names = {device.fate: device.address for device in last.watched().values()}
    blocked = names[BLOCKED_FOR_GOOD]
    for host in (blocked, f"label of {blocked}", "stranger"):
        failed = "%CALL_HOME-5-SL_MESSAGE_FAILED: Fail to send out Smart Licensing message"
        event: Row = {
            "_time": str(last.splunk.now - 60),
            "_raw": failed,
            "host": host,
            "sourcetype": "cisco:ios",
        }
        splunk = Splunk(last.splunk.app, [{**event, "index": "netops"}], last.splunk.now, host=InProcessHost)
        splunk.collections = last.splunk.copy().collections
        splunk.run("`tsid_ledger_events` | `tsid_ledger_merge`", last.splunk.now - 3600)
        (row,) = [
            row
            for row in splunk.dispatch("TSID: device complains about licensing")
            if row["device"] in (blocked, "stranger")
        ]
        if host == "stranger":
            assert (row["device"], row["license_state"]) == ("stranger", "unknown")
        else:
            assert (row["device"], row["last_rule"]) == (blocked, "BLOCK_URL_CATEGORIES")
            assert row["complaints"] == "Fail to send out Smart Licensing message"


def test_the_report_of_devices_puts_the_greatest_risk_first(moments: list[Moment]) -> None:
    last = moments[-1]
    rows = last.splunk.dispatch("TSID report: devices by risk")
    assert {row["device"] for row in rows} == last.watched().keys()
    scores = [int(str(row["license_score"])) for row in rows]
    assert scores == sorted(scores, reverse=True)
    for row in rows:
        assert ("license_next_step" in row) == (row["license_state"] != "healthy"), row


def test_the_report_of_rules_counts_each_blocked_device_once(moments: list[Moment]) -> None:
    last = moments[-1]
    rows = last.splunk.dispatch("TSID report: blocked licensing by rule")
    blocked = [device for device in last.watched().values() if device.blocked_since(last.day)]
    assert sum(int(str(row["devices"])) for row in rows) == len(blocked)
    assert {row["last_rule"] for row in rows} <= {"BLOCK_URL_CATEGORIES", "DNS filter"}
    assert all(row["fix"] and row["firewalls"] for row in rows)


@of_one_fleet
def test_the_report_of_lookups_counts_every_endpoint(moments: list[Moment]) -> None:
    splunk = moments[-1].splunk
    rows = splunk.dispatch("TSID report: lookup health")
    with (splunk.app / "lookups" / "cisco_licensing_endpoints.csv").open(encoding="utf-8") as file:
        assert sum(int(str(row["count"])) for row in rows) == len(list(csv.DictReader(file)))


@pytest.fixture(scope="module")
def aliased(tmp_path_factory: pytest.TempPathFactory) -> tuple[Splunk, list[LabelledEvent]]:
    """Return a Splunk with labelled events of the last hour; each of its commands is a process."""
    app = copy_app(ROOT, tmp_path_factory.mktemp("aliased"))
    labelled = labelled_events()
    return Splunk(app, [event for event, _ in labelled], START + 3600), labelled


def firewall_of(event: Mapping[str, object]) -> str:
    """The firewall's name in the events of each of these shapes."""
    return str(event.get("Device") or event.get("sensor") or event["host"])


def test_a_new_alias_is_reported_once_for_each_firewall(aliased: tuple[Splunk, list[LabelledEvent]]) -> None:
    splunk, labelled = aliased
    name = "TSID: alias new on a firewall"
    found = [(row["firewall"], row["tsid_observed"]) for row in splunk.dispatch(name)]
    true = {(firewall_of(e), t.observed) for e, t in labelled if t.verdict == "aliased"}
    assert len(true) > 10
    assert sorted(found) == sorted(true)
    assert splunk.dispatch(name) == []
    # A forgotten alias is new again.
    forgotten = splunk.collections["tsid_sightings"].popitem()[1]
    assert [row["sighting"] for row in splunk.dispatch(name)] == [forgotten["sighting"]]


def test_the_report_of_exposure_agrees_with_the_truth(aliased: tuple[Splunk, list[LabelledEvent]]) -> None:
    splunk, labelled = aliased
    saved = splunk.saved["TSID report: exposure by firewall"]["search"]
    rows = {str(row["firewall"]): row for row in splunk.run(saved)}
    licensing = [(firewall_of(event), truth) for event, truth in labelled if truth.verdict]
    assert rows.keys() == {firewall for firewall, _ in licensing}
    for firewall, row in rows.items():
        truths = [truth for of, truth in licensing if of == firewall]
        aliases = [truth for truth in truths if truth.verdict == "aliased"]
        assert row["count"] == str(len(truths))
        assert row["connections"] == str(len({t.connection for t in truths if t.connection}))
        assert row["aliased"] == str(len(aliases))
        assert row["aliased_and_blocked"] == str(sum(t.outcome == "blocked" for t in aliases))


def examples() -> Iterator[tuple[str, str]]:
    """The searches in help and documentation, each with its place."""
    yield from searches_of_help(ROOT)
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for line, search in searches_of(page):
            yield f"{page.name}:{line}", search


# Examples of the refresh need servers: make readme, tests/refresh/test_refresh.py.
EXAMPLES = {where: search for where, search in examples() if not re.search("tsid_?refresh", search)}


def test_examples_come_from_every_page_that_should_have_them() -> None:
    assert {re.split("[:/]", where)[0] for where in EXAMPLES} >= {
        "README.md",
        "commands.md",
        "lookups.md",
        "searches.md",
        "tsidenrich-command",
        "tsidlookup-command",
        "tsidrisk-command",
    }


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Splunk:
    """Return the Splunk of the examples. To be copied, not to be used."""
    return splunk_for_examples(copy_app(ROOT, tmp_path_factory.mktemp("examples")))


@pytest.fixture
def splunk(ready: Splunk, tmp_path: Path) -> Splunk:
    """Return a Splunk of its own for one example."""
    return ready.copy(app=copy_data(ready.app, tmp_path), host=InProcessHost)


@pytest.mark.parametrize("where", EXAMPLES)
def test_an_example_of_the_documentation_finds_something(where: str, splunk: Splunk) -> None:
    search = EXAMPLES[where]
    assert bool(splunk.run(search)) == ("where 1=0" not in search)


@pytest.mark.parametrize("macro", ["tsid_events", "tsid_syslog"])
def test_as_shipped_the_macros_read_the_default_indexes_only_and_with_an_index_that_one(macro: str) -> None:
    sourcetypes = {"tsid_events": "cisco:asa", "tsid_syslog": "cisco:ios"}
    event: Row = {"_time": str(START), "_raw": "x", "sourcetype": sourcetypes[macro]}
    events = [{**event, "index": index} for index in ("main", "netfw", "history")]
    splunk = Splunk(ROOT, events, START + 1, host=InProcessHost, default_indexes=["main"])
    definition = conf.read(ROOT / "default" / "macros.conf")[macro]["definition"]
    assert [row["index"] for row in splunk.run(f"`{macro}`")] == ["main"]
    # As README's first step says.
    assert definition.startswith("(sourcetype IN (")
    assert [row["index"] for row in splunk.run(definition.replace("(", "(index=netfw ", 1))] == ["netfw"]


def test_the_proof_in_the_readme_rewrites_the_alias(splunk: Splunk) -> None:
    (proof,) = (search for where, search in EXAMPLES.items() if "README.md" in where and "replace(" in search)
    (row,) = splunk.run(proof)
    assert (row["tsid_verdict"], row["url"]) == ("aliased", "https://tools.cisco.com")


# Examples of the refresh need servers: tests/refresh/test_refresh.py.
@pytest.mark.parametrize(
    "name", [name for name in conf.read(ROOT / "default" / "savedsearches.conf") if " refresh: " not in name]
)
def test_a_saved_search_finds_nothing_without_events(name: str) -> None:
    found = Splunk(ROOT, [], START, host=InProcessHost).dispatch(name)
    assert found == [] or name in ("TSID report: lookup health", "TSID ledger: states of the day")


def test_the_fields_by_which_collections_are_queried_are_accelerated_and_no_others() -> None:
    app = ROOT / "default"
    texts = " ".join(path.read_text(encoding="utf-8") for path in (*app.glob("*.conf"), *app.rglob("*.xml")))
    queried = set(re.findall(r"lookup local=true (\w+) (\w+)", texts))
    accelerated = {
        (name, field)
        for name, collection in conf.read(app / "collections.conf").items()
        for key, value in collection.items()
        if key.startswith("accelerated_fields.")
        for field in json.loads(value)
    }
    assert accelerated == queried
    assert not re.findall(r"inputlookup [^|]*\bwhere\b", texts)


@of_one_fleet
def test_the_states_of_a_day_are_remembered_once(moments: list[Moment]) -> None:
    splunk = Splunk(moments[0].splunk.app, [], moments[0].splunk.now, host=InProcessHost)
    for moment in moments:
        splunk.collections["tsid_devices"] = moment.splunk.collections["tsid_devices"]
        splunk.now = moment.splunk.now
        for _ in range(2):
            splunk.dispatch("TSID ledger: states of the day")
    history = splunk.collections["tsid_history"]
    assert sorted(history) == sorted(str(int(moment.splunk.now // DAY)) for moment in moments)
    for moment in moments:
        row = history[str(int(moment.splunk.now // DAY))]
        assert row["overdue"] == str(len(moment.of_state("overdue")))
        assert row["expired"] == str(len(moment.of_state("expired", "deregistered")))
