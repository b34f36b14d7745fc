"""Runs a refresh up to its plan: reads the lookups, surveys the hosts, decides; writes nothing."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Callable, NamedTuple

from tsid.facts.lookups import Lookups, load_lookups
from tsid.refresh.bounds import load_bounds
from tsid.refresh.plan import Plan, make_plan
from tsid.refresh.settings import Settings
from tsid.refresh.survey import Survey, look


def today() -> datetime.date:
    """Return the date in UTC."""
    return datetime.datetime.now(datetime.timezone.utc).date()


class Refresh(NamedTuple):
    """A refresh that has decided, and not written anything yet.

    Attributes:
        lookups: the rows in force.
        survey: what the resolvers answered, and the servers showed.
        plan: what to write.
    """

    lookups: Lookups
    survey: Survey
    plan: Plan


def refresh(
    folder: Path, settings: Settings, today: datetime.date, progress: Callable[[str], None] = lambda _: None
) -> Refresh:
    """Look at all licensing hosts and decide what to write.

    Args:
        folder: the app's ``lookups`` folder.
        settings: whom to ask, and how much to believe.
        today: the date in UTC.
        progress: called with a line of text before each step.

    Raises:
        LookupTableError: a lookup cannot be read.
        SettingsError: the file of trusted authorities cannot be used.
    """
    lookups, bounds = load_lookups(folder), load_bounds(folder)
    survey = look(lookups, bounds, settings, progress)
    return Refresh(lookups, survey, make_plan(lookups, bounds, survey, settings, today))
