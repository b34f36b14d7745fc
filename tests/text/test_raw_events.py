"""Fields read out of raw lines: FTD 43000x and eNcore, with the traps that such lines hold."""

from __future__ import annotations

import csv
import re

import pytest

from tests.conftest import LOOKUPS
from tsid.text.raw_events import read_raw

FTD = (
    "Nov  3 10:00:00 fw1 %FTD-1-430003: EventPriority: Low, DeviceUUID: 11111111-2222-3333-4444-555555555555, InstanceID: 2, "
    "FirstPacketSecond: 2025-11-03T10:00:00Z, ConnectionID: 77, AccessControlRuleAction: Block with reset, SrcIP: 10.1.1.1, "
    "DstIP: 72.163.4.38, SrcPort: 40000, DstPort: 443, Protocol: tcp, Prefilter Policy: Default Prefilter Policy, "
    "User: No Authentication Required, UserAgent: Mozilla/5.0 (KHTML, like Gecko), DstIP: 203.0.113.9, "
    "ResponderBytes: 0, ReferencedHost: , URL: https://toos.cisco.com/a, b"
)
# FTD 7.x with address translation: keys with underscores, and the URL not at the end.
NAT = (
    "%FTD-6-430003: AccessControlRuleAction: Block, NAT_InitiatorPort: 59941, SrcIP: 10.1.1.1, DstIP: 203.0.113.5, DNS_TTL: 0, "
    "URL: https://toos.cisco.com, NAT_InitiatorIP: 198.51.100.1, NAT_ResponderIP: 72.163.4.38, ClientAppDetector: AppID"
)
ENCORE = (
    'rec_type=71 event_sec=1684439277 client_app="SSL client" url="" ssl_server_name=toos.cisco.com src_ip=10.1.1.1 '
    'dest_ip=72.163.4.38 fw_rule_action="Block with reset" instance_id=4 first_pkt_sec=1684439333 connection_id=60183 '
    'sensor=fw-1 fw_rule="a=b c" url=https://second.example/?dest_ip=203.0.113.9'
)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        (FTD, "DstIP", "72.163.4.38"),
        (FTD, "SrcIP", "10.1.1.1"),
        (FTD, "AccessControlRuleAction", "Block with reset"),
        (FTD, "Prefilter Policy", "Default Prefilter Policy"),
        (FTD, "UserAgent", "Mozilla/5.0 (KHTML, like Gecko)"),
        (FTD, "ReferencedHost", ""),
        (FTD, "URL", "https://toos.cisco.com/a, b"),
        (FTD, "FirstPacketSecond", "2025-11-03T10:00:00Z"),
        (NAT, "URL", "https://toos.cisco.com"),
        (NAT, "NAT_ResponderIP", "72.163.4.38"),
        (NAT, "AccessControlRuleAction", "Block"),
        (NAT, "DNS_TTL", "0"),
        (NAT, "DstIP", "203.0.113.5"),
        (FTD.replace("%FTD-1-430003", "%NGIPS-0-430002"), "DstIP", "72.163.4.38"),
        (FTD.replace("https://toos.cisco.com/a, b", ""), "URL", ""),
        (FTD + "\n", "URL", "https://toos.cisco.com/a, b"),
        (ENCORE, "dest_ip", "72.163.4.38"),
        (ENCORE, "url", ""),
        (ENCORE, "ssl_server_name", "toos.cisco.com"),
        (ENCORE, "fw_rule_action", "Block with reset"),
        (ENCORE, "client_app", "SSL client"),
        (ENCORE, "fw_rule", "a=b c"),
        ("rec_type=71 url=https://x.example/a=b dest_ip=10.1.1.2", "url", "https://x.example/a=b"),
        ('rec_type=71 url="https://x.example/" dest_ip=72.163.4.38 y" dest_ip=203.0.113.9', "dest_ip", ""),
        ("rec_type=71 dest_ip=10.1.1.2 note=a dest_ip=10.1.1.2", "dest_ip", "10.1.1.2"),
    ],
)
def test_a_field_is_read_from_the_raw_text(line: str, key: str, value: str) -> None:
    assert read_raw(line)[key] == value


