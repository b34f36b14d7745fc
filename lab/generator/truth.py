"""The truth about a generated event, and its comparison with the command's answer.

The truth follows from the scenario of the event and the add-on that delivered it, never from the app's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, Union

from lab.generator.destination import ALIASED
from lab.generator.flow import NOT_TOLD, UNKNOWN, Flow
from lab.generator.shape import Delivered, Event, Shape, Value

PREFIX = "truth_"

#: The truths that the command's output fields of the same name must agree with, ``tsid_`` before them.
_COMPARED = (
    "verdict",
    "host",
    "observed",
    "service",
    "ip",
    "device",
    "network",
    "outcome",
    "answered",
    "connection",
    "confidence",
)
_EXPLAINED = ("tsid_reason", "tsid_advice")


class Truth(NamedTuple):
    """The truth about one event; every text but ``shape`` and ``scenario`` is empty for ordinary traffic.

    Attributes:
        shape: how it was delivered.
        scenario: its scenario; for ordinary traffic, its kind of near miss.
        needs_raw: some of this is in ``_raw`` only; the command must be told to read it (``raw=true``).
        verdict: this and the next ten are the expected values of the command's output fields.
        field: the field that the server's name came from; empty if it came from no field.
        rewritten: that field's value after the command has run.
    """

    shape: str
    scenario: str
    needs_raw: bool = False
    verdict: str = ""
    host: str = ""
    observed: str = ""
    service: str = ""
    ip: str = ""
    device: str = ""
    network: str = ""
    outcome: str = ""
    answered: str = ""
    connection: str = ""
    confidence: str = ""
    field: str = ""
    rewritten: Value = ""

    def columns(self) -> Event:
        """The truth as an event's columns, ``truth_`` before their names, without the empty ones."""
        values = {**self._asdict(), "needs_raw": "true" if self.needs_raw else "false"}
        return {PREFIX + name: value for name, value in values.items() if value}


class LabelledEvent(NamedTuple):
    """An event as in a search, and its truth."""

    event: Event
    truth: Truth


def label(shape: Shape, flow: Flow, delivered: Delivered) -> Truth:
    """Return the truth about an event of a connection."""
    to = flow.to if delivered.name or not flow.to.named else flow.to.without_name()
    if not to.verdict:
        return _ordinary(shape.name, to.scenario)
    # The command reads _raw for fields that the add-on left empty.
    raw = shape.reads_raw
    only_in_raw = (
        (to.address and not delivered.address_fields)
        or (delivered.name and not delivered.name_fields)
        or (delivered.connection and not delivered.connection_extracted)
        or not delivered.evidence_extracted
    )
    field = delivered.name_fields[0] if delivered.name_fields else ""
    return Truth(
        shape=shape.name,
        scenario=to.scenario,
        needs_raw=bool(raw and only_in_raw),
        verdict=to.verdict,
        host=to.host,
        observed=delivered.name.observed if delivered.name else "",
        service=to.service,
        ip=to.address,
        device=flow.device,
        network=to.network,
        outcome=(delivered.outcome or flow.outcome) if to.settles else UNKNOWN,
        answered=delivered.answered if to.settles else NOT_TOLD,
        connection=delivered.connection if raw or delivered.connection_extracted else "",
        confidence=to.confidence,
        field=field,
        rewritten=_rewritten(delivered, to.host if to.verdict == ALIASED else "") if field else "",
    )


def differences(truth: Truth, before: Event, after: Mapping[str, Union[str, Sequence[str]]]) -> Iterator[str]:
    """Return the differences between the command's answer and the truth.

    Args:
        truth: the truth about the event.
        before: the event as sent to the command.
        after: the same event as the command returned it; empty fields may be missing.
    """
    got = {field: value for field, value in after.items() if value}
    expected: dict[str, Union[str, Sequence[str]]] = {**before}
    expected.update({f"tsid_{name}": getattr(truth, name) for name in _COMPARED if getattr(truth, name)})
    if truth.field:
        expected[truth.field] = truth.rewritten
    explained = [got.pop(field, "") for field in _EXPLAINED]
    for field in dict.fromkeys([*expected, *got]):
        if expected.get(field, "") != got.get(field, ""):
            yield f"{field} should be {expected.get(field, '')!r} and is {got.get(field, '')!r}"
    if bool(explained[0]) != bool(truth.verdict) or (explained[1] and not truth.verdict):
        yield f"with the verdict {truth.verdict!r} come the explanations {explained}"


def _rewritten(delivered: Delivered, host: str) -> Value:
    value = delivered.event[delivered.name_fields[0]]
    name = delivered.name
    if name is None or not host:
        return value
    if isinstance(value, str):
        return name.with_host(host)
    return [name.with_host(host) if item == name.text else item for item in value]


@lru_cache(maxsize=256)
def _ordinary(shape: str, scenario: str) -> Truth:
    return Truth(shape, scenario)
