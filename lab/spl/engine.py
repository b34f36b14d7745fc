"""Runs searches over generated events, the app's lookups, and KV store collections in memory."""

from __future__ import annotations

import copy
import csv
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Optional

from lab.host.extraction import ALL, Extraction
from lab.host.host import CommandHost
from lab.host.search import Search
from lab.spl.commands import COMMANDS
from lab.spl.fields_needed import fields_needed
from lab.spl.functions import UTC, Context, relative_time
from lab.spl.predicate import parse_predicate
from lab.spl.syntax import Command, bracketed, expand, outside_quotes, pipeline
from lab.spl.table import Table
from lab.spl.values import Row, SplError, Value, field, number, text, texts
from tsid.text import conf

#: The app's commands that use the time, and their option for it: it is set to the time of the search.
_CLOCKS = {"tsidrisk": "now"}

_MODIFIER = re.compile(r"(?<!\S)(earliest|latest)=(\S+)")
# As a subsearch returns them.
_MODIFIERS = re.compile(r"\(((?:(?:earliest|latest)=[^\s()]+ ?)+)\)")


class Splunk:
    """An app's searches over data of one's own.

    Args:
        app: the app's folder, with its lookups; `outputlookup` writes there.
        events: the events of the indexes, each with ``_time``, ``index`` and ``sourcetype``.
        now: the time of the search, epoch seconds.
        host: how the app's commands run: each as a process, or with `InProcessHost` without one.
        heeds_required: extract what a command's ``required_fields`` says, as Splunk does; False is a Splunk
            that takes no notice of it, and extracts only what the search itself names.
        default_indexes: what a search reads that names no index (authorize.conf, ``srchIndexesDefault``;
            as shipped main only); None: the role has all indexes as default.
    """

    def __init__(
        self,
        app: Path,
        events: Sequence[Mapping[str, Value]],
        now: float,
        *,
        host: type[CommandHost] = CommandHost,
        heeds_required: bool = True,
        default_indexes: Optional[Collection[str]] = None,
    ) -> None:
        self.app = app
        self.now = now
        self._host = host
        self._heeds_required = heeds_required
        self._default_indexes = default_indexes
        self._events = sorted(events, key=lambda event: -_time_of(event))
        self._ages = [-_time_of(event) for event in self._events]
        self._macros = _read(app / "default" / "macros.conf")
        self._transforms = _read(app / "default" / "transforms.conf")
        self._commands = _read(app / "default" / "commands.conf")
        self._meta = _read(app / "metadata" / "default.meta")
        #: The saved searches by name.
        self.saved = _read(app / "default" / "savedsearches.conf")
        self._range = (0.0, now)
        self._hosts: dict[str, CommandHost] = {}
        # The commands that are started and have not got their events yet.
        self._started: dict[Command, list[Search]] = {}
        #: Of each KV store collection the rows by key.
        self.collections: dict[str, dict[str, Row]] = {}
        #: Of each accelerated data model (Network_Traffic.All_Traffic) the rows.
        self.models: dict[str, list[Row]] = {}
        #: The time zone of the user who runs the searches.
        self.zone = UTC
        #: The user's roles.
        self.roles = frozenset({"admin"})
        #: The user's capabilities; None: splunkd tells this user nothing by `rest`.
        self.capabilities: Optional[frozenset[str]] = frozenset({"search", "schedule_search"})
        #: The saved searches that an admin has enabled.
        self.enabled: frozenset[str] = frozenset()
        #: limits.conf, [outputlookup] outputlookup_check_permission. No app may set it.
        self.checks_permission = False
        #: The lookup files that searches have written or removed, in order. Each time makes a new bundle,
        #: whether the content is another or not.
        self.written: list[str] = []

    def copy(
        self,
        *,
        app: Optional[Path] = None,
        now: Optional[float] = None,
        host: Optional[type[CommandHost]] = None,
    ) -> Splunk:
        """Return another Splunk over the same events, with a copy of the collections.

        Args:
            app: where the other one's searches write lookups; None for the same folder.
            now: the other one's time; None for the same.
            host: how the other one's commands run; None for the same way.
        """
        other = copy.copy(self)
        other.app = self.app if app is None else app
        other.now = self.now if now is None else now
        other._host = host or self._host
        other._hosts, other._started = {}, {}
        other.written = []
        other.collections = {
            name: {key: dict(row) for key, row in rows.items()} for name, rows in self.collections.items()
        }
        return other

    @property
    def context(self) -> Context:
        """The context of the search that is running."""
        return Context(self.now, *self._range, self.zone)

    def run(self, search: str, earliest: float = 0, latest: Optional[float] = None) -> list[Row]:
        """Run a search over the events of a time range.

        Args:
            search: as typed in the search bar.
            earliest: epoch seconds, included.
            latest: epoch seconds, excluded; None for now.

        Raises:
            SplError: Splunk would refuse the search, or it uses something unknown to this evaluator.
            SearchFailed: one of the app's commands ended it.
        """
        return self.table(search, earliest, self.now if latest is None else latest).rows

    def dispatch(self, name: str) -> list[Row]:
        """Run a saved search over its own time range, like the scheduler."""
        saved = self.saved[name]
        latest = saved["dispatch.latest_time"]
        return self.run(
            saved["search"],
            relative_time(self.now, saved["dispatch.earliest_time"], self.zone),
            self.now if latest == "now" else relative_time(self.now, latest, self.zone),
        )

    def table(self, search: str, earliest: float, latest: float) -> Table:
        """Run a search and return its whole result."""
        first, *others = pipeline(expand(search, self._macros))
        if first.name == "search":
            first = self._with_subsearches(first, earliest, latest)
            first, earliest, latest = self._with_own_times(first, earliest, latest)
            # From the newest, for events come that way.
            begin, end = bisect_right(self._ages, -latest), bisect_right(self._ages, -earliest)
            events: list[Row] = [dict(event) for event in self._events[begin:end]]
            self._range = (earliest, latest)
            defaults = self._default_indexes
            if defaults is not None and "index" not in parse_predicate(first.arguments).fields:
                events = [event for event in events if event.get("index") in defaults]
            table = self.apply(first, Table(events, None))
        else:
            self._range = (earliest, latest)
            first = self._with_subsearches(first, earliest, latest)
            table = self.apply(first, Table([], []), leads=True)
        with self._extracted(first, table, others) as extracted:
            return self._continue(extracted, others, earliest, latest)

    @contextmanager
    def _extracted(self, first: Command, table: Table, others: Sequence[Command]) -> Iterator[Table]:
        """Leave of each row only what splunkd would extract for the search.

        The commands are started for it, because their answers to getinfo count. An optimised search takes no
        more from a lookup either than it needs ("projection elimination").
        """
        before, self._started = self._started, {}
        try:
            named = parse_predicate(first.arguments).fields if first.name == "search" else frozenset()
            wanted = Extraction(named | fields_needed(others, self.context, self._required))
            yield Table([wanted.of(row) for row in table.rows], table.columns)
        finally:
            for searches in self._started.values():
                for search in searches:
                    search.close()
            self._started = before

    def _required(self, command: Command) -> Iterable[str]:
        """Start one of the app's commands and return the fields that it requires."""
        search = self._start(command)
        self._started.setdefault(command, []).append(search)
        return search.required_fields

    def chain(self, base: Table, search: str, earliest: float, latest: float) -> Table:
        """Continue from another search's result, like a dashboard's chain search.

        Raises:
            SplError: the other search does not say which fields it yields; or as for `run`.
        """
        if base.columns is None:
            raise SplError("a base search has to end with table, fields or a transforming command")
        self._range = (earliest, latest)
        return self._continue(base, pipeline(expand(search, self._macros)), earliest, latest)

    def _continue(self, table: Table, commands: Sequence[Command], earliest: float, latest: float) -> Table:
        for command in commands:
            if command.name in ("append", "appendpipe"):
                table = self._append(command, table, earliest, latest)
            else:
                table = self.apply(self._with_subsearches(command, earliest, latest), table)
        return table

    def _append(self, command: Command, table: Table, earliest: float, latest: float) -> Table:
        """Add the results of a subsearch, or of a pipeline over the rows (Search Reference: both)."""
        inner = bracketed(command.arguments)
        if command.arguments[0] != "[" or command.arguments != f"[{inner}]":
            raise SplError(f"{command.name} {command.arguments}: only one subsearch is supported")
        if command.name == "append":
            if table.columns is None:
                raise SplError("append to events is not supported")
            more = self.table(inner, earliest, latest)
            self._range = (earliest, latest)
        else:
            more = self._continue(table, pipeline(f"|{inner}"), earliest, latest)
        if table.columns is None or more.columns is None:
            return Table([*table.rows, *more.rows], None)
        return Table([*table.rows, *more.rows], table.with_columns(more.columns))

    def apply(self, command: Command, table: Table, *, leads: bool = False) -> Table:
        """Run one command over a table."""
        if command.name in self._commands:
            return self._external(command, table, leads)
        known = COMMANDS.get(command.name)
        if known is None:
            raise SplError(f"unknown command {command.name}")
        if leads != known.generates and not (known.generates and "append=" in command.arguments):
            raise SplError(f"{command.name} {'cannot' if leads else 'can only'} begin a search")
        try:
            return known.run(self, table, command.arguments)
        except (ArithmeticError, LookupError, TypeError, ValueError, re.error) as error:
            raise SplError(f"{command.name} {command.arguments}: not supported ({error})") from error

    def lookup_rows(self, name: str) -> tuple[list[Row], list[str]]:
        """Return the rows and columns of a lookup by its name in transforms.conf, or of a file.

        Raises:
            SplError: the lookup does not exist.
        """
        stanza = self._transforms.get(name, {})
        if stanza.get("external_type") == "kvstore":
            columns = [column.strip() for column in stanza["fields_list"].split(",")]
            return [dict(row) for row in self.collections.get(stanza["collection"], {}).values()], columns
        path = self.app / "lookups" / stanza.get("filename", name)
        if not path.is_file():
            raise SplError(f"no lookup {name}")
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            return [{key: field([value]) for key, value in row.items()} for row in reader], columns

    def rest_rows(self, endpoint: str) -> tuple[list[Row], list[str]]:
        """Return the entities of an endpoint of splunkd's REST interface, and their columns.

        Raises:
            SplError: it is not known here.
        """
        rows: list[Row]
        if endpoint == "/services/authentication/current-context":
            columns = ["title", "username", "roles", "capabilities"]
            rows = [
                {
                    "title": "context",
                    "username": "someone",
                    "roles": field(sorted(self.roles)),
                    "capabilities": field(sorted(self.capabilities or ())),
                }
            ]
        elif endpoint == "/servicesNS/-/tsidenrich/saved/searches":
            columns = ["title", "eai:acl.app", "disabled", "is_scheduled", "cron_schedule"]
            rows = [
                {
                    "title": name,
                    "eai:acl.app": "tsidenrich",
                    "disabled": "0" if name in self.enabled else stanza.get("disabled", "0"),
                    "is_scheduled": stanza.get("enableSched", "0"),
                    **({"cron_schedule": stanza["cron_schedule"]} if "cron_schedule" in stanza else {}),
                }
                for name, stanza in self.saved.items()
            ]
            # What other apps share is seen in each app.
            rows.append(
                {
                    "title": "TSID: another app's",
                    "eai:acl.app": "search",
                    "disabled": "0",
                    "is_scheduled": "1",
                }
            )
        elif endpoint == "/servicesNS/nobody/tsidenrich/configs/conf-macros/tsid_events":
            columns = ["title", "definition"]
            rows = [{"title": "tsid_events", "definition": self._macros["tsid_events"]["definition"]}]
        else:
            raise SplError(f"rest {endpoint}: not supported")
        return ([] if self.capabilities is None else rows), columns

    def settings_of(self, lookup: str) -> Mapping[str, str]:
        """Return a lookup's stanza of transforms.conf; empty for a mere file."""
        return self._transforms.get(lookup, {})

    def writing(self, file: str) -> None:
        """Note that a search writes a lookup file.

        Raises:
            SplError: the user's roles may not write it, and limits.conf and a stanza of transforms.conf for
                this file have that checked.
        """
        of_file = [stanza for stanza in self._transforms.values() if stanza.get("filename") == file]
        if self.checks_permission and any(stanza.get("check_permission") == "true" for stanza in of_file):
            names = [
                name for name in (f"lookups/{file}", "lookups", "") if "access" in self._meta.get(name, {})
            ]
            access = self._meta[names[0]]["access"]
            if not self.roles.intersection(re.findall(r"\w+", access.partition("write")[2])):
                raise SplError(f"{', '.join(sorted(self.roles))} may not write {file}")
        self.written.append(file)

    def _with_own_times(self, first: Command, earliest: float, latest: float) -> tuple[Command, float, float]:
        """Take the time modifiers out of a search's terms; they come before the search's own range."""
        times = {"earliest": earliest, "latest": latest}
        arguments = _MODIFIERS.sub(r" \1 ", first.arguments)
        for end, modifier in _MODIFIER.findall(arguments):
            moment = number(modifier)
            if moment is None:
                moment = self.now if modifier == "now" else relative_time(self.now, modifier, self.zone)
            times[end] = moment
        terms = Command(first.name, _MODIFIER.sub("", arguments).strip())
        return terms, times["earliest"], times["latest"]

    def _start(self, command: Command) -> Search:
        """Start one of the app's commands.

        Raises:
            SplError: it is unknown.
        """
        if command.name not in self._commands:
            raise SplError(f"unknown command {command.name}")
        host = self._hosts.get(command.name)
        if host is None:
            # The events that it gets are what has been extracted.
            host = self._host(self.app, command.name, wanted=[ALL], heeds_required=self._heeds_required)
            self._hosts[command.name] = host
        arguments, clock = command.arguments, _CLOCKS.get(command.name)
        if clock and f"{clock}=" not in arguments:
            arguments += f" {clock}={text(self.now)}"
        return host.start(arguments)

    def _external(self, command: Command, table: Table, leads: bool) -> Table:
        """Run one of the app's commands."""
        waiting = self._started.get(command)
        events = [] if leads else [{name: _sent(value) for name, value in row.items()} for row in table.rows]
        with waiting.pop() if waiting else self._start(command) as search:
            answer = list(search.stream(events))
        rows: list[Row] = [{name: field(texts(value)) for name, value in row.items()} for row in answer]
        sent = dict.fromkeys(name for columns in search.columns for name in columns)
        added = [name for name in sent if not name.startswith("__mv_")]
        if leads:
            return Table(rows, added)
        if table.columns is None or not rows:
            # The fields of an empty result are unknown.
            return Table(rows, None)
        return Table(rows, list(dict.fromkeys([*table.columns, *added])))

    def _with_subsearches(self, command: Command, earliest: float, latest: float) -> Command:
        """Replace the subsearches in a command's arguments with their results."""
        result, rest, current = "", command.arguments, self._range
        while "[" in (quoted := outside_quotes(rest)):
            start = quoted.index("[")
            inner = bracketed(rest[start:])
            table = self.table(inner, earliest, latest)
            result += rest[:start] + _as_terms(table)
            rest = rest[start + len(inner) + 2 :]
        self._range = current
        return Command(command.name, result + rest)


def _read(path: Path) -> conf.Conf:
    return _parse(path.read_bytes().decode("utf-8"), path.name)


# Tests make many engines over the same app.
_parse = lru_cache(maxsize=64)(conf.parse)


def _sent(value: Value) -> str | list[str]:
    return value if isinstance(value, list) else text(value)


def _time_of(event: Mapping[str, Value]) -> float:
    value = event.get("_time")
    if not isinstance(value, (str, float, int)):
        raise SplError("an event without _time")
    return float(value)


def _as_terms(table: Table) -> str:
    """Return the result of a subsearch as search terms; it must end with `return`."""
    if table.columns != ["search"]:
        raise SplError("a subsearch has to end with return $field")
    return " OR ".join(f"({value})" for row in table.rows for value in texts(row.get("search"))) or "NOT ()"
