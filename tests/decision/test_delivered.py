"""Lines and fields as relays, collectors and add-ons deliver them: wrapped, cut, put together, renamed."""

from __future__ import annotations

import json
from functools import reduce
from typing import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LOOKUPS
from tsid.decision.enrich import Enricher, Options
from tsid.facts.fields import Event
from tsid.facts.lookups import load_lookups

DEVICE, SERVER, STRANGER = "192.0.2.7", "72.163.4.38", "198.51.100.66"
HEAD = (
    "EventPriority: Low, DeviceUUID: 11111111-2222-3333-4444-555555555555, InstanceID: 2, FirstPacketSecond: "
    "2026-11-03T10:00:00Z, ConnectionID: 77, AccessControlRuleAction: Block, "
    f"SrcIP: {DEVICE}, DstIP: {SERVER}, SrcPort: 40000, DstPort: 443, Protocol: tcp, "
)
BODY = f"{HEAD}ACPolicy: Edge, Client: SSL client, ResponderBytes: 74, URL: https://toos.cisco.com"
LINE = f"%FTD-1-430003: {BODY}"
HEADER = "<166>Nov 27 2026 10:00:00 fw1 : "
SFIMS = (
    f"Nov 27 10:00:00 fmc1 SFIMS: Protocol: TCP, SrcIP: {DEVICE}, OriginalClientIP: ::, DstIP: {SERVER}, SrcPort: 40000, "
    "DstPort: 443, TCPFlags: 0x0, DE: Primary Detection Engine (5c120000), Policy: Edge, ConnectType: End, "
    "AccessControlRuleName: Default Action, AccessControlRuleAction: Block, Prefilter Policy: Unknown, "
    "ApplicationProtocol: HTTPS, ResponderBytes: 74, URLCategory: Unknown, URL: https://toos.cisco.com"
)
ENCORE = (
    f'rec_type=71 event_sec=1795000000 client_app="SSL client" ssl_server_name=toos.cisco.com src_ip={DEVICE} '
    f'dest_ip={SERVER} dest_port=443 ip_proto=TCP fw_rule_action="Block with reset" url=https://toos.cisco.com dest_bytes=74'
)
OTHER = f"{HEADER}%FTD-1-430003: AccessControlRuleAction: Allow, SrcIP: 10.9.9.9, DstIP: {STRANGER}, URL: https://x.example"

_LOOKUPS = load_lookups(LOOKUPS)
READS_RAW, READS_FIELDS = (Enricher(_LOOKUPS, Options(raw=raw)) for raw in (True, False))


def told(event: Event, enricher: Enricher = READS_RAW) -> dict[str, str]:
    fields = enricher.enrich(event).fields
    names = ("verdict", "observed", "ip", "device", "outcome", "answered")
    return {name: fields[f"tsid_{name}"] for name in names}


BLOCKED_ALIAS = {
    **{"verdict": "aliased", "observed": "toos.cisco.com", "ip": SERVER, "device": DEVICE},
    **{"outcome": "blocked", "answered": "false"},
}


def as_json(text: str, key: str = "message") -> str:
    return json.dumps({"host": "fw1", key: text, "severity": 1})


