"""Generates labelled firewall events: any number, the same for the same seed, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lab import ROOT
from lab.errors import UsageError, did_you_mean
from lab.generator import asa, encore, estreamer, ftd, plain
from lab.generator.atlas import Atlas
from lab.generator.destination import ALIASED, CANONICAL, FILTERED, IMPOSTOR, ORDINARY, RELAYED, UNLISTED
from lab.generator.dice import Dice
from lab.generator.flow import Traffic
from lab.generator.quoted import quote
from lab.generator.scenarios import SCENARIOS, ordinary, proving_nothing
from lab.generator.shape import Delivered, Shape
from lab.generator.truth import LabelledEvent, label

_SHAPES = {shape.name: shape for module in (estreamer, ftd, encore, asa, plain) for shape in module.SHAPES}

#: The names of all shapes: source types, the FMC's own table, and bare CIM fields.
ALL_SHAPES = tuple(_SHAPES)
#: The names of all scenarios of licensing traffic; each is the expected verdict.
ALL_SCENARIOS = tuple(SCENARIOS)

#: 2025-12-01 00:00:00 UTC, about when the KB's events were seen.
START = 1764547200

_LOOKUPS = ROOT / "lookups"
_SHARE_OF_MULTIVALUES = 0.04
# Pings and so on, among the contacts with licensing endpoints.
_SHARE_OF_OTHER_CONTACTS = 0.08
# Every so many connections an ordinary one quotes a record that a stranger wrote.
_QUOTING = 50
# These verdicts are the strongest: another name or address in the same field changes nothing.
_NAME_PROOF_VERDICTS = (CANONICAL, ALIASED, IMPOSTOR, FILTERED, UNLISTED, RELAYED)
_ADDRESS_PROOF_VERDICTS = (CANONICAL, ALIASED)
_ANOTHER_NAME = "https://www.example.com/"


def generate(
    count: int,
    *,
    seed: int = 0,
    licensing_share: float = 0.01,
    shapes: Sequence[str] = ALL_SHAPES,
    scenarios: Sequence[str] = ALL_SCENARIOS,
    start: int = START,
    interval: float = 1.0,
    lookups: Path = _LOOKUPS,
) -> Iterator[LabelledEvent]:
    """Yield labelled firewall events; connections come in the order of their start.

    Args:
        count: how many events; a connection may yield two (its begin and its end).
        seed: the same seed and arguments give the same events.
        licensing_share: the share of connections that are licensing traffic or pretend to be.
        shapes: which of `ALL_SHAPES`, all equally often.
        scenarios: which of `ALL_SCENARIOS` licensing traffic is made of, where the shape can express it.
        start: time of the first connection, epoch seconds.
        interval: seconds from one connection to the next.
        lookups: folder with the lookups that say which addresses and names are Cisco's.

    Raises:
        UsageError: an argument is not valid.
    """
    _check(count, licensing_share, shapes, scenarios, interval)
    dice = Dice(seed)
    atlas = Atlas(lookups, start, start + count * interval, dice)
    return _events(
        count, licensing_share, [_SHAPES[name] for name in shapes], scenarios, start, interval, atlas, dice
    )


def _events(
    count: int,
    licensing_share: float,
    shapes: Sequence[Shape],
    scenarios: Sequence[str],
    start: int,
    interval: float,
    atlas: Atlas,
    dice: Dice,
) -> Iterator[LabelledEvent]:
    traffic = Traffic(dice)
    licensing = [(shape, weighted) for shape in shapes if (weighted := _weighted(shape, scenarios))]
    made = connections = 0
    while made < count:
        if dice.chance(licensing_share):
            shape, weighted = dice.pick(licensing)
            to = SCENARIOS[dice.pick(weighted)][1](atlas, dice)
            if to.site and shape.any_contact and dice.chance(_SHARE_OF_OTHER_CONTACTS):
                to = proving_nothing(to, dice)
        else:
            shape = dice.pick(shapes)
            to = ordinary(atlas, dice)
        flow = traffic.flow(start + int(connections * interval), to, shape.actions)
        connections += 1
        for delivered in shape.deliver(flow, dice):
            truth = label(shape, flow, delivered)
            if (
                truth.verdict
                and dice.chance(_SHARE_OF_MULTIVALUES)
                and _add_a_value(delivered, truth.verdict, atlas, dice)
            ):
                truth = label(shape, flow, delivered)
            if to.scenario == ORDINARY and not to.source and connections % _QUOTING == 0:
                quote(delivered.event, atlas.sites[connections % len(atlas.sites)])
            yield LabelledEvent(delivered.event, truth)
            made += 1
            if made == count:
                return


def _weighted(shape: Shape, scenarios: Sequence[str]) -> list[str]:
    """The scenarios that the shape can express, with their weights."""
    return [name for name in scenarios if name in shape.scenarios for _ in range(SCENARIOS[name][0])]


def _add_a_value(delivered: Delivered, verdict: str, atlas: Atlas, dice: Dice) -> bool:
    """Make name or address a multivalue if that cannot change the verdict; return whether it did."""
    if dice.chance(0.5):
        fields, another = delivered.name_fields, _ANOTHER_NAME
        fits = verdict in _NAME_PROOF_VERDICTS
    else:
        fields, another = (
            delivered.address_fields,
            dice.pick((dice.pick(atlas.relays).address, dice.pick(atlas.neighbours))),
        )
        fits = verdict in _ADDRESS_PROOF_VERDICTS
    in_front = dice.chance(0.5)
    for field in fields if fits else ():
        value = delivered.event.get(field)
        if isinstance(value, str):
            delivered.event[field] = [another, value] if in_front else [value, another]
    return fits and bool(fields)


def _check(
    count: int, licensing_share: float, shapes: Sequence[str], scenarios: Sequence[str], interval: float
) -> None:
    if count < 0:
        raise UsageError(f"{count} events cannot be made")
    if not 0 <= licensing_share <= 1:
        raise UsageError(f"the share of licensing traffic is from 0 to 1, not {licensing_share}")
    if interval < 0:
        raise UsageError(f"time cannot run backwards: the interval is {interval} s")
    for kind, asked, known in (("shape", shapes, ALL_SHAPES), ("scenario", scenarios, ALL_SCENARIOS)):
        for name in asked:
            if name not in known:
                raise UsageError(
                    f"unknown {kind} {name!r}; known are {', '.join(known)}{did_you_mean(name, known)}"
                )
        if not asked:
            raise UsageError(f"name at least one {kind}: {', '.join(known)}")
    if licensing_share and not any(_weighted(_SHAPES[name], scenarios) for name in shapes):
        raise UsageError(f"{', '.join(shapes)} cannot express {', '.join(scenarios)}")
