"""Events without a source type of their own: the FMC's Unified Events table, and bare CIM fields."""

from __future__ import annotations

from collections.abc import Iterator

from lab.generator import clock
from lab.generator.dice import Dice
from lab.generator.flow import ALLOWED, BLOCKED, FMC_ACTIONS, UNKNOWN, Action, Actions, Flow
from lab.generator.names import bare
from lab.generator.scenarios import SCENARIOS
from lab.generator.shape import Delivered, Shape, carried, without_empty

_SERVICES = {"443": " (https)", "80": " (http)"}


def _fmc(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    to = flow.to
    server = to.address or (to.masked if dice.chance(0.5) else "")
    protocol = "udp" if to.query else "tcp"
    event = without_empty(
        {
            "Time": clock.fmc(flow.start),
            "Event Type": "Connection",
            "Action": flow.action,
            "Source IP": flow.device,
            "Destination IP": server,
            "Source Port / ICMP Type": f"{flow.port} / {protocol}",
            "Destination Port / ICMP...": f"{to.port}{_SERVICES.get(to.port, '')} / {protocol}",
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
    ALLOWED: (Action("allowed"),),
    BLOCKED: (Action("blocked", answered=False),),
    UNKNOWN: (Action("teardown"), Action("flow"), Action("")),
}
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
    event = without_empty(
        {
            "_time": str(flow.end),
            "src": flow.device,
            "dest": server,
            "dest_port": to.port,
            "action": flow.action,
            key: name.text if key and name else "",
        }
    )
    yield Delivered(
        event,
        address_fields=("dest",) if server else (),
        name=name,
        name_fields=(key,) if key else (),
    )


SHAPES = (
    Shape("fmc", tuple(SCENARIOS), FMC_ACTIONS, reads_raw=False, deliver=_fmc),
    Shape("cim", tuple(SCENARIOS), _CIM_ACTIONS, reads_raw=False, deliver=_cim),
)
