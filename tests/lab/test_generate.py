"""The generator of labelled events: its options, the add-ons' traps, and its truth against the command's answers."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from lab.__main__ import main
from lab.errors import UsageError
from lab.generator import ALL_SCENARIOS, ALL_SHAPES, LabelledEvent, Truth, differences, generate
from lab.generator.scenarios import SCENARIOS
from lab.generator.seed import seed_events
from lab.generator.shape import Event
from lab.host.in_process import InProcessHost
from tsid.decision.enrich import Enricher, Options
from tsid.decision.verdicts import VERDICTS
from tsid.facts.lookups import Lookups, load_lookups

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = {"allowed", "blocked", "unknown"}
BLOCKING = {
    "Block",
    "Block with reset",
    "Interactive Block",
    "Interactive Block with reset",
    "<br/>Block with reset",
}


@cache
def licensing(count: int, *shapes: str, scenario: str = "") -> list[LabelledEvent]:
    scenarios = [scenario] if scenario else ALL_SCENARIOS
    return list(generate(count, licensing_share=1, shapes=shapes or ALL_SHAPES, scenarios=scenarios))


def told(labelled: LabelledEvent) -> tuple[str, str]:
    """What an event shows of the firewall and of the server."""
    return labelled.truth.outcome, labelled.truth.answered


def wrong(enricher: Enricher, labelled: LabelledEvent) -> list[str]:
    """The differences between the command's answer and the truth."""
    event, truth = labelled
    answer = enricher.enrich(event)
    after: dict[str, Any] = {**event}
    after.update(answer.rewritten)
    after.update(answer.fields)
    return list(differences(truth, event, after))


# ------------------------------------------------------------------------------------------ reproducibility


def output(seed: int, hash_seed: str) -> bytes:
    options = ["--count", "3000", "--licensing-share", "0.5", "--with-truth", "--seed", str(seed)]
    return subprocess.run(
        [sys.executable, "-m", "lab", "generate", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


def test_the_same_seed_gives_the_same_events_in_every_process() -> None:
    first = output(7, "1")
    assert first.count(b"\n") == 3000
    assert output(7, "2") == first
    assert output(8, "1") != first


def test_events_are_generated_on_demand() -> None:
    assert len(list(islice(generate(10**15), 10))) == 10


@pytest.mark.parametrize("count", [0, 1, 2, 999])
def test_count_is_the_number_of_events(count: int) -> None:
    assert len(list(generate(count))) == count


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 1.0])
def test_the_licensing_share_is_kept(share: float) -> None:
    count = 10_000
    labelled = sum(truth.verdict != "" for _, truth in generate(count, licensing_share=share))
    # Where a connection's begin does not have the name yet, an impostor's looks ordinary.
    assert share * 0.75 * count <= labelled <= share * 1.25 * count


# ---------------------------------------------------------------------------------- the truth, shape by shape


@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_the_commands_answer_agrees_with_the_truth(lookups: Lookups, shape: str) -> None:
    raw, plain = Enricher(lookups, Options(raw=True)), Enricher(lookups, Options())
    for labelled in licensing(2000, shape):
        assert wrong(raw, labelled) == [], labelled
        if not labelled.truth.needs_raw:
            assert wrong(plain, labelled) == [], labelled


QUOTING = ("cisco:asa", "cisco:ftd", "cisco:estreamer:data")


@pytest.mark.parametrize("shape", QUOTING)
def test_a_record_that_a_stranger_wrote_changes_nothing(lookups: Lookups, shape: str) -> None:
    """The raw text alone decides in these events, and contains a licensing endpoint."""
    enricher = Enricher(lookups, Options(raw=True))
    endpoints = [row.values["network"].partition("/")[0] for row in lookups.tables["endpoints"]]
    quoting = [
        labelled
        for labelled in generate(5000, licensing_share=0, shapes=[shape])
        if "dest_ip" not in labelled.event
        and any(f"{address}{end}" in str(labelled.event["_raw"]) for address in endpoints for end in ", ")
    ]
    assert len(quoting) > 50
    for labelled in quoting:
        assert labelled.truth.verdict == ""
        assert wrong(enricher, labelled) == [], labelled


