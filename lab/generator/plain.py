"""Events without a source type of their own: the FMC's Unified Events table, and bare CIM fields."""

from __future__ import annotations

from collections.abc import Iterator

from lab.generator import clock
from lab.generator.destination import ICMP
from lab.generator.dice import Dice
from lab.generator.flow import (
    ALLOWED,
    ANSWERED,
    BLOCKED,
    FTD_ACTIONS,
    NOT_ANSWERED,
    NOT_TOLD,
    UNKNOWN,
    Action,
    Actions,
    Flow,
    sizes,
    told,
)
from lab.generator.names import bare
from lab.generator.scenarios import SCENARIOS
from lab.generator.shape import Delivered, Shape, carried, without_empty

_SERVICES = {"443": " (https)", "80": " (http)"}


def _fmc(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    to = flow.to
    server = to.address or (to.masked if dice.chance(0.5) else "")
    source, destination = flow.port, f"{to.port}{_SERVICES.get(to.port, '')}"
    if to.protocol == ICMP:
        source, destination = "8 (Echo Request)", "0 (No Code)"
    event = without_empty(
        {
            "Time": clock.fmc(flow.start),
            "Event Type": "Connection",
            "Action": flow.action,
            "Source IP": flow.device,
            "Destination IP": server,
            "Source Port / ICMP Type": f"{source} / {to.protocol}",
            "Destination Port / ICMP...": f"{destination} / {to.protocol}",
            "Web Application": "Cisco" if to.site else "",
            "URL": to.url.text if to.url else "",
            "Access Control Rule": flow.rule,
        }
    )
    yield Delivered(
        event,
        address_fields=("Destination IP",) if server else (),
        name=to.url,
        name_fields=("URL",) if to.url else (),
    )


_CIM_ACTIONS: Actions = {
    ALLOWED: tuple(Action(text, answered) for text in ("allowed", "teardown") for answered in (True, False)),
    BLOCKED: (Action("blocked", answered=False),),
    UNKNOWN: (Action("flow"), Action("")),
}
# Bytes of both directions, where the server answered and where it did not.
_ANSWERED_TOTALS = (("14804", ANSWERED), ("3102", ANSWERED))
_UNANSWERED_TOTALS = (
    *(("0", NOT_ANSWERED), ("180", NOT_ANSWERED)),
    # The client's hello alone has so many.
    ("517", NOT_TOLD),
)
_CIM_CARRIERS = (("url",), ("url",), ("url_domain",))
# CIM's word for a value that is not known.
_CIM_UNKNOWN = "unknown"


def _cim(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    to = flow.to
    names = carried(to, dice.pick(_CIM_CARRIERS), "url", dice)
    key = next(iter(names), "")
    name = names.get(key)
    server = to.address
    if not server:
        server = dice.pick(("", _CIM_UNKNOWN, to.masked))
        if dice.chance(0.3):
            # `dest` may contain a host, which is then the only name.
            key, name = "", bare(to.reported, dice)
            server = name.text
    sent, answered = _cim_bytes(flow, dice)
    event = without_empty(
        {
            "_time": str(flow.end),
            "src": flow.device,
            "dest": server,
            "dest_port": "" if to.protocol == ICMP else to.port,
            "transport": to.protocol,
            "action": flow.action,
            **sent,
            key: name.text if key and name else "",
        }
    )
    yield Delivered(
        event,
        address_fields=("dest",) if server else (),
        name=name,
        name_fields=(key,) if key else (),
        answered=answered,
    )


def _cim_bytes(flow: Flow, dice: Dice) -> tuple[dict[str, str], str]:
    """Return the fields with counts of bytes, and whether the server answered by them."""
    if flow.action == "teardown":
        total, answered = dice.pick(_ANSWERED_TOTALS if flow.answered else _UNANSWERED_TOTALS)
        return {"bytes": total}, answered
    if dice.chance(0.5):
        received = sizes(flow, dice)[-1]
        return {"bytes_in": received}, told(received)
    return {}, NOT_TOLD


SHAPES = (
    Shape("fmc", tuple(SCENARIOS), FTD_ACTIONS, reads_raw=False, deliver=_fmc),
    Shape("cim", tuple(SCENARIOS), _CIM_ACTIONS, reads_raw=False, deliver=_cim),
)
