"""The verdict table of the documentation, row by row, and what decides between several addresses and names."""

from __future__ import annotations

import re
import tracemalloc
from itertools import permutations
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsid.decision.judge import Decision, Judge
from tsid.decision.verdicts import VERDICTS
from tsid.facts.lookups import Lookups, load_lookups
from tsid.text.addresses import MAX_ADDRESS_LENGTH
from tsid.text.names import NO_NAME, ReportedName, parse_name

TOOLS, SWAPI, UNCONFIRMED = "72.163.4.38", "146.112.59.25", "146.112.59.81"
PUBLIC, PRIVATE, CISCO = "203.0.113.7", "10.9.8.7", "72.163.4.161"


@pytest.fixture
def judge(lookups: Lookups) -> Judge:
    return Judge(lookups)


def decide(
    judge: Judge, addresses: list[str], names: list[str], earlier: str = "", time: Optional[int] = None
) -> Optional[Decision]:
    parsed = [name for name in map(parse_name, names) if name is not None]
    return judge.decide(addresses, parsed, time, parse_name(earlier))


@pytest.mark.parametrize(
    ("address", "name", "verdict", "host", "confidence", "network"),
    [
        (TOOLS, "tools.cisco.com", "canonical", "tools.cisco.com", "high", "72.163.4.38/32"),
        ("173.37.145.8", "tools.cisco.com", "canonical", "tools.cisco.com", "high", "173.37.145.8/32"),
        (SWAPI, "swapi.cisco.com", "canonical", "swapi.cisco.com", "high", "146.112.59.25/32"),
        (
            "173.37.144.211",
            "cloudsso.cisco.com",
            "canonical",
            "cloudsso.cisco.com",
            "high",
            "173.37.144.211/32",
        ),
        (
            "173.37.144.211",
            "cloudsso2.cisco.com",
            "canonical",
            "cloudsso2.cisco.com",
            "high",
            "173.37.144.211/32",
        ),
        (
            UNCONFIRMED,
            "smartreceiver.cisco.com",
            "canonical",
            "smartreceiver.cisco.com",
            "medium",
            "146.112.59.81/32",
        ),
        (
            "2001:420:1101:5::a",
            "tools.cisco.com",
            "canonical",
            "tools.cisco.com",
            "medium",
            "2001:420:1101:5::a/128",
        ),
        (TOOLS, "toos.cisco.com", "aliased", "tools.cisco.com", "high", "72.163.4.38/32"),
        (TOOLS, "tools1-ss2.cisco.com", "aliased", "tools.cisco.com", "high", "72.163.4.38/32"),
        (
            "2001:420:1101:5::a",
            "toos.cisco.com",
            "aliased",
            "tools.cisco.com",
            "medium",
            "2001:420:1101:5::a/128",
        ),
        (TOOLS, "", "unnamed", "tools.cisco.com", "high", "72.163.4.38/32"),
        (TOOLS, "https://72.163.4.38/", "unnamed", "tools.cisco.com", "high", "72.163.4.38/32"),
        ("::ffff:72.163.4.38", "", "unnamed", "tools.cisco.com", "high", "72.163.4.38/32"),
        (UNCONFIRMED, "", "unnamed", "smartreceiver.cisco.com", "medium", "146.112.59.81/32"),
        (TOOLS, "evil.example", "foreign", "tools.cisco.com", "medium", "72.163.4.38/32"),
        (TOOLS, "Cisco Systems, Inc.", "foreign", "tools.cisco.com", "medium", "72.163.4.38/32"),
        (TOOLS, "swapi.cisco.com", "foreign", "tools.cisco.com", "medium", "72.163.4.38/32"),
        (SWAPI, "toos.cisco.com", "foreign", "swapi.cisco.com", "medium", "146.112.59.25/32"),
        (CISCO, "tools.cisco.com", "unlisted", "tools.cisco.com", "medium", "72.163.0.0/16"),
        (CISCO, "toos.cisco.com", "unlisted", "tools.cisco.com", "medium", "72.163.0.0/16"),
        ("2001:420::1", "tools.cisco.com", "unlisted", "tools.cisco.com", "medium", "2001:420::/32"),
        (PRIVATE, "tools.cisco.com", "relayed", "tools.cisco.com", "low", "10.0.0.0/8"),
        ("100.64.0.1", "toos.cisco.com", "relayed", "tools.cisco.com", "low", "100.64.0.0/10"),
        ("127.0.0.1", "tools.cisco.com", "relayed", "tools.cisco.com", "low", "127.0.0.0/8"),
        ("169.254.1.1", "tools.cisco.com", "relayed", "tools.cisco.com", "low", "169.254.0.0/16"),
        ("fd00::1", "tools.cisco.com", "relayed", "tools.cisco.com", "low", "fc00::/7"),
        ("fe80::1", "tools.cisco.com", "relayed", "tools.cisco.com", "low", "fe80::/10"),
        ("", "tools.cisco.com", "unverified", "tools.cisco.com", "low", ""),
        ("garbage", "toos.cisco.com", "unverified", "tools.cisco.com", "low", ""),
        ("0.0.0.0", "tools.cisco.com", "unverified", "tools.cisco.com", "low", ""),
        (PUBLIC, "tools.cisco.com", "impostor", "", "high", ""),
        (PUBLIC, "toos.cisco.com", "impostor", "", "high", ""),
        ("2001:db8::1", "smartreceiver.cisco.com", "impostor", "", "high", ""),
    ],
)
def test_each_verdict_of_the_table_of_verdicts(
    judge: Judge, address: str, name: str, verdict: str, host: str, confidence: str, network: str
) -> None:
    decision = decide(judge, [address], [name])
    assert decision is not None
    assert (decision.verdict, decision.verified_host, decision.confidence, decision.network) == (
        verdict,
        host,
        confidence,
        network,
    )


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (PUBLIC, "www.cisco.com"),
        (PUBLIC, ""),
        (PRIVATE, "https://10.9.8.7/"),
        (CISCO, "www.cisco.com"),
        (CISCO, ""),
        ("173.37.145.84", "www.cisco.com"),
        ("104.108.99.80", "software.cisco.com"),
        ("", ""),
        ("", "www.cisco.com"),
        (PUBLIC, "tools.cisco.com.example.net"),
        (PUBLIC, "xtools.cisco.com"),
        (PUBLIC, "https://example.net/?u=https://tools.cisco.com"),
        (PUBLIC, "https://tools.cisco.com@example.net/"),
        ("72.163.4.39", "example.net"),
    ],
)
def test_other_traffic_has_no_verdict(judge: Judge, address: str, name: str) -> None:
    assert decide(judge, [address], [name]) is None