@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_the_command_leaves_ordinary_traffic_alone(lookups: Lookups, shape: str) -> None:
    raw, plain = Enricher(lookups, Options(raw=True)), Enricher(lookups, Options())
    for labelled in generate(1000, licensing_share=0, shapes=[shape]):
        assert labelled.truth.verdict == ""
        assert wrong(raw, labelled) == wrong(plain, labelled) == [], labelled


@pytest.mark.parametrize("shape", ["cisco:ftd", "cisco:firepower:syslog", "cisco:estreamer:data"])
def test_events_that_need_raw_are_not_fully_described_by_their_fields(lookups: Lookups, shape: str) -> None:
    plain = Enricher(lookups, Options())
    needing = [labelled for labelled in licensing(2000, shape) if labelled.truth.needs_raw]
    assert len(needing) > 200
    assert all(wrong(plain, labelled) for labelled in needing)


@pytest.mark.parametrize("shape", ["cisco:sfw:estreamer", "cisco:ftd:syslog", "cisco:asa", "fmc", "cim"])
def test_other_shapes_never_need_raw(shape: str) -> None:
    assert not any(truth.needs_raw for _, truth in licensing(2000, shape))


@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_every_scenario_comes_with_every_outcome(shape: str) -> None:
    expected = {"unnamed", "unverified"} if shape == "cisco:asa" else set(ALL_SCENARIOS)
    seen = {(truth.verdict, truth.outcome) for _, truth in licensing(6000, shape) if truth.verdict}
    assert seen == {(verdict, outcome) for verdict in expected for outcome in OUTCOMES}


# Whether an allowed and a blocked connection was answered, as far as the events of a shape can show it.
ANSWERS = {
    "cisco:sfw:estreamer": ({"true", "false"}, {"true", "false"}),
    "cisco:estreamer:data": ({"true", "false"}, {"true", "false"}),
    # These shapes have begins, whose byte counts say nothing.
    "cisco:ftd:syslog": ({"true", "false", ""}, {"true", "false", ""}),
    "cisco:ftd": ({"true", "false", ""}, {"true", "false", ""}),
    "cisco:firepower:syslog": ({"true", "false", ""}, {"true", "false", ""}),
    "cisco:asa": ({"true", "false", ""}, {""}),
    "fmc": ({""}, {""}),
    "cim": ({"true", "false", ""}, {"true", "false", ""}),
}


@pytest.mark.parametrize("shape", ALL_SHAPES)
def test_connections_are_answered_or_not_as_far_as_the_shape_can_tell(shape: str) -> None:
    seen = set(map(told, licensing(3000, shape)))
    allowed, blocked = ANSWERS[shape]
    assert {answered for outcome, answered in seen if outcome == "allowed"} == allowed
    assert {answered for outcome, answered in seen if outcome == "blocked"} == blocked


def test_the_truth_follows_the_lookups(tmp_path: Path) -> None:
    """The generator reads the tables as data, so after a refresh it still agrees with the command."""
    folder = tmp_path / "lookups"
    shutil.copytree(ROOT / "lookups", folder)
    with (folder / "cisco_licensing_endpoints.csv").open("a", encoding="utf-8") as table:
        table.write("146.112.59.64/26,smartreceiver.cisco.com,smart_transport,active,2025-01-01,,test,,,\n")
        table.write("72.163.5.1/32,tools.cisco.com,smart_call_home,retired,2020-01-01,2025-12-05,test,,,\n")
        table.write("72.163.5.2/32,tools.cisco.com,smart_call_home,active,2025-12-03,,test,,,\n")
        table.write("72.163.4.74/32,swapi.cisco.com,cssm_api,unconfirmed,,2026-12-31,test,,,\n")
    enricher = Enricher(load_lookups(folder), Options(raw=True))
    networks = set()
    for labelled in generate(2000, licensing_share=1, lookups=folder):
        assert wrong(enricher, labelled) == [], labelled
        networks.add(labelled.truth.network)
    assert "146.112.59.64/26" in networks
    assert networks.isdisjoint({"72.163.5.1/32", "72.163.5.2/32"})