WRAPPED = {
    "message of a collector": as_json(LINE),
    "message with a header": as_json(HEADER + LINE),
    "message with a line end": as_json(LINE + "\n"),
    "escaped slashes": as_json(LINE).replace("/", "\\/"),
    "slashes by number": as_json(LINE).replace("/", "\\u002f"),
    "upper-case numbers": as_json(LINE).replace("/", "\\u002F"),
    "event of HEC": json.dumps({"time": 1795000000, "event": LINE, "sourcetype": "cisco:ftd"}),
    "object in the event of HEC": json.dumps({"event": {"message": LINE}}),
    "log of Docker": json.dumps({"log": LINE + "\n", "stream": "stdout"}),
    "original of ECS": json.dumps({"event": {"original": LINE, "kind": "event"}}),
    "MESSAGE of syslog-ng": json.dumps({"PROGRAM": "", "MESSAGE": LINE}),
    "full_message of GELF": json.dumps(
        {"version": "1.1", "host": "fw1", "short_message": "x", "full_message": LINE}
    ),
    "_raw of Cribl": json.dumps({"_time": 1795000000, "_raw": HEADER + LINE}),
    "result of an export": json.dumps({"preview": False, "result": {"_raw": HEADER + LINE}}),
    "array": json.dumps([{"message": LINE}]),
    "object over several lines": json.dumps({"message": LINE, "host": "fw1"}, indent=2),
    "object in an object's text": json.dumps({"log": as_json(HEADER + LINE)}),
    "object after a syslog header": f"<14>1 2026-11-27T10:00:00Z relay app 7 - - {as_json(LINE)}",
    "object after an older header": f"Nov 27 10:00:00 relay fluentd[12]: {as_json(HEADER + LINE)}",
    "object after a cookie": f"Nov 27 10:00:00 relay @cee: {as_json(LINE, 'msg')}",
    "object that is cut": json.dumps({"message": LINE + "/a/long/path"})[:-9],
    "object whose start is cut": f'{LINE}","host":"fw1"'.split('","')[0] + '"}',
    "repeated": f"message repeated 2 times: [ {LINE}]",
    "repeated, after a header": f"Nov 27 10:00:00 fw1 message repeated 12 times: [ {LINE}]",
    "repeated, header inside": f"message repeated 2 times: [ {HEADER}{LINE}]",
    "quoted": f'"{LINE}"',
    "quoted, with a header": f'"{HEADER}{LINE}"',
    "quoted, quotes doubled": '"{}"'.format(as_json(LINE).replace('"', '""')),
    "single quotes": f"'{LINE}'",
    "quoted, first of several": f'"{LINE}","fw1","10.0.0.1"',
    "brackets": f"[{LINE}]",
    "a comma after it": f"{LINE},",
    "a semicolon after it": f"{LINE};",
    "a quote after it": f'{LINE}"',
    "NUL": f"{LINE}\0",
    "NUL and text": f"{LINE}\0rest",
    "NUL in front": f"\0{LINE}",
    "line end": f"{LINE}\r\n",
    "second line": f"{LINE}\n{OTHER}",
    "second line of a stack": f"{LINE}\n  at x.example",
    "NUL and a time": f"{LINE}\0<30>Nov 27 10:00:00 host sshd[1]: x",
    "another program's line": f"{LINE}<30>Nov 27 10:00:00 host sshd[1]: x",
    "object whose start is cut, with more": f'{LINE}","host":"fw1","n":1}}',
    "element of XML": f"{LINE}</e>",
    "byte order mark read as Latin-1": f"\u00ef\u00bb\u00bf{LINE}",
    "ten other lines": json.dumps(
        {**{f"f{n}": {"message": "x"} for n in range(10)}, "log": "x", "message": LINE}
    ),
    "a stranger's object before it": json.dumps({"event": {"message": OTHER}, "message": LINE}),
    "an array of lines": json.dumps({"message": LINE, "tags": ["a", OTHER]}),
    "empty line in front": f"\n{HEADER}{LINE}",
    "byte order mark": f"\ufeff{HEADER}{LINE}",
    "byte order mark of RFC 5424": f"<166>1 2026-11-27T10:00:00Z fw1 - - - - \ufeff{LINE}",
    "octet count": f"{len(HEADER + LINE)} {HEADER}{LINE}",
    "octet counts": "".join(f"{len(line)} {line}" for line in (HEADER + LINE, OTHER)),
    "put together": f"{HEADER}{LINE}{OTHER}",
    "put together with a blank": f"{HEADER}{LINE} {OTHER}",
    "put together without priority": f"{LINE}{OTHER[5:]}",
    "put together, ISO time": f"{LINE}2026-11-27T10:00:00Z fw1 {OTHER[len(HEADER) :]}",
    "put together without header": LINE + OTHER[len(HEADER) :],
    "put together with host": f"{LINE} fw1 {OTHER[len(HEADER) :]}",
    "put together with an ASA's": f"{HEADER}{LINE}<166>Nov 27 2026 10:00:00 fw1 : %ASA-6-302013: Built",
    "ASA's tag": f"%ASA-1-430003: {BODY}",
    "FMC's tag": f"%FMC-1-430003: {BODY}",
    "empty class": f"%FTD--6-430003: {BODY}",
    "class of EMBLEM": f"%FTD-session-6-430003: {BODY}",
    "no colon": f"%FTD-1-430003 {BODY}",
    "blank before the colon": f"%FTD-1-430003 : {BODY}",
    "no percent sign": f"FTD-1-430003: {BODY}",
    "begin in place of end": f"%FTD-6-430003:{BODY}",
    "FMC's alert": SFIMS,
    "FMC's alert with a sensor's line": f"Nov 27 10:00:00 fmc1 SFIMS: {LINE}",
    "FMC's alert of a process": SFIMS.replace("SFIMS:", "SFIMS[7]:"),
    "FMC's alerts put together": SFIMS + SFIMS[21:],
    "FMC's alert by RFC 5424": f"<113>1 2026-11-27T10:00:00Z fmc1 SFIMS - - - {SFIMS[28:]}",
    "FMC's alert with a tag": SFIMS.replace("fmc1 ", "fmc1 Alerts "),
    "a tab after the tag": f"%FTD-1-430003:\t{BODY}",
    "FMC's alert without header": SFIMS[len("Nov 27 10:00:00 fmc1 ") :],
    "FMC's alert, wrapped": as_json(SFIMS),
    "eNcore": ENCORE,
    "eNcore, wrapped": as_json(ENCORE),
}