@pytest.mark.parametrize(
    ("addresses", "names", "verdict", "observed"),
    [
        ([PRIVATE, TOOLS], ["tools.cisco.com"], "canonical", "tools.cisco.com"),
        ([PUBLIC, TOOLS], ["toos.cisco.com"], "aliased", "toos.cisco.com"),
        ([TOOLS], ["tools.cisco.com", "toos.cisco.com"], "aliased", "toos.cisco.com"),
        ([TOOLS], ["evil.example", "tools.cisco.com"], "canonical", "tools.cisco.com"),
        ([TOOLS], ["10.1.1.1", "evil.example"], "foreign", "evil.example"),
        ([PRIVATE, PUBLIC], ["tools.cisco.com"], "impostor", "tools.cisco.com"),
        ([PRIVATE, CISCO], ["tools.cisco.com"], "unlisted", "tools.cisco.com"),
        ([TOOLS], ["toos.cisco.com", "tools1.cisco.com"], "aliased", "toos.cisco.com"),
    ],
)
def test_the_strongest_verdict_counts(
    judge: Judge, addresses: list[str], names: list[str], verdict: str, observed: str
) -> None:
    decision = decide(judge, addresses, names)
    assert decision is not None
    assert (decision.verdict, decision.observed) == (verdict, observed)


