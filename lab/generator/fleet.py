"""Makes a fleet of devices over months: their traffic, its events, and the truth about their licences.

The truth is counted in whole days from the start and never comes from the app's code. Only an answered
exchange is a success; between successes and blocks there are contacts that prove nothing. All traffic is in
the hour before noon, so that at midnight no event is close to the edge of a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from lab.generator import asa, encore, estreamer, ftd, plain
from lab.generator.atlas import Atlas
from lab.generator.destination import ALIASED, CANONICAL, FILTERED, IMPOSTOR, UNLISTED, UNNAMED
from lab.generator.dice import Dice
from lab.generator.flow import (
    ALLOWED,
    ANSWERED,
    ANY,
    BEGIN_ONLY,
    BLOCKED,
    END_TOO,
    NOT_ANSWERED,
    NOT_TOLD,
    UNKNOWN,
    Traffic,
)
from lab.generator.scenarios import SCENARIOS, proving_nothing
from lab.generator.shape import Event
from lab.generator.stream import START
from lab.generator.truth import Truth, label

DAY = 86_400

#: The fates of devices. From some day on, or always, an UNANSWERED one is let through and hears nothing, a
#: PINGED one shows only pings, other ports, late packets and begins, and a FILTERED one's DNS leads it to a
#: block page.
HEALTHY, BLOCKED_FOR_GOOD, SILENT, FIXED, SWAPPED, OFFLINE, EXCLUDED, DOUBLED, NEVER = (
    "healthy", "blocked", "silent", "fixed", "swapped", "offline", "excluded", "doubled", "never"
)  # fmt: skip
UNANSWERED, PINGED, FILTERED_FOR_GOOD = "unanswered", "pinged", "filtered"

_SHAPES = {shape.name: shape for module in (estreamer, ftd, encore, asa, plain) for shape in module.SHAPES}
# Only these have a time and the outcome of every connection.
_USUAL = ("cisco:sfw:estreamer", "cisco:ftd:syslog", "cisco:estreamer:data", "cisco:firepower:syslog")
_MAX_PAUSE_DAYS = 20
_ASA, _FTD = "cisco:asa", "cisco:ftd:syslog"
# Of the days of a device that has contacts which prove nothing besides its others.
_SHARE_OF_NOISE = 0.05
# Further apart than the begin and the end of a connection, so that contacts of one device are distinct.
_MIN_GAP_SECONDS = 120


class Device(NamedTuple):
    """A device, and the days of its licensing traffic, each ascending.

    Attributes:
        address: its own.
        fate: one of the constants of this module.
        model: its licensing model, a row of license_clocks; empty for the default one.
        allowed: the days with a success: an exchange that was let through and answered.
        blocked: the days on which it was blocked or led to a block page.
        filtered: those of them on which it was led to a block page.
        unproven: the days on which it was let through, and no event shows that the server answered.
        unsettled: the days with contacts that no outcome is known of: pings, other ports, late packets.
        complained: the days on which it said itself that it failed, and did not take it back.
        recovered: the days on which it said itself that it had reached the server again.
        noncompliant: the days on which it said that it uses more licences than it has.
    """

    address: str
    fate: str
    model: str
    allowed: tuple[int, ...] = ()
    blocked: tuple[int, ...] = ()
    filtered: tuple[int, ...] = ()
    unproven: tuple[int, ...] = ()
    unsettled: tuple[int, ...] = ()
    complained: tuple[int, ...] = ()
    recovered: tuple[int, ...] = ()
    noncompliant: tuple[int, ...] = ()

    @property
    def first_seen(self) -> Optional[int]:
        """The day of the first contact whose outcome is known."""
        return min((*self.allowed, *self.blocked, *self.unproven), default=None)

    def last_allowed(self, before: int) -> Optional[int]:
        """The day of its last success before the given day."""
        return max((day for day in self.allowed if day < before), default=None)

    def last_recovered(self, before: int) -> Optional[int]:
        """The last day before the given one on which it said that all is well."""
        return max((day for day in self.recovered if day < before), default=None)

    def complains(self, before: int) -> bool:
        """Whether a complaint is still open: a later report that all is well clears it, traffic does not."""
        complained = max((day for day in self.complained if day < before), default=None)
        recovered = self.last_recovered(before)
        return complained is not None and (recovered is None or complained > recovered)

    def blocked_since(self, before: int) -> tuple[int, ...]:
        """The days before the given day on which it was blocked, after its last success."""
        last = self.last_allowed(before)
        return tuple(day for day in self.blocked if day < before and (last is None or day > last))


class Connection(NamedTuple):
    """One connection as far as its events can be joined.

    Attributes:
        day, device, firewall, verdict: whose connection, when, where, and with what.
        outcome: that of its end, if that is logged; so a block counts before an allow at the same time.
        answered: ``true`` if any event shows that the server answered, else ``false`` if any denies it.
    """

    day: int
    device: str
    firewall: str
    verdict: str
    outcome: str
    answered: str


class Fleet(NamedTuple):
    """Devices and the events of all of them.

    Attributes:
        start: midnight before the first day, epoch seconds.
        devices: by address.
        events: as in a search, with their times.
        connections: the connections in them.
        impostors: by day, the devices that an impostor served.
        unlisted: by day, the devices that talked to an endpoint which no lookup lists.
        complaints: by day, the devices that complained in syslog and did not recover that day.
    """

    start: int
    devices: Mapping[str, Device]
    events: list[Event]
    connections: Sequence[Connection]
    impostors: Mapping[int, frozenset[str]]
    unlisted: Mapping[int, frozenset[str]]
    complaints: Mapping[int, frozenset[str]]


def make_fleet(days: int, lookups: Path, *, size: int = 200, seed: int = 0) -> Fleet:
    """Make a fleet over so many days; the same for the same seed. From 20 devices on it has every fate."""
    dice = Dice(seed)
    start = START
    # First, so that they do not depend on the lookups.
    devices = [_device(number, days, dice) for number in range(size)]
    # The addresses and names that Cisco's servers had all the time.
    atlas = Atlas(lookups, start, start + days * DAY, dice)
    maker = _Maker(start, atlas, dice)
    for device in devices:
        maker.live(device)
    by_address = {device.address: device for device in devices}
    healthy = [device.address for device in devices if device.fate == HEALTHY]
    oddities = range(5, days, max(days // 12, 1))
    impostors = {day: frozenset({dice.pick(healthy)}) for day in oddities}
    unlisted = {day + 1: frozenset({dice.pick(healthy)}) for day in oddities if day + 1 < days}
    complaints: dict[int, frozenset[str]] = {}
    for day in oddities:
        complaining, recovering = healthy[day % len(healthy)], healthy[(day + 1) % len(healthy)]
        complaints[day] = frozenset({complaining})
        maker.complain(day, complaining, recovers=False)
        maker.complain(day, recovering, recovers=True)
        device = by_address[complaining]
        by_address[complaining] = device._replace(complained=(*device.complained, day))
        device = by_address[recovering]
        by_address[recovering] = device._replace(recovered=(*device.recovered, day))
    for scenario, when in ((IMPOSTOR, impostors), (UNLISTED, unlisted)):
        for day, addresses in when.items():
            for address in sorted(addresses):
                maker.connect(day, address, scenario, ALLOWED, "cisco:sfw:estreamer")
    return Fleet(
        start,
        by_address,
        sorted(maker.events, key=lambda event: float(str(event["_time"]))),
        maker.connections,
        impostors,
        unlisted,
        complaints,
    )


# Weights.
_FATES = (
    *(HEALTHY,) * 6,
    *(BLOCKED_FOR_GOOD, SILENT, FIXED) * 2,
    *(SWAPPED, OFFLINE, EXCLUDED, DOUBLED, NEVER, UNANSWERED, PINGED, FILTERED_FOR_GOOD),
)
# Of the models whose healthy devices report often enough for a test of months.
_MODELS = ("", "", "", "classic", "fmc", "slp_perpetual")


def _device(number: int, days: int, dice: Dice) -> Device:
    fate = _FATES[number % len(_FATES)]
    turn = 2 + dice.below(max(days * 7 // 8, 1))
    back = turn + 1 + dice.below(max(min(days - turn - 1, 20), 1))
    pause = 1 + dice.below(_MAX_PAUSE_DAYS)
    contacts = tuple(range(dice.below(2), days, pause))
    device = Device(
        f"10.{20 + number // 200}.{number % 200}.7",
        fate,
        "offline" if fate == OFFLINE else dice.pick(_MODELS),
        allowed=tuple(day for day in contacts if day < turn),
    )
    if fate in (BLOCKED_FOR_GOOD, EXCLUDED, OFFLINE):
        device = device._replace(blocked=tuple(range(turn, days)))
    elif fate == FIXED:
        device = device._replace(
            allowed=device.allowed + tuple(range(back, days, pause)),
            blocked=tuple(range(turn, min(back, days))),
        )
    elif fate == NEVER:
        device = device._replace(allowed=(), blocked=tuple(range(turn, min(turn + 3, days))))
    elif fate in (UNANSWERED, PINGED, FILTERED_FOR_GOOD):
        if number // len(_FATES) % 2:
            # Every second one never knew better days.
            device, turn = device._replace(allowed=()), dice.below(2)
        since = tuple(range(turn, days, dice.between(1, 4)))
        if fate == UNANSWERED:
            device = device._replace(unproven=since)
        elif fate == FILTERED_FOR_GOOD:
            device = device._replace(blocked=since, filtered=since)
        else:
            # Its first contact is none that makes it known.
            begun = frozenset(day for day in since[1:] if dice.chance(0.3))
            device = device._replace(
                unproven=tuple(day for day in since if day in begun),
                unsettled=tuple(day for day in since if day not in begun),
            )
    elif fate != SILENT:
        device = device._replace(allowed=contacts)
    return _with_noise(device, days, dice) if fate in _NOISY else device


_NOISY = (HEALTHY, BLOCKED_FOR_GOOD, FIXED, NEVER)


def _with_noise(device: Device, days: int, dice: Dice) -> Device:
    """Add contacts that change nothing, from the day on on which the device is known."""
    known = days if device.first_seen is None else device.first_seen
    noisy = [day for day in range(known, days) if dice.chance(_SHARE_OF_NOISE)]
    return device._replace(unproven=tuple(noisy[::2]), unsettled=tuple(noisy[1::2]))


class _Maker:
    """Makes the events of a fleet."""

    def __init__(self, start: int, atlas: Atlas, dice: Dice) -> None:
        self.events: list[Event] = []
        self.connections: list[Connection] = []
        self._start, self._atlas, self._dice = start, atlas, dice
        self._traffic = Traffic(dice)
        self._times: dict[tuple[int, str], list[int]] = {}

    def live(self, device: Device) -> None:
        """Make all licensing traffic of a device."""
        usual = self._dice.pick(_USUAL)
        if device.fate == SWAPPED:
            usual = _ASA
        elif device.fate == DOUBLED:
            usual = _FTD
        named = (UNNAMED,) if usual == _ASA else (CANONICAL, ALIASED, UNNAMED)
        for day in device.allowed:
            scenario = CANONICAL if device.fate == DOUBLED else self._dice.pick(named)
            self.connect(day, device.address, scenario, ALLOWED, usual, answered=True, logged=END_TOO)
        for day in device.blocked:
            if day in device.filtered:
                self.connect(day, device.address, FILTERED, ALLOWED, usual, logged=END_TOO)
            else:
                self.connect(day, device.address, ALIASED, BLOCKED, usual)
        for day in device.unproven:
            if device.fate == PINGED or self._dice.chance(0.3):
                shape = self._dice.pick((_FTD, _ASA))
                self.connect(day, device.address, UNNAMED, ALLOWED, shape, logged=BEGIN_ONLY)
            else:
                shape = self._dice.pick((usual, _ASA))
                self.connect(day, device.address, UNNAMED, ALLOWED, shape, answered=False)
        for day in device.unsettled:
            if self._dice.chance(0.5):
                self.connect(day, device.address, UNNAMED, UNKNOWN, _ASA)
            else:
                self.connect(day, device.address, UNNAMED, ALLOWED, usual, proves=False)

    def connect(
        self,
        day: int,
        device: str,
        scenario: str,
        outcome: str,
        shape: str,
        *,
        answered: Optional[bool] = None,
        logged: str = ANY,
        proves: bool = True,
    ) -> None:
        """Make the events of one connection, in the hour before noon.

        Args:
            day: counted from the start.
            device: its address.
            scenario: the verdict on the connection.
            outcome: what the firewall does with it.
            shape: how it is logged.
            answered: whether the server answers; None for either.
            logged: which of its events are logged, as in `Flow`.
            proves: whether it uses the port of licensing.
        """
        dice = self._dice
        to = SCENARIOS[scenario][1](self._atlas, dice)
        while ":" in to.address or to.host in self._atlas.not_renewing:
            # The devices of the fleet have IPv4 only, and talk to servers that renew licences.
            to = SCENARIOS[scenario][1](self._atlas, dice)
        kind = _SHAPES[shape]
        flow = self._traffic.flow(
            self._time(day, device),
            to if proves else proving_nothing(to, dice),
            kind.actions,
            device=device,
            outcome=outcome,
            answered=answered,
            logged=logged,
        )
        # Where events carry no number of the connection, its begin and its end are two.
        parts: dict[str, list[Truth]] = {}
        for one in kind.deliver(flow, dice):
            self.events.append(one.event)
            truth = label(kind, flow, one)
            if truth.verdict:
                parts.setdefault(truth.connection or str(one.event["_time"]), []).append(truth)
        for part in parts.values():
            verdicts, answers = [{truth.verdict for truth in part}, {truth.answered for truth in part}]
            # Only one of its events may have the name.
            verdict = scenario if scenario in verdicts else verdicts.pop()
            answer = next((told for told in (ANSWERED, NOT_ANSWERED) if told in answers), NOT_TOLD)
            self.connections.append(
                Connection(day, device, flow.sensor.name, verdict, part[-1].outcome, answer)
            )

    def _time(self, day: int, device: str) -> int:
        """Return a time in the hour before noon, at which the device has no other connection."""
        taken = self._times.setdefault((day, device), [])
        while True:
            time = self._start + day * DAY + 11 * 3600 + self._dice.below(2400)
            if all(abs(time - other) > _MIN_GAP_SECONDS for other in taken):
                taken.append(time)
                return time

    def complain(self, day: int, device: str, *, recovers: bool) -> None:
        """Make a router's own messages about a failure, and about its end."""
        time = self._start + day * DAY + 12 * 3600
        self._log_message(time, device, self._dice.pick(_FAILED))
        if recovers:
            self._log_message(time + 60, device, _RESTORED)

    def _log_message(self, time: int, device: str, message: str) -> None:
        self.events.append(log_message(time, device, f"<189>{self._dice.below(9999)}: {message}"))


def log_message(time: int, device: str, text: str) -> Event:
    """A router's own message in syslog."""
    return {
        "_time": str(time),
        "_raw": text,
        "host": device,
        "source": "sc4s",
        "sourcetype": "cisco:ios",
        "index": "netops",
    }


# From routers' logs and Cisco CSCwc77088.
_FAILED = (
    "%SMART_LIC-3-COMM_FAILED: Communications failure with the Cisco Smart Software Manager (CSSM) : "
    "Fail to send out Call Home HTTP message.",
    "RP/0/RP0/CPU0:smartlicserver[390]: %LICENSE-SMART_LIC-3-COMM_FAILED : Communications failure with the "
    "Cisco Smart License Utility (CSLU) : Unable to resolve server hostname/domain name",
)
_RESTORED = "%SMART_LIC-5-COMM_RESTORED: Communications with Cisco Smart Software Manager (CSSM) restored"
