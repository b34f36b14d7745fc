"""Computes the truth about a licence, in whole days, independent of the app's code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from lab.generator.fleet import EXCLUDED, OFFLINE, Device, Fleet

# By model: the states with the first day of each, counted from the day of the last success.
_STATES = {
    "classic": {1: "healthy", 33: "overdue", 61: "expiring", 91: "expired", 366: "deregistered"},
    "fmc": {1: "healthy", 33: "overdue", 61: "expiring", 91: "deregistered"},
    "slp_perpetual": {1: "healthy", 33: "overdue", 336: "expiring", 366: "expired"},
}
_LIFE_DAYS = {"classic": 90, "fmc": 90, "slp_perpetual": 365}
# With the slack of two days that a renewal has.
_RENEWAL_DAYS = {"classic": 32, "fmc": 32, "slp_perpetual": 32}
_DEFAULT = "classic"


def state_of(device: Device, day: int) -> str:
    """The state of a device's licence at the midnight before a day."""
    last = device.last_allowed(day)
    if last is None:
        return "unknown"
    table = _STATES[device.model or _DEFAULT]
    state = next(state for first, state in sorted(table.items(), reverse=True) if day - last >= first)
    return "blocked" if state == "healthy" and device.blocked_since(day) else state


def deadline_day(device: Device, day: int) -> Optional[int]:
    """The day on which its licence expires, if it was ever seen to succeed."""
    last = device.last_allowed(day)
    return None if last is None else last + _LIFE_DAYS[device.model or _DEFAULT]


def renewal_days(device: Device) -> int:
    """How many days it may go between two successes."""
    return _RENEWAL_DAYS[device.model or _DEFAULT]


def watched(fleet: Fleet, day: int) -> Mapping[str, Device]:
    """The devices that have a licence to lose and were seen by a day.

    A ping does not make a device: there must have been a contact whose outcome is known.
    """
    return {
        address: device
        for address, device in fleet.devices.items()
        if device.fate not in (OFFLINE, EXCLUDED)
        and device.first_seen is not None
        and device.first_seen < day
    }
