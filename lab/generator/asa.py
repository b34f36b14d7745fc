"""`cisco:asa`: an ASA's syslog about connections, 302013 built, 302014 ended, 106023 denied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from lab.generator import clock
from lab.generator.destination import UNNAMED, UNVERIFIED
from lab.generator.dice import Dice
from lab.generator.flow import ALLOWED, BLOCKED, UNKNOWN, Action, Actions, Flow
from lab.generator.names import Spelling, bare
from lab.generator.shape import EVENT_TYPES, Delivered, Event, Shape

# An ASA's verbs, and the add-ons' action for each.
_BUILT, _TEARDOWN, _DENY = "Built", "Teardown", "Deny"
_NORMALISED = {_BUILT: "allowed", _TEARDOWN: "teardown", _DENY: "blocked"}
_ACTIONS: Actions = {
    ALLOWED: (Action(_BUILT),),
    BLOCKED: (Action(_DENY, answered=False),),
    UNKNOWN: (Action(_TEARDOWN),),
}
# An ASA with `names` on writes a name of its own configuration for an address.
_CONFIGURED_NAME = Spelling("", "OCSP_Server", "")
_SHARE_OF_CONFIGURED_NAMES = 0.02


class _Side(NamedTuple):
    """One end of a connection in an ASA's words: interface, address or name, port."""

    interface: str
    text: str
    port: str

    def __str__(self) -> str:
        return f"{self.interface}:{self.text}/{self.port}"

    @property
    def mapped(self) -> str:
        """After address translation, which changes nothing here."""
        return f"({self.text}/{self.port})"


class _Message(NamedTuple):
    """One message: severity and number, words, the add-on's source and destination, and its other fields."""

    number: str
    text: str
    source: _Side
    destination: _Side
    fields: dict[str, str]


def _asa(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    name = _name(flow, dice)
    client = _Side("inside", flow.device, flow.port)
    server = _Side("outside", name.text if name else flow.to.address, flow.to.port)
    # The name is in the destination's field only, and an endpoint that is the client is not the server.
    remote_first = name is None and not flow.to.source and dice.chance(0.5)
    message = _WORDS[flow.action](flow, client, server, remote_first)
    source, destination = message.source, message.destination
    event: Event = {
        "_time": str(flow.end),
        "_raw": f"{clock.asa(flow.end)} {flow.sensor.name} : %ASA-{message.number}: {message.text}",
        "host": flow.sensor.name,
        "source": "sc4s",
        "sourcetype": "cisco:asa",
        "index": "netfw",
        "eventtype": [*EVENT_TYPES],
        "tag": ["network", "communicate"],
        "message_id": message.number[2:],
        "vendor_action": flow.action,
        "action": _NORMALISED[flow.action],
        "src_ip": source.text,
        "src": source.text,
        "src_port": source.port,
        # T10: a line with a name does not contain the address.
        "dest_host" if name else "dest_ip": destination.text,
        "dest": destination.text,
        "dest_port": destination.port,
        "dvc": flow.sensor.name,
        **message.fields,
    }
    yield Delivered(
        event,
        address_fields=() if name else ("dest_ip", "dest"),
        name=name,
        name_fields=("dest_host",) if name else (),
    )


def _name(flow: Flow, dice: Dice) -> Optional[Spelling]:
    """Return the text in the place of the server's address, if any."""
    if not flow.to.address:
        return bare(flow.to.reported, dice)._replace(after="")
    if not flow.to.verdict and not flow.to.source and dice.chance(_SHARE_OF_CONFIGURED_NAMES):
        return _CONFIGURED_NAME
    return None


def _built(flow: Flow, client: _Side, server: _Side, remote_first: bool) -> _Message:
    """T11: an outbound message has the remote side first; one add-on swaps the two, the other does not."""
    if int(flow.serial) % 3:
        direction, first, second = "outbound", server, client
        source, destination = (server, client) if remote_first else (client, server)
    else:
        # A device in front of the firewall that reaches the Internet through it, as in real lines.
        direction, first, second = "inbound", client._replace(interface=server.interface), server
        source, destination = client, server
    sides = f"{first} {first.mapped} to {second} {second.mapped}"
    text = f"Built {direction} TCP connection {flow.serial} for {sides}"
    return _Message("6-302013", text, source, destination, {"session_id": flow.serial})


def _ended(flow: Flow, client: _Side, server: _Side, remote_first: bool) -> _Message:
    """The message does not name the initiator; the add-ons' choice of source is not documented."""
    text = (
        f"Teardown TCP connection {flow.serial} for {server} to {client} "
        f"duration 0:00:{flow.duration:02} bytes 14804 TCP FINs"
    )
    source, destination = (server, client) if remote_first else (client, server)
    return _Message("6-302014", text, source, destination, {"session_id": flow.serial, "reason": "TCP FINs"})


def _denied(flow: Flow, client: _Side, server: _Side, remote_first: bool) -> _Message:
    del flow, remote_first  # without a connection the line names source and destination
    text = f'Deny tcp src {client} dst {server} by access-group "acl_inside" [0xe3aab522, 0x0]'
    return _Message("4-106023", text, client, server, {"rule": "acl_inside"})


_WORDS = {_BUILT: _built, _TEARDOWN: _ended, _DENY: _denied}

SHAPES = (Shape("cisco:asa", (UNNAMED, UNVERIFIED), _ACTIONS, reads_raw=False, deliver=_asa),)
