"""Turns one firewall event into the fields that the search command adds to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from tsid.actions import ALLOWED, BLOCKED, UNKNOWN
from tsid.addresses import canonical_address
from tsid.fields import CONNECTION, ROLES, Event, FieldMap, Value, values_of
from tsid.lookups import Lookups
from tsid.names import parse_name, replace_host
from tsid.reader import EventReader
from tsid.verdict import Judge
from tsid.verdicts import ALIASED, CANONICAL

#: The fields that the command adds to every event, without the user's prefix.
OUTPUT_FIELDS = (
    "tsid_verdict",
    "tsid_host",
    "tsid_observed",
    "tsid_service",
    "tsid_ip",
    "tsid_device",
    "tsid_network",
    "tsid_outcome",
    "tsid_connection",
    "tsid_confidence",
    "tsid_reason",
    "tsid_advice",
)

KEEP_ALL, KEEP_LICENSING, KEEP_FLAGGED = "all", "licensing", "flagged"
#: The values of the option `keep`.
KEEP = (KEEP_ALL, KEEP_LICENSING, KEEP_FLAGGED)

# The port of all licensing transports (KB 226091: HTTPS, TCP 443); at the source side it gives a swapped
# event away.
_HTTPS = "443"


class Options(NamedTuple):
    """How to enrich; the fields' meaning is that of the command's options.

    Attributes:
        ip: the only field to read the licensing-side address from; None to discover it.
        name: the same for the reported name.
        device: the same for the device's address.
        rewrite: put the canonical host in the place of a verified alias.
        keep: which events to return, one of `KEEP`.
        raw: read `_raw` for what the event's fields lack.
        prefix: text in front of every output field's name.
    """

    ip: Optional[str] = None
    name: Optional[str] = None
    device: Optional[str] = None
    rewrite: bool = True
    keep: str = KEEP_ALL
    raw: bool = False
    prefix: str = ""


class Answer(NamedTuple):
    """What the command makes of one event.

    Attributes:
        verdict: one of `tsid.verdicts.VERDICTS`, empty if this is not licensing traffic.
        fields: every output field with its value.
        rewritten: the event's own fields whose value changes.
    """

    verdict: str
    fields: Mapping[str, str]
    rewritten: Mapping[str, Value]


class _Sides(NamedTuple):
    """The two ends of a connection: the licensing side's addresses, and the device; were they swapped?"""

    addresses: Sequence[str]
    device: str
    swapped: bool


