"""Events of every source type, with the fields that its add-on really delivers, and the answer that they must get."""

from __future__ import annotations

from typing import Any

import pytest

from tsid.decision.enrich import OUTPUT_FIELDS, Enricher, Options
from tsid.facts.lookups import Lookups

TOOLS, DEVICE, OTHER = "72.163.4.38", "10.12.1.8", "203.0.113.7"
UUID = "11bc8e94-f604-11ef-bcfe-eeb1de9c8a63"
Event = dict[str, Any]


def sfw(**changes: Any) -> Event:
    """cisco:sfw:estreamer: JSON keys and their aliases; `action` normalised."""
    return {
        "_time": "1743500734", "sourcetype": "cisco:sfw:estreamer", "EventType": "ConnectionEvent", "FirstPacketSecond": "1743500734",
        "DeviceUUID": UUID, "InstanceID": "1", "instance_id": "1", "ConnectionID": "259", "connection_id": "259", "AC_RuleAction": "Allow",
        "action": "allowed", "InitiatorIP": DEVICE, "src": DEVICE, "src_ip": DEVICE, "ResponderIP": TOOLS, "dest": TOOLS, "dest_ip": TOOLS,
        "InitiatorPort": "62296", "src_port": "62296", "ResponderPort": "443", "dest_port": "443", "ResponderBytes": "4711",
        "URL": "https://toos.cisco.com", "url": "https://toos.cisco.com", "dvc": "fw-1", **changes,
    }  # fmt: skip


def ftd_syslog(**changes: Any) -> Event:
    """cisco:ftd:syslog of Cisco Security Cloud 3.6.6: `dest` holds the source address, `src` is a hostname or absent (T1, T2)."""
    return {
        "_time": "1743500734", "sourcetype": "cisco:ftd:syslog", "message_id": "430003", "DeviceUUID": UUID, "dvc": UUID, "device_id": UUID,
        "InstanceID": "2", "FirstPacketSecond": "2025-04-01T09:45:34Z", "ConnectionID": "77", "connection_id": "77", "AC_RuleAction": "Allow",
        "action": "Allow", "SrcIP": DEVICE, "src_ip": DEVICE, "InitiatorIP": DEVICE, "DstIP": TOOLS, "dest_ip": TOOLS, "ResponderIP": TOOLS,
        "dest": DEVICE, "SrcPort": "40000", "src_port": "40000", "DstPort": "443", "dest_port": "443", "ResponderBytes": "4711",
        "URL": "https://toos.cisco.com", "url": "https://toos.cisco.com", **changes,
    }  # fmt: skip


def ftd(**changes: Any) -> Event:
    """cisco:ftd of Splunk_TA_cisco-asa 6.0.1 where its strict pattern does not match: hardly a field is left (T6)."""
    raw = (
        f"Apr  1 09:45:34 fw-1 %FTD-1-430002: EventPriority: Low, DeviceUUID: {UUID}, InstanceID: 2, "
        f"FirstPacketSecond: 2025-04-01T09:45:34Z, ConnectionID: 77, AccessControlRuleAction: Block, SrcIP: {DEVICE}, DstIP: {TOOLS}, "
        "SrcPort: 40000, DstPort: 443, Protocol: tcp, Client: SSL client, ApplicationProtocol: HTTPS, InitiatorBytes: 571, "
        "ResponderBytes: 66, URL: https://toos.cisco.com"
    )
    return {
        "_time": "1743500734",
        "sourcetype": "cisco:ftd",
        "_raw": raw,
        "message_id": "430002",
        "host": "fw-1",
        "dvc": "fw-1",
        **changes,
    }


def firepower(**changes: Any) -> Event:
    """cisco:firepower:syslog of TA-eStreamer 5.2.9: `dest_ip` without `dest`, action raw."""
    return {
        "_time": "1743500734", "sourcetype": "cisco:firepower:syslog", "rec_type": "430003", "device_id": UUID, "InstanceID": "2",
        "FirstPacketSecond": "2025-04-01T09:45:34Z", "connection_id": "77", "action": "Block with reset", "src_ip": DEVICE, "dest_ip": TOOLS,
        "src_port": "40000", "dest_port": "443", "url": "https://toos.cisco.com", "access_control_rule_name": "default", **changes,
    }  # fmt: skip


