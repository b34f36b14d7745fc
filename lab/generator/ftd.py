"""FTD's syslog as three add-ons deliver it: `cisco:ftd:syslog`, `cisco:ftd` and `cisco:firepower:syslog`."""

from __future__ import annotations

from collections.abc import Iterator

from lab.generator import clock
from lab.generator.destination import TCP, Destination
from lab.generator.dice import Dice
from lab.generator.flow import FTD_ACTIONS, NOT_TOLD, UNKNOWN, Flow
from lab.generator.ftdlines import BEGIN, END, Line, ftd_lines, identity
from lab.generator.scenarios import SCENARIOS
from lab.generator.shape import EVENT_TYPES, Delivered, Event, Shape

# -------------------------------------------------------- cisco:ftd:syslog, Cisco Security Cloud 3.6.6

# Raw key to the fields that the add-on derives from it, in addition to the key itself.
_CSC_ALIASES = (
    ("SrcIP", ("src_ip", "InitiatorIP")),
    ("DstIP", ("dest_ip", "ResponderIP")),
    ("SrcPort", ("src_port",)),
    ("DstPort", ("dest_port",)),
    ("URL", ("url",)),
    ("SSLServerName", ("ssl_server_name",)),
    ("SSLCertificate", ("ssl_certificate", "ssl_hash")),
    # T2: the source is a hostname or absent.
    ("ReferencedHost", ("src_host", "src")),
    ("DNSQuery", ("dns_query",)),
    # T7: the action is not normalised.
    ("AccessControlRuleAction", ("AC_RuleAction", "action")),
    ("AccessControlRuleReason", ("action_reason",)),
    ("AccessControlRuleName", ("rule", "access_control_rule_name")),
    ("ACPolicy", ("fw_policy",)),
    ("WebApplication", ("web_app",)),
    ("Client", ("ClientApplication", "client_app")),
    ("DeviceUUID", ("dvc", "device_id")),
    ("ConnectionID", ("connection_id", "session_id")),
)
_CSC_NAME_FIELDS = {
    "URL": ("url", "URL"),
    "SSLServerName": ("SSLServerName", "ssl_server_name"),
    "ReferencedHost": ("ReferencedHost",),
    "": (),
}