class Enricher:
    """Enriches events one by one; the same event always gets the same answer.

    Args:
        lookups: the tables to decide by.
        options: the command's options.
    """

    def __init__(self, lookups: Lookups, options: Options) -> None:
        self._options = options
        self._judge = Judge(lookups)
        self._actions = lookups.actions
        self._fields = _choose_fields(lookups.fields, options)
        self.output_fields = tuple(options.prefix + field for field in OUTPUT_FIELDS)
        self._earlier = options.prefix + "tsid_observed"
        self._blank = Answer("", dict.fromkeys(self.output_fields, ""), {})

    @property
    def required_fields(self) -> list[str]:
        """Every field that an answer may depend on."""
        fields = ["_time", *(["_raw"] if self._options.raw else []), self._earlier]
        for role in ROLES:
            fields.extend(self._fields.of(role))
        return list(dict.fromkeys(fields))

    @property
    def keeps_all(self) -> bool:
        """Whether every event is returned."""
        return self._options.keep == KEEP_ALL

    @property
    def reads_raw(self) -> bool:
        """Whether the raw text is read too."""
        return self._options.raw

    def fields_of(self, role: str) -> Sequence[str]:
        """Return the fields that are read for a role (`tsid.fields.ROLES`), first choice first."""
        return self._fields.of(role)

    def keeps(self, answer: Answer) -> bool:
        """Tell whether the option `keep` lets an event through."""
        if self._options.keep == KEEP_ALL:
            return True
        if self._options.keep == KEEP_LICENSING:
            return answer.verdict != ""
        return answer.verdict not in ("", CANONICAL)

    def enrich(self, event: Event) -> Answer:
        """Enrich one event.

        Args:
            event: its fields; a sequence of strings is a multivalue field. It is not changed.
        """
        reader = EventReader(event, self._fields, self._options.raw)
        time = _time_of(event)
        sides = self._sides(reader, time)
        name_field, names = reader.names(sides.swapped)
        if self._options.name is None and not sides.swapped and all(name.is_address for name in names):
            # Any other name there is what the site calls the address, not what the firewall reported.
            found = [name for name in reader.names_among_addresses() if self._judge.is_licensing_name(name)]
            name_field, names = ("", found) if found else (name_field, names)
        earlier = values_of(event.get(self._earlier))
        decision = self._judge.decide(
            sides.addresses, names, time, parse_name(earlier[0]) if earlier else None
        )
        if decision is None:
            return self._blank
        outcome = self._outcome(reader, sides.swapped)
        rewritten: dict[str, Value] = {}
        if self._options.rewrite and decision.verdict == ALIASED and name_field:
            rewritten = self._rewrite(event, name_field, sides.addresses, time)
        fields = (
            decision.verdict,
            decision.verified_host,
            decision.observed,
            decision.service,
            decision.ip,
            sides.device,
            decision.network,
            outcome,
            _connection(reader),
            decision.confidence,
            decision.reason,
            decision.advice(outcome),
        )
        return Answer(decision.verdict, dict(zip(self.output_fields, fields)), rewritten)

    def _sides(self, reader: EventReader, time: Optional[float]) -> _Sides:
        devices, swapped = reader.values("device"), False
        if self._options.ip is not None:
            addresses = reader.values("address")
        else:
            addresses = reader.addresses(devices)
            if (
                not any(self._judge.is_endpoint(address, time) for address in addresses)
                and any(self._judge.is_endpoint(device, time) for device in devices)
                and _port_of(reader.text("source_port")) == _HTTPS
            ):
                # An ASA's 302013 for an outbound connection, extracted with its two sides swapped.
                addresses, devices, swapped = devices, addresses, True
        return _Sides(addresses, canonical_address(devices[0].strip()) if devices else "", swapped)

    def _outcome(self, reader: EventReader, swapped: bool) -> str:
        outcome = self._actions.outcome(reader.values("action"))
        if outcome == BLOCKED and swapped:
            # What an ASA denies in this direction is a late packet of the server's, not the device's request.
            return UNKNOWN
        if outcome == ALLOWED and _is_zero(reader.text("responder_bytes")):
            # The server never answered: no proof that the device renewed anything.
            return UNKNOWN
        return outcome

    def _rewrite(
        self, event: Event, field: str, addresses: Sequence[str], time: Optional[float]
    ) -> dict[str, Value]:
        def true_text(text: str) -> str:
            name = parse_name(text)
            host = None if name is None else self._judge.true_host(addresses, name, time)
            return text if name is None or host is None else replace_host(text, name, host)

        value = event[field]
        after = true_text(value) if isinstance(value, str) else [true_text(item) for item in value or ()]
        return {} if after == value else {field: after}


def _choose_fields(fields: FieldMap, options: Options) -> FieldMap:
    for role, field in (("address", options.ip), ("name", options.name), ("device", options.device)):
        if field is not None:
            fields = fields.replaced(role, field)
    return fields


def _connection(reader: EventReader) -> str:
    parts = [reader.text(role) for role in CONNECTION]
    return ":".join(parts) if all(parts) else ""


def _time_of(event: Event) -> Optional[float]:
    values = values_of(event.get("_time"))
    try:
        time = float(values[0]) if values else math.nan
    except ValueError:
        return None
    return time if math.isfinite(time) else None


def _port_of(text: str) -> str:
    """Return the number at the start of a port as FMC shows it: ``443 (https) / tcp``."""
    return text.replace("/", " ").split(" ", 1)[0]


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False
