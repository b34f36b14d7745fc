"""The functions that the app's searches use (Splunk, Search Reference, "Evaluation functions")."""

from __future__ import annotations

import datetime
import hashlib
import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

import netaddr

from lab.spl.values import Row, SplError, Value, number, text, texts

Part = Callable[[Row], Value]

UTC = datetime.timezone.utc


class Context(NamedTuple):
    """The times of a search, in epoch seconds.

    Attributes:
        now: when it runs.
        earliest: where its time range begins; 0 for all time.
        latest: where that ends, excluded.
        zone: the time zone of the user who runs it; one without daylight saving time.
    """

    now: float
    earliest: float = 0
    latest: float = 0
    zone: datetime.timezone = UTC


class Function(NamedTuple):
    """A function.

    Attributes:
        name: its name in a search.
        min_arguments: the minimum number of arguments.
        max_arguments: the maximum number; None: unlimited.
        is_boolean: whether it yields a truth value.
        conditions: which arguments are conditions: their places; ``case`` has one at every other place.
        body: computes it from the row, the arguments, not evaluated yet, and the context of the search.
    """

    name: str
    min_arguments: int
    max_arguments: Optional[int]
    is_boolean: bool
    conditions: Sequence[int]
    body: Callable[[Row, Sequence[Part], Context], Value]

    def wants_boolean(self, place: int) -> bool:
        """Return whether an argument must be a condition."""
        return place % 2 == 0 if self.name == "case" else place in self.conditions

    def apply(self, row: Row, parts: Sequence[Part], context: Context) -> Value:
        """Compute it for a row."""
        return self.body(row, parts, context)


def _eager(function: Callable[..., Value]) -> Callable[[Row, Sequence[Part], Context], Value]:
    """Return a body that evaluates all arguments; null if the first one is."""

    def body(row: Row, parts: Sequence[Part], _: Context) -> Value:
        values = [part(row) for part in parts]
        return None if not values or values[0] is None else function(*values)

    return body


def _zoned(function: Callable[..., Value]) -> Callable[[Row, Sequence[Part], Context], Value]:
    """Return a body like that of `_eager` for a function whose last argument is the user's time zone."""

    def body(row: Row, parts: Sequence[Part], context: Context) -> Value:
        values = [part(row) for part in parts]
        return None if values[0] is None else function(*values, context.zone)

    return body


def _if(row: Row, parts: Sequence[Part], _: Context) -> Value:
    return parts[1](row) if parts[0](row) is True else parts[2](row)


def _case(row: Row, parts: Sequence[Part], _: Context) -> Value:
    if len(parts) % 2:
        raise SplError("case needs pairs of a condition and a value")
    for condition, value in zip(parts[::2], parts[1::2]):
        if condition(row) is True:
            return value(row)
    return None


def _coalesce(row: Row, parts: Sequence[Part], _: Context) -> Value:
    return next((value for value in (part(row) for part in parts) if value is not None), None)


def _in(row: Row, parts: Sequence[Part], _: Context) -> Value:
    value = parts[0](row)
    if value is None:
        return False
    wanted = text(value)
    return any(text(part(row)) == wanted for part in parts[1:])


def _replace(value: Value, pattern: Value, by: Value) -> Value:
    return re.sub(text(pattern), text(by), text(value))


def _match(value: Value, pattern: Value) -> Value:
    return re.search(text(pattern), text(value)) is not None