@pytest.mark.parametrize(
    ("address", "name", "earlier", "verdict", "observed"),
    [
        (TOOLS, "tools.cisco.com", "toos.cisco.com", "aliased", "toos.cisco.com"),
        (TOOLS, "tools.cisco.com", "evil.example", "canonical", "tools.cisco.com"),
        (TOOLS, "tools.cisco.com", "tools.cisco.com", "canonical", "tools.cisco.com"),
        (SWAPI, "swapi.cisco.com", "toos.cisco.com", "canonical", "swapi.cisco.com"),
        (PUBLIC, "tools.cisco.com", "toos.cisco.com", "impostor", "tools.cisco.com"),
        (TOOLS, "evil.example", "toos.cisco.com", "foreign", "evil.example"),
    ],
)
def test_an_earlier_name_counts_only_where_its_canonical_host_replaced_it(
    judge: Judge, address: str, name: str, earlier: str, verdict: str, observed: str
) -> None:
    decision = decide(judge, [address], [name], earlier)
    assert decision is not None
    assert (decision.verdict, decision.observed) == (verdict, observed)


def test_a_confirmed_row_comes_first_in_a_shared_network(judge: Judge) -> None:
    # Two hosts share this address; without a name the answer must still be one of them, always the same.
    decision = decide(judge, ["173.37.144.211"], [])
    assert decision is not None
    assert (decision.verdict, decision.host) == ("unnamed", "cloudsso.cisco.com")


@pytest.mark.parametrize("outcome", ["allowed", "blocked", "unknown"])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_advice_is_a_sentence_without_gaps_or_nothing(verdict: str, outcome: str) -> None:
    decision = Decision(verdict, "HOST", "SEEN", "service", "IP", "NET", "high", "reason", (443,))
    advice = decision.advice(outcome, "")
    silent = verdict in ("canonical", "unnamed") and outcome != "blocked"
    assert (advice == "") is silent
    assert "{" not in advice
    assert silent or advice.endswith(".")


EVIDENCE = {"HOST", "SEEN", "IP", "NET"}


@pytest.mark.parametrize(
    ("verdict", "outcome", "named"),
    [
        ("aliased", "allowed", {"SEEN", "NET"}),
        ("aliased", "blocked", {"SEEN", "NET"}),
        ("canonical", "blocked", {"HOST", "NET"}),
        ("unnamed", "blocked", {"NET"}),
        ("foreign", "blocked", {"SEEN"}),
        ("unlisted", "blocked", {"HOST", "IP"}),
        ("relayed", "blocked", {"HOST", "IP"}),
        ("impostor", "blocked", {"HOST"}),
    ],
)
def test_advice_names_the_host_or_address_to_allow_or_check(
    verdict: str, outcome: str, named: set[str]
) -> None:
    decision = Decision(verdict, "HOST", "SEEN", "service", "IP", "NET", "high", "reason", (443,))
    assert EVIDENCE & set(re.findall("[A-Z]+", decision.advice(outcome, ""))) == named


ENDPOINT_TABLE, ALIAS_TABLE = "lookups/cisco_licensing_endpoints.csv", "lookups/tsid_aliases.csv"