@pytest.mark.parametrize("line", WRAPPED.values(), ids=WRAPPED.keys())
def test_a_line_is_read_whatever_relays_put_around_it(line: str) -> None:
    assert told({"_raw": line}) == BLOCKED_ALIAS


@pytest.mark.parametrize("between", ["\n", " "])
def test_of_two_encore_records_no_address_is_read_because_either_may_be_a_strangers(between: str) -> None:
    answer = told({"_raw": f"{ENCORE}{between}rec_type=71 src_ip=10.9.9.9 dest_ip={STRANGER}"})
    assert (answer["verdict"], answer["ip"], answer["device"]) == ("unverified", "", "")


@pytest.mark.parametrize(
    ("contested", "field", "value", "expected"),
    [
        (f"dest_ip={STRANGER}", "dest_ip", SERVER, ("unverified", DEVICE, "blocked")),
        ("src_ip=10.9.9.9", "src_ip", "10.9.9.9", ("aliased", "", "blocked")),
        ("fw_rule_action=Allow", "action", "allowed", ("aliased", DEVICE, "unknown")),
    ],
)
def test_an_add_on_does_not_settle_what_is_contested_in_the_raw_text(
    contested: str, field: str, value: str, expected: tuple[str, str, str]
) -> None:
    fields = READS_RAW.enrich({field: value, "_raw": f"{ENCORE} {contested}"}).fields
    assert (fields["tsid_verdict"], fields["tsid_device"], fields["tsid_outcome"]) == expected
    key = contested.partition("=")[0]
    assert f"what the raw text has for {key} may be a stranger's, so no value counts" in fields["tsid_reason"]