FAKED = "%FTD-1-430003: SrcIP: 10.9.9.9, DstIP: 203.0.113.9, URL: https://evil.example"


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        (f'{ENCORE} user_agent="{FAKED}"', "dest_ip", "72.163.4.38"),
        (f"Nov  3 10:00:00 host {ENCORE} http_referrer=x/{FAKED}", "src_ip", "10.1.1.1"),
        (f"{FTD}, UserAgent: rec_type=71 dest_ip=203.0.113.9 ", "DstIP", "72.163.4.38"),
        (f"{FTD}, UserAgent: {FAKED}", "DstIP", "72.163.4.38"),
        # The bytes come after the user agent: the smallest count is believed.
        (
            "%FTD-1-430003: UserAgent: x, ResponderBytes: 99999, Client: y, ResponderBytes: 74",
            *("ResponderBytes", "74"),
        ),
        ("%FTD-1-430003: UserAgent: x, ResponderBytes: many, ResponderBytes: 0", "ResponderBytes", "0"),
        ("%FTD-1-430003: ResponderBytes: 74, URL: http://x/, ResponderBytes: 999", "ResponderBytes", "74"),
        (f"{FTD}, UserAgent: %ASA-6-302013: Built", "DstIP", "72.163.4.38"),
    ],
)
def test_a_log_line_inside_a_value_stays_a_value(line: str, key: str, value: str) -> None:
    assert read_raw(line)[key] == value


@pytest.mark.parametrize(
    "line",
    [
        "",
        "%ASA-6-302013: Built outbound TCP connection 1 for outside:203.0.113.1/443 to inside:10.1.1.1/4952",
        "%FTD-6-302013: Built outbound TCP connection",
        ENCORE.replace("rec_type=71", "rec_type=710"),
        ENCORE.replace("rec_type=71", "rec_type=400"),
        '{"EventType":"ConnectionEvent", "ResponderIP":"72.163.4.38"}',
        "DstIP: 72.163.4.38, URL: https://tools.cisco.com",
    ],
)
def test_lines_that_are_not_connection_events_have_no_fields(line: str) -> None:
    assert read_raw(line) == {}


