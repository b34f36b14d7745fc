"""One connection as a firewall sees it, independent of the shape of its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lab.generator.destination import Destination
from lab.generator.dice import Dice

ALLOWED, BLOCKED, UNKNOWN = "allowed", "blocked", "unknown"

# Weights.
_OUTCOMES = (ALLOWED,) * 11 + (BLOCKED,) * 6 + (UNKNOWN,) * 3

# Plausible names of the rule for each outcome.
_RULES = {ALLOWED: "ALLOW_ALL_CLIENTS_80_443", BLOCKED: "BLOCK_URL_CATEGORIES", UNKNOWN: "MONITOR_OUTBOUND"}


class Action(NamedTuple):
    """A firewall's word for its action; ``answered``: the server sent bytes back."""

    text: str
    answered: bool = True


#: The actions of a kind of firewall, by their outcome for the connection.
Actions = Mapping[str, tuple[Action, ...]]

_BLOCKING = (
    "Block",
    "Block with reset",
    "Interactive Block",
    "Interactive Block with reset",
    "<br/>Block with reset",
)

#: Values of the FMC's action column, from Cisco's description of the connection event fields; one of them as
#: a guide's example has it, with markup.
FMC_ACTIONS: Actions = {
    ALLOWED: (Action("Allow"), Action("Allow"), Action("Trust"), Action("Fastpath")),
    BLOCKED: tuple(Action(text, answered=False) for text in _BLOCKING),
    UNKNOWN: (Action("Monitor"), Action("Default Action"), Action("")),
}

#: The same where the log has the responder's bytes: a connection that was allowed and never answered renews
#: no licence.
FTD_ACTIONS: Actions = {**FMC_ACTIONS, UNKNOWN: (*FMC_ACTIONS[UNKNOWN], Action("Allow", answered=False))}


class Sensor(NamedTuple):
    """A firewall that logs."""

    name: str
    uuid: str
    policy: str
    certificate: str


class Flow(NamedTuple):
    """One connection; ``start`` is epoch seconds, ``duration`` seconds, the rest as a log writes it."""

    serial: str
    start: int
    duration: int
    sensor: Sensor
    instance: str
    device: str
    port: str
    to: Destination
    outcome: str
    action: str
    answered: bool

    @property
    def rule(self) -> str:
        """The access control rule that decided."""
        return _RULES[self.outcome]

    @property
    def end(self) -> int:
        """When it ended, in epoch seconds."""
        return self.start + self.duration


class Traffic:
    """Makes the connections of a site's firewalls and devices."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._serial = 0
        self._sensors = tuple(
            Sensor(f"fw-{number:02}", _uuid(dice), f"policy-{number % 3}", dice.hexadecimal(40))
            for number in range(12)
        )

    def flow(
        self, start: int, to: Destination, actions: Actions, *, device: str = "", outcome: str = ""
    ) -> Flow:
        """A connection to a destination, starting then; device and outcome are random if not given."""
        dice = self._dice
        self._serial += 1
        outcome = outcome or dice.pick(_OUTCOMES)
        action, answered = dice.pick(actions[outcome])
        return Flow(
            serial=str(self._serial),
            start=start,
            duration=0 if outcome == BLOCKED else dice.below(60),
            sensor=dice.pick(self._sensors),
            instance=str(dice.between(1, 8)),
            device=device or to.source or self._device(ipv6=":" in to.address),
            port=str(dice.between(1024, 65535)),
            to=to,
            outcome=outcome,
            action=action,
            answered=answered,
        )

    def _device(self, ipv6: bool) -> str:
        # Few devices talk much and many hardly at all.
        number = int(self._dice.roll() ** 2 * 4000)
        if ipv6:
            return f"fd00:10::{number + 1:x}"
        return f"10.{number % 20}.{number // 20}.{number % 7 + 1}"


def sizes(flow: Flow, dice: Dice) -> tuple[str, str, str, str]:
    """Packets of initiator and responder, then bytes of initiator and responder."""
    if flow.outcome == BLOCKED:
        # The TCP handshake passes, the answer to the request does not.
        return "3", "1", str(dice.between(300, 900)), "66"
    if not flow.answered:
        return "3", "0", "198", "0"
    packets = dice.between(5, 90)
    return str(packets), str(packets + 2), str(packets * 90), str(packets * 700)


def _uuid(dice: Dice) -> str:
    digits = dice.hexadecimal(32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