def test_an_impostor_in_json_is_found() -> None:
    line = LINE.replace(SERVER, STRANGER).replace("toos", "tools")
    assert told({"_raw": as_json(line)})["verdict"] == "impostor"


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"user_agent": LINE}),
        json.dumps({"body": LINE}),
        json.dumps({"user_agent": f'","message":"{LINE}'}),
        json.dumps({"message": f"user {LINE}", "url": "/"}).replace("user ", "user x y "),
        json.dumps({"message": f"Invalid user {LINE}"}),
        json.dumps({"message": f"GET /{LINE}"}),
        f"Nov 27 10:00:00 host sshd[7]: message repeated 2 times: [ Failed password for invalid user {LINE}]",
        f'Nov 27 10:00:00 host app[7]: said "{LINE}"',
        f'10.1.1.1 - - [03/Nov/2026:10:00:00 +0000] "{LINE}"',
        f"%ASA-5-304001: 10.1.1.1 Accessed URL 203.0.113.9:http://x.example/\n{LINE}",
        f"http://x.example/{LINE}",
        json.dumps({"user_agent": {"original": LINE}}),
        json.dumps({"fields": {"message": LINE}}),
        json.dumps({"kubernetes": {"annotations": {"message": LINE}}}),
        json.dumps({"headers": [{"event": LINE}]}),
        json.dumps({"message": ["x", LINE]}),
        f"2026-11-27 10:00:00 INFO login failed for user {LINE}",
        f"2026-11-27 10:00:00 ERROR: no such user {LINE}",
        f"GET / HTTP/1.1\n{LINE}",
        f"Nov 27 10:00:00 host app: user {SFIMS[21:]}",
    ],
)
def test_a_line_in_a_strangers_text_is_not_read(line: str) -> None:
    assert told({"_raw": line})["verdict"] == ""