@pytest.mark.parametrize(
    "line",
    [
        "%ASA-6-303002: FTP connection from inside:10.1.1.1/1 to dmz:10.2.2.2/21, user x Stored file {}",
        "%ASA-5-304001: 10.1.1.1 Accessed URL 203.0.113.9:http://x.example/{}",
        "Nov  3 10:00:00 fw1 : %FTD-6-302013: Built {}",
        "%SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: {}]",
        "%LICENSE-SMART_LIC-3-COMM_FAILED : {}",
        "%ASA-session-5-304001: 10.1.1.1 Accessed URL 203.0.113.9:http://x.example/{}",
        "%ASA--4-411001: {}",
        'rec_type=400 url="{}"',
        "Nov  3 10:00:00 host rec_type=9 url={}",
        "Nov  3 10:00:00 fw1 : %ASA-session-6-303002: Stored file {}",
        "Nov  3 10:00:00 switch1 %daemon-3-SYSTEM_MSG: fatal: user {}",
        "Nov  3 10:00:00 router1 %SYS-5: {}",
        "Nov  3 10:00:00 host sshd[12]: Invalid user {} from 203.0.113.9",
        "Nov  3 10:00:00 host su: user {}",
        "Nov  3 10:00:00 pa1 1,2026/11/03 10:00:00,007,TRAFFIC,end,10.1.1.1,203.0.113.9,{}",
        '10.1.1.1 - - [03/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "{}"',
        '{{"user_agent": "{}"}}',
    ],
)
@pytest.mark.parametrize("faked", [FAKED, f" {ENCORE}"], ids=["FTD", "eNcore"])
def test_a_connection_in_a_strangers_text_is_text(line: str, faked: str) -> None:
    assert read_raw(line.format(faked)) == {}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('rec_type=71 host="x" dest_ip=72.163.4.38 q=" country=de dest_ip=203.0.113.9 client="a"', "dest_ip"),
        ('rec_type=71 host=" dest_ip=72.163.4.38 " dest_ip=203.0.113.9', "dest_ip"),
        ('rec_type=71 agent="a dest_ip=72.163.4.38" dest_ip=203.0.113.9', "dest_ip"),
        ('rec_type=71 dest_ip=203.0.113.9 agent="dest_ip=72.163.4.38"', "dest_ip"),
        ('rec_type=71 url="x" fw_rule_action=Allow y=" fw_rule_action="Block" z=""', "fw_rule_action"),
        ('rec_type=71 src_ip=10.1.1.1 url="http://x/ src_ip=10.9.9.9"', "src_ip"),
    ],
)
def test_an_encore_key_with_two_values_has_none(line: str, key: str) -> None:
    assert read_raw(line).get(key, "") == ""


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (f"{FTD}, ResponderIP: 203.0.113.9", "ResponderIP"),
        (f"{FTD}, Destination IP: 203.0.113.9", "Destination IP"),
        (f"{FTD}, InitiatorIP: 10.9.9.9", "InitiatorIP"),
        (f"{FTD}, Source IP: 10.9.9.9", "Source IP"),
        (f"{FTD}, InitiatorPort: 443", "InitiatorPort"),
        (f"{FTD}, AC_RuleAction: Allow", "AC_RuleAction"),
        (f"{FTD}, Action: Allow", "Action"),
        (f'{ENCORE} http="x" responder_ip=203.0.113.9 y=""', "responder_ip"),
        (f'{ENCORE} http="x" dst_ip=203.0.113.9 y=""', "dst_ip"),
        (f'{ENCORE} http="x" dst=203.0.113.9 y=""', "dst"),
        (f'{ENCORE} http="x" dest=203.0.113.9 y=""', "dest"),
        (f'{ENCORE} http="x" initiator_ip=10.9.9.9 y=""', "initiator_ip"),
        (f'{ENCORE} http="x" src=10.9.9.9 y=""', "src"),
        (f'{ENCORE} http="x" vendor_action=Allow y=""', "vendor_action"),
        (f'{ENCORE} http="x" action=allowed y=""', "action"),
    ],
)
def test_a_key_of_another_format_is_a_strangers_text(line: str, key: str) -> None:
    assert key not in read_raw(line)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "<166>",
        "<166>Nov 27 2026 10:00:00 fw1 : ",
        "<166>:Nov 27 10:00:00 UTC: ",
        "<166>Nov 27 2026 10:00:00: fw1 : ",
        "Nov 27 10:00:00 192.0.2.9 Nov 27 2026 10:00:00 UTC: fw1 ",
        "<189>1 2026-11-27T10:00:00Z fw1 - - - - ",
        '<189>1 2026-11-27T10:00:00Z fw1 - - - [timeQuality tzKnown="0" isSynced="0"][meta sequenceId="7"] ',
        "Nov 27 10:00:00 relay.example Nov 27 2026 10:00:00 2001:db8::1 : ",
        "2020-03-01T01:02:36Z CISCO-SENSOR-3D Alerts ",
        "Aug 14 2019 15:09:41 siem-ftd  ",
        "Nov 27 10:00:00 fw1 : : ",
    ],
)
def test_a_line_may_have_a_syslog_header(header: str) -> None:
    assert read_raw(f"{header}{FAKED}")["DstIP"] == "203.0.113.9"
    assert read_raw(f"{header}{ENCORE}")["dest_ip"] == "72.163.4.38"


FTD_NAME = re.compile(r"[A-Z]\w{0,39}(?: [A-Z]\w{0,39})?", re.ASCII)
ENCORE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# What eNcore writes too, though the row gives another source.
ALSO_ENCORE = {"rec_type", "src_port", "tcp_flags"}


def test_no_record_is_read_for_the_fields_of_other_formats() -> None:
    for table in ("tsid_fields", "tsid_evidence_fields"):
        for row in csv.DictReader((LOOKUPS / f"{table}.csv").read_text("utf-8").splitlines()):
            field, source = row["field"], row["source"]
            if FTD_NAME.fullmatch(field) and "FTD syslog" not in source and "SFIMS" not in source:
                assert field not in read_raw(f"{FTD}, {field}: 203.0.113.9")
            if ENCORE_NAME.fullmatch(field) and "eNcore" not in source and field not in ALSO_ENCORE:
                assert field not in read_raw(f"{ENCORE} {field}=203.0.113.9")


def test_text_before_the_first_key_is_dropped() -> None:
    assert read_raw("%FTD-1-430002: noise, SrcIP: 10.1.1.1") == {"SrcIP": "10.1.1.1", "message_id": "430002"}