@pytest.mark.parametrize(
    ("address", "name", "service", "ip", "reason"),
    [
        (
            TOOLS,
            "toos.cisco.com",
            "smart_call_home",
            TOOLS,
            f"{TOOLS} is in {TOOLS}/32 ({ENDPOINT_TABLE}), an endpoint of tools.cisco.com; the firewall reported "
            f"toos.cisco.com, which {ALIAS_TABLE} lists as an alias of that host.",
        ),
        (
            UNCONFIRMED,
            "smartreceiver.cisco.com",
            "smart_transport",
            UNCONFIRMED,
            f"{UNCONFIRMED} is in {UNCONFIRMED}/32 ({ENDPOINT_TABLE}), an endpoint of smartreceiver.cisco.com, "
            "and the firewall reported that name; the endpoint is unconfirmed.",
        ),
        (
            "::ffff:72.163.4.38",
            "evil.example",
            "smart_call_home",
            TOOLS,
            f"{TOOLS} is in {TOOLS}/32 ({ENDPOINT_TABLE}), an endpoint of tools.cisco.com, but the firewall "
            "reported evil.example, which is not a name or alias of that host.",
        ),
        (
            CISCO,
            "toos.cisco.com",
            "",
            CISCO,
            f"The firewall reported the licensing name toos.cisco.com; {CISCO} is in 72.163.0.0/16 "
            "(lookups/cisco_networks.csv), one of Cisco's own networks (Cisco Systems), but not a listed endpoint.",
        ),
        (
            PRIVATE,
            "tools.cisco.com",
            "",
            PRIVATE,
            f"The firewall reported the licensing name tools.cisco.com, but {PRIVATE} is in 10.0.0.0/8 "
            "(lookups/tsid_relays.csv): private addresses, where a proxy, an On-Prem server or address translation "
            "may stand in for Cisco.",
        ),
        (
            "2001:DB8:0::1",
            "tools.cisco.com",
            "",
            "2001:db8::1",
            "The firewall reported the licensing name tools.cisco.com, but 2001:db8::1 is neither an endpoint of "
            "Cisco licensing nor in one of Cisco's own networks.",
        ),
        (
            "garbage",
            "tools.cisco.com",
            "",
            "",
            "The firewall reported the licensing name tools.cisco.com, but the event has no readable destination "
            "address to check it against.",
        ),
    ],
    ids=["aliased", "canonical, unconfirmed", "foreign", "unlisted", "relayed", "impostor", "unverified"],
)
def test_the_reason_and_advice_of_every_verdict_word_for_word(
    judge: Judge, address: str, name: str, service: str, ip: str, reason: str
) -> None:
    decision = decide(judge, [address], [name])
    assert decision is not None
    assert (decision.observed, decision.service, decision.ip, decision.reason) == (name, service, ip, reason)


def test_a_local_relay_without_an_owner_is_called_a_relay(folder: Path) -> None:
    (folder / "tsid_relays_local.csv").write_text(f"network,owner\n{PUBLIC}/32,\n", encoding="ascii")
    decision = decide(Judge(load_lookups(folder)), [PUBLIC], ["tools.cisco.com"])
    assert decision is not None
    assert decision.verdict == "relayed"
    assert f"{PUBLIC}/32 (lookups/tsid_relays_local.csv): a relay, where" in decision.reason


def test_a_sites_own_relay_speaks_before_ciscos_networks(folder: Path) -> None:
    """Cisco may run a part of its address space for that site."""
    (folder / "tsid_relays_local.csv").write_text(f"network,owner\n{CISCO}/32,our proxy\n", encoding="ascii")
    decision = decide(Judge(load_lookups(folder)), [CISCO], ["tools.cisco.com"])
    assert decision is not None
    assert (decision.verdict, decision.network) == ("relayed", f"{CISCO}/32")


def test_an_organisational_unit_may_be_an_alias(folder: Path) -> None:
    (folder / "tsid_aliases_local.csv").write_text(
        'alias,host\n"Cisco Systems, Inc.",tools.cisco.com\n', encoding="ascii"
    )
    judge = Judge(load_lookups(folder))
    for address, verdict in ((TOOLS, "aliased"), (SWAPI, "foreign"), (PUBLIC, "impostor")):
        decision = decide(judge, [address], ["CISCO Systems, Inc."])
        assert decision is not None
        assert (decision.verdict, decision.observed) == (verdict, "cisco systems, inc")
        assert ("tsid_aliases_local.csv" in decision.reason) is (verdict == "aliased")


# tools.cisco.com leaves two addresses at the end of June 2024; from August on another host has the first.
MOVED, LEFT = "198.51.100.1", "198.51.100.2"
JUNE, JULY, AUGUST = 1_717_243_200, 1_719_835_200, 1_722_513_600
MOVE = (
    "network,host,status,valid_from,valid_until\n"
    f"{MOVED}/32,tools.cisco.com,retired,,2024-06-30\n"
    f"{MOVED}/32,swapi.cisco.com,active,2024-08-01,\n"
    f"{LEFT}/32,tools.cisco.com,retired,,2024-06-30\n"
)


