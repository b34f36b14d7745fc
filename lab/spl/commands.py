"""The commands of Splunk that the app's searches use (Splunk, Search Reference, the page of each)."""

from __future__ import annotations

import csv
import fnmatch
import functools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Protocol

import netaddr

from lab.spl import aggregates
from lab.spl.expressions import parse
from lab.spl.functions import Context
from lab.spl.predicate import parse_predicate
from lab.spl.syntax import flag, options, split, words
from lab.spl.table import Table
from lab.spl.timechart import bin_times, timechart
from lab.spl.values import Row, SplError, Value, field, number, text, texts


class Engine(Protocol):
    """The services that a search offers its commands."""

    app: Path
    collections: dict[str, dict[str, Row]]
    models: dict[str, list[Row]]

    @property
    def context(self) -> Context:
        """The context of expressions."""

    def lookup_rows(self, name: str) -> tuple[list[Row], list[str]]:
        """Return a lookup's rows and columns."""

    def settings_of(self, lookup: str) -> Mapping[str, str]:
        """Return a lookup's stanza of transforms.conf."""

    def writing(self, file: str) -> None:
        """Refuse or note that a search writes a lookup file."""

    def rest_rows(self, endpoint: str) -> tuple[list[Row], list[str]]:
        """Return the entities of an endpoint of splunkd's REST interface, and their columns."""


class Known(NamedTuple):
    """A command.

    Attributes:
        run: computes the new table from the old one and the arguments.
        generates: it begins a search.
    """

    run: Callable[[Engine, Table, str], Table]
    generates: bool = False


def _search(_: Engine, table: Table, arguments: str) -> Table:
    predicate = parse_predicate(arguments)
    table.need(predicate.fields - {"_raw"})
    return Table([row for row in table.rows if predicate.test(row)], table.columns)


def _where(engine: Engine, table: Table, arguments: str) -> Table:
    expression = parse(arguments, engine.context)
    if not expression.is_boolean:
        raise SplError(f"where needs a condition: {arguments}")
    table.need(expression.fields)
    return Table([row for row in table.rows if expression.evaluate(row) is True], table.columns)


