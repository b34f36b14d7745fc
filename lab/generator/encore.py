"""`cisco:estreamer:data`: eNcore's key=value records of connections, delivered by TA-eStreamer 5.2.9."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.generator.dice import Dice
from lab.generator.flow import FTD_ACTIONS, Flow, sizes, told
from lab.generator.scenarios import SCENARIOS
from lab.generator.shape import EVENT_TYPES, Delivered, Event, Shape, carried, without_empty

# Values that are the same in every record.
_ENCORE_CONSTANT = {
    "client_version": "",
    "dest_autonomous_system": "0",
    "dest_mask": "0",
    "dest_tos": "0",
    "dns_query": "",
    "dns_rec_id": "0",
    "dns_resp_id": "0",
    "dns_ttl": "0",
    "iface_egress": "outside",
    "sec_zone_egress": "outside",
    "file_count": "0",
    "http_referrer": "",
    "http_response": "0",
    "iface_ingress": "inside",
    "sec_zone_ingress": "inside",
    "ips_count": "0",
    "num_ioc": "0",
    "src_host": "::",
    "monitor_rule_1": "N/A",
    "monitor_rule_8": "0",
    "netbios_domain": "",
    "security_context": "00000000000000000000000000000000",
    "ip_layer": "0",
    "sec_intel_ip": "N/A",
    "src_mask": "0",
    "src_tos": "0",
    "ssl_actual_action": "Unknown",
    "ssl_cipher_suite": "TLS_NULL_WITH_NULL_NULL",
    "ssl_expected_action": "Unknown",
    "ssl_flow_status": "Unknown",
    "ssl_server_cert_status": "Not Checked",
    "ssl_version": "Unknown",
    "tcp_flags": "0",
    "url_category": "Unknown",
    "url_reputation": "Risk unknown",
    "user_agent": "",
    "user": "Unknown",
    "vlan_id": "0",
    "event_usec": "0",
    "event_subtype": "1",
    "event_type": "1003",
    "mac_address": "00:00:00:00:00:00",
    "rec_type_simple": "RNA",
    "rec_type_desc": "Connection Statistics",
    "sec_intel_event": "No",
    "event_desc": "Flow Statistics",
}
_ENCORE_CARRIERS = (
    ("url",),
    ("url",),
    ("url",),
    ("ssl_server_name",),
    ("referenced_host",),
    ("ssl_server_name", "url"),
)


def _quoted(value: str) -> str:
    return value if value and " " not in value else f'"{value}"'


def _written(pairs: Mapping[str, str]) -> str:
    return " ".join([f"{key}={_quoted(value)}" for key, value in pairs.items()])


_ENCORE_CONSTANT_TEXT = _written(_ENCORE_CONSTANT)
_ENCORE_CONSTANT_FIELDS = without_empty(_ENCORE_CONSTANT)


def _encore(flow: Flow, dice: Dice) -> Iterator[Delivered]:
    to, sensor = flow.to, flow.sensor
    keys = dice.pick(_ENCORE_CARRIERS)
    if to.asked != to.reported:
        # With the URL wiped, a search would see only the name that the client asked for.
        keys = keys[:1]
    names = carried(to, keys, "url", dice)
    server = to.address or (to.masked if dice.chance(0.5) else "")
    initiator_packets, responder_packets, initiator_bytes, responder_bytes = sizes(flow, dice)
    texts = {key: name.text for key, name in names.items()}
    pairs = {
        "rec_type": "71",
        "event_sec": str(flow.end),
        "app_proto": "HTTPS",
        "client_app": "SSL client",
        "url": texts.get("url", ""),
        "connection_id": flow.serial,
        "first_pkt_sec": str(flow.start),
        "last_pkt_sec": str(flow.end),
        "src_ip": flow.device,
        "src_port": flow.port,
        "src_bytes": initiator_bytes,
        "src_pkts": initiator_packets,
        "instance_id": flow.instance,
        "fw_policy": sensor.policy,
        "referenced_host": texts.get("referenced_host", ""),
        "dest_ip": server,
        "dest_port": to.port,
        "dest_bytes": responder_bytes,
        "dest_pkts": responder_packets,
        "ip_proto": to.protocol.upper(),
        "fw_rule_action": flow.action,
        "fw_rule": flow.rule,
        "fw_rule_reason": "N/A",
        "ssl_cert_fingerprint": sensor.certificate,
        "ssl_server_name": texts.get("ssl_server_name", ""),
        "web_app": "Cisco" if to.site else "Unknown",
        "sensor": sensor.name,
    }
    event: Event = {
        "_time": str(flow.end),
        "_raw": f"{_written(pairs)} {_ENCORE_CONSTANT_TEXT}",
        "host": "fmc-1",
        "source": "encore",
        "sourcetype": "cisco:estreamer:data",
        "index": "estreamer",
        "eventtype": [*EVENT_TYPES],
        "tag": ["network", "communicate"],
        **without_empty(pairs),
        **_ENCORE_CONSTANT_FIELDS,
        "src": flow.device,
        "rule": flow.rule,
        "dvc": sensor.name,
    }
    if server:
        event["dest"] = server
    # T3: an alias whose source is missing wipes the field. T4: action stays null.
    event.pop("url", None)
    field = next((key for key in ("ssl_server_name", "referenced_host") if key in names), "")
    yield Delivered(
        event,
        address_fields=("dest_ip", "dest") if server else (),
        name=names.get(field or "url"),
        name_fields=(field,) if field else (),
        connection=f"{sensor.name}:{flow.instance}:{flow.start}:{flow.serial}",
        answered=told(responder_bytes),
    )


SHAPES = (Shape("cisco:estreamer:data", tuple(SCENARIOS), FTD_ACTIONS, reads_raw=True, deliver=_encore),)