@pytest.fixture
def mover(folder: Path) -> Judge:
    """Return a judge whose lookups change with time, and whose memory holds answers for other times."""
    (folder / "cisco_licensing_endpoints_local.csv").write_text(MOVE, encoding="ascii")
    judge = Judge(load_lookups(folder))
    for time in (None, JULY, AUGUST, JUNE):
        judge.decide([MOVED], [NO_NAME], time)
        for name in ("tools.cisco.com", "toos.cisco.com", "swapi.cisco.com"):
            decide(judge, [MOVED], [name], time=time)
    return judge


@pytest.mark.parametrize(
    ("name", "earlier", "verdicts"),
    [
        ("tools.cisco.com", "", ("canonical", "impostor", "foreign", "foreign")),
        ("tools.cisco.com", "toos.cisco.com", ("aliased", "impostor", "foreign", "foreign")),
        ("swapi.cisco.com", "", ("foreign", "impostor", "canonical", "canonical")),
        ("", "", ("unnamed", None, "unnamed", "unnamed")),
    ],
)
def test_an_event_is_judged_by_the_rows_of_its_time(
    mover: Judge, name: str, earlier: str, verdicts: tuple[Optional[str], ...]
) -> None:
    for time, verdict in zip((JUNE, JULY, AUGUST, None), verdicts):
        decision = decide(mover, [MOVED], [name], earlier, time)
        assert (decision.verdict if decision else None) == verdict


@pytest.mark.parametrize("addresses", [[LEFT], [PUBLIC, LEFT]])
@pytest.mark.parametrize("names", [["www.example.com"], [""], ["www.example.com", "www.example.org"]])
def test_a_retired_endpoint_is_matched_without_a_licensing_name(
    mover: Judge, addresses: list[str], names: list[str]
) -> None:
    decisions = [decide(mover, addresses, names, time=time) for time in (JUNE, JULY, None)]
    found = [decision and (decision.verdict, decision.ip) for decision in decisions]
    assert found == [("foreign" if names[0] else "unnamed", LEFT), None, None]


def test_an_address_is_an_endpoint_only_while_its_row_is_valid(mover: Judge) -> None:
    assert [mover.is_endpoint(MOVED, time) for time in (JUNE, JULY, AUGUST, None)] == [
        True,
        False,
        True,
        True,
    ]
    assert not mover.is_endpoint(PUBLIC, JUNE)
    assert not mover.is_endpoint("", None)


@pytest.mark.parametrize(
    ("addresses", "name", "time", "host"),
    [
        ([MOVED], "toos.cisco.com", JUNE, "tools.cisco.com"),
        ([MOVED], "toos.cisco.com", JULY, None),
        ([MOVED], "toos.cisco.com", AUGUST, None),
        ([PUBLIC, TOOLS], "toos.cisco.com", None, "tools.cisco.com"),
        ([TOOLS], "tools.cisco.com", None, None),
        ([TOOLS], "evil.example", None, None),
        ([PUBLIC], "www.example", None, None),
        ([], "toos.cisco.com", None, None),
    ],
)
def test_an_alias_has_a_true_host_only_where_an_address_verifies_it(
    mover: Judge, addresses: list[str], name: str, time: Optional[int], host: Optional[str]
) -> None:
    parsed = parse_name(name)
    assert parsed is not None
    assert mover.true_host(addresses, parsed, time) == host


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://tools.cisco.com:443/x", True),
        ("TOOS.cisco.com.", True),
        ("\uff54oos.cisco.com", True),
        ("www.cisco.com", False),
        (TOOLS, False),
    ],
)
def test_canonical_names_and_aliases_are_licensing_names(judge: Judge, text: str, is_one: bool) -> None:
    name = parse_name(text)
    assert name is not None
    assert judge.is_licensing_name(name) is is_one


