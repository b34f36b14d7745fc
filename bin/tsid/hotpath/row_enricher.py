"""Enriches the rows that the prefilter lets through, one by one.

`tsid.decision.enrich` decides. Its answers are remembered by the bytes of the cells that they depend on, so
most rows of licensing traffic need not be decoded.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Callable, NamedTuple, Optional

from tsid.decision.enrich import Answer, Enricher, connection_text
from tsid.decision.evidence import MAX_HANDSHAKE_BYTES, MAX_REQUEST_BYTES
from tsid.facts.fields import BYTE_COUNTS, CONNECTION, EVIDENCE, Event, Value, values_of
from tsid.hotpath.csvbytes import (
    EMPTY_CELLS,
    decode,
    decode_multivalue,
    encode_multivalue,
    escape,
    quote,
    split_around,
    split_cells,
    unquote,
)
from tsid.hotpath.prefilter import Prefilter
from tsid.memo import MAX_CELLS, AnswerBudget, AnswerMemo, BoundedMemo
from tsid.text.addresses import canonical_address
from tsid.text.raw_events import read_raw
from tsid.text.sanitize import MAX_NAME_LENGTH

MV = "__mv_"

# After this many rows in a row that the quick way cannot split, it is given up.
_MAX_SPLIT_FAILURES = 20

# Normally, numbers, UUIDs and names of sensors identify a connection.
_PLAIN = (string.ascii_letters + string.digits + ".:_-").encode("ascii")

_Cells = tuple[bytes, ...]
_Getter = Callable[[Sequence[bytes]], _Cells]
# All that an answer depends on: the cells for addresses, names and evidence; those for byte counts;
# the period of the time; the cells for devices (None if they decide only the device's address); the cells for
# source ports (None if none of them may be 443). A plain tuple: every row of licensing traffic makes one.
_Key = tuple[_Cells, _Cells, Optional[int], Optional[_Cells], Optional[_Cells]]
# The place of the cells for devices in it.
_DEVICES = 3


class Result(NamedTuple):
    """An enriched row.

    Attributes:
        row: the row with its new fields and its line end; None if the option `keep` drops it.
        enriched: it is licensing traffic.
        rewritten: a field of the event has a new value.
    """

    row: Optional[bytes]
    enriched: bool
    rewritten: bool


class _Remembered(NamedTuple):
    """An answer without the connection, and without the device unless the key contains it.

    Attributes:
        enriched: the row is licensing traffic; all else is meaningless if not.
        kept: the option `keep` lets the row through.
        rewritten: a field of the event has a new value.
        edits: places in the row, and the new cells there.
        added: the cells to append.
    """

    enriched: bool
    kept: bool
    rewritten: bool
    edits: Sequence[tuple[int, bytes]]
    added: Sequence[bytes]


class _Device(NamedTuple):
    """The cell for the device's address, and the canonical forms of all addresses in the device's fields."""

    cell: bytes
    addresses: frozenset[str]


class RowEnricher:
    """Enriches the rows under one header.

    Args:
        header: the names of the columns, all different.
        enricher: decides.
        prefilter: finds the cells that may belong to licensing traffic.
        budget: limits the memory that remembered answers take.
    """

    def __init__(
        self, header: Sequence[str], enricher: Enricher, prefilter: Prefilter, budget: AnswerBudget
    ) -> None:
        self._enricher = enricher
        self._prefilter = prefilter
        self.width = len(header)
        self._places = {name: place for place, name in enumerate(header)}
        #: The fields that the command adds to a row, and those that have a column already.
        self.added = [name for name in enricher.output_fields if name not in self._places]
        self._own = [name for name in enricher.output_fields if name in self._places]
        own = [name for field in enricher.output_fields for name in (field, MV + field)]
        # Multivalue columns of fields that the command adds: their content is out of date.
        self._orphans = [name for name in self.added if MV + name in self._places]
        required = enricher.required_fields
        # Multivalue columns come last: their values replace those of the single-value columns.
        self._columns = self._existing([*required, *(MV + name for name in required)])
        self._all_cells = self._getter(self._columns)
        self._own_cells = self._getter(own)
        # Rows with a multivalue field or with the fields of an earlier run.
        self._unusual = self._getter([*own, *(MV + name for name in required)])
        fields_of = enricher.fields_of
        self._address_columns = self._existing(fields_of("address"))
        self._device_columns = self._existing(fields_of("device"))
        self._addresses = self._getter(self._address_columns)
        self._devices = self._getter(self._device_columns)
        self._ports = self._getter(fields_of("source_port"))
        self._deciding = self._getter(
            [name for role in ("address", "name", *EVIDENCE) for name in fields_of(role)]
        )
        self._sizes = self._getter([name for role in BYTE_COUNTS for name in fields_of(role)])
        self._times = self._getter(["_time"])
        self._raw, self._multivalue_raw = self._getter(["_raw"]), self._getter([MV + "_raw"])
        self._address_places, self._name_places, self._device_places = (
            [(self._places.get(field), self._places.get(MV + field)) for field in fields_of(role)]
            for role in ("address", "name", "device")
        )
        self._connection = [
            [self._places[name] for name in self._existing(fields_of(role))] for role in CONNECTION
        ]
        #: The places of device and connection among the added fields; None if nothing is remembered.
        self._slots: Optional[tuple[int, int]] = None
        variable = enricher.device_field, enricher.connection_field
        if not enricher.reads_raw and all(name in self.added for name in variable):
            self._slots = self.added.index(variable[0]), self.added.index(variable[1])
        self._split_failures = 0
        #: The only column whose cells contain commas, as far as is known.
        self._with_commas = self.width - 1
        self._answers: AnswerMemo[_Key, _Remembered] = budget.memo()
        self._known_devices: AnswerMemo[_Cells, _Device] = budget.memo()
        self._known_addresses: AnswerMemo[_Cells, frozenset[str]] = budget.memo()

    def enrich(self, row: bytes, suspect: bool = False) -> Optional[Result]:
        """Enrich a well-formed row.

        Args:
            row: the row without its line end.
            suspect: an address or name in it is known to be suspect.

        Returns:
            The result; None if this is not licensing traffic: the row stays, and its new fields are empty.
        """
        cells = self._split(row)
        unusual = not EMPTY_CELLS.issuperset(self._unusual(cells))
        if unusual and not EMPTY_CELLS.issuperset(self._own_cells(cells)):
            return self.enrich_exactly(cells, row)
        if not suspect and not self._is_suspect(cells):
            return None
        if unusual or self._slots is None:
            return self.enrich_exactly(cells, row)
        return self._enrich_from_memory(cells, row, self._slots)

    def enrich_exactly(self, cells: list[bytes], row: Optional[bytes]) -> Result:
        """Enrich a row without any shortcut.

        Args:
            cells: the row's cells; they may be changed.
            row: the row itself, if `cells` are its cells unchanged.
        """
        answer = self._enricher.enrich(self._event(cells))
        enriched, rewritten = answer.verdict != "", bool(answer.rewritten)
        if not self._enricher.keeps(answer):
            return Result(None, enriched, rewritten)
        changed = self._changed(answer)
        if changed or row is None:
            for place, cell in self._edits(changed):
                cells[place] = cell
            row = b",".join(cells)
        added = [quote(answer.fields[name]) for name in self.added]
        return Result(b",".join([row, *added]) + b"\n", enriched, rewritten)

    def _enrich_from_memory(self, cells: list[bytes], row: bytes, slots: tuple[int, int]) -> Optional[Result]:
        """Enrich a suspect row by the answer for rows with the same deciding cells."""
        devices = self._devices(cells)
        device = self._known_devices.get(devices) or self._learn_device(devices)
        key = self._key(cells, device)
        answer = self._answers.get(key) or self._learn_answer(key, cells)
        if not answer.enriched:
            return None
        if not answer.kept:
            return Result(None, True, answer.rewritten)
        added = list(answer.added)
        if key[_DEVICES] is None:
            added[slots[0]] = device.cell
        added[slots[1]] = self._connection_of(cells)
        if answer.edits:
            for place, cell in answer.edits:
                cells[place] = cell
            row = b",".join(cells)
        return Result(b",".join([row, *added]) + b"\n", True, answer.rewritten)

    def _key(self, cells: list[bytes], device: _Device) -> _Key:
        sizes = tuple([_sizes[size] for size in self._sizes(cells)])
        enricher, period, devices, ports = self._enricher, None, None, None
        if enricher.has_periods:
            period = enricher.period("".join(map(unquote, self._times(cells))))
        if enricher.may_swap:
            asked_from = self._ports(cells)
            if b"443" in b"".join(asked_from):
                devices, ports = self._devices(cells), asked_from
            elif not device.addresses.isdisjoint(self._addresses_of(cells)):
                devices = self._devices(cells)
        return self._deciding(cells), sizes, period, devices, ports

    def _learn_answer(self, key: _Key, cells: list[bytes]) -> _Remembered:
        answer = self._enricher.enrich(self._event(cells))
        if answer.verdict:
            found = _Remembered(
                enriched=True,
                kept=self._enricher.keeps(answer),
                rewritten=bool(answer.rewritten),
                edits=tuple(self._edits(self._changed(answer))),
                added=[quote(answer.fields[name]) for name in self.added],
            )
        else:
            found = _Remembered(False, False, False, (), ())
        deciding, sizes, _, devices, ports = key
        contents = (*deciding, *sizes, *(devices or ()), *(ports or ()))
        edited = (cell for _, cell in found.edits)
        return self._answers.put(key, found, (*contents, *edited, *found.added))

    def _learn_device(self, cells: _Cells) -> _Device:
        event = _event_of(self._device_columns, cells)
        device = _Device(quote(self._enricher.device(event)), _canonical_addresses(event))
        return self._known_devices.put(cells, device, cells)

    def _addresses_of(self, row: list[bytes]) -> frozenset[str]:
        """Return the canonical forms of all addresses in the address fields."""
        cells = self._addresses(row)
        known = self._known_addresses.get(cells)
        if known is None:
            known = _canonical_addresses(_event_of(self._address_columns, cells))
            self._known_addresses.put(cells, known, cells)
        return known

    def _event(self, cells: Sequence[bytes]) -> Event:
        """Return the fields of a row that an answer may depend on."""
        return _event_of(self._columns, self._all_cells(cells))

    def _is_suspect(self, cells: list[bytes]) -> bool:
        prefilter, enricher = self._prefilter, self._enricher
        if any(map(prefilter.endpoint_or_name.__getitem__, _texts(cells, self._address_places))):
            return True
        if any(map(prefilter.name, _texts(cells, self._name_places))):
            return True
        from_https = enricher.may_swap and b"443" in b"".join(self._ports(cells))
        if (enricher.reads_raw or from_https) and any(
            map(prefilter.endpoint.__getitem__, _texts(cells, self._device_places))
        ):
            return True
        if not enricher.reads_raw:
            return False
        return not EMPTY_CELLS.issuperset(self._multivalue_raw(cells)) or any(
            cell and self._is_suspect_text(cell) for cell in self._raw(cells)
        )

    def _is_suspect_text(self, cell: bytes) -> bool:
        """Return whether a raw text may be licensing traffic."""
        fields = read_raw(unquote(cell))
        return any(
            field in fields and self._prefilter.endpoint_or_name[quote(fields[field])]
            for role in ("address", "name", "device")
            for field in self._enricher.fields_of(role)
        )

    def _connection_of(self, cells: list[bytes]) -> bytes:
        """Return the cell for the connection, mostly without decoding its parts."""
        parts = []
        for places in self._connection:
            for place in places:
                cell = cells[place]
                part = cell if cell.isdigit() else _parts[cell]
                if part:
                    parts.append(part)
                    break
            else:
                return b""
        text = b":".join(parts)
        if len(text) > MAX_NAME_LENGTH or text[:1] == b"-" or text.translate(None, _PLAIN):
            return quote(connection_text(decode(text.replace(b'""', b'"'))))
        return b'"' + text + b'"'

    def _changed(self, answer: Answer) -> dict[str, Value]:
        """Return the fields that have a column and get another value; the new fields count most."""
        own = {name: answer.fields[name] for name in self._own}
        return {**answer.rewritten, **own, **dict.fromkeys(self._orphans, "")}

    def _edits(self, changed: Mapping[str, Value]) -> Iterator[tuple[int, bytes]]:
        """Yield the places and the new cells of fields that get other values."""
        for name, value in changed.items():
            place, multivalue = self._places.get(name), self._places.get(MV + name)
            values = [value] if isinstance(value, str) else value or []
            if place is not None:
                yield place, quote("\n".join(values))
            if multivalue is not None:
                several = len(values) > 1 or (place is None and values != [""])
                yield multivalue, quote(encode_multivalue(values)) if several else b""

    def _split(self, row: bytes) -> list[bytes]:
        if self._split_failures >= _MAX_SPLIT_FAILURES:
            return split_cells(row)
        cells = split_around(row, self.width, self._with_commas)
        if cells is not None:
            self._split_failures = 0
            return cells
        self._split_failures += 1
        cells = split_cells(row)
        with_commas = [place for place, cell in enumerate(cells) if b"," in cell]
        if len(with_commas) == 1:
            # Mostly _raw.
            (self._with_commas,) = with_commas
        return cells

    def _existing(self, names: Iterable[str]) -> list[str]:
        """Return the names that have a column, each once."""
        return [name for name in dict.fromkeys(names) if name in self._places]

    def _getter(self, names: Iterable[str]) -> _Getter:
        """Return a function that takes the cells of those columns that exist out of a row."""
        places = [self._places[name] for name in self._existing(names)]
        if not places:
            return lambda _: ()
        if len(places) == 1:
            (place,) = places
            return lambda cells: (cells[place],)
        return itemgetter(*places)


def _event_of(columns: Iterable[str], cells: _Cells) -> dict[str, Value]:
    """Return the values in some cells by field; a multivalue column replaces its field's single value."""
    event: dict[str, Value] = {}
    for name, cell in zip(columns, cells):
        if cell:
            if not name.startswith(MV):
                event[name] = unquote(cell)
            elif cell not in EMPTY_CELLS:
                event[name[len(MV) :]] = decode_multivalue(unquote(cell))
    return event