def test_an_unconfirmed_endpoint_makes_medium_confidence(lookups: Lookups) -> None:
    rows = [row.values for row in lookups.tables["endpoints"]]
    truths = [truth for _, truth in licensing(2000) if truth.verdict == "canonical"]
    seen = {truth.network for truth in truths if truth.confidence == "medium"}
    assert seen == {row["network"] for row in rows if row["status"] == "unconfirmed"}


def test_every_alias_and_every_endpoint_is_generated(lookups: Lookups) -> None:
    truths = [truth for _, truth in licensing(4000)]
    assert {truth.observed for truth in truths if truth.verdict == "aliased"} == set(lookups.aliases)
    endpoints = {row.values["network"] for row in lookups.tables["endpoints"]}
    assert {truth.network for truth in truths if truth.verdict == "canonical"} == endpoints


def test_every_kind_of_near_miss_is_generated() -> None:
    kinds = {truth.scenario for _, truth in generate(10_000, licensing_share=0)}
    assert kinds == {
        "ordinary",
        "ordinary: another server of Cisco's",
        "ordinary: Cisco behind a content network",
        "ordinary: an endpoint's neighbour",
        "ordinary: a look-alike name",
        "ordinary: a licensing host in another server's URL",
        "ordinary: an endpoint's address as client",
        "ordinary: a DNS query for a licensing host",
        "ordinary: a block page for another name",
    }


# ------------------------------------------------------------------------------------------ forms and values


@pytest.mark.parametrize(
    "form",
    [
        "https://toos.cisco.com",
        "https://toos.cisco.com/",
        "https://toos.cisco.com:443/its/service/oddce/services/DDCEService",
        "HTTPS://TOOS.CISCO.COM/its/service/oddce/services/DDCEService",
        "https://Toos.Cisco.Com",
        "https://toos.cisco.com./Some/Path",
        "https://someone@toos.cisco.com/",
        "//toos.cisco.com/",
        "toos.cisco.com",
        "TOOS.CISCO.COM:443",
    ],
)
def test_hosts_come_in_many_forms(form: str) -> None:
    assert any(event.get("URL") == form for event, _ in licensing(4000, "fmc", scenario="aliased"))


def test_names_and_addresses_may_be_multivalues_and_are_rewritten_item_by_item() -> None:
    labelled = licensing(4000, scenario="aliased")
    several = [truth.rewritten for _, truth in labelled if isinstance(truth.rewritten, list)]
    assert any("https://www.example.com/" in values for values in several)
    assert all(any("tools.cisco.com" in value for value in values) for values in several)
    assert any(isinstance(event.get("dest_ip"), list) for event, _ in labelled)


def test_some_json_events_have_every_value_twice() -> None:
    events = [event for event, _ in licensing(2000, "cisco:sfw:estreamer")]
    doubled = [event for event in events if isinstance(event["InitiatorIP"], list)]
    assert doubled
    assert all(event["InitiatorIP"] == [event["src"][0]] * 2 for event in doubled)


@pytest.mark.parametrize(
    ("shape", "field"),
    [("cisco:ftd:syslog", "action"), ("cisco:sfw:estreamer", "AC_RuleAction"), ("fmc", "Action")],
)
def test_every_documented_blocking_action_is_generated(shape: str, field: str) -> None:
    blocked = [event[field] for event, truth in licensing(3000, shape) if truth.outcome == "blocked"]
    assert {action for action in blocked if isinstance(action, str)} == BLOCKING