def estreamer(**changes: Any) -> Event:
    """cisco:estreamer:data of TA-eStreamer 5.2.9: `url` wiped by an alias (T3), `action` null (T4)."""
    raw = (
        f"rec_type=71 event_sec=1743500734 connection_id=60183 url=https://toos.cisco.com first_pkt_sec=1743500734 src_ip={DEVICE} "
        f'src_port=40000 instance_id=4 dest_ip={TOOLS} dest_port=443 dest_bytes=3746 fw_rule_action="Block with reset" '
        'fw_rule_reason=N/A ssl_server_name="" referenced_host="" sensor=fw-1 event_desc="Flow Statistics"'
    )
    return {
        "_time": "1743500734", "sourcetype": "cisco:estreamer:data", "_raw": raw, "rec_type": "71", "connection_id": "60183", "instance_id": "4",
        "first_pkt_sec": "1743500734", "src_ip": DEVICE, "src": DEVICE, "src_port": "40000", "dest_ip": TOOLS, "dest": TOOLS, "dest_port": "443",
        "dest_bytes": "3746", "fw_rule_action": "Block with reset", "sensor": "fw-1", "dvc": "fw-1", "url": "", "ssl_server_name": "",
        "referenced_host": "", **changes,
    }  # fmt: skip


def asa(**changes: Any) -> Event:
    """cisco:asa: 302013 with the sides as the connection was made."""
    return {
        "_time": "1743500734", "sourcetype": "cisco:asa", "message_id": "302013", "session_id": "89743274", "vendor_action": "Built",
        "action": "allowed", "src_ip": DEVICE, "src": DEVICE, "src_port": "40000", "dest_ip": TOOLS, "dest": TOOLS, "dest_port": "443",
        "dvc": "asa-1", **changes,
    }  # fmt: skip


def asa_swapped(**changes: Any) -> Event:
    """cisco:asa of Splunk_TA_cisco-asa 6.0.1, 302013 outbound: the remote side is in src_ip (T11)."""
    swapped = {
        "src_ip": TOOLS,
        "src": TOOLS,
        "src_port": "443",
        "dest_ip": DEVICE,
        "dest": DEVICE,
        "dest_port": "40000",
    }
    return asa(**{**swapped, **changes})


def fmc(**changes: Any) -> Event:
    """A row of the FMC Unified Events export: FMC's own column names, no _time."""
    return {
        "Time": "2025-12-02 18:46:41", "Event Type": "Connection", "Action": "Allow", "Source IP": DEVICE, "Destination IP": TOOLS,
        "Source Port / ICMP Type": "40722 / tcp", "Destination Port / ICMP...": "443 (https) / tcp", "Web Application": "Cisco",
        "URL": "https://tools.cisco.com", "Access Control Rule": "ALLOW", **changes,
    }  # fmt: skip


def cim(**changes: Any) -> Event:
    """An event with CIM fields only."""
    return {
        "_time": "1743500734",
        "src": DEVICE,
        "dest": TOOLS,
        "dest_port": "443",
        "action": "allowed",
        **changes,
    }