def _cisco_security_cloud(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    for line in ftd_lines(flow, dice):
        pairs = line.pairs
        event: Event = {
            "_time": str(flow.start),
            "_raw": f"{clock.iso(line.time(flow))} {flow.sensor.name}  %FTD-1-{line.message}: {line.body}",
            "host": flow.sensor.name,
            "source": "syslog",
            "sourcetype": "cisco:ftd:syslog",
            "index": "cisco_sfw_ftd_syslog",
            "eventtype": [*EVENT_TYPES],
            "tag": ["network", "certificate", "ssl", "communicate"],
            "EventType": "ConnectionEvent",
            "message_id": line.message,
            "event_id": line.message,
            "rec_type": line.message,
            **pairs,
            # T1: the destination is the source's address.
            "dest": pairs["SrcIP"],
        }
        # T8: the header's key swallows the first pair, and blanks in keys become underscores.
        event[f"%FTD-1-{line.message}"] = f"EventPriority: {event.pop('EventPriority')}"
        event["Prefilter_Policy"] = event.pop("Prefilter Policy")
        for key, aliases in _CSC_ALIASES:
            if key in pairs:
                for alias in aliases:
                    event[alias] = pairs[key]
        yield Delivered(
            event,
            address_fields=("ResponderIP", "DstIP", "dest_ip"),
            name=line.name,
            name_fields=_CSC_NAME_FIELDS[line.name_key],
            connection=identity(flow),
            outcome=line.outcome,
            answered=line.answered,
        )


# ---------------------------------------------------------------- cisco:ftd, Splunk_TA_cisco-asa 6.0.1

# T13: the action comes from the message's number, whatever the firewall did.
_TA_ASA_GUESSES = {BEGIN: "blocked", END: "allowed"}
_TA_ASA_FIELDS = (
    ("SrcIP", ("src_ip", "src")),
    ("SrcPort", ("src_port",)),
    ("DstIP", ("dest_ip", "dest")),
    ("DstPort", ("dest_port",)),
    ("AccessControlRuleName", ("rule",)),
    ("DeviceUUID", ("deviceuuid",)),
    ("ConnectionID", ("session_id",)),
)


def _ta_asa(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    for line in ftd_lines(flow, dice):
        time = line.time(flow)
        event: Event = {
            "_time": str(time),
            "_raw": f"{clock.asa(time)} {flow.sensor.name} %FTD-1-{line.message}: {line.body}",
            "host": flow.sensor.name,
            "source": "sc4s",
            "sourcetype": "cisco:ftd",
            "index": "netfw",
            "message_id": line.message,
            "signature_id": line.message,
            "action": _TA_ASA_GUESSES[line.message],
        }
        matched = _ta_asa_matches(flow.to, line)
        if matched:
            event["vendor_action"] = line.pairs["AccessControlRuleAction"].lower()
            if line.message == BEGIN:
                event["ac_policy"] = line.pairs["ACPolicy"]
            for key, fields in _TA_ASA_FIELDS:
                for field in fields:
                    event[field] = line.pairs[key]
        yield Delivered(
            event,
            address_fields=("dest_ip", "dest") if matched else (),
            name=line.name,
            # T6: neither URL nor server name is ever extracted.
            name_fields=(),
            connection=identity(flow),
            connection_extracted=False,
            outcome=line.outcome,
            answered=line.answered,
            # Byte counts are never extracted, an action only by the strict pattern.
            evidence_extracted=line.answered == NOT_TOLD and (matched or line.outcome == UNKNOWN),
        )


def _ta_asa_matches(to: Destination, line: Line) -> bool:
    """T6: the patterns take one exact form, IPv4 only, and so no URL-blocked 430002 at all."""
    readable = to.address and ":" not in to.address
    usual = {"AccessControlRuleAction", "SrcPort"} <= line.pairs.keys()
    usual = usual and "AccessControlRuleReason" not in line.pairs
    last = "ClientAppDetector" if line.message == BEGIN else "IngressZone"
    return bool(readable and usual and last in line.pairs)


# --------------------------------------------------------- cisco:firepower:syslog, TA-eStreamer 5.2.9

# T5: without action_reason, packets_sent and dest.
_TA_ESTREAMER_FIELDS = (
    ("DeviceUUID", "device_id"),
    ("ConnectionID", "connection_id"),
    ("AccessControlRuleAction", "action"),
    ("SrcIP", "src_ip"),
    ("DstIP", "dest_ip"),
    ("SrcPort", "src_port"),
    ("DstPort", "dest_port"),
    ("ACPolicy", "fw_policy"),
    ("AccessControlRuleName", "access_control_rule_name"),
    ("WebApplication", "web_app"),
    ("Client", "client_app"),
    ("DNSQuery", "dns_query"),
    ("SSLCertificate", "ssl_certificate"),
    ("SSLServerName", "ssl_server_name"),
    ("ReferencedHost", "src_host"),
    ("URL", "url"),
)
# src_host is not a name field, so only _raw contains the Host header.
_TA_ESTREAMER_NAME_FIELDS: dict[str, tuple[str, ...]] = {
    "URL": ("url",),
    "SSLServerName": ("ssl_server_name",),
    "ReferencedHost": (),
    "": (),
}


def _ta_estreamer(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    # Sensors of the 6.x line, some too old to number their connections.
    numbered = dice.chance(0.7)
    program = dice.pick(("NGIPS", "FTD"))
    for line in ftd_lines(flow, dice, numbered=numbered):
        time = line.time(flow)
        event: Event = {
            "_time": str(time),
            "_raw": f"{clock.iso(time)} {flow.sensor.name} SFIMS %{program}-1-{line.message}: {line.body}",
            "host": flow.sensor.name,
            "source": "sc4s",
            "sourcetype": "cisco:firepower:syslog",
            "index": "netids",
            "rec_type": line.message,
        }
        for key, field in _TA_ESTREAMER_FIELDS:
            if key in line.pairs:
                event[field] = line.pairs[key]
        yield Delivered(
            event,
            address_fields=("dest_ip",),
            name=line.name,
            name_fields=_TA_ESTREAMER_NAME_FIELDS[line.name_key],
            connection=identity(flow) if numbered else "",
            # Neither the instance nor the first packet's second has a field.
            connection_extracted=False,
            outcome=line.outcome,
            answered=line.answered,
            evidence_extracted=not _only_in_raw(flow.to, line),
        )


def _only_in_raw(to: Destination, line: Line) -> bool:
    """Whether the byte counts decide, or the protocol, which have no field either."""
    if to.settles:
        return line.answered != NOT_TOLD
    # UDP to the port of HTTPS looks like HTTPS, a ping like nothing.
    return line.outcome != UNKNOWN and to.protocol != TCP and to.port in ("443", "0")


SHAPES = (
    Shape("cisco:ftd:syslog", tuple(SCENARIOS), FTD_ACTIONS, reads_raw=True, deliver=_cisco_security_cloud),
    Shape("cisco:ftd", tuple(SCENARIOS), FTD_ACTIONS, reads_raw=True, deliver=_ta_asa),
    Shape("cisco:firepower:syslog", tuple(SCENARIOS), FTD_ACTIONS, reads_raw=True, deliver=_ta_estreamer),
)