def test_a_handshake_is_no_answer() -> None:
    labelled = [one for one in licensing(3000, "cisco:sfw:estreamer") if one.truth.outcome == "allowed"]
    sizes = {size: {t.answered for e, t in labelled if e["ResponderBytes"] == size} for size in ("0", "66")}
    assert sizes == {"0": {"false"}, "66": {"false"}}
    # Nor is an answer a success, if it is not the firewall's last word.
    blocked = [t for _, t in licensing(3000, "cisco:sfw:estreamer") if t.outcome == "blocked"]
    assert any(truth.answered == "true" for truth in blocked)


def first(value: object) -> str:
    """Return the first value of a field that may be a multivalue."""
    return str(value[0] if isinstance(value, list) else value)


def contact_of(event: Event) -> tuple[str, str]:
    """Return the protocol of a connection and the server's port, without ICMP's codes."""
    raw = re.search(r"(?:DstPort: ([0-9]+)|ICMPCode: .*?), Protocol: ([a-z]+)", first(event.get("_raw")))
    if raw:
        port, protocol = raw.group(1) or "", raw.group(2)
    else:
        # The FMC writes both into one column.
        port, _, protocol = first(event.get("Destination Port / ICMP...", "")).partition(" / ")
        port = port.partition(" ")[0] or first(event.get("dest_port", ""))
        names = ("transport", "ip_proto")
        protocol = (protocol or next(first(event[name]) for name in names if name in event)).lower()
    return protocol, "" if protocol == "icmp" else port


@pytest.mark.parametrize("shape", [shape for shape in ALL_SHAPES if shape != "cisco:asa"])
def test_pings_and_other_ports_of_an_endpoint_settle_nothing(shape: str) -> None:
    at_endpoints = [labelled for labelled in licensing(3000, shape) if labelled.truth.service]
    seen: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for labelled in at_endpoints:
        seen.setdefault(contact_of(labelled.event), set()).add(told(labelled))
    assert len(seen.pop(("tcp", "443"))) >= 3
    assert seen == {
        other: {("unknown", "")} for other in (("icmp", ""), ("udp", "33434"), ("udp", "443"), ("tcp", "80"))
    }


def test_any_port_of_a_server_that_is_not_listed_settles_the_outcome() -> None:
    labelled = licensing(4000, "cisco:sfw:estreamer", scenario="relayed")
    seen = {(first(event["ResponderPort"]), truth.outcome) for event, truth in labelled}
    ports = ("443", "8443", "3128", "1443", "80")
    assert seen == {(port, outcome) for port in ports for outcome in OUTCOMES}


def test_full_shapes_have_many_columns() -> None:
    for shape in ("cisco:sfw:estreamer", "cisco:ftd:syslog", "cisco:estreamer:data"):
        assert min(len(event) for event, _ in licensing(200, shape)) >= 30


def test_no_field_is_empty() -> None:
    assert all(value for event, _ in generate(5000, licensing_share=0.5) for value in event.values())


# ----------------------------------------------------------------------------------------- the add-ons' traps


def test_t1_dest_is_the_source_address() -> None:
    for event, _ in licensing(1000, "cisco:ftd:syslog"):
        assert event["dest"] == event["SrcIP"]


def test_t2_src_is_the_referenced_host_or_absent() -> None:
    events = [event for event, _ in licensing(1000, "cisco:ftd:syslog")]
    assert all(("src" in event) == ("ReferencedHost" in event) for event in events)
    assert {"src" in event for event in events} == {True, False}
    assert not any(event["SrcIP"] in event.get("src", ()) for event in events)


def test_t3_the_url_of_encore_is_wiped_and_remains_in_raw() -> None:
    labelled = licensing(1000, "cisco:estreamer:data", scenario="impostor")
    assert not any("url" in event for event, _ in labelled)
    in_raw = [(event, truth) for event, truth in labelled if truth.needs_raw]
    assert in_raw
    assert all(truth.observed in str(event["_raw"]).lower() for event, truth in in_raw)
    assert any("ssl_server_name" in event for event, _ in labelled)


