"""`cisco:sfw:estreamer`: connection events as JSON, delivered by Cisco Security Cloud 3.6.6."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Union

from lab.generator.dice import Dice
from lab.generator.flow import FTD_ACTIONS, Flow, sizes, told
from lab.generator.scenarios import SCENARIOS
from lab.generator.shape import EVENT_TYPES, Delivered, Event, Shape

# The add-on's EVAL-action; every other value is passed through (T7).
_NORMALISED = {"Allow": "allowed", "Trust": "allowed", "Block": "blocked", "Block with reset": "blocked"}

_SFW_ALIASES = (
    ("InitiatorIP", ("src", "src_ip")),
    ("ResponderIP", ("dest", "dest_ip")),
    ("InitiatorPort", ("src_port",)),
    ("ResponderPort", ("dest_port",)),
    ("URL", ("url",)),
    ("FirewallRule", ("rule",)),
    ("Application", ("app",)),
    ("Device", ("dvc",)),
    ("Protocol", ("transport",)),
    ("ConnectionID", ("connection_id",)),
    ("InstanceID", ("instance_id",)),
    ("SSL_CertFingerprint", ("ssl_hash",)),
)
_SHARE_OF_DOUBLED = 0.02


def _sfw_record(flow: Flow, dice: Dice) -> dict[str, Union[str, int]]:
    to, sensor = flow.to, flow.sensor
    server = to.address or (to.masked if dice.chance(0.5) else "")
    initiator_packets, responder_packets, initiator_bytes, responder_bytes = map(int, sizes(flow, dice))
    record: dict[str, Union[str, int]] = {
        "EventType": "ConnectionEvent",
        "FirstPacketSecond": flow.start,
        "Device": sensor.name,
        "DeviceUUID": sensor.uuid,
        "InstanceID": int(flow.instance),
        "ConnectionID": int(flow.serial),
        "AC_RuleAction": flow.action,
        "InitiatorIP": flow.device,
        "ResponderIP": server,
        "InitiatorPort": int(flow.port),
        "ResponderPort": int(to.port),
        "Protocol": to.protocol,
        "IngressInterface": "inside",
        "EgressInterface": "outside",
        "IngressZone": "inside",
        "EgressZone": "outside",
        "IngressVRF": "Global",
        "EgressVRF": "Global",
        "FirewallPolicy": sensor.policy,
        "FirewallRule": flow.rule,
        "PrefilterPolicy": "Default Prefilter Policy",
        "ClientApplication": "SSL client",
        "Application": "HTTPS",
        "WebApplication": "Cisco" if to.site else "",
        "InitiatorPackets": initiator_packets,
        "ResponderPackets": responder_packets,
        "InitiatorBytes": initiator_bytes,
        "ResponderBytes": responder_bytes,
        "NAP_Policy": "Balanced Security and Connectivity",
        "SSL_Policy": "None",
        "SSL_FlowStatus": "Success",
        "SSL_CipherSuite": "Unknown",
        "SSL_CertFingerprint": sensor.certificate,
        "SSL_Version": "Unknown",
        "SSL_ServerCertStatus": "Not Checked",
        "SSL_ActualAction": "Do Not Decrypt",
        "SSL_ExpectedAction": "Do Not Decrypt",
        "URL": to.url.text if to.url else "",
        "NAT_InitiatorPort": int(flow.port),
        "NAT_ResponderPort": int(to.port),
        "NAT_InitiatorIP": "172.16.2.10",
        "NAT_ResponderIP": server,
        "ClientAppDetector": "Encrypted Visibility",
    }
    return {key: value for key, value in record.items() if value != ""}


def _sfw(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    to, sensor = flow.to, flow.sensor
    record = _sfw_record(flow, dice)
    fields: Event = {key: str(value) for key, value in record.items()}
    for key, aliases in _SFW_ALIASES:
        if key in fields:
            for alias in aliases:
                fields[alias] = fields[key]
    if flow.action:
        fields["action"] = _NORMALISED.get(flow.action, flow.action)
    if dice.chance(_SHARE_OF_DOUBLED):
        # JSON that is extracted both at index and at search time has every value twice.
        fields = {field: [value, value] for field, value in fields.items() if isinstance(value, str)}
    event: Event = {
        "_time": str(flow.start),
        "_raw": json.dumps(record, separators=(", ", ":")),
        "host": sensor.name,
        "source": "estreamer",
        "sourcetype": "cisco:sfw:estreamer",
        "index": "cisco_secure_fw",
        "eventtype": [*EVENT_TYPES],
        "tag": ["network", "ssl", "communicate"],
        **fields,
    }
    yield Delivered(
        event,
        address_fields=("ResponderIP", "dest_ip", "dest") if "ResponderIP" in record else (),
        name=to.url,
        name_fields=("url", "URL") if to.url else (),
        connection=f"{sensor.uuid}:{flow.instance}:{flow.start}:{flow.serial}",
        answered=told(str(record["ResponderBytes"])),
    )


SHAPES = (Shape("cisco:sfw:estreamer", tuple(SCENARIOS), FTD_ACTIONS, reads_raw=False, deliver=_sfw),)
