"""Looks at all licensing hosts: their addresses in DNS, and the certificates of their servers."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Callable, NamedTuple

from tsid.facts.lookups import Lookups, load_lookups
from tsid.refresh.bounds import Bounds, load_bounds
from tsid.refresh.certificates import look_all
from tsid.refresh.plan import Plan, Survey, hosts_of, make_plan, targets, unknown_names
from tsid.refresh.resolving import resolve_all
from tsid.refresh.settings import Settings
from tsid.text.names import ascii_host


def today() -> datetime.date:
    """Return the date in UTC."""
    return datetime.datetime.now(datetime.timezone.utc).date()


class Refresh(NamedTuple):
    """A refresh that has looked and decided, and written nothing yet.

    Attributes:
        lookups: those in force.
        survey: what was seen.
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
        progress: told what is going on.

    Raises:
        LookupTableError: a lookup cannot be read.
    """
    lookups, bounds = load_lookups(folder), load_bounds(folder)
    survey = look(lookups, bounds, settings, progress)
    return Refresh(lookups, survey, make_plan(lookups, bounds, survey, settings, today))


def look(lookups: Lookups, bounds: Bounds, settings: Settings, progress: Callable[[str], None]) -> Survey:
    """Ask the resolvers, then look at the servers."""
    # An alias may be a host of its own: tools1.cisco.com is one of the servers behind tools.cisco.com.
    hosts = hosts_of(lookups)
    members = {
        alias.alias: alias.host
        for alias in lookups.aliases.values()
        if ascii_host(alias.alias) and alias.host in hosts
    }
    members.update(settings.members)
    names = sorted(hosts.union(members))
    progress(f"asking {len(settings.resolvers)} resolver(s) for {len(names)} hosts")
    answers = resolve_all(names, settings)
    servers = list(targets(lookups, bounds, answers, members)) if settings.tls else []
    if servers:
        progress(f"looking at the certificates of {len({address for address, _ in servers})} servers")
    sights = look_all(servers, settings)
    named = resolve_all(unknown_names(lookups, bounds, sights), settings)
    return Survey(answers, members, {(sight.address, sight.sni): sight for sight in sights}, named)
