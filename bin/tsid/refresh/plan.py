"""Decides what a refresh writes, from the lookups in force and the survey."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tsid.facts.lookups import Lookups
from tsid.refresh.aliases import AliasPlan
from tsid.refresh.bounds import Bounds
from tsid.refresh.endpoints import EndpointPlan
from tsid.refresh.items import FAILURE, NOTE, Item, Items
from tsid.refresh.resolving import DnsAnswer
from tsid.refresh.settings import Settings
from tsid.refresh.survey import Survey


class Plan(NamedTuple):
    """What to write, and why.

    Attributes:
        endpoints: the rows of the refreshed table of endpoints.
        aliases: the rows of the refreshed table of aliases.
        items: changes, refusals, failures, notes.
        checked: some resolver has an address for some host; without one nothing changes.
    """

    endpoints: Sequence[Mapping[str, str]]
    aliases: Sequence[Mapping[str, str]]
    items: Sequence[Item]
    checked: bool

    def of_kind(self, kind: str) -> list[Item]:
        """Return the items of one kind."""
        return [item for item in self.items if item.kind == kind]


def make_plan(
    lookups: Lookups, bounds: Bounds, survey: Survey, settings: Settings, today: datetime.date
) -> Plan:
    """Decide what to write.

    Args:
        lookups: the rows in force, all layers.
        bounds: what may be believed.
        survey: what the resolvers answered, and the servers showed.
        settings: how many misses, days and checks a decision needs.
        today: the date in UTC.
    """
    items = Items()
    endpoints = EndpointPlan(lookups, survey, settings, today, items)
    aliases = AliasPlan(lookups, bounds, survey, settings, today, items, endpoints)
    # A resolver without access to the internet reports all hosts as missing.
    checked = any(answer.addresses for answer in survey.answers)
    for host in endpoints.hosts:
        answers = survey.answers_for(host)
        _add_failures(items, host, answers)
        if checked:
            endpoints.check(host, answers)
            aliases.find(host)
    endpoints.retire()
    aliases.note_vanished()
    return Plan(endpoints.rows(), aliases.rows(), items.found, checked)


def _add_failures(items: Items, host: str, answers: Sequence[DnsAnswer]) -> None:
    """Add an item for each question without an answer: only a note if another resolver did answer."""
    answered = {(answer.host, answer.kind) for answer in answers if not answer.problem}
    for answer in answers:
        if answer.problem:
            kind = NOTE if (answer.host, answer.kind) in answered else FAILURE
            reason = f"{answer.resolver} on {answer.kind} of {answer.host}: {answer.problem}."
            items.add(kind, "endpoints", "no_answer", answer.host, host, reason)
