"""The made-up fleet: what its events prove, by the command and by the truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.generator.fleet import (
    DAY,
    FILTERED_FOR_GOOD,
    PINGED,
    UNANSWERED,
    Device,
    Fleet,
    make_fleet,
)
from lab.generator.licences import state_of, watched
from tsid.decision.enrich import Enricher, Options
from tsid.facts.lookups import Lookups

LOOKUPS = Path(__file__).resolve().parents[2] / "lookups"
DAYS, SIZE = 120, 60


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return make_fleet(DAYS, LOOKUPS, size=SIZE, seed=3)


@pytest.fixture(scope="module")
def proofs(fleet: Fleet, lookups: Lookups) -> dict[tuple[str, int], set[tuple[str, str, str]]]:
    """Return verdict, outcome and answer by device and day, as the command returns them."""
    enricher = Enricher(lookups, Options(raw=True))
    found: dict[tuple[str, int], set[tuple[str, str, str]]] = {}
    for event in fleet.events:
        fields = enricher.enrich(event).fields
        day = int((float(str(event["_time"])) - fleet.start) // DAY)
        if fields["tsid_verdict"] not in ("", "impostor", "unlisted"):
            told = fields["tsid_verdict"], fields["tsid_outcome"], fields["tsid_answered"]
            found.setdefault((fields["tsid_device"], day), set()).add(told)
    return found


Proofs = dict[tuple[str, int], set[tuple[str, str, str]]]


def devices_of(fleet: Fleet, *fates: str) -> Iterator[Device]:
    return (device for device in fleet.devices.values() if device.fate in fates)


def test_the_same_seed_makes_the_same_fleet(fleet: Fleet) -> None:
    assert make_fleet(DAYS, LOOKUPS, size=SIZE, seed=3) == fleet
    assert make_fleet(DAYS, LOOKUPS, size=SIZE, seed=4).events != fleet.events


def test_the_days_of_a_success_are_those_with_an_answered_exchange(fleet: Fleet, proofs: Proofs) -> None:
    for device in fleet.devices.values():
        successes = {
            day
            for (address, day), told in proofs.items()
            if address == device.address
            and any(v != "filtered" and (o, a) == ("allowed", "true") for v, o, a in told)
        }
        assert successes == set(device.allowed), device


def test_the_days_of_blocks_are_those_with_a_block_or_a_block_page(fleet: Fleet, proofs: Proofs) -> None:
    for device in fleet.devices.values():
        blocked = {
            day
            for (address, day), told in proofs.items()
            if address == device.address and any("filtered" in one or "blocked" in one for one in told)
        }
        assert blocked == set(device.blocked), device


def test_every_contact_that_proves_nothing_is_in_the_events(fleet: Fleet, proofs: Proofs) -> None:
    for device in fleet.devices.values():
        for day in device.unproven:
            told = proofs[device.address, day]
            assert any(outcome == "allowed" and answered != "true" for _, outcome, answered in told)
        for day in device.unsettled:
            assert ("unnamed", "unknown", "") in proofs[device.address, day]
        assert device.first_seen == min(
            (
                day
                for (a, day), told in proofs.items()
                if a == device.address and {o for _, o, _ in told} - {"unknown"}
            ),
            default=None,
        )


def test_contacts_that_prove_nothing_come_on_top_of_every_trouble(fleet: Fleet) -> None:
    for fate in ("healthy", "blocked", "fixed", "never"):
        assert any(device.unproven for device in devices_of(fleet, fate)), fate
        assert any(device.unsettled for device in devices_of(fleet, fate)), fate


@pytest.mark.parametrize("fate", [UNANSWERED, PINGED, FILTERED_FOR_GOOD])
def test_who_is_never_answered_is_never_healthy(fleet: Fleet, fate: str) -> None:
    unlucky = list(devices_of(fleet, fate))
    assert {bool(device.allowed) for device in unlucky} == {True, False}
    for device in unlucky:
        for day in range(1, DAYS + 1):
            last = device.last_allowed(day)
            state = state_of(device, day)
            if last is None:
                assert state == "unknown"
            elif day - last > 32:
                assert state not in ("healthy", "blocked")
            elif device.blocked_since(day):
                assert state == "blocked"


def test_a_ping_makes_no_device(fleet: Fleet) -> None:
    pinging = [device for device in devices_of(fleet, PINGED) if not device.allowed]
    for device in pinging:
        first = min((*device.unproven, DAYS))
        assert device.address not in watched(fleet, first)
        assert (device.address in watched(fleet, DAYS)) == bool(device.unproven)
    assert any(min((*device.unproven, DAYS)) > min(device.unsettled) for device in pinging)


def test_a_connection_has_the_outcome_of_its_end(fleet: Fleet, lookups: Lookups) -> None:
    """Joined by the command's own fields: a block counts before an allow, and any answer."""
    enricher = Enricher(lookups, Options(raw=True))
    joined: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for event in fleet.events:
        fields = enricher.enrich(event).fields
        if fields["tsid_verdict"]:
            connection = fields["tsid_connection"] or str(event["_time"])
            key = connection, fields["tsid_device"], fields["tsid_ip"]
            joined.setdefault(key, []).append((fields["tsid_outcome"], fields["tsid_answered"]))
    outcomes = [
        (
            next(one for one in ("blocked", "allowed", "unknown") if one in {o for o, _ in events}),
            max((a for _, a in events), key=("", "false", "true").index),
        )
        for events in joined.values()
    ]
    assert sorted(outcomes) == sorted((c.outcome, c.answered) for c in fleet.connections)
    assert any({o for o, _ in events} == {"allowed", "blocked"} for events in joined.values())