def test_an_address_or_an_empty_name_is_never_a_licensing_name(lookups: Lookups) -> None:
    alias = lookups.aliases["toos.cisco.com"]
    judge = Judge(lookups._replace(aliases={"": alias, PUBLIC: alias}))
    address = parse_name(PUBLIC)
    assert address is not None
    for name in (NO_NAME, address):
        assert not judge.is_licensing_name(name)
        decision = judge.decide([TOOLS], [name], None)
        assert decision is not None
        assert decision.verdict == "unnamed"


def test_braces_in_hostile_text_are_not_expanded(judge: Judge) -> None:
    decision = decide(judge, [TOOLS], ["{host.__class__}{0}"])
    assert decision is not None
    assert "{host.__class__}{0}" in decision.reason
    assert "{host.__class__}{0}" in decision.advice("blocked", "")


def test_a_small_memo_gives_the_same_answers(lookups: Lookups) -> None:
    forgetful, thorough = Judge(lookups, memo_size=1), Judge(lookups)
    for _ in range(2):
        for address in (TOOLS, SWAPI, PUBLIC, PRIVATE, CISCO, ""):
            for name in ("tools.cisco.com", "toos.cisco.com", "x.example", ""):
                assert decide(forgetful, [address], [name]) == decide(thorough, [address], [name])


SEVERAL = [TOOLS, "::ffff:72.163.4.38", SWAPI, PUBLIC, "203.0.113.7", PRIVATE, CISCO, "", "garbage", "x"]
REPORTED = [
    "tools.cisco.com",
    "toos.cisco.com",
    "TOOS.cisco.com.",
    "swapi.cisco.com",
    "x.example",
    "y.example",
]
REPORTED += ["10.0.0.1", "10.0.0.2", "toos.cisco.com%20", "-", "Cisco Systems, Inc."]


@given(
    st.lists(st.sampled_from(SEVERAL), max_size=5),
    st.lists(st.sampled_from(REPORTED), max_size=6),
    st.sampled_from(["", "toos.cisco.com", "x.example"]),
)
def test_the_first_strongest_pair_of_many_values_decides(
    lookups: Lookups, addresses: list[str], names: list[str], earlier: str
) -> None:
    """As if every address had been held against every name, which an event of many values is spared."""
    judge = Judge(lookups)
    pairs = [
        decide(judge, [address], [name] if name else [], earlier)
        for address in addresses or [""]
        for name in [name for name in names if parse_name(name)] or [""]
    ]
    strongest = min((pair for pair in pairs if pair), key=lambda pair: pair.strength, default=None)
    assert decide(judge, addresses, names, earlier) == strongest


def test_texts_too_long_for_an_address_are_remembered_as_unreadable_only(lookups: Lookups) -> None:
    verdicts = {
        "x" * (MAX_ADDRESS_LENGTH + 1): "unverified",
        " " * MAX_ADDRESS_LENGTH + TOOLS: "canonical",
        "fe80::1%".ljust(MAX_ADDRESS_LENGTH, "z"): "relayed",
    }
    for order in permutations(verdicts):
        judge = Judge(lookups)
        for address in order:
            decision = decide(judge, [address], ["tools.cisco.com"])
            assert decision is not None
            assert decision.verdict == verdicts[address]


def test_long_addresses_are_not_remembered(lookups: Lookups) -> None:
    judge, size = Judge(lookups), 100_000
    tracemalloc.start()
    try:
        for number in range(50):
            decide(judge, [f"{number:0{size}}"], ["tools.cisco.com"])
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < size


def test_a_name_and_an_address_with_the_same_text_are_remembered_separately(lookups: Lookups) -> None:
    # No reader makes such a name, but the memo must not depend on that.
    name = ReportedName("fe80::a", "", False, 0, 7)
    for order in permutations([(name, "foreign"), (name._replace(is_address=True), "unnamed")]):
        judge = Judge(lookups)
        for reported, verdict in order:
            decision = judge.decide([TOOLS], [reported], None)
            assert decision is not None
            assert decision.verdict == verdict