def _texts(cells: Sequence[bytes], places: Iterable[tuple[Optional[int], Optional[int]]]) -> set[bytes]:
    """Return the different values of some fields, as cells.

    Args:
        cells: the row.
        places: of each field the column with a single value and the multivalue column, None if missing.
    """
    texts = set()
    multivalues = set()
    for place, multivalue in places:
        if multivalue is not None and cells[multivalue] not in EMPTY_CELLS:
            multivalues.add(cells[multivalue])
        elif place is not None:
            texts.add(cells[place])
    for cell in multivalues:
        texts.update(map(quote, decode_multivalue(unquote(cell))))
    texts.discard(b"")
    return texts


def _text_in(cell: bytes) -> bytes:
    """Return a cell's text as it is written within quotes; empty if it is a placeholder."""
    values = values_of(unquote(cell))
    return escape(values[0].strip()) if values else b""


def _order_of(cell: bytes) -> bytes:
    """Return the smallest count of bytes that proves the same; anything else as it is."""
    digits = cell.strip(b'"')
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        return cell
    count = int(digits)
    if count > MAX_REQUEST_BYTES:
        return _MANY
    return _SOME if count > MAX_HANDSHAKE_BYTES else b"0"


_MAX_DIGITS = 12
_SOME, _MANY = b"%d" % (MAX_HANDSHAKE_BYTES + 1), b"%d" % (MAX_REQUEST_BYTES + 1)
_sizes = BoundedMemo(_order_of, MAX_CELLS)

# Most parts of a connection's identifier, such as the firewall's UUID, occur again and again.
_parts = BoundedMemo(_text_in, MAX_CELLS)


def _canonical_addresses(event: Event) -> frozenset[str]:
    """Return the addresses among all values in their canonical form, and other values as they are."""
    texts = (text for value in event.values() for text in values_of(value))
    return frozenset(canonical_address(text.strip()) for text in texts)