SHAPES: dict[str, tuple[Event, dict[str, str]]] = {
    "FMC's connection events": (
        {
            **{
                "Initiator IP": DEVICE,
                "Responder IP": SERVER,
                "URL": "https://toos.cisco.com",
                "Action": "Block",
            },
            **{"Destination Port / ICMP Code": "443 (https) / tcp", "Responder Bytes": "74"},
        },
        BLOCKED_ALIAS,
    ),
    "FMC's connection events after CLEAN_KEYS": (
        {
            **{"Initiator_IP": DEVICE, "Responder_IP": SERVER, "URL": "https://toos.cisco.com"},
            **{"Action": "Block", "Responder_Bytes": "74"},
        },
        BLOCKED_ALIAS,
    ),
    "file event": (
        {"SrcIP": DEVICE, "DstIP": SERVER, "URI": "https://toos.cisco.com/x", "FileAction": "Malware Block"},
        {**BLOCKED_ALIAS, "answered": ""},
    ),
    "file event in lower case": (
        {"src_ip": DEVICE, "dest_ip": SERVER, "uri": "https://toos.cisco.com/x", "action": "blocked"},
        {**BLOCKED_ALIAS, "answered": ""},
    ),
    "Zeek ssl.log": (
        {"id.orig_h": DEVICE, "id.resp_h": SERVER, "id.resp_p": "443", "server_name": "toos.cisco.com"},
        {**BLOCKED_ALIAS, "outcome": "unknown", "answered": ""},
    ),
    "Zeek conn.log": (
        {
            **{
                "id.orig_h": DEVICE,
                "id.resp_h": SERVER,
                "id.resp_p": "443",
                "proto": "tcp",
                "conn_state": "SF",
            },
            "resp_bytes": "5000",
        },
        {**BLOCKED_ALIAS, "verdict": "unnamed", "observed": "", "outcome": "allowed", "answered": "true"},
    ),
    "Zeek conn.log without answer": (
        {"id.orig_h": DEVICE, "id.resp_h": SERVER, "id.resp_p": "443", "proto": "tcp", "conn_state": "S0"},
        {**BLOCKED_ALIAS, "verdict": "unnamed", "observed": "", "outcome": "unknown", "answered": "false"},
    ),
    "FortiGate": (
        {
            **{"srcip": DEVICE, "dstip": SERVER, "dstport": "443", "proto": "6", "action": "blocked"},
            **{"hostname": "toos.cisco.com", "sentbyte": "517", "rcvdbyte": "74"},
        },
        BLOCKED_ALIAS,
    ),
    "FortiGate, blocked by a security profile": (
        {
            **{"srcip": DEVICE, "dstip": SERVER, "dstport": "443", "proto": "6", "action": "close"},
            **{"utmaction": "block", "hostname": "toos.cisco.com", "rcvdbyte": "5087"},
        },
        {**BLOCKED_ALIAS, "answered": "true"},
    ),
    "FortiGate, allowed by a security profile": (
        {
            **{"srcip": DEVICE, "dstip": SERVER, "dstport": "443", "proto": "6", "action": "close"},
            **{"utmaction": "allow", "hostname": "toos.cisco.com", "rcvdbyte": "74"},
        },
        {**BLOCKED_ALIAS, "outcome": "allowed"},
    ),
    "PAN-OS, ended by a threat": (
        {
            **{"src": DEVICE, "dst": SERVER, "dport": "443", "proto": "tcp", "action": "allow"},
            **{"session_end_reason": "threat", "misc": "toos.cisco.com/", "bytes_received": "74"},
        },
        BLOCKED_ALIAS,
    ),
    "FMC's ports after CLEAN_KEYS": (
        {
            **{"Initiator_IP": DEVICE, "Responder_IP": SERVER, "URL": "https://toos.cisco.com"},
            **{"Action": "Allow", "Responder_Bytes": "7400"},
            "Destination_Port___ICMP_Code": "443 (https) / udp",
        },
        {**BLOCKED_ALIAS, "outcome": "unknown", "answered": ""},
    ),
    "FortiGate traffic": (
        {
            **{"srcip": DEVICE, "dstip": SERVER, "dstport": "443", "proto": "6", "action": "close"},
            **{"sentbyte": "1500", "rcvdbyte": "7000"},
        },
        {**BLOCKED_ALIAS, "verdict": "unnamed", "observed": "", "outcome": "allowed", "answered": "true"},
    ),
    "a field with the firewall's own name": (
        {"srcip": DEVICE, "dstip": SERVER, "dstport": "443", "action": "deny", "hostname": "fw1.example.com"},
        {**BLOCKED_ALIAS, "verdict": "unnamed", "observed": "", "answered": ""},
    ),
    "PAN-OS": (
        {
            **{"src": DEVICE, "dst": SERVER, "dport": "443", "proto": "tcp", "action": "reset-both"},
            **{"misc": "toos.cisco.com/its/service", "bytes_received": "74", "subtype": "end"},
        },
        BLOCKED_ALIAS,
    ),
    "PAN-OS, a file": (
        {"src": DEVICE, "dst": SERVER, "dport": "443", "proto": "tcp", "action": "deny", "misc": "a.exe"},
        {**BLOCKED_ALIAS, "verdict": "unnamed", "observed": "", "answered": ""},
    ),
    "Zscaler firewall": (
        {
            **{"csip": DEVICE, "cdip": SERVER, "cdport": "443", "proto": "TCP", "action": "Blocked"},
            **{"cltdomain": "toos.cisco.com", "inbytes": "74"},
        },
        BLOCKED_ALIAS,
    ),
    "Zscaler web": (
        {
            **{"ClientIP": DEVICE, "serverip": SERVER, "protocol": "HTTPS", "action": "Blocked"},
            **{"url": "toos.cisco.com/its", "hostname": "toos.cisco.com", "responsesize": "74"},
        },
        BLOCKED_ALIAS,
    ),
    "OCSF": (
        {
            **{"src_endpoint.ip": DEVICE, "dst_endpoint.ip": SERVER, "dst_endpoint.port": "443"},
            **{"tls.sni": "toos.cisco.com", "disposition": "Blocked", "connection_info.protocol_name": "tcp"},
            "traffic.bytes_in": "74",
        },
        BLOCKED_ALIAS,
    ),
    "ECS": (
        {
            **{
                "source.ip": DEVICE,
                "destination.ip": SERVER,
                "destination.port": "443",
                "network.transport": "tcp",
            },
            **{"tls.client.server_name": "toos.cisco.com", "event.action": "deny", "destination.bytes": "74"},
        },
        BLOCKED_ALIAS,
    ),
    "tstats over Network_Traffic": (
        {"All_Traffic.src": DEVICE, "All_Traffic.dest": SERVER, "All_Traffic.action": "blocked"},
        {**BLOCKED_ALIAS, "verdict": "unnamed", "observed": "", "answered": ""},
    ),
    "tstats over Network_Traffic with bytes": (
        {
            **{"All_Traffic.src": DEVICE, "All_Traffic.dest": SERVER, "All_Traffic.action": "allowed"},
            **{
                "All_Traffic.dest_port": "443",
                "All_Traffic.transport": "tcp",
                "All_Traffic.bytes_in": "7000",
            },
        },
        {**BLOCKED_ALIAS, "verdict": "unnamed", "observed": "", "outcome": "allowed", "answered": "true"},
    ),
    "tstats over Web": (
        {
            "Web.src": DEVICE,
            "Web.dest": SERVER,
            "Web.url": "https://toos.cisco.com/",
            "Web.action": "blocked",
        },
        {**BLOCKED_ALIAS, "answered": ""},
    ),
}


