"""One connection as a firewall sees it, independent of the shape of its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional

from lab.generator.destination import ICMP, Destination
from lab.generator.dice import Dice

ALLOWED, BLOCKED, UNKNOWN = "allowed", "blocked", "unknown"

_SHARE_OF_LATE_BLOCKS = 0.2
# Weights.
_OUTCOMES = (ALLOWED,) * 11 + (BLOCKED,) * 6 + (UNKNOWN,) * 3

#: Plausible names of the rule for each outcome.
RULES = {ALLOWED: "ALLOW_ALL_CLIENTS_80_443", BLOCKED: "BLOCK_URL_CATEGORIES", UNKNOWN: "MONITOR_OUTBOUND"}


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
FTD_ACTIONS: Actions = {
    ALLOWED: (
        *(Action("Allow"), Action("Allow"), Action("Trust"), Action("Fastpath")),
        Action("Allow", answered=False),
    ),
    BLOCKED: tuple(Action(text, answered=False) for text in _BLOCKING),
    UNKNOWN: (Action("Monitor"), Action("Default Action"), Action("")),
}

#: Which events of a connection are logged: any; that of its begin only; that of its end, maybe both.
ANY, BEGIN_ONLY, END_TOO = "any", "begin only", "end too"

#: The values of the field `tsid_answered`.
ANSWERED, NOT_ANSWERED, NOT_TOLD = "true", "false", ""

#: Of a TCP handshake without TLS, and some more.
MAX_HANDSHAKE_BYTES = 300
# The sizes of a SYN-ACK and of a reset: a server that sent no more has not answered.
_HANDSHAKES = ("0", "54", "60", "66", "74")


class Sensor(NamedTuple):
    """A firewall that logs."""

    name: str
    uuid: str
    policy: str
    certificate: str


class Flow(NamedTuple):
    """One connection; ``start`` is epoch seconds, ``duration`` seconds, the rest as a log writes it.

    * ``outcome``: what became of it in the end; ``action``: the firewall's word for that
    * ``answered``: whether the server answered a client that was let through
    * ``logged``: one of `ANY`, `BEGIN_ONLY`, `END_TOO`, if the log distinguishes them
    """

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
    logged: str = ANY

    @property
    def rule(self) -> str:
        """The access control rule that decided."""
        return RULES[self.outcome]

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
        self,
        start: int,
        to: Destination,
        actions: Actions,
        *,
        device: str = "",
        outcome: str = "",
        answered: Optional[bool] = None,
        logged: str = ANY,
    ) -> Flow:
        """A connection to a destination, starting then; random where nothing is given."""
        dice = self._dice
        self._serial += 1
        outcome = outcome or dice.pick(_OUTCOMES)
        choice = [action for action in actions[outcome] if answered in (None, action.answered)]
        action = dice.pick(choice)
        return Flow(
            serial=str(self._serial),
            start=start,
            duration=dice.below(3) if outcome == BLOCKED else dice.below(60),
            sensor=dice.pick(self._sensors),
            instance=str(dice.between(1, 8)),
            device=device or to.source or self._device(ipv6=":" in to.address),
            # Logs write ICMP's type instead of the client's port: 8, an echo request.
            port="8" if to.protocol == ICMP else str(dice.between(1024, 65535)),
            to=to,
            outcome=outcome,
            action=action.text,
            answered=action.answered,
            logged=logged,
        )

    def _device(self, ipv6: bool) -> str:
        # Few devices talk much and many hardly at all.
        number = int(self._dice.roll() ** 2 * 4000)
        if ipv6:
            return f"fd00:10::{number + 1:x}"
        return f"10.{number % 20}.{number // 20}.{number % 7 + 1}"


def sizes(flow: Flow, dice: Dice) -> tuple[str, str, str, str]:
    """Packets of initiator and responder, then bytes of both, at the end of a connection."""
    if flow.to.protocol == ICMP:
        return "1", "1", "98", "98"
    if flow.outcome == BLOCKED:
        if dice.chance(_SHARE_OF_LATE_BLOCKS):
            # The firewall waited for the server's certificate, to read its name.
            return "5", "6", str(dice.between(300, 900)), str(dice.between(3000, 6000))
        # The TCP handshake passes, the answer to the request does not.
        return "3", "1", str(dice.between(300, 900)), "66"
    if not flow.answered:
        return "3", "0", "198", dice.pick(_HANDSHAKES)
    packets = dice.between(5, 90)
    return str(packets), str(packets + 2), str(packets * 90), str(packets * 700)


def first_sizes(flow: Flow, dice: Dice) -> tuple[str, str, str, str]:
    """The same at the begin of a connection: the server has sent a SYN-ACK at most."""
    if flow.to.protocol == ICMP:
        return "1", "0", "98", "0"
    return "3", "1", str(dice.between(140, 900)), dice.pick(_HANDSHAKES)


def told(received: str) -> str:
    """Whether the server answered, by the bytes that it sent: a handshake without TLS has 300 at most."""
    return ANSWERED if int(received) > MAX_HANDSHAKE_BYTES else NOT_ANSWERED


def _uuid(dice: Dice) -> str:
    digits = dice.hexadecimal(32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
