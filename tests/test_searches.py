"""The app's saved searches, over months of a fleet of which it is known what becomes of each device."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

import pytest

from lab.generator.fleet import DAY, EXCLUDED, OFFLINE, Device, Fleet, make_fleet
from lab.spl.engine import Splunk
from lab.spl.values import Row

ROOT = Path(__file__).resolve().parent.parent

# By model: the states with the first day of each, counted from the day of the last success (docs/commands.md).
STATES = {
    "classic": {1: "healthy", 31: "overdue", 61: "expiring", 91: "expired", 366: "deregistered"},
    "fmc": {1: "healthy", 31: "overdue", 61: "expiring", 91: "deregistered"},
    "slp_perpetual": {1: "healthy", 336: "expiring", 366: "expired"},
}
LIFE = {"classic": 90, "fmc": 90, "slp_perpetual": 365}
RENEWAL = {"classic": 30, "fmc": 30, "slp_perpetual": 365}
DEFAULT = "classic"

INVENTORY = (
    "| inputlookup tsid_devices | lookup inventory.csv device OUTPUTNEW model label excluded "
    "| outputlookup append=true key_field=device tsid_devices"
)


def copy_of_the_app(folder: Path) -> Path:
    for name in ("bin", "default", "lookups"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


class Moment(NamedTuple):
    """Midnight after so many days, with the ledger up to then."""

    day: int
    fleet: Fleet
    splunk: Splunk

    def fired(self, name: str, by: str = "device") -> set[str]:
        """Whom an alert is about."""
        return {str(row[by]) for row in self.splunk.dispatch(f"TSID: {name}")}

    def watched(self) -> dict[str, Device]:
        """The devices that have a licence to lose and were seen by now."""
        return {
            address: device
            for address, device in self.fleet.devices.items()
            if device.fate not in (OFFLINE, EXCLUDED)
            and any(day < self.day for day in (*device.allowed, *device.blocked))
        }

    def of_state(self, *states: str) -> set[str]:
        """The devices in one of these states."""
        return {a for a, device in self.watched().items() if state_of(device, self.day) in states}


def state_of(device: Device, day: int) -> str:
    last = device.last_allowed(day)
    if last is None:
        return "unknown"
    table = STATES[device.model or DEFAULT]
    state = next(state for first, state in sorted(table.items(), reverse=True) if day - last >= first)
    return "blocked" if state == "healthy" and device.blocked_since(day) else state


def deadline_day(device: Device, day: int) -> Optional[int]:
    last = device.last_allowed(day)
    return None if last is None else last + LIFE[device.model or DEFAULT]


# The days lie on both sides of each threshold for some device, because the devices' last days differ.
LONG, SHORT = (400, [1, 20, 33, 61, 92, 150, 200, 275, 366, 400]), (90, [3, 31, 47, 62, 75, 90])


@pytest.fixture(scope="module", params=[(LONG, 1), (SHORT, 2)], ids=["400 days", "90 days"])
def moments(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Moment]:
    """Return what the searches find at each of these days; the ledger is kept as the app keeps it."""
    (days, stops), seed = request.param
    app = copy_of_the_app(tmp_path_factory.mktemp("fleet"))
    fleet = make_fleet(days, app / "lookups", seed=seed)
    with (app / "lookups" / "inventory.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["device", "model", "label", "excluded"])
        for device in fleet.devices.values():
            excluded = "1" if device.fate == EXCLUDED else ""
            writer.writerow([device.address, device.model, f"label of {device.address}", excluded])
    splunk = Splunk(app, fleet.events, fleet.start)
    moments, since = [], 0
    for day in stops:
        splunk.now = fleet.start + day * DAY
        # A day more than needed: windows overlap.
        search = splunk.saved["TSID ledger: backfill"]["search"]
        splunk.run(search, fleet.start + (since - 1) * DAY)
        splunk.run(INVENTORY)
        ledger = {key: dict(row) for key, row in splunk.collections["tsid_devices"].items()}
        copy = Splunk(app, fleet.events, splunk.now)
        copy.collections["tsid_devices"] = ledger
        moments.append(Moment(day, fleet, copy))
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
    # The data are good for something only if they bring every state about.
    expected = {"healthy", "blocked", "overdue", "expiring", "unknown"}
    assert seen == (expected if moments[-1].day == 90 else expected | {"expired", "deregistered"})


def _day_of(row: Row, name: str, fleet: Fleet) -> Optional[int]:
    value = row.get(name)
    return None if value is None else int((float(str(value)) - fleet.start) // DAY)


def test_the_alerts_about_licences_are_exactly_those_of_the_truth(moments: list[Moment]) -> None:
    for moment in moments:
        day, watched = moment.day, moment.watched()
        blocked = {a for a, device in watched.items() if day - 1 in device.blocked_since(day)}
        assert moment.fired("licensing traffic blocked") == blocked, day
        never = {a for a in moment.of_state("unknown") if _waits_too_long(watched[a], day)}
        assert moment.fired("licence renewal overdue") == moment.of_state("overdue") | never, day
        assert moment.fired("licence expiring") == moment.of_state("expiring"), day
        assert moment.fired("licence expired") == moment.of_state("expired", "deregistered"), day


def _waits_too_long(device: Device, day: int) -> bool:
    return day - device.blocked[0] > RENEWAL[device.model or DEFAULT]


def test_the_alerts_about_servers_are_exactly_those_of_the_truth(
    moments: list[Moment],
) -> None:
    for moment in moments[:4]:
        fleet, splunk = moment.fleet, moment.splunk
        for days, name in ((fleet.impostors, "impostor of a licensing server"), (fleet.unlisted, "unlisted licensing endpoint")):
            for day in [*days][:3]:
                # Half past twelve: the hour before noon is in the last seventy minutes but for its first part.
                found = set()
                for hour in (11, 12, 13):
                    splunk.now = fleet.start + day * DAY + hour * 3600 + 11 * 60
                    found |= moment.fired(name)
                assert found == days[day], (name, day)
                splunk.now += DAY // 2
                assert moment.fired(name) == set()


def test_a_device_that_complains_is_reported_until_it_recovers(moments: list[Moment]) -> None:
    for moment in moments:
        watched = moment.watched()
        complaining = moment.fleet.complaints.get(moment.day - 1, frozenset())
        assert moment.fired("device complains about licensing") == {*complaining}, moment.day
    assert watched
