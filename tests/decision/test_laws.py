"""Laws that hold for every event, on events that Hypothesis makes up from the parts that matter."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tsid.decision.enrich import KEEP, Enricher, Options
from tsid.facts.fields import ROLES, values_of
from tsid.facts.lookups import Lookups
from tsid.text.names import parse_name

ADDRESSES = st.sampled_from(
    ["72.163.4.38", "173.37.145.8", "146.112.59.25", "146.112.59.81", "2001:420:1101:5::a", "::ffff:72.163.4.38", "72.163.4.39", "203.0.113.9",
     "10.0.0.1", "fd00::1", "0.0.0.0", "072.163.4.38", "", "-", "tools.cisco.com", "garbage"]
)  # fmt: skip
HOSTS = st.sampled_from(
    ["tools.cisco.com", "toos.cisco.com", "tools1.cisco.com", "swapi.cisco.com", "cloudsso.cisco.com", "TOOS.Cisco.Com.", "toos%2ecisco.com",
     "www.cisco.com", "evil.example", "10.0.0.9", "[2001:db8::1]", "Cisco Systems, Inc.", "", "-", "ｔoos.cisco.com", "%", "toos.cisco.com "]
)  # fmt: skip
NAMES = st.builds(
    lambda scheme, host, port, rest: scheme + host + port + rest,
    st.sampled_from(["", "https://", "HTTPS://u:p@", "//"]),
    HOSTS,
    st.sampled_from(["", ":443"]),
    st.sampled_from(["", "/", "/a?b=toos.cisco.com", " "]),
)
ACTIONS = st.sampled_from(
    ["Allow", "Block", "<br/>Block with reset", "Monitor", "", "teardown", "built", "allowed"]
)
OTHERS = st.sampled_from(["443", "443 (https) / tcp", "0", "1700000000", "x", ""])


def either(values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """A field with one value, or with several."""
    return st.one_of(values, st.lists(values, min_size=2, max_size=3))


# Strategies are made once: to make one takes longer than to draw from it.
VALUES = {
    role: either(
        {"address": ADDRESSES, "device": ADDRESSES, "name": NAMES, "action": ACTIONS}.get(role, OTHERS)
    )
    for role in ROLES
}
OTHER_FIELDS = st.fixed_dictionaries(
    {}, optional={"_time": st.sampled_from(["1700000000.123", "", "x"]), "user": st.text(max_size=5)}
)


@cache
def some_of(fields: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    """Up to two of these fields."""
    return st.lists(st.sampled_from(fields), max_size=2)


@st.composite
def events(draw: st.DrawFn, lookups: Lookups) -> dict[str, Any]:
    """Events with up to two fields for each role, and fields that nobody knows."""
    event: dict[str, Any] = {}
    for role in ROLES:
        for field in draw(some_of(lookups.fields.of(role))):
            event[field] = draw(VALUES[role])
    if draw(st.booleans()):
        # The raw line may repeat a name of a field, as real ones do.
        names = [value for field in lookups.fields.of("name") for value in values_of(event.get(field))]
        repeats = bool(names) and draw(st.booleans())
        name = draw(st.sampled_from(names) if repeats else NAMES)
        event["_raw"] = (
            f"%FTD-1-430003: SrcIP: 10.1.1.1, DstIP: {draw(ADDRESSES)}, URL: {name}, NAT_ResponderPort: 443"
        )
    return {**event, **draw(OTHER_FIELDS)}


OPTIONS = st.builds(
    Options,
    rewrite=st.booleans(),
    keep=st.sampled_from(KEEP),
    raw=st.booleans(),
    prefix=st.sampled_from(["", "second_"]),
    ip=st.sampled_from([None, None, "dest_ip"]),
    name=st.sampled_from([None, None, "url"]),
    device=st.sampled_from([None, None, "src_ip"]),
)


@given(st.data())
def test_running_twice_equals_running_once(lookups: Lookups, data: st.DataObject) -> None:
    event, options = data.draw(events(lookups)), data.draw(OPTIONS)
    enricher = Enricher(lookups, options)
    first = enricher.enrich(event)
    once = {**event, **first.rewritten, **first.fields}
    second = enricher.enrich(once)
    assert {**once, **second.rewritten, **second.fields} == once


@given(st.data())
def test_a_second_run_with_a_prefix_gives_the_same_answer_where_nothing_was_rewritten(
    lookups: Lookups, data: st.DataObject
) -> None:
    event, raw = data.draw(events(lookups)), data.draw(st.booleans())
    event.pop("tsid_observed", None)
    first = Enricher(lookups, Options(raw=raw, rewrite=False)).enrich(event)
    second = Enricher(lookups, Options(raw=raw, prefix="b_")).enrich(
        {**event, **first.rewritten, **first.fields}
    )
    assert {name[len("b_") :]: value for name, value in second.fields.items()} == dict(first.fields)


@given(st.data())
def test_order_of_fields_and_other_events_change_nothing(lookups: Lookups, data: st.DataObject) -> None:
    several = data.draw(st.lists(events(lookups), min_size=1, max_size=6))
    options = data.draw(OPTIONS)
    together = Enricher(lookups, options)
    expected = [Enricher(lookups, options).enrich(event) for event in several]
    shuffled = list(enumerate(several))
    shuffler = random.Random(data.draw(st.integers()))
    shuffler.shuffle(shuffled)
    for place, event in shuffled:
        fields = list(event.items())
        shuffler.shuffle(fields)
        assert together.enrich(dict(fields)) == expected[place]


@given(st.data())
def test_the_required_fields_alone_give_the_same_answer(lookups: Lookups, data: st.DataObject) -> None:
    event, options = data.draw(events(lookups)), data.draw(OPTIONS)
    enricher = Enricher(lookups, options)
    selected = {field: event[field] for field in enricher.required_fields if field in event}
    assert enricher.enrich(selected) == enricher.enrich(event)


@given(st.data())
def test_an_empty_field_equals_a_missing_field(lookups: Lookups, data: st.DataObject) -> None:
    event, options = data.draw(events(lookups)), data.draw(OPTIONS)
    enricher = Enricher(lookups, options)
    padded = {**dict.fromkeys(enricher.required_fields, ""), **event}
    assert enricher.enrich(padded) == enricher.enrich(event)


@given(either(ADDRESSES), either(NAMES), st.sampled_from(["url", "SSLServerName"]))
def test_a_rewrite_changes_the_host_of_a_verified_alias_only(
    lookups: Lookups, addresses: Any, names: Any, field: str
) -> None:
    answer = Enricher(lookups, Options()).enrich({"dest_ip": addresses, field: names})
    assert set(answer.rewritten) <= ({field} if answer.verdict == "aliased" else set())
    after: Any = answer.rewritten.get(field, names)
    pairs = [(names, after)] if isinstance(names, str) else list(zip(names, after))
    for old, new in pairs:
        name = parse_name(old)
        alias = lookups.aliases.get(name.key) if name else None
        if name is None or alias is None or answer.verdict != "aliased":
            assert new == old
        elif new != old:
            assert new == old[: name.start] + alias.host + old[name.end :]
        else:
            assert alias.host != answer.fields["tsid_host"]


@given(st.data())
def test_an_impostor_never_gets_a_true_host(lookups: Lookups, data: st.DataObject) -> None:
    event, options = data.draw(events(lookups)), data.draw(OPTIONS)
    answer = Enricher(lookups, options).enrich(event)
    if answer.verdict in ("impostor", ""):
        assert answer.fields[options.prefix + "tsid_host"] == ""
        assert answer.rewritten == {}
    else:
        assert answer.fields[options.prefix + "tsid_host"] in lookups.canonical