def _like(value: Value, pattern: Value) -> Value:
    parts = re.split(r"([%_])", text(pattern))
    expression = "".join({"%": ".*", "_": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, text(value), re.DOTALL) is not None


def _cidrmatch(network: Value, address: Value) -> Value:
    if address is None:
        return None
    try:
        return netaddr.IPAddress(text(address)) in netaddr.IPNetwork(text(network))
    except (netaddr.AddrFormatError, ValueError):
        return False


def _mvindex(value: Value, first: Value, last: Value = None) -> Value:
    values = texts(value)
    start = _whole(first)
    end = start if last is None else _whole(last)
    start, end = (place + len(values) if place < 0 else place for place in (start, end))
    # A range that leaves the field's values is null.
    return _all(values[start : end + 1]) if 0 <= start <= end < len(values) else None


def _split(value: Value, by: Value) -> Value:
    return _all(text(value).split(text(by)) if text(by) else list(text(value)))


def _all(values: list[str]) -> Value:
    """Return several texts, empty ones too, as one value."""
    return None if not values else values[0] if len(values) == 1 else values


def _round(value: Value, digits: Value = 0.0) -> Value:
    found = number(value)
    if found is None:
        return None
    places = _whole(digits)
    # Half away from zero, as C does it; Python rounds half to even.
    scaled = math.floor(abs(found) * 10**places + 0.5) / 10**places
    return math.copysign(scaled, found)


def _extreme(largest: bool) -> Callable[..., Value]:
    def body(*values: Value) -> Value:
        kept = [value for value in values if value is not None]
        numbers = [number(value) for value in kept]
        if any(value is None for value in numbers):
            raise SplError("min or max of a value that is not a number")
        return (max if largest else min)(value for value in numbers if value is not None)

    return body


def _strftime(value: Value, form: Value, zone: datetime.timezone) -> Value:
    moment = number(value)
    unknown = re.sub(r"%[YmdHMSzZ%]", "", text(form)).partition("%")[2]
    if unknown:
        raise SplError(f"strftime with %{unknown[0]} is not supported")
    return None if moment is None else datetime.datetime.fromtimestamp(moment, zone).strftime(text(form))


_RELATIVE = re.compile(r"(?:([+-])(\d*)(s|m|h|d|w))?(?:@(s|m|h|d))?\Z")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _strptime(value: Value, form: Value, zone: datetime.timezone) -> Value:
    if text(form) not in ("%Y-%m-%d", "%Y-%m-%d %z"):
        raise SplError(f"strptime with {form!r} is not supported")
    try:
        day = datetime.datetime.strptime(text(value), text(form))
    except ValueError:
        return None
    return (day if day.tzinfo else day.replace(tzinfo=zone)).timestamp()


def seconds_of(span: str) -> int:
    """Return the seconds of a span such as ``1h``.

    Raises:
        SplError: the evaluator does not know it.
    """
    found = re.fullmatch(r"(\d*)(s|m|h|d)", span)
    if found is None or found[1] == "0":
        raise SplError(f"unknown span {span}")
    return int(found[1] or 1) * _UNITS[found[2]]


def relative_time(moment: float, modifier: str, zone: datetime.timezone = UTC) -> float:
    """Return a time moved and snapped by a modifier such as ``-1h@h``, in the user's time zone.

    Raises:
        SplError: the evaluator does not know it.
    """
    found = _RELATIVE.match(modifier)
    if found is None or not modifier:
        raise SplError(f"unknown time modifier {modifier}")
    sign, count, unit, snap = found.groups()
    if unit:
        moment += (-1 if sign == "-" else 1) * int(count or 1) * _UNITS[unit]
    return start_of(moment, _UNITS[snap], zone) if snap else moment


def start_of(moment: float, span: int, zone: datetime.timezone) -> float:
    """Return the start of the span of seconds that contains a time.

    Raises:
        SplError: the zone's difference from UTC is not a multiple of a span below a day.
    """
    ahead = zone.utcoffset(None).total_seconds()
    if span < _UNITS["d"] and ahead % span:
        raise SplError(f"a span of {span} seconds, {ahead:g} seconds from UTC: its start is not documented")
    return (moment + ahead) // span * span - ahead


def _relative_time(value: Value, modifier: Value, zone: datetime.timezone) -> Value:
    moment = number(value)
    return None if moment is None else relative_time(moment, text(modifier), zone)


def _tostring(value: Value, form: Value = None) -> Value:
    if form is not None:
        raise SplError("tostring with a format is not supported")
    return {True: "True", False: "False"}[value] if isinstance(value, bool) else text(value)


def _substr(value: Value, start: Value, length: Value = None) -> Value:
    source, first = text(value), _whole(start)
    begin = first - 1 if first > 0 else max(len(source) + first, 0)
    return source[begin:] if length is None else source[begin : begin + _whole(length)]


def _whole(value: Value) -> int:
    found = number(value)
    if found is None or found != int(found):
        raise SplError(f"{value!r} is not a whole number")
    return int(found)


def _numeric(function: Callable[[float], float]) -> Callable[..., Value]:
    def body(value: Value) -> Value:
        found = number(value)
        return None if found is None else function(found)

    return body


_ALL: Sequence[Function] = (
    Function("if", 3, 3, False, (0,), _if),
    Function("case", 2, None, False, (), _case),
    Function("coalesce", 1, None, False, (), _coalesce),
    Function("true", 0, 0, True, (), lambda *_: True),
    Function("false", 0, 0, True, (), lambda *_: False),
    Function("null", 0, 0, False, (), lambda *_: None),
    Function("now", 0, 0, False, (), lambda _, __, context: context.now),
    Function("time", 0, 0, False, (), lambda _, __, context: context.now),
    Function("isnull", 1, 1, True, (), lambda row, parts, _: parts[0](row) is None),
    Function("isnotnull", 1, 1, True, (), lambda row, parts, _: parts[0](row) is not None),
    Function("in", 2, None, True, (), _in),
    Function("match", 2, 2, True, (), _eager(_match)),
    Function("like", 2, 2, True, (), _eager(_like)),
    Function("cidrmatch", 2, 2, True, (), _eager(_cidrmatch)),
    Function("replace", 3, 3, False, (), _eager(_replace)),
    Function(
        "sha256", 1, 1, False, (), _eager(lambda value: hashlib.sha256(text(value).encode()).hexdigest())
    ),
    Function("lower", 1, 1, False, (), _eager(lambda value: text(value).lower())),
    Function("upper", 1, 1, False, (), _eager(lambda value: text(value).upper())),
    Function("trim", 1, 1, False, (), _eager(lambda value: text(value).strip(" \t"))),
    Function("len", 1, 1, False, (), _eager(lambda value: float(len(text(value))))),
    Function("substr", 2, 3, False, (), _eager(_substr)),
    Function("tostring", 1, 2, False, (), _eager(_tostring)),
    Function("tonumber", 1, 1, False, (), _eager(number)),
    Function("round", 1, 2, False, (), _eager(_round)),
    Function("floor", 1, 1, False, (), _eager(_numeric(math.floor))),
    Function("ceiling", 1, 1, False, (), _eager(_numeric(math.ceil))),
    Function("abs", 1, 1, False, (), _eager(_numeric(abs))),
    Function("min", 1, None, False, (), _eager(_extreme(False))),
    Function("max", 1, None, False, (), _eager(_extreme(True))),
    Function("strftime", 2, 2, False, (), _zoned(_strftime)),
    Function("strptime", 2, 2, False, (), _zoned(_strptime)),
    Function("relative_time", 2, 2, False, (), _zoned(_relative_time)),
    Function("nullif", 2, 2, False, (), _eager(lambda one, other: None if one == other else one)),
    Function("mvcount", 1, 1, False, (), _eager(lambda value: float(len(texts(value))) or None)),
    Function("mvindex", 2, 3, False, (), _eager(_mvindex)),
    Function("mvdedup", 1, 1, False, (), _eager(lambda value: _all(list(dict.fromkeys(texts(value)))))),
    Function("mvsort", 1, 1, False, (), _eager(lambda value: _all(sorted(texts(value))))),
    Function("mvjoin", 2, 2, False, (), _eager(lambda value, by: text(by).join(texts(value)))),
    Function(
        "mvappend",
        1,
        None,
        False,
        (),
        lambda row, parts, _: _all([item for part in parts for item in texts(part(row))]),
    ),
    Function("split", 2, 2, False, (), _eager(_split)),
)

FUNCTIONS = {function.name: function for function in _ALL}
