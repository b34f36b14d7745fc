"""Runs a refresh up to its plan: reads the lookups, surveys the hosts, decides; writes nothing."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable, NamedTuple

from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import REFRESHED, Lookups, load_lookups
from tsid.refresh.bounds import load_bounds
from tsid.refresh.items import CHANGE, Item
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
        broken: refreshed tables that cannot be read, by file name: the new ones replace them.
    """

    lookups: Lookups
    survey: Survey
    plan: Plan
    broken: Sequence[str] = ()


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
        LookupTableError: a shipped or a local lookup cannot be read.
        SettingsError: the file of trusted authorities cannot be used.
    """
    lookups, problems = _load(folder)
    bounds = load_bounds(folder)
    survey = look(lookups, bounds, settings, progress)
    plan = make_plan(lookups, bounds, survey, settings, today)
    items = [
        Item(CHANGE, "endpoints" if name == REFRESHED[0] else "aliases", "replaced", name, "", f"{error}")
        for name, error in problems.items()
    ]
    return Refresh(lookups, survey, plan._replace(items=[*items, *plan.items]), tuple(problems))


def _load(folder: Path) -> tuple[Lookups, Mapping[str, LookupTableError]]:
    """Read the lookups without refreshed tables that are broken; return those tables' errors by file name.

    A refresh makes these tables anew: a broken one must not prevent that.
    """
    problems: dict[str, LookupTableError] = {}
    while True:
        try:
            absent = folder / "absent"
            return load_lookups(folder, instead=dict.fromkeys(problems, absent)), problems
        except LookupTableError as error:
            name = Path(error.file).name
            if name not in REFRESHED or name in problems:
                raise
            problems[name] = error
