"""`stats` and `eventstats` (Splunk, Search Reference: both, and "Statistical and charting functions")."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, Optional

from lab.spl.expressions import Evaluator
from lab.spl.expressions import parse as parse_expression
from lab.spl.functions import Context
from lab.spl.syntax import words
from lab.spl.values import Row, SplError, Value, field, number, text, texts


class Part(NamedTuple):
    """One function: the name of its result, and its computation over the rows of a group."""

    name: str
    compute: Callable[[Sequence[Row]], Value]


class Plan(NamedTuple):
    """A `stats` command: its functions, the fields to group by, and all fields that it reads."""

    parts: Sequence[Part]
    by: Sequence[str]
    fields: frozenset[str]


_CALL = re.compile(r"\s*([a-z]+)(\()?")
_AS = re.compile(r"""\s+AS\s+(?:"([^"]+)"|([\w.:{}]+))""", re.IGNORECASE)
_BY = re.compile(r"\s*\bBY\s+(.*)\Z", re.IGNORECASE | re.DOTALL)


@lru_cache(maxsize=256)
def parse(arguments: str, context: Context) -> Plan:
    """Parse the arguments of `stats`.

    Raises:
        SplError: they are not valid, or use something unknown to this evaluator.
    """
    parts: list[Part] = []
    fields: set[str] = set()
    rest = arguments
    while rest.strip():
        by = _BY.match(rest)
        if by:
            names = list(words(by[1]))
            if not parts or not names:
                raise SplError(f"cannot read: stats {arguments}")
            return Plan(parts, names, frozenset(fields.union(names)))
        call = _CALL.match(rest)
        if call is None:
            raise SplError(f"cannot read: stats {rest.strip()}")
        inner, rest = _inside(rest[call.end() - 1 :]) if call[2] else ("", rest[call.end() :])
        default = f"{call[1]}({inner})" if call[2] else call[1]
        renamed = _AS.match(rest)
        if renamed:
            rest = rest[renamed.end() :]
        value, read = _argument(inner.strip(), context)
        fields |= read
        name = (renamed[1] or renamed[2]) if renamed else default
        parts.append(Part(name, _function(call[1], value)))
        rest = rest.lstrip(" \t\n,")
    if not parts:
        raise SplError("stats without a function")
    return Plan(parts, (), frozenset(fields))


def _inside(source: str) -> tuple[str, str]:
    """Return the text in the brackets at the start, and the text after them."""
    depth, quoted = 0, False
    for place, character in enumerate(source):
        quoted ^= character == '"'
        if not quoted:
            depth += (character == "(") - (character == ")")
        if depth == 0:
            return source[1:place], source[place + 1 :]
    raise SplError(f") is missing in: stats {source[:60]}")


def _argument(source: str, context: Context) -> tuple[Optional[Evaluator], frozenset[str]]:
    if not source:
        return None, frozenset()
    if source.startswith("eval(") and source.endswith(")"):
        expression = parse_expression(source[len("eval(") : -1], context)
        if expression.is_boolean:
            # The rows that meet the condition are counted.
            return (lambda row: "1" if expression.evaluate(row) is True else None), expression.fields
        return expression.evaluate, expression.fields
    name = source.strip('"')
    if not re.fullmatch(r"[\w.:{}]+", name):
        raise SplError(f"stats of {source}: only fields and eval(…) are supported")
    return (lambda row: row.get(name)), frozenset((name,))


def stats(plan: Plan, rows: Sequence[Row]) -> list[Row]:
    """Return a row for each group, in the order of the groups' values; without groups always one row.

    A row that lacks one of the fields to group by counts nowhere; one that has several values of it counts in
    several groups.
    """
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        for key in itertools.product(*(dict.fromkeys(texts(row.get(name))) for name in plan.by)):
            groups.setdefault(key, []).append(row)
    if not plan.by:
        groups.setdefault((), [])
    return [_result(dict(zip(plan.by, key)), plan, groups[key]) for key in sorted(groups)]


