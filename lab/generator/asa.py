"""`cisco:asa`: an ASA's syslog: 302013 built, 302014 ended, 106023 denied, 106015 no connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from lab.generator import clock
from lab.generator.destination import TCP, UDP, UNNAMED, UNVERIFIED
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
    Action,
    Actions,
    Flow,
)
from lab.generator.names import Spelling, bare
from lab.generator.shape import EVENT_TYPES, Delivered, Event, Shape

# An ASA's verbs, and the add-ons' action for each.
_BUILT, _TEARDOWN, _DENY = "Built", "Teardown", "Deny"
_NORMALISED = {_BUILT: "allowed", _TEARDOWN: "teardown", _DENY: "blocked"}
_ACTIONS: Actions = {
    ALLOWED: (Action(_BUILT), Action(_BUILT), Action(_BUILT, answered=False)),
    BLOCKED: (Action(_DENY, answered=False),),
    # Of packets that are not an attempt to connect.
    UNKNOWN: (Action(_DENY, answered=False),),
}
# Whether built and ended are logged.
_LOGGED = {
    ANY: ((True, True), (True, False), (False, True)),
    BEGIN_ONLY: ((True, False),),
    END_TOO: ((True, True), (False, True)),
}
# How a connection ended: the bytes of both directions, the reason, and whether the server answered by that.
_ENDS_AFTER_AN_ANSWER = (
    ("14804", "TCP FINs", ANSWERED),
    ("14804", "TCP FINs", ANSWERED),
    ("9120", "TCP Reset-I", ANSWERED),
    # Both sides closed it in order: not after a request alone.
    ("1340", "TCP FINs", ANSWERED),
)
_ENDS_WITHOUT = (
    ("0", "SYN Timeout", NOT_ANSWERED),
    ("0", "SYN Timeout", NOT_ANSWERED),
    ("0", "TCP Reset-O", NOT_ANSWERED),
    # The client's request alone has so many.
    ("517", "TCP Reset-O", NOT_TOLD),
)
# Of packets that open no connection.
_LATE_FLAGS = ("FIN ACK", "ACK", "RST", "RST ACK", "PSH ACK", "SYN ACK")
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
    """One message.

    * ``verb``, ``number`` with the severity in front, ``text``
    * ``source``, ``destination``: as the add-on sees them; ``fields``: its other fields
    * ``answered``: whether the server answered, as far as the message shows it
    """

    verb: str
    number: str
    text: str
    source: _Side
    destination: _Side
    fields: dict[str, str]
    time: int
    answered: str = NOT_TOLD


def _asa(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    name = _name(flow, dice)
    client = _Side("inside", flow.device, flow.port)
    server = _Side("outside", name.text if name else flow.to.address, flow.to.port)
    # The name is in the destination's field only, and an endpoint that is the client is not the server.
    remote_first = name is None and not flow.to.source and dice.chance(0.5)
    for message in _messages(flow, client, server, remote_first, dice):
        source, destination = message.source, message.destination
        event: Event = {
            "_time": str(message.time),
            "_raw": f"{clock.asa(message.time)} {flow.sensor.name} : %ASA-{message.number}: {message.text}",
            "host": flow.sensor.name,
            "source": "sc4s",
            "sourcetype": "cisco:asa",
            "index": "netfw",
            "eventtype": [*EVENT_TYPES],
            "tag": ["network", "communicate"],
            "message_id": message.number[2:],
            "vendor_action": message.verb,
            "action": _NORMALISED[message.verb],
            "transport": TCP,
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
            answered=message.answered,
        )


def _messages(flow: Flow, client: _Side, server: _Side, remote_first: bool, dice: Dice) -> Iterator[_Message]:
    if flow.outcome == UNKNOWN:
        if flow.to.site and dice.chance(0.3):
            yield _denied(flow, client, server._replace(port="33434"), UDP)
        else:
            yield _late(flow, client, server, remote_first, dice.pick(_LATE_FLAGS))
    elif flow.outcome == BLOCKED:
        # After a failover or on one leg of an asymmetric route, the ASA drops the packet that opens.
        denied = dice.chance(0.8)
        yield _denied(flow, client, server, TCP) if denied else _late(flow, client, server, False, "SYN")
    else:
        built, ended = dice.pick(_LOGGED[flow.logged])
        if built:
            yield _built(flow, client, server, remote_first)
        if ended:
            yield _ended(flow, client, server, remote_first, dice)


def _name(flow: Flow, dice: Dice) -> Optional[Spelling]:
    """Return the text that replaces the server's address, if any."""
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
    fields = {"session_id": flow.serial}
    return _Message(_BUILT, "6-302013", text, source, destination, fields, flow.start)


def _ended(flow: Flow, client: _Side, server: _Side, remote_first: bool, dice: Dice) -> _Message:
    """The message does not name the initiator; the add-ons' choice of source is not documented."""
    size, reason, answered = dice.pick(_ENDS_AFTER_AN_ANSWER if flow.answered else _ENDS_WITHOUT)
    duration = 30 if reason == "SYN Timeout" else flow.duration
    text = (
        f"Teardown TCP connection {flow.serial} for {server} to {client} "
        f"duration 0:00:{duration:02} bytes {size} {reason}"
    )
    source, destination = (server, client) if remote_first else (client, server)
    fields = {"session_id": flow.serial, "bytes": size, "reason": reason}
    return _Message(_TEARDOWN, "6-302014", text, source, destination, fields, flow.start + duration, answered)


def _denied(flow: Flow, client: _Side, server: _Side, protocol: str) -> _Message:
    """A rule denies a packet of no connection: the line names source and destination."""
    text = f'Deny {protocol} src {client} dst {server} by access-group "acl_inside" [0xe3aab522, 0x0]'
    fields = {"rule": "acl_inside", "transport": protocol}
    return _Message(_DENY, "4-106023", text, client, server, fields, flow.end)


def _late(flow: Flow, client: _Side, server: _Side, from_server: bool, flags: str) -> _Message:
    """A packet that belongs to no connection, of either side: most come after its end."""
    source, destination = (server, client) if from_server else (client, server)
    text = (
        f"Deny TCP (no connection) from {source.text}/{source.port} to {destination.text}/{destination.port} "
        f"flags {flags}  on interface {source.interface}"
    )
    return _Message(_DENY, "6-106015", text, source, destination, {"tcp_flag": flags}, flow.end)


SHAPES = (
    Shape(
        "cisco:asa",
        (UNNAMED, UNVERIFIED),
        _ACTIONS,
        reads_raw=False,
        deliver=_asa,
        # The swapped sides of a message are known by the port of HTTPS only.
        any_contact=False,
    ),
)
