"""What an event proves: the outcome, whether the server answered, and what the reason says of both."""

from __future__ import annotations

from typing import Any

import pytest

from tsid.decision.enrich import Answer, Enricher, Options
from tsid.facts.lookups import Lookups, load_lookups

TOOLS, DEVICE = "72.163.4.38", "10.12.1.8"
SEEN = {"src_ip": DEVICE, "dest_ip": TOOLS, "url": "https://tools.cisco.com/"}
BIG, SMALL = "5120", "74"


def answer_to(lookups: Lookups, event: dict[str, Any], **options: Any) -> Answer:
    return Enricher(lookups, Options(**options)).enrich({**SEEN, **event})


def proof(answer: Answer) -> tuple[str, str]:
    return answer.fields["tsid_outcome"], answer.fields["tsid_answered"]


def ftd(number: str, **values: str) -> str:
    pairs = {"AccessControlRuleAction": "Allow", "SrcIP": DEVICE, "DstIP": TOOLS, "DstPort": "443", **values}
    return f"Nov 27 10:00:00 fw1 %FTD-1-{number}: " + ", ".join(
        f"{key}: {value}" for key, value in pairs.items() if value
    )


# Splunk_TA_cisco-asa 6.0.1 derives `action` from the number of the message alone.
GUESSED = {"430001": "allowed", "430002": "blocked", "430003": "allowed", "430004": "allowed"}


@pytest.mark.parametrize("number", GUESSED)
@pytest.mark.parametrize(
    ("word", "outcome"), [("Block", "blocked"), ("Allow", "allowed"), ("Monitor", "unknown")]
)
def test_the_firewalls_own_word_outranks_what_an_addon_guesses(
    lookups: Lookups, number: str, word: str, outcome: str
) -> None:
    event = {
        "sourcetype": "cisco:ftd",
        "message_id": number,
        "action": GUESSED[number],
        "_raw": ftd(number, AccessControlRuleAction=word),
    }
    assert proof(answer_to(lookups, event, raw=True))[0] == outcome
    # Without the raw text there is only the guess, and a guess proves nothing.
    answer = answer_to(lookups, event)
    assert proof(answer)[0] == "unknown"
    assert (
        f"only the add-on's action, and not the firewall, says that it was {GUESSED[number]}"
        in answer.fields["tsid_reason"]
    )


