"""What the answer to one event depends on besides address and name: its time, an earlier run, the side, the options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tsid.decision.enrich import OUTPUT_FIELDS, Answer, Enricher, Options
from tsid.facts.lookups import Lookups, load_lookups

TOOLS, RETIRED, STRANGER = "72.163.4.38", "198.51.100.1", "203.0.113.7"
SWAPPED = {"src_ip": TOOLS, "dest_ip": "10.1.1.1", "src_port": "443"}
# On 2024-03-01, and a year later.
WHILE, AFTER = "1709251200", "1740787200"


@pytest.fixture
def past(folder: Path) -> Lookups:
    """Return lookups with an endpoint that was one in the first half of 2024."""
    (folder / "cisco_licensing_endpoints_local.csv").write_text(
        "network,host,status,valid_from,valid_until\n"
        f"{RETIRED}/32,tools.cisco.com,retired,2024-01-01,2024-06-30\n",
        "utf-8",
    )
    return load_lookups(folder)


@pytest.mark.parametrize(
    ("time", "verdict"),
    [
        (WHILE, "aliased"),
        (f"{WHILE}.123", "aliased"),
        ([WHILE, AFTER], "aliased"),
        (AFTER, ""),
        ([AFTER, WHILE], ""),
        ("", ""),
        ([], ""),
        ("yesterday", ""),
        ("inf", ""),
        ("-inf", ""),
        ("nan", ""),
        (None, ""),
    ],
)
def test_the_time_of_the_event_decides_which_endpoints_are_valid(
    past: Lookups, time: Any, verdict: str
) -> None:
    event = {"dest_ip": RETIRED, "url": "https://toos.cisco.com/x"}
    event = event if time is None else {**event, "_time": time}
    enricher = Enricher(past, Options())
    answer = enricher.enrich(event)
    if verdict:
        assert (answer.verdict, answer.fields["tsid_host"]) == (verdict, "tools.cisco.com")
        assert answer.rewritten == {"url": "https://tools.cisco.com/x"}
    else:
        # A licensing name at an address that is no longer an endpoint.
        assert answer.verdict in ("unlisted", "impostor")
        assert answer.rewritten == {}
    assert "_time" in enricher.required_fields


def test_events_of_one_period_have_the_same_period_number(past: Lookups, lookups: Lookups) -> None:
    enricher = Enricher(past, Options())
    assert enricher.has_periods
    assert enricher.period(WHILE) == enricher.period(f"{WHILE}.5") != enricher.period(AFTER)
    assert enricher.period("x") == enricher.period("") == enricher.period("nan") != enricher.period(WHILE)
    # Those that are shipped hold at any time.
    assert not Enricher(lookups, Options()).has_periods


@pytest.mark.parametrize(
    ("options", "event", "verdict"),
    [
        # The first run has put the true name into the place of the alias.
        (Options(), {"tsid_observed": "toos.cisco.com"}, "aliased"),
        (Options(), {"tsid_observed": ["toos.cisco.com", "tools.cisco.com"]}, "aliased"),
        (Options(), {"tsid_observed": ["tools.cisco.com", "toos.cisco.com"]}, "canonical"),
        (Options(), {"tsid_observed": ""}, "canonical"),
        (Options(), {"tsid_observed": "www.example.com"}, "canonical"),
        (Options(prefix="second_"), {"tsid_observed": "toos.cisco.com"}, "canonical"),
        (Options(prefix="second_"), {"second_tsid_observed": "toos.cisco.com"}, "aliased"),
    ],
)
def test_a_second_run_uses_the_name_that_the_first_run_observed(
    lookups: Lookups, options: Options, event: Mapping[str, Any], verdict: str
) -> None:
    enricher = Enricher(lookups, options)
    answer = enricher.enrich({"dest_ip": TOOLS, "url": "https://tools.cisco.com/", **event})
    assert answer.verdict == verdict
    assert enricher.earlier_field == f"{options.prefix}tsid_observed"
    assert enricher.earlier_field in enricher.required_fields
    # The true name is there already.
    assert answer.rewritten == {}
    if verdict == "aliased":
        assert answer.fields[f"{options.prefix}tsid_observed"] == "toos.cisco.com"


@pytest.mark.parametrize("port", ["443", "443 (https) / tcp", "443/tcp", "443 / tcp"])
def test_the_sides_are_swapped_where_only_the_source_is_an_endpoint(past: Lookups, port: str) -> None:
    enricher = Enricher(past, Options())
    event = {"_time": WHILE, "src_ip": TOOLS, "dest_ip": "10.1.1.1", "src_port": port}
    assert enricher.enrich(event).fields["tsid_device"] == "10.1.1.1"
    assert enricher.enrich({**event, "src_ip": RETIRED}).fields["tsid_device"] == "10.1.1.1"
    # It is none any more, both are, none is, or the port is another one.
    for change in (
        {"src_ip": RETIRED, "_time": AFTER},
        {"dest_ip": "173.37.145.8"},
        {"dest_ip": RETIRED},
        {"src_ip": STRANGER},
        {"src_port": "4433"},
    ):
        answer = enricher.enrich({**event, **change})
        assert answer.fields["tsid_device"] == ("" if not answer.verdict else {**event, **change}["src_ip"])
    # As usual, from whatever port.
    answer = enricher.enrich({**event, "src_ip": "10.9.9.9", "dest_ip": TOOLS})
    assert (answer.verdict, answer.fields["tsid_device"]) == ("unnamed", "10.9.9.9")
    # A name of the destination is that of the device then.
    named = {**event, "dest_host": "toos.cisco.com"}
    assert enricher.enrich(named).verdict == "unnamed"
    assert enricher.enrich({**named, "src_ip": "10.9.9.9", "dest_ip": TOOLS}).verdict == "aliased"
    # Who names the field has said which side it is.
    chosen = Enricher(past, Options(ip="dest_ip"))
    assert chosen.enrich(event).verdict == ""
    assert chosen.enrich({**named, "dest_ip": TOOLS}).verdict == "aliased"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"action": "allowed"}, "allowed"),
        ({"action": "blocked"}, "blocked"),
        ({}, ""),
        # Whether the server answered makes no difference to what the firewall did.
        ({"action": "allowed", "ResponderBytes": "0"}, "allowed"),
        ({"action": "allowed", "ResponderBytes": " 0.0 "}, "allowed"),
        ({"action": "allowed", "ResponderBytes": "1"}, "allowed"),
        ({"action": "allowed", "ResponderBytes": "5120"}, "allowed"),
        ({"action": "allowed", "ResponderBytes": "none"}, "allowed"),
        ({"action": "blocked", "ResponderBytes": "0"}, "blocked"),
        # Swapped, a block does not block the device.
        ({"action": "blocked", **SWAPPED}, ""),
        ({"action": "allowed", **SWAPPED}, "allowed"),
    ],
)
def test_the_outcome_is_that_of_the_devices_request(
    lookups: Lookups, change: Mapping[str, str], outcome: str
) -> None:
    event = {"dest_ip": TOOLS, "url": "https://toos.cisco.com/", "src_ip": "10.1.1.1", **change}
    answer = Enricher(lookups, Options()).enrich(event)
    assert answer.fields["tsid_outcome"] == (outcome or "unknown")
    # Only a block needs a change; what is not blocked may be blocked elsewhere, and did if nothing came back.
    opening = {"blocked": "Allow ", "allowed": "Make sure ", "": "Make sure "}[outcome]
    if answer.fields["tsid_answered"] == "false" and outcome == "allowed":
        opening = "The firewall let the connection through"
    assert answer.fields["tsid_advice"].startswith(opening)


def test_names_in_address_fields_count_only_where_no_other_name_is_reported(lookups: Lookups) -> None:
    enricher = Enricher(lookups, Options())
    among = {"dest_ip": TOOLS, "dest": "toos.cisco.com"}
    assert enricher.enrich(among).verdict == "aliased"
    # It is not a field of names: nothing is written there.
    assert enricher.enrich(among).rewritten == {}
    assert enricher.enrich({**among, "url": f"https://{TOOLS}/"}).verdict == "aliased"
    assert enricher.enrich({**among, "url": "https://tools.cisco.com/"}).verdict == "canonical"
    # The site's own name for the server was not reported by the firewall.
    answer = enricher.enrich({"dest_ip": TOOLS, "dest": "cisco-licensing.corp.example"})
    assert (answer.verdict, answer.fields["tsid_observed"]) == ("unnamed", "")
    answer = enricher.enrich(
        {"dest_ip": TOOLS, "dest": "licensing.corp.example", "url": f"https://{TOOLS}/x"}
    )
    assert (answer.verdict, answer.fields["tsid_observed"]) == ("unnamed", TOOLS)


def test_only_fields_that_change_are_rewritten(lookups: Lookups) -> None:
    enricher = Enricher(lookups, Options())
    url = ["https://toos.cisco.com/a", "https://www.example.com/toos.cisco.com"]
    answer = enricher.enrich({"dest_ip": TOOLS, "url": url})
    assert answer.rewritten == {"url": ["https://tools.cisco.com/a", url[1]]}
    answer = enricher.enrich({"dest_ip": TOOLS, "url": [url[0], "-"]})
    assert answer.rewritten == {"url": ["https://tools.cisco.com/a", "-"]}
    assert enricher.enrich({"dest_ip": TOOLS, "url": ["https://tools.cisco.com/"]}).rewritten == {}
    assert Enricher(lookups, Options(rewrite=False)).enrich({"dest_ip": TOOLS, "url": url}).rewritten == {}


def test_prefix_and_field_options_decide_the_field_names(lookups: Lookups) -> None:
    enricher = Enricher(lookups, Options(prefix="p_", name="site_name"))
    assert (enricher.device_field, enricher.connection_field) == ("p_tsid_device", "p_tsid_connection")
    assert {enricher.device_field, enricher.connection_field} <= set(enricher.output_fields)
    assert list(enricher.fields_of("name")) == ["site_name"]
    assert enricher.fields_of("address") == lookups.fields.of("address")
    # An event without a device has an empty one.
    assert enricher.enrich({"dest_ip": TOOLS}).fields["p_tsid_device"] == ""
    chosen = Enricher(lookups, Options(ip="site_ip", device="site_device"))
    answer = chosen.enrich(
        {"site_ip": TOOLS, "dest_ip": STRANGER, "site_device": "10.0.0.9", "src_ip": "10.0.0.1"}
    )
    assert (answer.fields["tsid_ip"], answer.fields["tsid_device"]) == (TOOLS, "10.0.0.9")


def test_an_event_without_licensing_traffic_gets_empty_fields(lookups: Lookups) -> None:
    assert Enricher(lookups, Options()).enrich({"dest_ip": STRANGER}) == (
        "",
        dict.fromkeys(OUTPUT_FIELDS, ""),
        {},
    )


def test_raw_text_is_read_with_the_option_raw(lookups: Lookups) -> None:
    raw = f"%FTD-6-430003: AccessControlRuleAction: Allow, SrcIP: 10.0.0.1, DstIP: {TOOLS}, URL: https://toos.cisco.com"
    verdicts = [
        Enricher(lookups, Options(raw=raw_too)).enrich({"_raw": raw}).verdict for raw_too in (False, True)
    ]
    assert verdicts == ["", "aliased"]


@pytest.mark.parametrize(
    ("change", "connection"),
    [
        ({}, "fw-1:4:1684439333:60183"),
        ({"connection_id": ""}, ""),
        ({"sensor": "=cmd|x"}, "'=cmd|x:4:1684439333:60183"),
    ],
)
def test_a_connection_is_named_by_all_its_parts_or_not_at_all(
    lookups: Lookups, change: Mapping[str, str], connection: str
) -> None:
    parts = {"sensor": "fw-1", "instance_id": "4", "first_pkt_sec": "1684439333", "connection_id": "60183"}
    answer = Enricher(lookups, Options()).enrich({"dest_ip": TOOLS, **parts, **change})
    assert answer.fields["tsid_connection"] == connection


def test_the_device_is_shown_in_its_canonical_form_or_as_a_safe_name(lookups: Lookups) -> None:
    enricher = Enricher(lookups, Options())
    shown = {" 2001:DB8::0:7 ": "2001:db8::7", "asa-1": "asa-1", "": ""}
    assert {device: enricher.device({"src_ip": device}) for device in shown} == shown
    assert enricher.device({**SWAPPED}) == TOOLS  # its two sides are taken as they are


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("all", ["", "canonical", "aliased", "impostor"]),
        ("licensing", ["canonical", "aliased", "impostor"]),
        ("flagged", ["aliased", "impostor"]),
    ],
)
def test_keep_decides_by_the_verdict(lookups: Lookups, keep: str, kept: list[str]) -> None:
    enricher = Enricher(lookups, Options(keep=keep))
    verdicts = ("", "canonical", "aliased", "impostor")
    assert [verdict for verdict in verdicts if enricher.keeps(Answer(verdict, {}, {}))] == kept
