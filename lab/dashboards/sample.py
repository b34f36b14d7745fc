"""Makes a Splunk with a made-up fleet for the dashboards: events, ledger, results of scheduled searches."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lab.generator.fleet import DAY, DOUBLED, EXCLUDED, Fleet, log_message, make_fleet
from lab.host.host import CommandHost
from lab.spl.engine import Splunk

#: Days of history, and devices; with this seed there is a device in every state.
DAYS, DEVICES, SEED = 100, 60, 1
# The searches run on these days before today, so that the trends have something to go by.
_REMEMBERED = (30, 21, 14, 10, *range(7, -1, -1))
# The messages of a refresh; its own tests show that it writes them.
_REPORT = (
    ("change", "endpoints", "new", "2001:db8::10/128", "tools.cisco.com", "DNS names it.", ""),
    ("failure", "endpoints", "unseen", "2001:db8::20/128", "tools.cisco.com", "No answer.", "Check the way."),
    ("refusal", "endpoints", "private", "192.0.2.8/32", "tools.cisco.com", "Private.", "Yours? Add it."),
)  # fmt: skip


# As in Cisco Secure Firewall ASA's syslog messages, 444303.
_OVERDRAWN = "<187>77: %SMART_LIC-3-OUT_OF_COMPLIANCE: One or more entitlements are out of compliance"


class Sample(NamedTuple):
    """A fleet, and a Splunk at the midnight after its last day."""

    fleet: Fleet
    splunk: Splunk
    days: int


def make_sample(
    app: Path,
    *,
    devices: int = DEVICES,
    days: int = DAYS,
    seed: int = SEED,
    host: type[CommandHost] = CommandHost,
) -> Sample:
    """Make a fleet, and run the scheduled searches of the last weeks.

    Args:
        app: the app's folder; its searches write there.
        devices: how many there are.
        days: how long they have been seen.
        seed: the same one makes the same fleet.
        host: how the app's commands run, as in `Splunk`.
    """
    fleet = _with_overdrawn_device(make_fleet(days, app / "lookups", size=devices, seed=seed), days)
    splunk = Splunk(app, fleet.events, fleet.start, host=host)
    since = 0
    for before in _REMEMBERED:
        today = days - before
        splunk.now = fleet.start + today * DAY
        splunk.run(splunk.saved["TSID ledger: backfill"]["search"], fleet.start + since * DAY)
        splunk.dispatch("TSID ledger: last hour")
        _add_admin_columns(splunk, fleet)
        splunk.dispatch("TSID ledger: states of the day")
        since = today
    names = ("kind", "table", "what", "item", "host", "reason", "advice")
    splunk.collections["tsid_refresh_report"] = {
        str(number): {
            **{n: v for n, v in zip(names, line) if v},
            "checked": str(splunk.now - 7 * 3600),
            "_key": str(number),
        }
        for number, line in enumerate(_REPORT)
    }
    return Sample(fleet, splunk, days)


def _with_overdrawn_device(fleet: Fleet, days: int) -> Fleet:
    """Let a device whose traffic is in order say that it uses more licences than it has."""
    device = next((one for one in fleet.devices.values() if one.fate == DOUBLED), None)
    if device is None:
        return fleet
    day = days - 3
    event = log_message(fleet.start + day * DAY + DAY // 2, device.address, _OVERDRAWN)
    return fleet._replace(
        events=sorted([*fleet.events, event], key=lambda one: float(str(one["_time"]))),
        devices={**fleet.devices, device.address: device._replace(noncompliant=(day,))},
    )


def _add_admin_columns(splunk: Splunk, fleet: Fleet) -> None:
    for number, (address, row) in enumerate(sorted(splunk.collections["tsid_devices"].items())):
        device = fleet.devices[address]
        row.update({"model": device.model} if device.model else {})
        row.update({"excluded": "1"} if device.fate == EXCLUDED else {})
        # Some devices stay without a label.
        row.update({"label": f"site-{number:03d}"} if number % 3 else {})
