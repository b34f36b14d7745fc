"""The values of a field in a search, and how Splunk reads them as numbers or as text."""

from __future__ import annotations

import math
import re
from typing import Union

from lab.errors import LabError

#: Null, a truth value (of expressions only), a number, a text, or several texts. A field never contains an
#: empty text or list: to Splunk, a field without a value does not exist.
Value = Union[None, bool, float, str, list[str]]
Row = dict[str, Value]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")


class SplError(LabError):
    """Splunk would refuse the search, or this evaluator does not know its meaning."""


def number(value: Value) -> float | None:
    """Return a value, or the number in its text, as a float; None if it is not numeric."""
    if isinstance(value, bool) or value is None or isinstance(value, list):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.match(value) else None
    return float(value)


def text(value: Value) -> str:
    """Return the text of a single value: whole numbers without a point, others with 15 digits at most.

    Raises:
        SplError: it is not a single value.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None or isinstance(value, list):
        raise SplError(f"{value!r} is not a single text or number")
    if math.isfinite(value) and value == int(value):
        return str(int(value))
    return f"{value:.15g}"


def texts(value: Value) -> list[str]:
    """Return all of a field's values as texts; an empty list for null."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [text(value)]


def field(values: list[str]) -> Value:
    """Return the field value for these texts."""
    kept = [value for value in values if value != ""]
    return None if not kept else kept[0] if len(kept) == 1 else kept