def test_t4_encore_has_no_action() -> None:
    events = [event for event, _ in licensing(500, "cisco:estreamer:data")]
    assert not any("action" in event for event in events)
    assert any(event.get("fw_rule_action") == "Block with reset" for event in events)


def test_t6_ta_asa_extracts_nothing_or_the_addresses_but_never_a_name() -> None:
    events = [event for event, _ in licensing(3000, "cisco:ftd")]
    matched = [event for event in events if "dest_ip" in event]
    missed = [event for event in events if "dest_ip" not in event]
    assert matched
    bare = {"_time", "_raw", "host", "source", "sourcetype", "index", "message_id", "signature_id", "action"}
    assert all(set(event) == bare for event in missed)
    assert all("vendor_action" in event for event in matched)
    assert not any({"url", "URL", "SSLServerName"} & set(event) for event in matched)
    assert not any(":" in event["dest_ip"] for event in matched if isinstance(event["dest_ip"], str))
    begins_with_url = [event for event in events if re.search("430002: .*, URL: ", str(event["_raw"]))]
    assert begins_with_url
    assert all(event in missed for event in begins_with_url)


def test_t7_one_add_on_normalises_the_action_and_the_other_does_not() -> None:
    normalised = {str(event.get("action")) for event, _ in licensing(2000, "cisco:sfw:estreamer")}
    assert normalised >= {"allowed", "blocked", "Interactive Block", "Fastpath"}
    assert normalised.isdisjoint({"Allow", "Trust", "Block", "Block with reset"})
    untouched = {str(event.get("action")) for event, _ in licensing(2000, "cisco:ftd:syslog")}
    assert untouched >= {"Allow", "Trust", "Block", "Block with reset"}
    assert untouched.isdisjoint({"allowed", "blocked"})


def test_t8_the_headers_key_swallows_the_first_pair() -> None:
    for event, _ in licensing(200, "cisco:ftd:syslog"):
        assert event[f"%FTD-1-{event['message_id']}"] == "EventPriority: Low"
        assert "EventPriority" not in event
        assert "Prefilter_Policy" in event


def test_t10_an_asa_may_have_a_name_in_the_place_of_the_address() -> None:
    for event, truth in licensing(1000, "cisco:asa", scenario="unverified"):
        assert "dest_ip" not in event
        assert event["dest"] == event["dest_host"]
        assert truth.field == "dest_host"


def test_t13_ta_asa_guesses_the_action_by_the_number_of_the_message() -> None:
    labelled = licensing(3000, "cisco:ftd")
    guesses = {(event["message_id"], event["action"]) for event, _ in labelled}
    assert guesses == {("430002", "blocked"), ("430003", "allowed")}
    wrong_guesses = {
        (event["action"], truth.outcome)
        for event, truth in labelled
        if {event["action"], truth.outcome} == {"allowed", "blocked"}
    }
    assert wrong_guesses == {("allowed", "blocked"), ("blocked", "allowed")}


def test_a_connection_may_be_blocked_at_its_end_at_the_time_of_its_begin() -> None:
    connections: dict[str, list[LabelledEvent]] = {}
    for labelled in licensing(3000, "cisco:ftd:syslog"):
        if labelled.truth.connection:
            connections.setdefault(labelled.truth.connection, []).append(labelled)
    turned = [
        both for both in connections.values() if [one.truth.outcome for one in both] == ["allowed", "blocked"]
    ]
    assert len(turned) > 20
    for begin, end in turned:
        assert (begin.event["message_id"], end.event["message_id"]) == ("430002", "430003")
        assert begin.event["_time"] == end.event["_time"]
        assert begin.truth.answered == ""
        assert int(str(begin.event["ResponderBytes"])) <= 74