CASES = [
    # name of the case, event, options, verdict, host, observed, outcome, device, connection
    ("sfw aliased", sfw(), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:1:1743500734:259"),
    ("sfw canonical", sfw(url="https://tools.cisco.com"), {}, "canonical", "tools.cisco.com", "tools.cisco.com", "allowed", DEVICE, f"{UUID}:1:1743500734:259"),
    ("sfw blocked", sfw(AC_RuleAction="Block with reset", action="blocked"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, f"{UUID}:1:1743500734:259"),
    ("sfw without url", sfw(url="", URL=""), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, f"{UUID}:1:1743500734:259"),
    ("sfw impostor", sfw(ResponderIP=OTHER, dest=OTHER, dest_ip=OTHER), {}, "impostor", "", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:1:1743500734:259"),
    ("sfw no bytes back", sfw(ResponderBytes="0"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:1:1743500734:259"),
    ("sfw blocked, no bytes back", sfw(ResponderBytes="0", AC_RuleAction="Block"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, f"{UUID}:1:1743500734:259"),
    ("sfw IPv6", sfw(ResponderIP="2001:420:1101:5::a", InitiatorIP="2001:DB8::1", url="tools.cisco.com"), {}, "canonical", "tools.cisco.com", "tools.cisco.com", "allowed", "2001:db8::1", f"{UUID}:1:1743500734:259"),
    ("ftd:syslog, dest is the source", ftd_syslog(), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd:syslog, src is a hostname", ftd_syslog(src="toos.cisco.com", src_host="toos.cisco.com"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd:syslog, raw action", ftd_syslog(AC_RuleAction="<br/>Block with reset", action="<br/>Block with reset"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd:syslog, monitor", ftd_syslog(AC_RuleAction="Monitor", action="Monitor"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "unknown", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd:syslog, SNI only", ftd_syslog(URL="", url="", SSLServerName="toos.cisco.com", ssl_server_name="toos.cisco.com"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd:syslog, Host header only", ftd_syslog(URL="", url="", ReferencedHost="tools.cisco.com:443"), {}, "canonical", "tools.cisco.com", "tools.cisco.com", "allowed", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd:syslog, address as URL, name in SNI", ftd_syslog(url=f"https://{TOOLS}/", URL=f"https://{TOOLS}/", SSLServerName="toos.cisco.com"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd:syslog, only dest, which is the source", ftd_syslog(DstIP="", dest_ip="", ResponderIP=""), {}, "unverified", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd:syslog, only dest, and raw", ftd_syslog(DstIP="", dest_ip="", ResponderIP="", _raw=f"%FTD-1-430003: SrcIP: {DEVICE}, DstIP: {TOOLS}, ResponderBytes: 0"), {"raw": True}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd without raw", ftd(), {}, "", "", "", "", "", ""),
    ("ftd with raw, translated address", ftd(_raw=ftd()["_raw"] + ", NAT_InitiatorPort: 59941, NAT_ResponderIP: 203.0.113.5"), {"raw": True}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd with raw", ftd(), {"raw": True}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("ftd matched, url never extracted", ftd(dest_ip=TOOLS, dest=TOOLS, src_ip=DEVICE, vendor_action="block"), {}, "unnamed", "tools.cisco.com", "", "blocked", DEVICE, ""),
    ("ftd matched, with raw", ftd(dest_ip=TOOLS, dest=TOOLS, src_ip=DEVICE, vendor_action="block"), {"raw": True}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("firepower:syslog", firepower(), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:77"),
    ("firepower:syslog, the rest from raw", firepower(action="Allow", connection_id="", _raw="%FTD-1-430003: ConnectionID: 78, ResponderBytes: 0"), {"raw": True}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, f"{UUID}:2:2025-04-01T09:45:34Z:78"),
    ("estreamer, url wiped", estreamer(), {}, "unnamed", "tools.cisco.com", "", "blocked", DEVICE, "fw-1:4:1743500734:60183"),
    ("estreamer, url wiped, raw", estreamer(), {"raw": True}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, "fw-1:4:1743500734:60183"),
    ("estreamer, SNI", estreamer(ssl_server_name="tools.cisco.com"), {}, "canonical", "tools.cisco.com", "tools.cisco.com", "blocked", DEVICE, "fw-1:4:1743500734:60183"),
    ("estreamer, SNI but the URL only in raw", estreamer(ssl_server_name="tools.cisco.com"), {"raw": True}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, "fw-1:4:1743500734:60183"),
    ("estreamer, no bytes back", estreamer(fw_rule_action="Allow", dest_bytes="0"), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, "fw-1:4:1743500734:60183"),
    ("asa built", asa(), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, ""),
    ("asa built, swapped", asa_swapped(), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, ""),
    ("asa swapped, other port", asa_swapped(src_port="8443"), {}, "", "", "", "", "", ""),
    ("asa denied", asa(message_id="106023", vendor_action="Deny", action="blocked"), {}, "unnamed", "tools.cisco.com", "", "blocked", DEVICE, ""),
    ("asa reply packet denied", asa_swapped(message_id="106015", vendor_action="Deny", action="blocked"), {}, "unnamed", "tools.cisco.com", "", "unknown", DEVICE, ""),
    ("asa swapped, with names", asa_swapped(dest_host="core-asa", dest="core-asa"), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, ""),
    ("asa, the server's name given by the site", asa(dest="cisco-licensing"), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, ""),
    ("asa teardown", asa(message_id="302014", vendor_action="Teardown", action="teardown"), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, ""),
    ("asa with names", asa(dest_ip="", dest="tools.cisco.com", dest_host="tools.cisco.com"), {}, "unverified", "tools.cisco.com", "tools.cisco.com", "allowed", DEVICE, ""),
    ("asa with other names", asa(dest_ip="", dest="OCSP_Server", dest_host="OCSP_Server"), {}, "", "", "", "", "", ""),
    ("asa with a named device", asa(src_ip="", src="router-7", src_host="router-7"), {}, "unnamed", "tools.cisco.com", "", "allowed", "router-7", ""),
    ("fmc export", fmc(), {}, "canonical", "tools.cisco.com", "tools.cisco.com", "allowed", DEVICE, ""),
    ("fmc export, alias", fmc(URL="https://toos.cisco.com"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, ""),
    ("fmc export, swapped", fmc(**{"Source IP": TOOLS, "Destination IP": DEVICE, "Source Port / ICMP Type": "443 (https) / tcp"}), {}, "canonical", "tools.cisco.com", "tools.cisco.com", "allowed", DEVICE, ""),
    ("cim", cim(), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, ""),
    ("cim with url", cim(url="https://toos.cisco.com/x", action="blocked"), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "blocked", DEVICE, ""),
    ("cim with url_domain", cim(url_domain="TOOLS.cisco.com"), {}, "canonical", "tools.cisco.com", "tools.cisco.com", "allowed", DEVICE, ""),
    ("cim, dest is a name in addition to an address", cim(dest="toos.cisco.com", dest_ip=TOOLS), {}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, ""),
    ("cim, dest is an impostor's name", cim(dest="tools.cisco.com", dest_ip=OTHER), {}, "impostor", "", "tools.cisco.com", "allowed", DEVICE, ""),
    ("cim, dest repeats the source in other letters", cim(src="2001:db8::5", dest="2001:DB8:0::5", url="tools.cisco.com"), {}, "unverified", "tools.cisco.com", "tools.cisco.com", "allowed", "2001:db8::5", ""),
    ("cim, dest is a name, the URL an address", cim(dest="toos.cisco.com", dest_ip=OTHER, url=f"https://{OTHER}/"), {}, "impostor", "", "toos.cisco.com", "allowed", DEVICE, ""),
    ("option name, and a name elsewhere", cim(dest="tools.cisco.com", dest_ip=OTHER), {"name": "url"}, "", "", "", "", "", ""),
    ("cim, dest is a name", cim(dest="tools.cisco.com"), {}, "unverified", "tools.cisco.com", "tools.cisco.com", "allowed", DEVICE, ""),
    ("cim, placeholders", cim(dest="unknown", dest_ip="-", dst=TOOLS, url="-", URL="N/A"), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, ""),
    ("cim, relayed", cim(dest="10.0.0.5", url="tools.cisco.com"), {}, "relayed", "tools.cisco.com", "tools.cisco.com", "allowed", DEVICE, ""),
    ("multivalue address", cim(dest=["10.0.0.5", TOOLS], url="tools.cisco.com"), {}, "canonical", "tools.cisco.com", "tools.cisco.com", "allowed", DEVICE, ""),
    ("multivalue action", cim(action=["allowed", "blocked"]), {}, "unnamed", "tools.cisco.com", "", "blocked", DEVICE, ""),
    ("empty multivalue", cim(url=["", "-"], dest_ip=[]), {}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, ""),
    ("ordinary", cim(dest=OTHER, url="https://example.net/"), {}, "", "", "", "", "", ""),
    ("nothing at all", {}, {}, "", "", "", "", "", ""),
    ("option ip", cim(dest=OTHER, server=TOOLS), {"ip": "server"}, "unnamed", "tools.cisco.com", "", "allowed", DEVICE, ""),
    ("option ip rules the swap out", asa_swapped(), {"ip": "dest_ip"}, "", "", "", "", "", ""),
    ("option name", cim(url="https://evil.example", certificate="toos.cisco.com"), {"name": "certificate"}, "aliased", "tools.cisco.com", "toos.cisco.com", "allowed", DEVICE, ""),
    ("option device", cim(inside=["10.9.9.9"]), {"device": "inside"}, "unnamed", "tools.cisco.com", "", "allowed", "10.9.9.9", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "options", "verdict", "host", "observed", "outcome", "device", "connection"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_events_of_every_source_type_get_their_answer(
    lookups: Lookups,
    event: Event,
    options: dict[str, Any],
    verdict: str,
    host: str,
    observed: str,
    outcome: str,
    device: str,
    connection: str,
) -> None:
    answer = Enricher(lookups, Options(**options)).enrich(event)
    assert answer.verdict == verdict
    assert tuple(answer.fields) == OUTPUT_FIELDS
    got = tuple(
        answer.fields[f"tsid_{field}"]
        for field in ("verdict", "host", "observed", "outcome", "device", "connection")
    )
    assert got == (verdict, host, observed, outcome, device, connection)
    if verdict == "":
        assert set(answer.fields.values()) == {""}


@pytest.mark.parametrize(
    ("event", "options", "rewritten"),
    [
        (sfw(), {}, {"url": "https://tools.cisco.com"}),
        (sfw(url="HTTPS://u@TOOS.cisco.com.:443/Path?Q=toos.cisco.com"), {}, {"url": "HTTPS://u@tools.cisco.com:443/Path?Q=toos.cisco.com"}),
        (sfw(), {"rewrite": False}, {}),
        (sfw(url=""), {}, {"URL": "https://tools.cisco.com"}),
        (sfw(url="", URL="", SSLServerName="tools1.cisco.com"), {}, {"SSLServerName": "tools.cisco.com"}),
        (sfw(url=["https://a.example/", "https://toos.cisco.com/", "tools2.cisco.com"]), {}, {"url": ["https://a.example/", "https://tools.cisco.com/", "tools.cisco.com"]}),
        (sfw(url="https://tools.cisco.com"), {}, {}),
        (sfw(url="https://evil.example"), {}, {}),
        (sfw(ResponderIP=OTHER), {}, {}),
        (sfw(ResponderIP="10.0.0.1"), {}, {}),
        (sfw(ResponderIP="72.163.4.161"), {}, {}),
        (sfw(ResponderIP="146.112.59.25"), {}, {}),
        (ftd(), {"raw": True}, {}),
        (cim(dest="toos.cisco.com"), {}, {}),
    ],
)  # fmt: skip
def test_only_a_verified_alias_is_replaced(
    lookups: Lookups, event: Event, options: dict[str, Any], rewritten: Event
) -> None:
    assert Enricher(lookups, Options(**options)).enrich(event).rewritten == rewritten


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("all", ["", "canonical", "aliased", "unnamed", "foreign", "impostor"]),
        ("licensing", ["canonical", "aliased", "unnamed", "foreign", "impostor"]),
        ("flagged", ["aliased", "unnamed", "foreign", "impostor"]),
    ],
)
def test_keep_selects_events_by_verdict(lookups: Lookups, keep: str, kept: list[str]) -> None:
    enricher = Enricher(lookups, Options(keep=keep))
    events = [
        cim(dest=OTHER), cim(url="tools.cisco.com"), cim(url="toos.cisco.com"), cim(), cim(url="x.example"), cim(dest=OTHER, url="tools.cisco.com"),
    ]  # fmt: skip
    answers = [enricher.enrich(event) for event in events]
    assert [answer.verdict for answer in answers if enricher.keeps(answer)] == kept


def test_every_output_field_starts_with_the_prefix(lookups: Lookups) -> None:
    answer = Enricher(lookups, Options(prefix="src_")).enrich(cim())
    assert tuple(answer.fields) == tuple(f"src_{field}" for field in OUTPUT_FIELDS)
    assert answer.fields["src_tsid_verdict"] == "unnamed"


@pytest.mark.parametrize("time", ["", "-", "never", "nan", "inf", ["1743500734", "x"]])
def test_an_unreadable_time_counts_as_missing(lookups: Lookups, time: Any) -> None:
    assert Enricher(lookups, Options()).enrich(cim(_time=time)).verdict == "unnamed"