@pytest.mark.parametrize(("event", "answer"), SHAPES.values(), ids=SHAPES.keys())
def test_fields_are_read_under_the_names_that_products_give_them(
    event: Event, answer: dict[str, str]
) -> None:
    assert told(event, READS_FIELDS) == answer


@pytest.mark.parametrize(
    ("fields", "clause"),
    [
        (
            {"dest_ip": STRANGER},
            f"the add-on's dest_ip is {STRANGER}, but the raw text says {SERVER}, which counts",
        ),
        (
            {"src_ip": "10.9.9.9"},
            f"the add-on's src_ip is 10.9.9.9, but the raw text says {DEVICE}, which counts",
        ),
        ({"action": "allowed"}, "the add-on's action is allowed, but the raw text says Block, which counts"),
        (
            {"url": 'https://toos.cisco.com"}'},
            "the add-on's url is https://toos.cisco.com\"}, but the raw text says https://toos.cisco.com, which counts",
        ),
        ({"dest_ip": SERVER, "src_ip": DEVICE, "action": "blocked", "url": "toos.cisco.com:443"}, ""),
        ({"dest_ip": f"::ffff:{SERVER}", "src": "router1", "action": "Would have blocked"}, ""),
    ],
)
def test_the_reason_says_what_an_add_on_extracted_wrongly(fields: dict[str, str], clause: str) -> None:
    reason = READS_RAW.enrich({**fields, "_raw": LINE}).fields["tsid_reason"]
    assert reason.endswith(f"; {clause}." if clause else "(AccessControlRuleAction: Block).")


def test_a_strangers_address_that_an_add_on_took_from_the_url_does_not_count() -> None:
    line = LINE.replace(SERVER, STRANGER).replace(
        "https://toos.cisco.com", f"http://tools.cisco.com/x, DstIP: {SERVER}"
    )
    answer = READS_RAW.enrich({"dest_ip": SERVER, "_raw": line}).fields
    assert (answer["tsid_verdict"], answer["tsid_ip"]) == ("impostor", STRANGER)
    assert f"the add-on's dest_ip is {SERVER}" in answer["tsid_reason"]


WRAPPERS: list[Callable[[str], str]] = [
    as_json,
    lambda text: as_json(text, "msg").replace("/", "\\/"),
    lambda text: json.dumps({"event": {"original": text}}),
    lambda text: f"message repeated 3 times: [ {text}]",
    lambda text: '"{}"'.format(text.replace('"', '""')),
    lambda text: f"\ufeff{text}",
]
TAILS = ["", "\0", "\r\n", ",", "\0rest"]
HEADERS = ["", HEADER, "142 <166>", "<166>1 2026-11-27T10:00:00Z fw1 - - - - ", "Nov 27 10:00:00 relay "]