def test_an_asa_tells_how_a_connection_ended_and_which_packets_came_late() -> None:
    seen: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for labelled in licensing(4000, "cisco:asa"):
        event = labelled.event
        detail = str(event.get("reason") or event.get("tcp_flag") or event["transport"])
        seen.setdefault((str(event["message_id"]), detail), set()).add(told(labelled))
    assert seen[("302013", "tcp")] == {("allowed", "")}
    assert seen[("302014", "TCP FINs")] == {("allowed", "true")}
    assert seen[("302014", "SYN Timeout")] == {("allowed", "false")}
    assert seen[("302014", "TCP Reset-O")] == {("allowed", "false"), ("allowed", "")}
    assert seen[("106023", "tcp")] == {("blocked", "")}
    assert seen[("106023", "udp")] == {("unknown", "")}
    assert seen[("106015", "SYN")] == {("blocked", "")}
    assert seen[("106015", "FIN ACK")] == seen[("106015", "ACK")] == {("unknown", "")}


def test_t11_outbound_connections_come_either_way_round() -> None:
    labelled = licensing(1000, "cisco:asa", scenario="unnamed")
    swapped = [(event, truth) for event, truth in labelled if event["src_ip"] == truth.ip]
    assert swapped
    assert all(event["src_port"] == "443" and event["dest_ip"] == truth.device for event, truth in swapped)
    assert {event["message_id"] for event, _ in swapped} == {"302013", "302014", "106015"}
    usual = [event for event, truth in labelled if event["dest_ip"] == truth.ip]
    assert any("outbound" in event["_raw"] for event in usual)
    assert any("inbound" in event["_raw"] for event in usual)


def test_begin_and_end_of_a_connection_have_the_same_identity() -> None:
    kinds: dict[str, list[str]] = {}
    for event, truth in licensing(1000, "cisco:ftd:syslog"):
        if truth.connection:
            kinds.setdefault(truth.connection, []).append(str(event["message_id"]))
    assert {tuple(messages) for messages in kinds.values()} == {
        ("430002",),
        ("430003",),
        ("430002", "430003"),
    }


def test_sourcetypes_are_those_of_the_shapes() -> None:
    for shape in ALL_SHAPES:
        for event, _ in licensing(20, shape):
            assert event.get("sourcetype") == (shape if shape.startswith("cisco:") else None)


def test_the_fmc_has_its_own_columns_and_no_time_of_splunks() -> None:
    columns = set(next(seed_events()).event)
    for event, _ in licensing(500, "fmc"):
        assert set(event) <= columns


def test_bare_cim_events_have_cim_fields_only() -> None:
    for event, _ in licensing(500, "cim"):
        assert set(event) <= {
            *("_time", "src", "dest", "dest_port", "transport"),
            *("action", "bytes", "bytes_in", "url", "url_domain"),
        }


# ------------------------------------------------------------------------------------ the KB's twenty events


def test_the_sample_is_what_was_transcribed() -> None:
    sample = ROOT / "lab" / "samples" / "fmc_unified_events_seed.tsv"
    lines = sample.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 21
    assert all(line.count("\t") == 9 for line in lines)


def test_the_kb_events_are_canonical(lookups: Lookups) -> None:
    labelled = list(seed_events())
    assert len(labelled) == 20
    for event, truth in labelled:
        assert (truth.verdict, truth.host) == ("canonical", "tools.cisco.com")
        assert (truth.outcome, truth.confidence) == ("allowed", "high")
        assert (truth.device, truth.rewritten) == (event["Source IP"], event["URL"])
    assert [wrong(Enricher(lookups, Options()), event) for event in labelled] == [[]] * 20


def test_the_kb_events_with_the_alias_are_rewritten_to_the_canonical_name(packaged_app: Path) -> None:
    labelled = list(seed_events(alias="toos.cisco.com"))
    assert {event["URL"] for event, _ in labelled} == {"https://toos.cisco.com"}
    host = InProcessHost(packaged_app, "tsidenrich", wanted=["*"])
    result = host.run([event for event, _ in labelled])
    answers = result.raise_for_error().events
    assert len(answers) == 20
    for (event, truth), answer in zip(labelled, answers):
        assert list(differences(truth, event, answer)) == []
        assert (answer["URL"], answer["tsid_verdict"]) == ("https://tools.cisco.com", "aliased")