CASES = [
    # Only TCP to a licensing port settles an outcome.
    ({"transport": "icmp", "action": "allowed", "dest_bytes": "98"}, "unknown", ""),
    (
        {"transport": "udp", "dest_port": "33434", "vendor_action": "Deny", "message_id": "106023"},
        "unknown",
        "",
    ),
    ({"transport": "udp", "dest_port": "443", "action": "allowed", "bytes_in": BIG}, "unknown", ""),
    ({"Protocol": "HTTPS", "transport": "udp", "action": "allowed", "bytes_in": BIG}, "unknown", ""),
    # The other direction of a connection: these are the device's bytes.
    (
        {"src_ip": TOOLS, "src_port": "443", "dest_ip": DEVICE, "action": "allowed", "bytes_in": BIG},
        "allowed",
        "",
    ),
    # A proxy that answers in the server's place.
    ({"vendor_action": "TCP_TUNNEL/503", "bytes_in": BIG}, "unknown", "true"),
    ({"vendor_action": "TCP_TUNNEL/200", "bytes_in": BIG}, "allowed", "true"),
    # A proxy that answers from its cache.
    ({"vendor_action": "TCP_HIT/200", "bytes_in": BIG}, "unknown", "true"),
    ({"action": "RT_FLOW_SESSION_CREATE", "bytes_in": BIG}, "allowed", ""),
    ({"vendor_action": "block-ip", "dest_port": "443"}, "blocked", ""),
    ({"proto": "1", "action": "blocked"}, "unknown", ""),
    ({"proto": "17", "action": "blocked"}, "unknown", ""),
    ({"proto": "6", "action": "blocked"}, "blocked", ""),
    ({"protocol": "ip", "transport": "TCP", "action": "blocked"}, "blocked", ""),
    ({"protocol": "ip", "action": "blocked"}, "blocked", ""),
    ({"protocol": "ssl", "action": "blocked"}, "blocked", ""),
    ({"transport": "ipv6-icmp", "action": "blocked"}, "unknown", ""),
    ({"dest_port": "80", "action": "allowed", "bytes_in": BIG}, "unknown", ""),
    ({"dest_port": "8443", "action": "blocked"}, "unknown", ""),
    ({"dest_port": "0", "action": "blocked"}, "unknown", ""),
    ({"dest_port": "4430", "action": "blocked"}, "unknown", ""),
    ({"dest_port": "443", "action": "blocked"}, "blocked", ""),
    ({"dest_port": "https", "action": "blocked"}, "blocked", ""),
    ({"dest_port": ["443", "80"], "action": "allowed", "bytes_in": BIG}, "unknown", ""),
    ({"Destination Port / ICMP...": "443 (https) / tcp", "Action": "Allow"}, "allowed", ""),
    ({"Destination Port / ICMP...": "443 (https) / udp", "Action": "Block"}, "unknown", ""),
    ({"Destination Port / ICMP...": "8 (Echo Request) / icmp", "Action": "Allow"}, "unknown", ""),
    ({"dst_port": "tcp/443", "action": "blocked"}, "blocked", ""),
    # Whether the server answered.
    ({"action": "allowed", "bytes_in": "0"}, "allowed", "false"),
    ({"action": "allowed", "bytes_in": "300"}, "allowed", "false"),
    ({"action": "allowed", "bytes_in": "301"}, "allowed", "true"),
    ({"action": "allowed", "dest_bytes": BIG}, "allowed", "true"),
    ({"action": "allowed", "dest_bytes": "-5"}, "allowed", ""),
    ({"action": "allowed", "dest_bytes": "nan"}, "allowed", ""),
    ({"action": "allowed", "dest_bytes": "many", "bytes_in": BIG}, "allowed", "true"),
    ({"action": "allowed"}, "allowed", ""),
    ({"action": "allowed", "conn_state": "S0"}, "allowed", "false"),
    ({"action": "allowed", "conn_state": "REJ", "bytes_in": BIG}, "allowed", "false"),
    ({"action": "allow", "app": "incomplete", "bytes": "9000"}, "allowed", "false"),
    ({"action": "allow", "app": "ssl", "bytes": "9000"}, "allowed", "true"),
    ({"action": "teardown", "bytes": "14804"}, "allowed", "true"),
    ({"action": "teardown", "bytes": "0"}, "allowed", "false"),
    ({"action": "start", "rcvdbyte": "0", "bytes_in": "0"}, "allowed", ""),
    # An ASA counts both directions: a request alone may have more than 300 bytes.
    ({"message_id": "302013", "vendor_action": "Built", "action": "allowed"}, "allowed", ""),
    (
        {"message_id": "302014", "vendor_action": "Teardown", "bytes": "0", "reason": "SYN Timeout"},
        "allowed",
        "false",
    ),
    (
        {"message_id": "302014", "vendor_action": "Teardown", "bytes": "517", "reason": "TCP FINs"},
        "allowed",
        "true",
    ),
    (
        {"message_id": "302014", "vendor_action": "Teardown", "bytes": "517", "reason": "TCP Reset-O"},
        "allowed",
        "",
    ),
    (
        {"message_id": "302014", "vendor_action": "Teardown", "bytes": "9000", "reason": "TCP Reset-I"},
        "allowed",
        "true",
    ),
    (
        {"message_id": "302014", "vendor_action": "Teardown", "bytes": "40", "reason": "TCP FINs"},
        "allowed",
        "false",
    ),
    # An answer proves a contact with licensing only if something shows that it was TLS or a licensing port.
    ({"url": "", "action": "allowed", "bytes_in": BIG}, "allowed", ""),
    ({"url": "tools.cisco.com", "action": "allowed", "bytes_in": BIG}, "allowed", ""),
    ({"url": "tools.cisco.com/a:443", "action": "allowed", "bytes_in": BIG}, "allowed", ""),
    ({"url": "http://tools.cisco.com/", "action": "allowed", "bytes_in": BIG}, "allowed", ""),
    ({"url": "https://tools.cisco.com:8443/", "action": "allowed", "bytes_in": BIG}, "allowed", ""),
    ({"url": "HTTPS://tools.cisco.com", "action": "allowed", "bytes_in": BIG}, "allowed", "true"),
    ({"url": "tools.cisco.com:443", "action": "allowed", "bytes_in": BIG}, "allowed", "true"),
    ({"url": "", "dest_port": "443", "action": "allowed", "bytes_in": BIG}, "allowed", "true"),
    ({"url": "", "transport": "tcp", "action": "allowed", "bytes_in": BIG}, "allowed", "true"),
    # That it was not answered, or blocked, needs no such proof.
    ({"url": "", "action": "allowed", "bytes_in": "0"}, "allowed", "false"),
    ({"url": "", "action": "blocked"}, "blocked", ""),
    # Begin events say nothing about the answer.
    ({"message_id": "430002", "AC_RuleAction": "Allow", "ResponderBytes": SMALL}, "allowed", ""),
    ({"message_id": "430002", "AC_RuleAction": "Allow", "ResponderBytes": BIG}, "allowed", ""),
    ({"rec_type": "430002", "AC_RuleAction": "Allow", "ResponderBytes": BIG}, "allowed", ""),
    ({"message_id": "%FTD-6-430003", "AC_RuleAction": "Allow", "ResponderBytes": BIG}, "allowed", "true"),
    ({"log_subtype": "start", "action": "allow", "bytes_in": BIG}, "allowed", ""),
    # A late packet is not a block; a packet that opens a connection is.
    ({"message_id": "106015", "vendor_action": "Deny", "tcp_flag": "FIN ACK"}, "unknown", ""),
    ({"message_id": "106015", "vendor_action": "Deny", "tcp_flag": "ACK"}, "unknown", ""),
    ({"message_id": "106015", "vendor_action": "Deny"}, "unknown", ""),
    ({"message_id": "106015", "vendor_action": "Deny", "tcp_flag": "SYN"}, "blocked", ""),
    ({"message_id": "106015", "vendor_action": "Deny", "tcp_flag": "SYN ACK"}, "unknown", ""),
    ({"message_id": "106015", "vendor_action": "Deny", "tcp_flag": ["SYN", "ACK"]}, "unknown", ""),
    # An unknown word never hides a known word; a word that blocks nothing is known.
    ({"vendor_action": "frobnicated", "action": "blocked"}, "blocked", ""),
    ({"AC_RuleAction": "Would have blocked", "action": "blocked"}, "unknown", ""),
    ({"disposition": "Dropped", "action": "other"}, "blocked", ""),
    # What happened to a part of a connection only proves a block, and only in an event about that part.
    ({"message_id": "430001", "InlineResult": "Blocked"}, "blocked", ""),
    ({"message_id": "430001", "InlineResult": "Would have blocked"}, "unknown", ""),
    ({"message_id": "430005", "FileAction": "Malware Block"}, "blocked", ""),
    ({"FileAction": "Block", "AC_RuleAction": "Allow"}, "blocked", ""),
    ({"FileAction": "Allow", "AC_RuleAction": "Block"}, "blocked", ""),
    ({"message_id": "430003", "FileAction": "Block", "AC_RuleAction": "Allow"}, "allowed", ""),
    # The other way round, an ASA drops only late packets.
    (
        {"src_ip": TOOLS, "dest_ip": DEVICE, "src_port": "443", "url": "", "vendor_action": "Deny"},
        "unknown",
        "",
    ),
    (
        {
            "src_ip": TOOLS,
            "dest_ip": DEVICE,
            "src_port": "443",
            "url": "",
            "vendor_action": "Teardown",
            "bytes": "9000",
        },
        "allowed",
        "true",
    ),
]


