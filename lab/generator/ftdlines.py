"""Makes FTD's own syslog about a connection: 430002 at its begin, 430003 at its end."""

from __future__ import annotations

from typing import NamedTuple, Optional

from lab.generator import clock
from lab.generator.destination import ICMP
from lab.generator.dice import Dice
from lab.generator.flow import (
    ALLOWED,
    ANY,
    BEGIN_ONLY,
    BLOCKED,
    NOT_TOLD,
    RULES,
    Flow,
    first_sizes,
    sizes,
    told,
)
from lab.generator.names import Spelling
from lab.generator.shape import carried

BEGIN, END = "430002", "430003"

# The keys with the server's name; with TLS Server Identity Discovery it is the URL.
_CARRIERS = (
    ("URL",),
    ("URL",),
    ("URL",),
    ("SSLServerName", "URL"),
    ("ReferencedHost", "URL"),
    ("SSLServerName",),
    ("ReferencedHost",),
)
# Without TLS there is no server name.
_PLAIN_CARRIERS = tuple(keys for keys in _CARRIERS if "SSLServerName" not in keys)
# By precedence: the name in the URL before the name that the client requested.
_NAME_KEYS = ("URL", "SSLServerName", "ReferencedHost")


class Line(NamedTuple):
    """One message: its number, its pairs in order, the server's name and its key, and what it shows."""

    message: str
    pairs: dict[str, str]
    name: Optional[Spelling]
    name_key: str
    outcome: str
    answered: str

    @property
    def body(self) -> str:
        """The text after the header."""
        return ", ".join([f"{key}: {value}" for key, value in self.pairs.items()])

    def time(self, flow: Flow) -> int:
        """The time of the message, in epoch seconds."""
        return flow.start if self.message == BEGIN else flow.end


def ftd_lines(flow: Flow, dice: Dice, *, numbered: bool = True) -> list[Line]:
    """The messages about a connection; old releases do not number their connections."""
    return [_line(flow, *said, dice, numbered) for said in _messages(flow, dice)]


def identity(flow: Flow) -> str:
    """The common part of a connection's messages."""
    return f"{flow.sensor.uuid}:{flow.instance}:{clock.iso(flow.start)}:{flow.serial}"


def _messages(flow: Flow, dice: Dice) -> list[tuple[str, str, str]]:
    """Return the number, the action and the outcome of each message.

    Blocks are usually logged as they happen, other connections at their begin, at their end, or both. Where
    the firewall finds out only later what it has to block, such as the server's name in its certificate, the
    begin of the connection was allowed.
    """
    begin, end = (BEGIN, flow.action, flow.outcome), (END, flow.action, flow.outcome)
    if flow.logged == BEGIN_ONLY:
        return [begin]
    if flow.outcome == BLOCKED:
        return dice.pick(([begin], [begin], [begin], [end], [(BEGIN, "Allow", ALLOWED), end]))
    choice = ([end], [end], [begin, end], [begin, end], [begin])
    return dice.pick(choice if flow.logged == ANY else choice[:-1])


def _line(flow: Flow, message: str, action: str, outcome: str, dice: Dice, numbered: bool) -> Line:
    to, sensor = flow.to, flow.sensor
    begin = message == BEGIN
    # A begin event has a URL only where the firewall waited for it before it applied a rule.
    named = not begin or to.needs_its_name or dice.chance(0.85 if outcome == BLOCKED else 0.4)
    carriers = _PLAIN_CARRIERS if to.port == "80" else _CARRIERS
    names = carried(to, dice.pick(carriers), "URL", dice) if named else {}
    packets_out, packets_back, bytes_out, bytes_back = (first_sizes if begin else sizes)(flow, dice)
    pairs = {}
    if numbered:
        pairs = {
            "EventPriority": "Low",
            "DeviceUUID": sensor.uuid,
            "InstanceID": flow.instance,
            "FirstPacketSecond": clock.iso(flow.start),
            "ConnectionID": flow.serial,
        }
    if action:
        pairs["AccessControlRuleAction"] = action
    if outcome == BLOCKED and dice.chance(0.2):
        pairs["AccessControlRuleReason"] = "URL Block"
    pairs.update(
        SrcIP=flow.device,
        DstIP=to.address or to.masked,
        **_ports(flow),
        Protocol=to.protocol,
        IngressInterface="inside",
        EgressInterface="outside",
    )
    if begin or dice.chance(0.6):
        pairs.update(IngressZone="inside-zone", EgressZone="outside-zone")
    pairs.update(
        IngressVRF="Global",
        EgressVRF="Global",
        ACPolicy=sensor.policy,
        AccessControlRuleName=RULES[outcome],
    )
    pairs["Prefilter Policy"] = "Default Prefilter Policy"
    # A begin event may come before user, application and server are known.
    early = begin and not named
    if not early:
        pairs.update(User="No Authentication Required", Client="SSL client", ApplicationProtocol="HTTPS")
        if to.site:
            pairs["WebApplication"] = "Cisco"
    if not begin:
        pairs["ConnectionDuration"] = str(flow.duration)
    pairs.update(
        InitiatorPackets=packets_out,
        ResponderPackets=packets_back,
        InitiatorBytes=bytes_out,
        ResponderBytes=bytes_back,
        NAPPolicy="Balanced Security and Connectivity",
    )
    if early:
        pairs["ClientAppDetector"] = "AppID"
    if to.query:
        pairs.update(DNSQuery=to.query, DNSRecordType="a host address")
    if names and to.port == "443":
        pairs.update(SSLActualAction="Do Not Decrypt", SSLCertificate=sensor.certificate)
    for key, name in names.items():
        pairs[key] = name.text
    if dice.chance(0.4):
        # With address translation the line continues after the name.
        pairs.update(
            NAT_InitiatorPort=flow.port,
            NAT_ResponderPort=to.port,
            NAT_InitiatorIP="198.51.100.254",
            NAT_ResponderIP="198.51.100.253",
        )
    first = next((key for key in _NAME_KEYS if key in names), "")
    answered = NOT_TOLD if begin else told(bytes_back)
    return Line(message, pairs, names.get(first), first, outcome, answered)


def _ports(flow: Flow) -> dict[str, str]:
    if flow.to.protocol == ICMP:
        return {"ICMPType": "Echo Request", "ICMPCode": "No Code"}
    return {"SrcPort": flow.port, "DstPort": flow.to.port}