# ----------------------------------------------------------------------------------------------- differences


def test_differences_finds_every_wrong_field() -> None:
    event, truth = next(seed_events(alias="toos.cisco.com"))
    right = {**event, "URL": "https://tools.cisco.com", "tsid_reason": "because", **answers(truth)}
    assert list(differences(truth, event, right)) == []
    for field in right:
        assert list(differences(truth, event, {**right, field: "something else"})) or field == "tsid_reason"
        assert list(
            differences(truth, event, {name: value for name, value in right.items() if name != field})
        )
    assert list(differences(truth, event, {**right, "another": "field"}))
    assert list(differences(Truth("fmc", "ordinary"), event, {**event, "tsid_reason": "because"}))


def answers(truth: Truth) -> dict[str, str]:
    names = ("verdict", "host", "observed", "service", "ip", "device", "network", "outcome", "confidence")
    return {f"tsid_{name}": getattr(truth, name) for name in names}


# ---------------------------------------------------------------------------------------- invalid arguments


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"count": -1}, "-1 events cannot be made"),
        ({"licensing_share": 1.5}, "from 0 to 1, not 1.5"),
        ({"licensing_share": float("nan")}, "from 0 to 1, not nan"),
        ({"interval": -1}, "time cannot run backwards"),
        ({"shapes": ["cisco:ios"]}, "unknown shape 'cisco:ios'; known are cisco:sfw:estreamer"),
        ({"shapes": ["cisco:fdt"]}, "did you mean cisco:ftd?"),
        ({"scenarios": ["typosquat"]}, "unknown scenario 'typosquat'; known are canonical"),
        ({"shapes": []}, "at least one shape"),
        ({"shapes": ["cisco:asa"], "scenarios": ["aliased"]}, "cisco:asa cannot express aliased"),
        ({"lookups": Path("nowhere")}, "cannot read nowhere"),
    ],
)
def test_invalid_arguments_are_refused_before_the_first_event(
    arguments: dict[str, object], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        generate(**{"count": 1, **arguments})  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------ the command line


def lab(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["generate", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def records(text: str) -> Iterator[dict[str, object]]:
    return (json.loads(line) for line in text.splitlines())


def test_command_line_writes_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = lab(capsys, "--count", "50", "--seed", "3", "--licensing-share", "0.5")
    assert (status, err) == (0, "")
    assert list(records(out)) == [event for event, _ in generate(50, seed=3, licensing_share=0.5)]


def test_command_line_adds_the_truth_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--count", "200", "--licensing-share", "1", "--shape", "fmc", "--shape", "cim"]
    arguments += ["--scenario", "aliased"]
    plain = list(records(lab(capsys, *arguments)[1]))
    labelled = list(records(lab(capsys, *arguments, "--with-truth")[1]))
    assert {event["truth_shape"] for event in labelled} == {"fmc", "cim"}
    assert {event["truth_verdict"] for event in labelled} == {"aliased"}
    assert {event["truth_needs_raw"] for event in labelled} == {"false"}
    for event in labelled:
        for column in [column for column in event if column.startswith("truth_")]:
            del event[column]
    assert labelled == plain


def test_command_line_writes_csv(capsys: pytest.CaptureFixture[str]) -> None:
    start = 1_700_000_000
    options = [
        "--count",
        "20",
        "--output",
        "csv",
        "--start",
        str(start),
        "--interval",
        "60",
        "--shape",
        "cim",
    ]
    _, out, _ = lab(capsys, *options)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 20
    assert start + 19 * 60 <= int(rows[-1]["_time"]) < start + 20 * 60


def test_the_command_line_refuses_invalid_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = lab(capsys, "--shape", "cisco:asa", "--scenario", "aliased")
    assert (status, out, err) == (2, "", "lab: cisco:asa cannot express aliased\n")


def test_scenarios_are_the_verdicts_of_the_app() -> None:
    assert set(SCENARIOS) == set(VERDICTS)
