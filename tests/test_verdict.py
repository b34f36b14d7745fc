"""The verdict table of the documentation, row by row, and what decides between several addresses and names."""

from __future__ import annotations

from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsid.lookups import Lookups
from tsid.names import parse_name
from tsid.verdict import Decision, Judge
from tsid.verdicts import VERDICTS

TOOLS, SWAPI, UNCONFIRMED = "72.163.4.38", "146.112.59.25", "146.112.59.81"
PUBLIC, PRIVATE, CISCO = "203.0.113.7", "10.9.8.7", "72.163.4.161"


@pytest.fixture(scope="module")
def judge(lookups: Lookups) -> Judge:
    return Judge(lookups)


def decide(judge: Judge, addresses: list[str], names: list[str], earlier: str = "") -> Optional[Decision]:
    parsed = [name for name in map(parse_name, names) if name is not None]
    return judge.decide(addresses, parsed, None, parse_name(earlier))


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
def test_row_of_the_table(
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
def test_an_earlier_name_counts_only_where_it_was_replaced(
    judge: Judge, address: str, name: str, earlier: str, verdict: str, observed: str
) -> None:
    decision = decide(judge, [address], [name], earlier)
    assert decision is not None
    assert (decision.verdict, decision.observed) == (verdict, observed)


def test_a_confirmed_row_speaks_for_a_shared_network(judge: Judge) -> None:
    # Two hosts share this address; without a name the answer must still be one of them, always the same.
    decision = decide(judge, ["173.37.144.211"], [])
    assert decision is not None
    assert (decision.verdict, decision.host) == ("unnamed", "cloudsso.cisco.com")


@pytest.mark.parametrize("outcome", ["allowed", "blocked", "unknown"])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_advice_is_a_sentence_without_gaps_or_nothing(verdict: str, outcome: str) -> None:
    decision = Decision(verdict, "HOST", "SEEN", "service", "IP", "NET", "high", "reason")
    advice = decision.advice(outcome)
    silent = verdict in ("canonical", "unnamed") and outcome != "blocked"
    assert (advice == "") is silent
    assert "{" not in advice
    assert silent or advice.endswith(".")


def test_the_reason_names_what_was_matched(judge: Judge) -> None:
    decision = decide(judge, [TOOLS], ["toos.cisco.com"])
    assert decision is not None
    for part in (
        TOOLS,
        "72.163.4.38/32",
        "cisco_licensing_endpoints.csv",
        "tools.cisco.com",
        "toos.cisco.com",
        "tsid_aliases.csv",
    ):
        assert part in decision.reason
    unconfirmed = decide(judge, [UNCONFIRMED], [])
    assert unconfirmed is not None
    assert "unconfirmed" in unconfirmed.reason


def test_hostile_text_is_not_taken_for_a_template(judge: Judge) -> None:
    decision = decide(judge, [TOOLS], ["{host.__class__}{0}"])
    assert decision is not None
    assert "{host.__class__}{0}" in decision.reason
    assert "{host.__class__}{0}" in decision.advice("blocked")


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
def test_of_many_values_the_first_of_the_strongest_pair_decides(
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
