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
    if _overdrawn(device, day):
        return "noncompliant"
    last = _last_success(device, day)
    if last is None:
        refused = device.complains(day) and device.last_allowed(day) is not None
        return ("blocked" if device.blocked_since(day) else "rejected") if refused else "unknown"
    table = _STATES[device.model or _DEFAULT]
    state = next(state for first, state in sorted(table.items(), reverse=True) if day - last >= first)
    if state != "healthy":
        return state
    return "blocked" if device.blocked_since(day) else "rejected" if device.complains(day) else state


def evidence_of(device: Device, day: int) -> str:
    """What that state rests on: the device's own word, answered traffic, or nothing."""
    last = _last_success(device, day)
    told = last is not None and last == device.last_recovered(day)
    if told or device.complains(day) or _overdrawn(device, day):
        return "device"
    return "none" if last is None else "traffic"


def deadline_day(device: Device, day: int) -> Optional[int]:
    """The day on which its licence expires, if it was ever seen to succeed."""
    last = None if _overdrawn(device, day) else _last_success(device, day)
    return None if last is None else last + _LIFE_DAYS[device.model or _DEFAULT]


def _last_success(device: Device, day: int) -> Optional[int]:
    """The day of the last success that counts: while a device says that it fails, its own word alone does.

    A success that a firewall saw is believed all the same where it only makes the state worse, because it
    is long ago.
    """
    seen, told = device.last_allowed(day), device.last_recovered(day)
    last = max((when for when in (seen, told) if when is not None), default=None)
    is_recent = last is not None and day - last <= renewal_days(device)
    return told if device.complains(day) and (told is not None or is_recent) else last


def _overdrawn(device: Device, day: int) -> bool:
    return any(when < day for when in device.noncompliant)


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
