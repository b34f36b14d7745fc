"""Turns one firewall event into the fields that the search command adds to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Callable, NamedTuple, Optional

from tsid.decision.evidence import Weigher
from tsid.decision.judge import Judge
from tsid.decision.reader import EventReader
from tsid.decision.verdicts import ALIASED, CANONICAL
from tsid.facts.fields import CONNECTION, ROLES, Event, FieldMap, Value, values_of
from tsid.facts.lookups import Lookups
from tsid.text.addresses import Address, canonical_address, parse_address
from tsid.text.names import ReportedName, parse_name, replace_host
from tsid.text.sanitize import escape_formula, for_message, safe_device_name

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
    "tsid_answered",
    "tsid_connection",
    "tsid_confidence",
    "tsid_reason",
    "tsid_advice",
)

KEEP_ALL, KEEP_LICENSING, KEEP_FLAGGED = "all", "licensing", "flagged"
#: The values of the option `keep`.
KEEP = (KEEP_ALL, KEEP_LICENSING, KEEP_FLAGGED)

# The port of all licensing transports (KB 226091: HTTPS, TCP 443); at the source side it reveals a swapped
# event.
_HTTPS = "443"


class Options(NamedTuple):
    """The options of the command.

    Attributes:
        ip: the only field to read the licensing-side address from; None to discover it.
        name: the same for the reported name.
        device: the same for the device's address.
        rewrite: replace a verified alias by the canonical host.
        keep: which events to return, one of `KEEP`.
        raw: read `_raw`, whose values outrank those of the event's fields.
        prefix: text before every output field's name.
    """

    ip: Optional[str] = None
    name: Optional[str] = None
    device: Optional[str] = None
    rewrite: bool = True
    keep: str = KEEP_ALL
    raw: bool = False
    prefix: str = ""


class Answer(NamedTuple):
    """The command's answer to one event.

    Attributes:
        verdict: one of `tsid.decision.verdicts.VERDICTS`, empty if this is not licensing traffic.
        fields: every output field with its value.
        rewritten: the event's own fields whose value changes.
    """

    verdict: str
    fields: Mapping[str, str]
    rewritten: Mapping[str, Value]


class Enricher:
    """Enriches events one by one; the same event always gets the same answer.

    An answer depends on the fields of the roles ``address`` and ``name``, `EVIDENCE`, `BYTE_COUNTS` and
    `CONNECTION`, on `earlier_field`, and on the `period` of ``_time``. Only `device` depends on the device's
    fields, unless they share an address with the address fields or the source port is 443. With the option
    `raw`, everything depends on ``_raw`` too.

    Args:
        lookups: the tables to decide by.
        options: the command's options.
    """

    def __init__(self, lookups: Lookups, options: Options) -> None:
        self._options = options
        self._judge = Judge(lookups)
        self._weigher = Weigher(lookups)
        self._period = lookups.period
        #: Whether the valid endpoints depend on an event's time.
        self.has_periods = bool(lookups.boundaries)
        self._fields = _choose_fields(lookups.fields, options)
        self.output_fields = tuple(options.prefix + field for field in OUTPUT_FIELDS)
        #: The field with the reported name after an earlier run.
        self.earlier_field = options.prefix + "tsid_observed"
        self.device_field = options.prefix + "tsid_device"
        self.connection_field = options.prefix + "tsid_connection"
        # Values of a role with the same form mean the same.
        self._forms: Mapping[str, Callable[[str], object]] = {
            "address": _address_form,
            "device": _address_form,
            "name": self._name_form,
            "action": self._weigher.told_outcome,
        }
        self._blank = Answer("", dict.fromkeys(self.output_fields, ""), {})

    @property
    def required_fields(self) -> list[str]:
        """Every field that an answer may depend on."""
        fields = ["_time", *(["_raw"] if self._options.raw else []), self.earlier_field]
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

    @property
    def may_swap(self) -> bool:
        """Whether a device's address can be that of the licensing side if the source port is 443."""
        return self._options.ip is None

    def fields_of(self, role: str) -> Sequence[str]:
        """Return the fields that are read for a role (`tsid.facts.fields.ROLES`), first choice first."""
        return self._fields.of(role)

    def keeps(self, answer: Answer) -> bool:
        """Return whether the option `keep` lets an event through."""
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
        reader = self._reader(event)
        time = _time_in(values_of(event.get("_time"))) if self.has_periods else None
        addresses, swapped = self._licensing_side(reader, time)
        field, names = self._reported_names(reader, swapped)
        earlier = values_of(event.get(self.earlier_field))
        before = parse_name(earlier[0]) if earlier else None
        decision = self._judge.decide(addresses, names, time, before)
        if decision is None:
            return self._blank
        rewritten: dict[str, Value] = {}
        if self._options.rewrite and decision.verdict == ALIASED and field:
            rewritten = self._rewrite(event, field, addresses, time)
        evidence = self._weigher.weigh(reader, decision.ports, swapped=swapped)
        values = (
            decision.verdict,
            decision.verified_host,
            decision.observed,
            decision.service,
            decision.ip,
            _device_of(reader, swapped),
            decision.network,
            evidence.outcome,
            evidence.answered,
            _connection_of(reader),
            decision.confidence,
            decision.reason_with(evidence.conclusion, *reader.extraction_errors(self._forms)),
            decision.advice(evidence.outcome, evidence.answered),
        )
        return Answer(decision.verdict, dict(zip(self.output_fields, values)), rewritten)

    def device(self, event: Event) -> str:
        """Return the device's address in an event whose two sides are not swapped.

        It depends on the fields of the role ``device`` only. Text that is not an address is kept as far as it
        may be a name.
        """
        return _device_of(self._reader(event), swapped=False)

    def period(self, time: str) -> Optional[int]:
        """Return the number of the period that contains a ``_time``.

        The valid endpoints are the same throughout a period.
        """
        return self._period(_time_in([time]))

    def _reader(self, event: Event) -> EventReader:
        return EventReader(event, self._fields, self._options.raw)

    def _licensing_side(self, reader: EventReader, time: Optional[float]) -> tuple[Sequence[str], bool]:
        """Return the addresses of the licensing side, and whether the event shows the two sides swapped."""
        if not self.may_swap:
            return reader.values("address"), False
        devices = reader.values("device")
        addresses = reader.addresses(devices)
        # An ASA's 302013 for an outbound connection may be extracted with its two sides swapped.
        if _port_of(reader.text("source_port")) != _HTTPS:
            return addresses, False
        swapped = not any(self._judge.is_endpoint(address, time) for address in addresses) and any(
            self._judge.is_endpoint(device, time) for device in devices
        )
        return (devices if swapped else addresses), swapped

    def _reported_names(self, reader: EventReader, swapped: bool) -> tuple[str, Sequence[ReportedName]]:
        """Return the names that the firewall reported, and the field to rewrite; empty if there is none."""
        field, names = reader.names(swapped)
        if self._options.name is None and not swapped and all(name.is_address for name in names):
            # Other names there are the site's own names for the address, or names of something else.
            found = [name for name in reader.names_elsewhere() if self._judge.is_licensing_name(name)]
            if found:
                return "", found
        return field, names

    def _name_form(self, text: str) -> Optional[str]:
        # An alias and the canonical name by which an earlier run has replaced it mean the same.
        name = parse_name(text)
        return None if name is None or name.is_address else self._judge.true_name(name) or name.key

    def _rewrite(
        self, event: Event, field: str, addresses: Sequence[str], time: Optional[float]
    ) -> dict[str, Value]:
        # An event may contain many addresses, and many values of few names.
        endpoints = [address for address in addresses if self._judge.is_endpoint(address, time)]
        hosts: dict[str, Optional[str]] = {}

        def true_text(text: str) -> str:
            name = parse_name(text)
            if name is None or not self._judge.is_licensing_name(name):
                return text
            if name.key not in hosts:
                hosts[name.key] = self._judge.true_host(endpoints, name, time)
            host = hosts[name.key]
            return text if host is None else replace_host(text, name, host)

        value = event[field]
        after = true_text(value) if isinstance(value, str) else [true_text(item) for item in value or ()]
        return {} if after == value else {field: after}


def connection_text(text: str) -> str:
    """Return a connection's identifier as it is shown; a logger may write anything into its parts."""
    return escape_formula(for_message(text))


def _connection_of(reader: EventReader) -> str:
    parts = [reader.text(role) for role in CONNECTION]
    return connection_text(":".join(parts)) if all(parts) else ""


def _device_of(reader: EventReader, swapped: bool) -> str:
    devices = reader.values("device")
    if swapped:
        devices = reader.addresses(devices)
    return safe_device_name(canonical_address(devices[0].strip())) if devices else ""


def _address_form(text: str) -> Optional[Address]:
    return parse_address(text.strip())


def _choose_fields(fields: FieldMap, options: Options) -> FieldMap:
    for role, field in (("address", options.ip), ("name", options.name), ("device", options.device)):
        if field is not None:
            fields = fields.replaced(role, field)
    return fields


def _time_in(values: Sequence[str]) -> Optional[float]:
    try:
        time = float(values[0]) if values else math.nan
    except ValueError:
        return None
    return time if math.isfinite(time) else None


def _port_of(text: str) -> str:
    """Return the number at the start of a port as FMC shows it: ``443 (https) / tcp``."""
    return text.replace("/", " ").split(" ", 1)[0]