@given(
    st.sampled_from([LINE, SFIMS[21:], ENCORE]),
    st.sampled_from(HEADERS),
    st.lists(st.sampled_from(WRAPPERS), max_size=3),
    st.sampled_from(TAILS),
)
def test_wrapping_a_line_never_changes_its_answer(
    line: str, header: str, wrappers: list[Callable[[str], str]], tail: str
) -> None:
    wrapped = reduce(lambda text, wrap: wrap(text), wrappers, header + line) + tail
    assert told({"_raw": wrapped}) == BLOCKED_ALIAS


FRAGMENTS = [
    *(
        f"DstIP: {STRANGER}",
        "SrcIP: 10.9.9.9",
        "AccessControlRuleAction: Allow",
        "DstPort: 80",
        "Protocol: udp",
    ),
    *(
        f"Responder IP: {STRANGER}",
        "Action: Allow",
        "InlineResult: Blocked",
        "ResponderBytes: 9999",
        OTHER,
        "SFIMS: ",
    ),
    *(
        f"dest_ip={STRANGER}",
        "src_ip=10.9.9.9",
        "fw_rule_action=Allow",
        "rec_type=71 ",
        "%FTD-1-430003: ",
        HEADER,
    ),
    *(
        ", ",
        '"',
        '",',
        '\\"',
        "'",
        "}",
        "]",
        "[",
        "{",
        "\\",
        "\t",
        "\n",
        "\0",
        "\x01",
        "\u2028",
        "%A1-1-AB: ",
    ),
    *(
        "message repeated 2 times: [ ",
        '"message":"',
        "FileAction: Block",
        "ConnectType: Start",
        "<30>Nov  3 ",
    ),
]
STRANGERS_TEXT = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=8)), max_size=6).map("".join)
PLACES = ("URL: https://toos.cisco.com/", "UserAgent: ", "SSLCertificateSubject: ", "AccessControlRuleName: ")
TAGS = ("%FTD-1-430003: ", "%FTD-session-6-430002 ", "Nov 27 10:00:00 fmc1 SFIMS: ")


@given(
    STRANGERS_TEXT,
    st.sampled_from(PLACES),
    st.sampled_from([str, *WRAPPERS[:5]]),
    st.sampled_from(TAGS),
    st.sampled_from(["Allow", "Block"]),
    st.sampled_from(
        [{}, {"dest_ip": STRANGER, "src_ip": "10.9.9.9", "action": "allowed", "bytes_in": "9999"}]
    ),
)
def test_a_strangers_text_never_changes_address_device_or_outcome(
    text: str, place: str, wrap: Callable[[str], str], tag: str, action: str, extracted: Event
) -> None:
    head = HEAD.replace("Block", action)
    answer = told(
        {
            **extracted,
            "_raw": wrap(f"{tag}{head}{place}{text}, ResponderBytes: 74, URL: https://toos.cisco.com"),
        }
    )
    outcome = "blocked" if action == "Block" else "allowed"
    assert (answer["ip"], answer["device"], answer["outcome"]) == (SERVER, DEVICE, outcome)
    # The firewall counted 74 bytes, however many a stranger names.
    assert answer["answered"] != "true"


@given(STRANGERS_TEXT, st.sampled_from(("url=https://toos.cisco.com/", 'user_agent="', 'fw_rule="')))
def test_a_strangers_text_in_an_encore_record_can_only_make_a_value_missing(text: str, place: str) -> None:
    answer = told({"_raw": f"{ENCORE} {place}{text}"})
    assert (answer["ip"] in (SERVER, ""), answer["device"] in (DEVICE, "")) == (True, True)
    assert answer["outcome"] in ("blocked", "unknown")