@pytest.mark.parametrize(("event", "outcome", "answered"), CASES)
def test_an_event_proves_only_what_it_tells(
    lookups: Lookups, event: dict[str, Any], outcome: str, answered: str
) -> None:
    assert proof(answer_to(lookups, event)) == (outcome, answered)


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (ftd("430001", AccessControlRuleAction="", InlineResult="Blocked"), "blocked"),
        (ftd("430005", AccessControlRuleAction="", FileAction="Block Malware"), "blocked"),
        # A stranger's URL cannot make an allowed connection of a blocked one, nor the other way round.
        (
            ftd("430003", AccessControlRuleAction="Block", URL="http://tools.cisco.com/, FileAction: Allow"),
            "blocked",
        ),
        (ftd("430003", URL="http://tools.cisco.com/, FileAction: Block"), "allowed"),
    ],
)
def test_the_raw_text_tells_what_happened(lookups: Lookups, event: str, outcome: str) -> None:
    assert proof(answer_to(lookups, {"_raw": event}, raw=True))[0] == outcome


def test_a_sites_own_ports_settle_the_outcome_at_its_server(folder: Any) -> None:
    (folder / "cisco_licensing_endpoints_local.csv").write_text(
        "network,host,service,ports\n10.9.9.9/32,onprem.example,on_prem,tcp/443 tcp/80 tcp/1443\n", "utf-8"
    )
    lookups = load_lookups(folder)
    for port, outcome in (("80", "blocked"), ("1443", "blocked"), ("443", "blocked"), ("8443", "unknown")):
        event = {
            "dest_ip": "10.9.9.9",
            "url": "https://onprem.example",
            "dest_port": port,
            "action": "blocked",
        }
        answer = answer_to(lookups, event)
        assert proof(answer)[0] == outcome
    answer = answer_to(lookups, {"dest_ip": "10.9.9.9", "url": "", "action": "blocked"})
    assert "TCP ports 443 and 80 and 1443" in answer.fields["tsid_advice"]