_ASSIGNMENT = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([\w.:{}]+))\s*=(?!=)(.*)\Z""", re.DOTALL)


def _eval(engine: Engine, table: Table, arguments: str) -> Table:
    rows = [dict(row) for row in table.rows]
    columns = table.columns
    for part in split(arguments, ","):
        found = _ASSIGNMENT.match(part)
        if found is None:
            raise SplError(f"no assignment: eval {part.strip()}")
        name = found[1] or found[2] or found[3]
        expression = parse(found[4], engine.context)
        if expression.is_boolean:
            raise SplError(f"eval cannot assign a condition: {part.strip()}")
        now = Table(rows, columns)
        now.need(expression.fields)
        for row in rows:
            _set(row, name, expression.evaluate(row))
        columns = now.with_columns([name])
    return Table(rows, columns)


def _set(row: Row, name: str, value: Value) -> None:
    """Give a field a value; numbers become text, as in results; a null value removes the field.

    Raises:
        SplError: it is an empty text: a value to eval, and an absent one to a lookup or a command.
    """
    if value == "" or (isinstance(value, list) and "" in value):
        raise SplError(f"{name} becomes an empty text here: make it null, with nullif()")
    if value is None or value == []:
        row.pop(name, None)
    else:
        row[name] = value if isinstance(value, list) else text(value)


def _fields(_: Engine, table: Table, arguments: str) -> Table:
    remove = arguments.startswith("-")
    names = list(words(arguments.lstrip("+-")))
    if names == ["*"] and not remove:
        return table
    if any("*" in name for name in names):
        raise SplError("fields with a wildcard is not supported")
    table.need(names)
    if remove:
        rows = [{key: value for key, value in row.items() if key not in names} for row in table.rows]
        columns = None if table.columns is None else [name for name in table.columns if name not in names]
        return Table(rows, columns)
    # Internal fields stay unless they are removed by name.
    rows = [{k: v for k, v in row.items() if k in names or k.startswith("_")} for row in table.rows]
    if table.columns is None:
        return Table(
            rows, [*names, *sorted({k for row in rows for k in row if k.startswith("_")} - set(names))]
        )
    return Table(
        rows, [*names, *(name for name in table.columns if name.startswith("_") and name not in names)]
    )


def _table(_: Engine, table: Table, arguments: str) -> Table:
    names: list[str] = []
    for word in words(arguments):
        if "*" not in word:
            table.need([word])
            names.append(word)
            continue
        present = sorted(_columns_of(table.rows)) if table.columns is None else table.columns
        names += [name for name in present if fnmatch.fnmatchcase(name, word) and name not in names]
    if not names and not arguments:
        raise SplError("table needs the names of fields")
    return Table([{name: row[name] for name in names if name in row} for row in table.rows], names)


_RENAMING = re.compile(r'\s*(?:"([^"]+)"|([\w.:{}]+))\s+AS\s+(?:"([^"]+)"|([\w.:{}]+))\s*\Z', re.IGNORECASE)


def _rename(_: Engine, table: Table, arguments: str) -> Table:
    names: dict[str, str] = {}
    for part in split(arguments, ","):
        found = _RENAMING.match(part)
        if found is None:
            raise SplError(f"cannot read: rename {part.strip()}")
        names[found[1] or found[2]] = found[3] or found[4]
    table.need(names)
    rows = []
    for row in table.rows:
        kept = {key: value for key, value in row.items() if key not in names.values() or key in names}
        rows.append({names.get(key, key): value for key, value in kept.items()})
    columns = None
    if table.columns is not None:
        old = [name for name in table.columns if name not in names.values() or name in names]
        columns = [names.get(name, name) for name in old]
    return Table(rows, columns)


_SORT_FIELD = re.compile(r"(?:(num|str)\((\S+)\)|([\w.:{}]+))\Z")


def _sort(_: Engine, table: Table, arguments: str) -> Table:
    limit = 10_000
    head = re.match(r"\s*(\d+)\s+", arguments)
    if head:
        limit = int(head[1])
        arguments = arguments[head.end() :]
    keys = []
    standing = ""
    # Blanks and commas both separate fields. A sign next to a field is for it alone; one before a blank, for
    # all that follow without a sign of their own.
    for sign, blank, name in re.findall(r"([-+]?)(\s*)([^\s,+-][^\s,]*)", arguments):
        found = _SORT_FIELD.match(name)
        if found is None:
            raise SplError(f"cannot read: sort {name}")
        standing = sign if sign and blank else standing
        keys.append((found[2] or found[3], (sign or standing) == "-", found[1]))
    if not keys or (len(keys) > 1 and keys[-1][0] in ("d", "desc")):
        raise SplError(f"sort {arguments}: only fields are supported, with a sign to reverse them")
    table.need(name for name, _, _ in keys)

    def order(one: Row, other: Row) -> int:
        for name, descending, kind in keys:
            a, b = one.get(name), other.get(name)
            if a is None or b is None:
                # A missing field is the least if the order descends, the most if it ascends: last in both.
                difference = (a is None) - (b is None)
            else:
                difference = _order(a, b, kind) * (-1 if descending else 1)
            if difference:
                return difference
        return 0

    rows = sorted(table.rows, key=functools.cmp_to_key(order))
    return Table(rows[:limit] if limit else rows, table.columns)


def _order(one: Value, other: Value, kind: Optional[str]) -> int:
    """Compare as numbers or IPv4 addresses if both are, else as texts.

    Raises:
        SplError: both are other texts that begin with a number: the pages on sorting contradict each other.
    """
    x, y = text(one), text(other)
    a, b = number(x), number(y)
    if kind != "str" and a is not None and b is not None:
        return (a > b) - (a < b)
    if kind != "str" and netaddr.valid_ipv4(x) and netaddr.valid_ipv4(y):
        return int(netaddr.IPAddress(x)) - int(netaddr.IPAddress(y))
    if kind == "num" or (kind is None and x != y and x[0].isdigit() and y[0].isdigit()):
        raise SplError(f"sort of {x} and {y}: how Splunk orders them is not documented; use str(field)")
    return (x > y) - (x < y)


def _head(_: Engine, table: Table, arguments: str) -> Table:
    count = arguments.strip() or "10"
    if not count.isdecimal():
        raise SplError(f"head {arguments}: only a number is supported")
    return Table(table.rows[: int(count)], table.columns)


def _dedup(_: Engine, table: Table, arguments: str) -> Table:
    names = list(words(arguments))
    if not names or names[0].isdecimal() or any("=" in name for name in names):
        raise SplError(f"dedup {arguments}: only fields are supported")
    table.need(names)
    seen, rows = set(), []
    for row in table.rows:
        key = tuple(tuple(texts(row.get(name))) for name in names)
        # An event that lacks one of the fields is removed.
        if all(key) and key not in seen:
            seen.add(key)
            rows.append(row)
    return Table(rows, table.columns)


def _fillnull(_: Engine, table: Table, arguments: str) -> Table:
    given, rest = options(arguments, ("value",))
    names = list(words(rest))
    if not names:
        raise SplError("fillnull without fields is not supported")
    value = given.get("value", "0")
    rows = [{**{name: value for name in names if name not in row}, **row} for row in table.rows]
    return Table(rows, table.with_columns(names))


def _mvexpand(_engine: Engine, table: Table, arguments: str) -> Table:
    name, _, rest = arguments.partition(" ")
    given, others = options(rest.strip(), ("limit",))
    limit = given.get("limit", "0")
    if not name or others or not limit.isdecimal():
        raise SplError(f"mvexpand {arguments}: only a field and a limit are supported")
    table.need([name])
    rows: list[Row] = []
    for row in table.rows:
        values = texts(row.get(name))
        rows += [{**row, name: value} for value in (values[: int(limit)] if int(limit) else values)] or [row]
    return Table(rows, table.columns)


def _stats(engine: Engine, table: Table, arguments: str) -> Table:
    plan = aggregates.parse(arguments, engine.context)
    table.need(plan.fields)
    return Table(aggregates.stats(plan, table.rows), [*plan.by, *(part.name for part in plan.parts)])


def _bin(engine: Engine, table: Table, arguments: str) -> Table:
    return bin_times(engine.context, table, arguments)


def _timechart(engine: Engine, table: Table, arguments: str) -> Table:
    return timechart(engine.context, table, arguments)


def _eventstats(engine: Engine, table: Table, arguments: str) -> Table:
    plan = aggregates.parse(arguments, engine.context)
    table.need(plan.fields)
    return Table(aggregates.eventstats(plan, table.rows), table.with_columns(p.name for p in plan.parts))


def _makeresults(engine: Engine, _: Table, arguments: str) -> Table:
    given, rest = options(arguments, ("count",))
    if rest.strip():
        raise SplError(f"makeresults {rest}: only count is supported")
    return Table(
        [{"_time": text(engine.context.now)} for _ in range(int(given.get("count", "1")))], ["_time"]
    )


_TSTATS = re.compile(
    r"(.*?)\s+FROM\s+datamodel=(\S+)\s+WHERE\s+(.*?)\s+BY\s+_time\s+span=(\S+)\s+(.*)", re.DOTALL
)


def _tstats(engine: Engine, _: Table, arguments: str) -> Table:
    """The statistics of an accelerated data model: over its rows what search, bin, fillnull and stats do."""
    given, rest = options(arguments, ("summariesonly", "fillnull_value"))
    found = _TSTATS.fullmatch(rest.strip())
    if found is None or "fillnull_value" not in given:
        raise SplError(f"tstats {arguments}: this form is not supported")
    functions, model, terms, span, names = found.groups()
    table = Table(engine.models.get(model, []), None)
    table = _search(engine, table, terms)
    table = _bin(engine, table, f"_time span={span}")
    table = _fillnull(engine, table, f'value="{given["fillnull_value"]}" {names}')
    # What follows is shared with searches of events, which have any fields.
    return Table(_stats(engine, table, f"{functions} BY _time {names}").rows, None)


def _inputlookup(engine: Engine, table: Table, arguments: str) -> Table:
    given, rest = options(arguments, ("append",))
    name, _, condition = rest.strip().partition(" ")
    if not name:
        raise SplError("inputlookup needs a lookup")
    rows, columns = engine.lookup_rows(name)
    rows = [{key: value for key, value in row.items() if value is not None} for row in rows]
    if condition.strip():
        where = condition.strip()
        if not where.lower().startswith("where "):
            raise SplError(f"cannot read: inputlookup {arguments}")
        rows = _search(engine, Table(rows, columns), where[len("where ") :]).rows
    if flag(given.get("append", "false"), "append"):
        return Table([*table.rows, *rows], table.with_columns(columns))
    return Table(rows, columns)


def _outputlookup(engine: Engine, table: Table, arguments: str) -> Table:
    known = ("append", "key_field", "override_if_empty")
    given, rest = options(arguments, known)
    name, _, after = rest.strip().partition(" ")
    more, others = options(after.strip(), known)
    given.update(more)
    if not name or others:
        raise SplError(f"cannot read: outputlookup {arguments}")
    if "key_field" in given and "append" not in given:
        # Up to version 9 its page says that the collection is emptied first, since then that it is kept.
        raise SplError("outputlookup with key_field needs append=true or append=false")
    append = flag(given.get("append", "false"), "append")
    if not table.rows and not flag(given.get("override_if_empty", "true"), "override_if_empty"):
        return table
    stanza = engine.settings_of(name)
    if stanza.get("external_type") == "kvstore":
        _write_collection(engine, stanza, table, given.get("key_field"), append)
        return table
    if "key_field" in given:
        raise SplError("key_field is for KV store collections")
    path = engine.app / "lookups" / stanza.get("filename", name)
    if path.suffix != ".csv":
        raise SplError(f"no lookup {name}")
    old: list[Row] = []
    columns = [c for c in table.columns or _columns_of(table.rows) if not c.startswith("_")]
    if append and not table.rows:
        raise SplError("outputlookup appends nothing to a file: what becomes of it is not documented")
    engine.writing(path.name)
    if not table.rows:
        path.unlink(missing_ok=True)
        return table
    if append and path.is_file():
        old, columns = engine.lookup_rows(name)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        # Several values become one, parted by blanks.
        writer.writerows([" ".join(texts(row.get(c))) for c in columns] for row in [*old, *table.rows])
    return table


def _columns_of(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _write_collection(
    engine: Engine, stanza: Mapping[str, str], table: Table, key_field: Optional[str], append: bool
) -> None:
    """Write a collection: rows replace those of the same key; without append all others go.

    The field that gives the key is not kept in addition to it.
    """
    names = {name.strip() for name in stanza["fields_list"].split(",")} - {"_key", key_field}
    collection = engine.collections.setdefault(stanza["collection"], {})
    if not append:
        collection.clear()
    for row in table.rows:
        if key_field not in row if key_field else "_key" in row:
            raise SplError(
                f"a row without the key field {key_field}" if key_field else "_key without key_field"
            )
        key = text(row[key_field]) if key_field else f"{len(collection):024x}"
        collection[key] = {**{name: value for name, value in row.items() if name in names}, "_key": key}


def _lookup(engine: Engine, table: Table, arguments: str) -> Table:
    given, rest = options(arguments, ("local",))
    listed = list(words(rest))
    if len(listed) < 2:
        raise SplError(f"cannot read: lookup {arguments}")
    name = listed[0]
    is_local = flag(given.get("local", "false"), "local")
    if engine.settings_of(name).get("external_type") == "kvstore" and table.columns is None and not is_local:
        # Before a command that transforms, a lookup runs on the indexers, which have no collections.
        raise SplError(f"lookup {name} needs local=true here: the collection is not on the indexers")
    pairs, outputs, overwrite = _lookup_fields(listed[1:])
    rows, columns = engine.lookup_rows(name)
    for column in (*pairs, *outputs):
        if column not in columns:
            raise SplError(f"lookup {name} has no column {column}")
    table.need(pairs.values())
    stanza = engine.settings_of(name)
    if not outputs:
        outputs = {column: column for column in columns if column not in pairs}
    find = _finder(rows, pairs, stanza)
    most = int(stanza.get("max_matches", "1000"))
    result: list[Row] = []
    for row in table.rows:
        wanted = {column: row.get(of) for column, of in pairs.items()}
        found = find({c: text(v) for c, v in wanted.items()}) if None not in wanted.values() else []
        new = dict(row)
        for column, of in outputs.items():
            value = field([text for match in found[:most] for text in texts(match.get(column))])
            if overwrite or of not in new:
                _set(new, of, value)
        result.append(new)
    return Table(result, table.with_columns(outputs.values()))


def _lookup_fields(listed: list[str]) -> tuple[dict[str, str], dict[str, str], bool]:
    """Return the fields to match and to output, each by column, and whether the output replaces fields."""
    pairs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    target, overwrite, position = pairs, True, 0
    while position < len(listed):
        word = listed[position]
        if word in ("OUTPUT", "OUTPUTNEW"):
            target, overwrite = outputs, word == "OUTPUT"
        elif listed[position + 1 : position + 2] in (["AS"], ["as"]):
            target[word] = listed[position + 2]
            position += 2
        else:
            target[word] = word
        position += 1
    return pairs, outputs, overwrite


def _finder(
    rows: Sequence[Row], columns: Collection[str], stanza: Mapping[str, str]
) -> Callable[[Mapping[str, str]], list[Row]]:
    """Return a function that finds the rows of a lookup with these values in the columns."""
    by_cidr = [c for c in re.findall(r"CIDR\((\S+?)\)", stanza.get("match_type", "")) if c in columns]
    exact = [column for column in columns if column not in by_cidr]
    is_sensitive = stanza.get("case_sensitive_match", "true").lower() == "true"

    def key(values: Mapping[str, Value]) -> tuple[str, ...]:
        found = [text(values[column]) for column in exact]
        return tuple(found if is_sensitive else [one.lower() for one in found])

    # A search asks once for each event: to go through all rows each time takes most of a search's time.
    by_key: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if all(row.get(column) is not None for column in (*exact, *by_cidr)):
            by_key.setdefault(key(row), []).append(row)

    def find(wanted: Mapping[str, str]) -> list[Row]:
        return [
            row
            for row in by_key.get(key(wanted), ())
            if all(_is_within(wanted[column], text(row[column])) for column in by_cidr)
        ]

    return find


def _is_within(address: str, network: str) -> bool:
    try:
        return netaddr.IPAddress(address) in netaddr.IPNetwork(network)
    except (netaddr.AddrFormatError, ValueError):
        return False


def _addinfo(engine: Engine, table: Table, arguments: str) -> Table:
    if arguments.strip():
        raise SplError(f"addinfo {arguments}: it has no options")
    context = engine.context
    info: Row = {"info_min_time": text(context.earliest), "info_max_time": text(context.latest)}
    return Table([{**row, **info} for row in table.rows], table.with_columns(info))


def _rest(engine: Engine, _: Table, arguments: str) -> Table:
    endpoint, *rest = arguments.strip().split(" ", 1)
    given, others = options("".join(rest).strip(), ("splunk_server",))
    if others:
        raise SplError(f"rest {others}: only splunk_server is supported")
    if given.get("splunk_server") != "local":
        raise SplError("rest asks the indexers too without splunk_server=local")
    return Table(*engine.rest_rows(endpoint))


def _return(_: Engine, table: Table, arguments: str) -> Table:
    names = list(words(arguments))
    if len(names) != 1 or not names[0].startswith("$"):
        raise SplError(f"return {arguments}: only return $field is supported")
    name = names[0][1:]
    table.need([name])
    return Table([{"search": row.get(name)} for row in table.rows[:1]], ["search"])


COMMANDS: Mapping[str, Known] = {
    "search": Known(_search),
    "where": Known(_where),
    "eval": Known(_eval),
    "fields": Known(_fields),
    "table": Known(_table),
    "rename": Known(_rename),
    "sort": Known(_sort),
    "head": Known(_head),
    "dedup": Known(_dedup),
    "fillnull": Known(_fillnull),
    "mvexpand": Known(_mvexpand),
    "stats": Known(_stats),
    "bin": Known(_bin),
    "timechart": Known(_timechart),
    "eventstats": Known(_eventstats),
    "lookup": Known(_lookup),
    "outputlookup": Known(_outputlookup),
    "return": Known(_return),
    "addinfo": Known(_addinfo),
    "inputlookup": Known(_inputlookup, generates=True),
    "makeresults": Known(_makeresults, generates=True),
    "tstats": Known(_tstats, generates=True),
    "rest": Known(_rest, generates=True),
}