def eventstats(plan: Plan, rows: Sequence[Row]) -> list[Row]:
    """Return each row with the results of its group."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    keys = []
    for row in rows:
        values = [texts(row.get(name)) for name in plan.by]
        if any(len(value) > 1 for value in values):
            raise SplError("eventstats by a field with several values is not supported")
        keys.append(tuple(value[0] for value in values) if all(values) else None)
        if keys[-1] is not None:
            groups.setdefault(keys[-1], []).append(row)
    return [row if key is None else _result(dict(row), plan, groups[key]) for row, key in zip(rows, keys)]


def _result(row: Row, plan: Plan, group: Sequence[Row]) -> Row:
    for part in plan.parts:
        value = part.compute(group)
        row.pop(part.name, None)
        if value is not None and value != []:
            row[part.name] = value if isinstance(value, list) else text(value)
    return row


def _function(name: str, value: Optional[Evaluator]) -> Callable[[Sequence[Row]], Value]:
    if name in ("count", "c"):
        if value is None:
            return lambda rows: float(len(rows))
        of = value
        return lambda rows: float(sum(len(texts(of(row))) for row in rows))
    function = _FUNCTIONS.get(name)
    if function is None or value is None:
        raise SplError(f"unknown function of stats: {name}")
    known, argument = function, value
    return lambda rows: known([(row, texts(argument(row))) for row in rows])


_Pairs = Sequence[tuple[Row, list[str]]]


def _all(pairs: _Pairs) -> list[str]:
    return [item for _, values in pairs for item in values]


def _numbers(pairs: _Pairs) -> list[float]:
    return [found for found in map(number, _all(pairs)) if found is not None]


def _least(pairs: _Pairs) -> Value:
    return _extreme(pairs, min)


def _most(pairs: _Pairs) -> Value:
    return _extreme(pairs, max)


def _extreme(pairs: _Pairs, choose: Callable[..., str]) -> Value:
    """Compare as numbers if all values are, as texts if none is.

    Raises:
        SplError: some are. Of numbers and words Splunk takes the least number; for the most its pages differ.
    """
    values = _all(pairs)
    numeric = sum(number(value) is not None for value in values)
    if numeric not in (0, len(values)):
        raise SplError("min or max of numbers and words together")
    if not values:
        return None
    return choose(values, key=lambda value: number(value) or 0.0) if numeric else choose(values)


def _by_time(pairs: _Pairs, latest: bool) -> Value:
    timed = [(number(row.get("_time")), values[-1]) for row, values in pairs if values]
    if any(time is None for time, _ in timed):
        raise SplError("earliest and latest need _time in every row")
    if not timed:
        return None
    times = [time or 0.0 for time, _ in timed]
    wanted = max(times) if latest else min(times)
    values = {value for time, value in timed if time == wanted}
    if len(values) > 1:
        raise SplError("earliest or latest of events with the same _time: which one it is is not documented")
    return values.pop()


def _average(pairs: _Pairs) -> Value:
    numbers = _numbers(pairs)
    return sum(numbers) / len(numbers) if numbers else None


def _sum(pairs: _Pairs) -> Value:
    numbers = _numbers(pairs)
    return sum(numbers) if numbers else None


_FUNCTIONS: dict[str, Callable[[_Pairs], Value]] = {
    "min": _least,
    "max": _most,
    "sum": _sum,
    "avg": _average,
    "dc": lambda pairs: float(len(set(_all(pairs)))),
    "values": lambda pairs: field(sorted(set(_all(pairs)))),
    "list": lambda pairs: field(_all(pairs)[:100]),
    "latest": lambda pairs: _by_time(pairs, True),
    "earliest": lambda pairs: _by_time(pairs, False),
    "first": lambda pairs: next(iter(_all(pairs)), None),
    "last": lambda pairs: next(reversed(_all(pairs)), None),
}