@pytest.mark.parametrize(
    ("event", "clause"),
    [
        (
            {"action": "allowed", "bytes_in": BIG},
            "the firewall let it through (action: allowed), and the server answered.",
        ),
        (
            {"action": "allowed", "bytes_in": "0"},
            "the firewall let it through (action: allowed), but the server did not answer.",
        ),
        (
            {"action": "allowed"},
            "the firewall let it through (action: allowed), but the event does not show whether the server answered.",
        ),
        ({"vendor_action": "Deny"}, "the firewall blocked it (vendor_action: Deny)."),
        ({"action": "blocked", "dest_port": "80"}, "it used port 80, which licensing does not."),
        ({"action": "blocked", "transport": "icmp"}, "it used protocol icmp, which licensing does not."),
        ({"action": "Monitor"}, "action: Monitor does not show what became of it."),
        ({"action": "frobnicated"}, "action 'frobnicated' is in no row of tsid_actions.csv."),
        ({}, "and the firewall reported that name."),
    ],
)
def test_the_reason_says_what_was_concluded_from_what(
    lookups: Lookups, event: dict[str, Any], clause: str
) -> None:
    assert answer_to(lookups, event).fields["tsid_reason"].endswith(clause)


def test_a_connection_without_answer_gets_its_own_advice(lookups: Lookups) -> None:
    answered = answer_to(lookups, {"action": "allowed", "bytes_in": BIG})
    silent = answer_to(lookups, {"action": "allowed", "bytes_in": "0"})
    assert answered.fields["tsid_advice"] == ""
    assert "check the return route" in silent.fields["tsid_advice"]
    # Where the address is not an endpoint, the verdict's own advice stays.
    stranger = answer_to(lookups, {"dest_ip": "203.0.113.9", "action": "allowed", "bytes_in": "0"})
    assert "Do not allow this connection by name" in stranger.fields["tsid_advice"]


def test_a_licensing_name_at_a_block_page_is_filtered(lookups: Lookups) -> None:
    answer = answer_to(lookups, {"dest_ip": "146.112.61.106", "action": "allowed"})
    assert (answer.verdict, answer.fields["tsid_host"], answer.fields["tsid_confidence"]) == (
        "filtered",
        "tools.cisco.com",
        "high",
    )
    assert answer.rewritten == {}
    assert "DNS filter" in answer.fields["tsid_advice"]
    assert answer_to(lookups, {"dest_ip": "146.112.61.106", "url": "https://www.example.com"}).verdict == ""
