"""Makes a fleet of devices over months: their traffic, its events, and the truth about their licences.

The truth is counted in whole days from the start and never comes from the app's code. All traffic is in the
hour before noon, so that at midnight no event is close to the edge of a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from lab.generator import asa, encore, estreamer, ftd, plain
from lab.generator.atlas import Atlas
from lab.generator.destination import ALIASED, CANONICAL, IMPOSTOR, UNLISTED, UNNAMED
from lab.generator.dice import Dice
from lab.generator.flow import ALLOWED, BLOCKED, Traffic
from lab.generator.scenarios import SCENARIOS
from lab.generator.shape import Delivered, Event
from lab.generator.stream import START

DAY = 86_400

#: The fates of devices.
HEALTHY, BLOCKED_FOR_GOOD, SILENT, FIXED, SWAPPED, OFFLINE, EXCLUDED, DOUBLED, NEVER = (
    "healthy", "blocked", "silent", "fixed", "swapped", "offline", "excluded", "doubled", "never"
)  # fmt: skip

_SHAPES = {shape.name: shape for module in (estreamer, ftd, encore, asa, plain) for shape in module.SHAPES}
# Only these have a time and the outcome of every connection.
_USUAL = ("cisco:sfw:estreamer", "cisco:ftd:syslog", "cisco:estreamer:data", "cisco:firepower:syslog")
_LONGEST_PAUSE = 20


class Device(NamedTuple):
    """A device, and the days of its allowed and blocked licensing traffic.

    Attributes:
        address: its own.
        fate: one of the constants of this module.
        model: its licensing model, a row of license_clocks; empty for the default one.
        allowed: the days with a success, ascending.
        blocked: the days with a blocked attempt, ascending.
    """

    address: str
    fate: str
    model: str
    allowed: tuple[int, ...]
    blocked: tuple[int, ...]

    def last_allowed(self, before: int) -> Optional[int]:
        """The day of its last success before the given day."""
        return max((day for day in self.allowed if day < before), default=None)

    def blocked_since(self, before: int) -> tuple[int, ...]:
        """The days before the given day on which it was blocked, after its last success."""
        last = self.last_allowed(before)
        return tuple(day for day in self.blocked if day < before and (last is None or day > last))


class Connection(NamedTuple):
    """One connection as far as its events can be joined: time, device, firewall, outcome."""

    day: int
    device: str
    firewall: str
    verdict: str
    outcome: str


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
    # The addresses and names that Cisco's servers had all the time.
    atlas = Atlas(lookups, start, start + days * DAY, dice)
    maker = _Maker(start, atlas, dice)
    devices = [_device(number, days, dice) for number in range(size)]
    for device in devices:
        maker.live(device)
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
    for scenario, when in ((IMPOSTOR, impostors), (UNLISTED, unlisted)):
        for day, addresses in when.items():
            for address in sorted(addresses):
                maker.connect(day, address, scenario, ALLOWED, "cisco:sfw:estreamer")
    return Fleet(
        start,
        {device.address: device for device in devices},
        sorted(maker.events, key=lambda event: float(str(event["_time"]))),
        maker.connections,
        impostors,
        unlisted,
        complaints,
    )


# Weights.
_FATES = (
    *(HEALTHY,) * 9,
    *(BLOCKED_FOR_GOOD, SILENT, FIXED) * 2,
    *(SWAPPED, OFFLINE, EXCLUDED, DOUBLED, NEVER),
)
# Of the models whose healthy devices report often enough for a test of months.
_MODELS = ("", "", "", "classic", "fmc", "slp_perpetual")


def _device(number: int, days: int, dice: Dice) -> Device:
    fate = _FATES[number % len(_FATES)]
    turn = 2 + dice.below(max(days * 3 // 4, 1))
    back = turn + 1 + dice.below(max(min(days - turn - 1, 20), 1))
    pause = 1 + dice.below(_LONGEST_PAUSE)
    contacts = tuple(range(dice.below(2), days, pause))
    allowed: tuple[int, ...] = contacts
    blocked: tuple[int, ...] = ()
    if fate in (BLOCKED_FOR_GOOD, EXCLUDED, OFFLINE):
        allowed, blocked = tuple(d for d in contacts if d < turn), tuple(range(turn, days))
    elif fate == SILENT:
        allowed = tuple(d for d in contacts if d < turn)
    elif fate == FIXED:
        allowed = tuple(d for d in contacts if d < turn) + tuple(range(back, days, pause))
        blocked = tuple(range(turn, min(back, days)))
    elif fate == NEVER:
        allowed, blocked = (), tuple(range(turn, min(turn + 3, days)))
    model = "offline" if fate == OFFLINE else dice.pick(_MODELS)
    return Device(f"10.{20 + number // 200}.{number % 200}.7", fate, model, allowed, blocked)


class _Maker:
    """Makes the events of a fleet."""

    def __init__(self, start: int, atlas: Atlas, dice: Dice) -> None:
        self.events: list[Event] = []
        self.connections: list[Connection] = []
        self._start, self._atlas, self._dice = start, atlas, dice
        self._traffic = Traffic(dice)

    def live(self, device: Device) -> None:
        """Make all licensing traffic of a device."""
        usual = self._dice.pick(_USUAL)
        for outcome, days in ((ALLOWED, device.allowed), (BLOCKED, device.blocked)):
            for day in days:
                if device.fate == SWAPPED:
                    self.connect(day, device.address, UNNAMED, outcome, "cisco:asa")
                elif device.fate == DOUBLED:
                    self.connect(day, device.address, CANONICAL, outcome, "cisco:ftd:syslog")
                elif outcome == BLOCKED:
                    self.connect(day, device.address, ALIASED, outcome, usual)
                else:
                    scenario = self._dice.pick((CANONICAL, ALIASED, UNNAMED))
                    self.connect(day, device.address, scenario, outcome, usual)

    def connect(self, day: int, device: str, scenario: str, outcome: str, shape: str) -> None:
        """Make the events of one connection, in the hour before noon."""
        dice = self._dice
        to = SCENARIOS[scenario][1](self._atlas, dice)
        if ":" in to.address:
            # The devices of the fleet have IPv4 only.
            self.connect(day, device, scenario, outcome, shape)
            return
        time = self._start + day * DAY + 11 * 3600 + dice.below(2400)
        kind = _SHAPES[shape]
        flow = self._traffic.flow(time, to, kind.actions, device=device, outcome=outcome)
        delivered = list(kind.deliver(flow, dice))
        self.events += [one.event for one in delivered]
        # Where events carry no number of the connection, its begin and end are two, and one has a name.
        parts: dict[str, list[Delivered]] = {}
        for one in delivered:
            parts.setdefault(one.connection or str(one.event["_time"]), []).append(one)
        for part in parts.values():
            is_named = any(one.name for one in part) or scenario not in (CANONICAL, ALIASED)
            verdict = scenario if is_named else UNNAMED
            self.connections.append(Connection(day, device, flow.sensor.name, verdict, outcome))

    def complain(self, day: int, device: str, *, recovers: bool) -> None:
        """Make a router's own messages about a failure, and about its end."""
        time = self._start + day * DAY + 12 * 3600
        self._say(time, device, self._dice.pick(_FAILED))
        if recovers:
            self._say(time + 60, device, _RESTORED)

    def _say(self, time: int, device: str, message: str) -> None:
        event: Event = {
            "_time": str(time),
            "_raw": f"<189>{self._dice.below(9999)}: {message}",
            "host": device,
            "source": "sc4s",
            "sourcetype": "cisco:ios",
            "index": "netops",
        }
        self.events.append(event)


# From routers' logs and Cisco CSCwc77088.
_FAILED = (
    "%SMART_LIC-3-COMM_FAILED: Communications failure with the Cisco Smart Software Manager (CSSM) : "
    "Fail to send out Call Home HTTP message.",
    "RP/0/RP0/CPU0:smartlicserver[390]: %LICENSE-SMART_LIC-3-COMM_FAILED : Communications failure with the "
    "Cisco Smart License Utility (CSLU) : Unable to resolve server hostname/domain name",
)
_RESTORED = "%SMART_LIC-5-COMM_RESTORED: Communications with Cisco Smart Software Manager (CSSM) restored"
