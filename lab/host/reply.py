"""Checks the metadata of a command's replies strictly: keys and types, messages, metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from lab.errors import Message, ProtocolError

#: A metric as a command reports it: seconds, invocations, rows in, rows out; None where it does not say.
Metric = list[Optional[float]]

_METRIC_PREFIX = "metric."
_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_TYPES = ("streaming", "stateful", "events", "reporting")
_EXECUTE_KEYS: dict[str, type] = {"finished": bool, "error": str, "inspector": dict}
_GETINFO_KEYS: dict[str, type] = {
    **_EXECUTE_KEYS,
    "type": str,
    "generating": bool,
    "required_fields": list,
    "maxwait": int,
    "streaming_preop": str,
    "maxinputs": int,
    "run_in_preview": bool,
}


class Metrics(dict[str, list[Metric]]):
    """A command's metrics: name to the values reported, one for each reply that reported any."""

    def total(self, name: str) -> Metric:
        """Return the sum of each of a metric's four numbers; None for a number that was never reported."""
        known = [[number for number in numbers if number is not None] for numbers in zip(*self[name])]
        return [sum(numbers) if numbers else None for numbers in known]


def check_getinfo(metadata: Mapping[str, Any]) -> None:
    """Raise ``ProtocolError`` unless every key of a getinfo reply is known and of its type."""
    _check_keys(metadata, _GETINFO_KEYS)


def check_execute(metadata: Mapping[str, Any]) -> None:
    """Raise ``ProtocolError`` unless every key of an execute reply is known and of its type."""
    _check_keys(metadata, _EXECUTE_KEYS)


def check_terms(getinfo: Mapping[str, Any], body: bytes) -> None:
    """Raise ``ProtocolError`` unless the search can continue after this getinfo reply without errors."""
    if body:
        raise ProtocolError(f"the getinfo reply has a body of {len(body)} bytes")
    if getinfo.get("type") not in _TYPES:
        types = ", ".join(_TYPES)
        raise ProtocolError(f"the getinfo reply's type is {getinfo.get('type')!r}, none of {types}")
    if getinfo.get("finished"):
        raise ProtocolError("the getinfo reply ends the search without an error message")
    for name in getinfo.get("required_fields", ()):
        if not isinstance(name, str) or not name:
            raise ProtocolError(f"the getinfo reply requires a field {name!r}")
        if "*" in name and name != "*":
            raise ProtocolError(f"the getinfo reply requires {name!r}: no pattern but '*' is known")


def messages(metadata: Mapping[str, Any]) -> list[Message]:
    """Return the messages of a reply with checked keys; its ``error`` counts as one of level ERROR.

    Raises:
        ProtocolError: they are not in the form ``[level, text]``, or the level is unknown.
    """
    found = list(_messages(metadata.get("inspector", {}).get("messages", [])))
    if "error" in metadata:
        found.append(Message("ERROR", metadata["error"]))
    return found


def metrics(metadata: Mapping[str, Any]) -> dict[str, Metric]:
    """Return the metrics of a reply with checked keys, by name.

    Raises:
        ProtocolError: a metric is not four numbers or nulls, or the inspector holds something unknown.
    """
    found = {}
    for key, value in metadata.get("inspector", {}).items():
        if key.startswith(_METRIC_PREFIX):
            found[key[len(_METRIC_PREFIX) :]] = _metric(key, value)
        elif key != "messages":
            raise ProtocolError(f"the reply's inspector has an unknown key {key!r}")
    return found


def _check_keys(metadata: Mapping[str, Any], keys: Mapping[str, type]) -> None:
    for name, value in metadata.items():
        if name not in keys:
            raise ProtocolError(f"the reply's metadata has an unknown key {name!r}")
        if not _is(value, keys[name]):
            raise ProtocolError(f"the reply's {name!r} is {value!r}, not of type {keys[name].__name__}")


def _is(value: object, *kinds: type) -> bool:
    # In Python, but not in JSON, true is a number.
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _messages(value: object) -> Iterator[Message]:
    for item in value if isinstance(value, list) else [value]:
        if not (isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item)):
            raise ProtocolError(f"the reply has a message that is no [level, text]: {item!r}")
        if item[0] not in _LEVELS:
            raise ProtocolError(f"the reply has a message of level {item[0]!r}, none of {', '.join(_LEVELS)}")
        yield Message(item[0], item[1])


def _metric(key: str, value: object) -> Metric:
    numbers = value if isinstance(value, list) else []
    if len(numbers) == 4 and all(number is None or _is(number, int, float) for number in numbers):
        return numbers
    raise ProtocolError(f"the reply's {key!r} is {value!r}, not four numbers or nulls")
