"""Enriches single rows: those that are not plainly something else.

The decision is that of `tsid.decision.enrich`. It is remembered by the bytes of the cells that it depends on,
so that most rows of licensing traffic need not be decoded.
"""

from __future__ import annotations

import string
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Callable, Generic, NamedTuple, Optional, TypeVar

from tsid.decision.enrich import Answer, Enricher, Finding, Side, connection_text
from tsid.decision.judge import Decision
from tsid.decision.reader import EventReader
from tsid.facts.fields import CONNECTION, Value, values_of
from tsid.hotpath.csvbytes import (
    decode,
    decode_multivalue,
    encode_multivalue,
    escape,
    quote,
    split_around,
    split_cells,
    unquote,
)
from tsid.hotpath.prefilter import Suspicion
from tsid.text.addresses import canonical_address
from tsid.text.names import ReportedName
from tsid.text.raw_events import read_raw
from tsid.text.sanitize import MAX_NAME_LENGTH

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MV = "__mv_"
_EMPTY = (b"", b'""')

#: How many bytes all answers that are remembered may take, more or less. Hostile traffic has unlimited
#: distinct values, of any length.
MOST_REMEMBERED = 96 << 20
# What an entry takes besides the bytes of its key; a finding may have templates of its own.
_ENTRY, _FINDING, _TEMPLATE = 300, 1_600, 1_600

#: How many rows in a row to split in the quick way in vain, before it is given up.
_FAILURES = 20

# What connections are identified by, normally: numbers, UUIDs and names of sensors.
_PLAIN = (string.ascii_letters + string.digits + ".:_-").encode("ascii")

_NOT_ZERO = frozenset((b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"))

_Cells = tuple[bytes, ...]
_Getter = Callable[[Sequence[bytes]], _Cells]
# What a finding is remembered by: the cells for addresses, names, devices and source ports, and the period.
_Key = tuple[_Cells, _Cells, _Cells, _Cells, Optional[int]]
_NOTHING: _Cells = ()


class Memo(dict[K, V], Generic[K, V]):
    """Answers that were given before.

    Args:
        memory: that of which this is a part.
    """

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self._memory = memory

    def put(self, key: K, value: V, size: int) -> V:
        """Remember a value that takes so many bytes, and return it."""
        self._memory.make_room(size)
        self[key] = value
        return value


class Memory:
    """All answers that are remembered: forgets everything when it has grown too large."""

    def __init__(self) -> None:
        self._memos: list[Memo[Any, Any]] = []
        self._used = 0

    def memo(self) -> Memo[Any, Any]:
        """Return a new, empty part."""
        memo: Memo[Any, Any] = Memo(self)
        self._memos.append(memo)
        return memo

    def make_room(self, size: int) -> None:
        """Take account of so many more bytes."""
        self._used += size
        if self._used > MOST_REMEMBERED:
            self._used = size
            for memo in self._memos:
                memo.clear()


class Result(NamedTuple):
    """What becomes of a row.

    Attributes:
        row: the row with its new fields and its line end; None if the option `keep` drops it.
        enriched: it holds licensing traffic.
        rewritten: a field of the event has a new value.
    """

    row: Optional[bytes]
    enriched: bool
    rewritten: bool


class _Template(NamedTuple):
    """A result but for the device and the connection.

    Attributes:
        edits: places of the row, and the cells to put there.
        added: the cells behind the row.
        kept: the option `keep` lets it through.
        rewritten: a field of the event has a new value.
    """

    edits: Sequence[tuple[int, bytes]]
    added: Sequence[bytes]
    kept: bool
    rewritten: bool


class _Found(NamedTuple):
    """What a connection was found to be, and the templates made of it, by outcome."""

    finding: Finding
    templates: dict[str, _Template]


class _Fields(NamedTuple):
    """Some fields, with or without those for several values.

    Attributes:
        names: the names of the columns.
        cells: takes their cells out of a row.
        places: where each field stands: its cell and its multivalue cell, None for the one that is missing.
    """

    names: Sequence[str]
    cells: _Getter
    places: Sequence[tuple[Optional[int], Optional[int]]]

    def values(self, cells: _Cells) -> dict[str, Value]:
        """Return the fields' values, from cells that were taken out of a row."""
        values: dict[str, Value] = {}
        for name, cell in zip(self.names, cells):
            if cell:
                if not name.startswith(MV):
                    values[name] = unquote(cell)
                elif cell not in _EMPTY:
                    # These come behind the others, and count more.
                    values[name[len(MV) :]] = decode_multivalue(unquote(cell))
        return values

    def texts(self, row: Sequence[bytes]) -> set[bytes]:
        """Return the different values in a row, as cells."""
        texts, multivalues = set(), set()
        for cell, multivalue in self.places:
            if multivalue is not None and row[multivalue] not in _EMPTY:
                multivalues.add(row[multivalue])
            elif cell is not None:
                texts.add(row[cell])
        for several in multivalues:
            texts.update(map(quote, decode_multivalue(unquote(several))))
        texts.discard(b"")
        return texts

    def values_in(self, row: Sequence[bytes]) -> dict[str, Value]:
        """Return the fields' values in a row."""
        return self.values(self.cells(row))


class _Roles(NamedTuple):
    """The fields of the roles."""

    addresses: _Fields
    names: _Fields
    devices: _Fields
    ports: _Fields
    actions: _Fields
    bytes: _Fields


class _Addresses(NamedTuple):
    """What the cells for addresses hold.

    Attributes:
        values: the fields' values.
        canonical: all of them in canonical form.
        side: the licensing side, if no other field matters.
    """

    values: Mapping[str, Value]
    canonical: frozenset[str]
    side: Side


class _Names(NamedTuple):
    """What the cells for names hold: the fields' values; the field that names the server, and its names."""

    values: Mapping[str, Value]
    reported: tuple[str, Sequence[ReportedName]]


class _Device(NamedTuple):
    """The cell for the device's address, and the canonical forms of all addresses in the device's fields."""

    cell: bytes
    addresses: frozenset[str]


class RowEnricher:
    """Enriches the rows under one header.

    Args:
        header: the names of the columns, all different.
        enricher: decides.
        suspicion: tells at little cost what needs no decision.
        memory: where to remember answers.
    """

    def __init__(
        self, header: Sequence[str], enricher: Enricher, suspicion: Suspicion, memory: Memory
    ) -> None:
        self._enricher = enricher
        self._suspicion = suspicion
        self.width = len(header)
        self._places = {name: place for place, name in enumerate(header)}
        #: The fields that the command adds behind a row, and those that have a column already.
        self.added = [name for name in enricher.output_fields if name not in self._places]
        self._own = [name for name in enricher.output_fields if name in self._places]
        own = [name for field in enricher.output_fields for name in (field, MV + field)]
        # Columns for several values of fields that the command adds: whatever they hold is out of date.
        self._orphans = [name for name in self.added if MV + name in self._places]
        required = enricher.required_fields
        self._all = self._fields_of(required, several=True)
        self._roles = self._roles_of(several=False)
        self._roles_of_several = self._roles_of(several=True)
        self._own_cells = self._getter_of(own)
        # More than one value in a field, or the fields of an earlier run.
        self._unusual = self._getter_of([*own, *(MV + name for name in required)])
        self._several_times = self._getter_of([MV + "_time"])
        self._times = self._fields_of(["_time"], several=False)
        self._raw, self._several_raw = self._getter_of(["_raw"]), self._getter_of([MV + "_raw"])
        self._several_connections = self._fields_of(
            [name for role in CONNECTION for name in enricher.fields_of(role)], several=True
        )
        self._connection = [
            [self._places[name] for name in enricher.fields_of(role) if name in self._places]
            for role in CONNECTION
        ]
        #: Where the device and the connection stand among the added fields; None if nothing is remembered.
        self._slots: Optional[tuple[int, int]] = None
        variable = enricher.device_field, enricher.connection_field
        if not enricher.reads_raw and all(name in self.added for name in variable):
            self._slots = self.added.index(variable[0]), self.added.index(variable[1])
        self._split_failures = 0
        #: The only column whose cells hold commas, as far as is known.
        self._with_commas = self.width - 1
        self._found: Memo[_Key, _Found] = memory.memo()
        self._outcomes: Memo[tuple[_Cells, _Cells, bool], str] = memory.memo()
        # Roles with the fields for several values have more cells: the same cells always mean the same.
        self._known_addresses: Memo[_Cells, _Addresses] = memory.memo()
        self._known_names: Memo[_Cells, _Names] = memory.memo()
        self._known_devices: Memo[_Cells, _Device] = memory.memo()
        self._templates: Memo[tuple[Decision, str], _Template] = memory.memo()
        self._texts: Memo[bytes, bytes] = memory.memo()

    def enrich(self, row: bytes, suspect: bool = False) -> Optional[Result]:
        """Enrich a well-formed row.

        Args:
            row: the row without its line end.
            suspect: an address or name in it is known to be suspect.

        Returns:
            The result; None if this is no licensing traffic: the row stays, and its new fields are empty.
        """
        cells = self._split(row)
        unusual = any(self._unusual(cells))
        if unusual and any(self._own_cells(cells)):
            return self.enrich_exactly(cells, row)
        if not suspect and not self._is_suspect(cells, unusual):
            return None
        if self._slots is None or (unusual and any(self._several_times(cells))):
            return self.enrich_exactly(cells, row)
        return self._enrich_as_remembered(cells, row, self._slots, unusual)

    def enrich_exactly(self, cells: list[bytes], row: Optional[bytes]) -> Result:
        """Enrich a row without any short cut.

        Args:
            cells: the row's cells; they may be changed.
            row: the row as it stands, if the cells are as they stand in it.
        """
        answer = self._enricher.enrich(self._all.values_in(cells))
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

    def _enrich_as_remembered(
        self, cells: list[bytes], text: bytes, slots: tuple[int, int], several: bool
    ) -> Optional[Result]:
        """Enrich a suspect row by what was found for others like it."""
        roles = self._roles_of_several if several else self._roles
        device = self._device(cells, roles)
        key = self._key(cells, roles, device)
        found = self._found.get(key)
        if found is None:
            finding = self._find(key, roles, cells)
            if finding is None:
                return None
            size = _FINDING + sum(map(_size_of, key[:4]))
            found = self._found.put(key, _Found(finding, {}), size)
        swapped = found.finding.swapped
        outcome = self._outcome(cells, roles, swapped)
        template = found.templates.get(outcome)
        if template is None:
            template = found.templates[outcome] = self._template(found.finding, outcome)
        if not template.kept:
            return Result(None, True, template.rewritten)
        added = list(template.added)
        added[slots[0]] = device.cell
        if swapped:
            added[slots[0]] = quote(self._enricher.device(self._reader_of(key, roles, cells), swapped))
        added[slots[1]] = self._connection_of_several(cells) if several else self._connection_of(cells)
        if template.edits:
            for place, cell in template.edits:
                cells[place] = cell
            text = b",".join(cells)
        return Result(b",".join([text, *added]) + b"\n", True, template.rewritten)

    def _is_suspect(self, cells: list[bytes], several: bool) -> bool:
        suspicion, roles = self._suspicion, self._roles_of_several if several else self._roles
        if any(map(suspicion.endpoint_or_name.__getitem__, roles.addresses.texts(cells))):
            return True
        if any(map(suspicion.name, roles.names.texts(cells))):
            return True
        enricher = self._enricher
        if (enricher.reads_raw or (enricher.may_swap and self._asks_from_https(cells, roles))) and any(
            map(suspicion.endpoint.__getitem__, roles.devices.texts(cells))
        ):
            return True
        if not enricher.reads_raw:
            return False
        return any(self._several_raw(cells)) or any(
            cell and self._may_hold(cell) for cell in self._raw(cells)
        )

    def _may_hold(self, cell: bytes) -> bool:
        """Tell whether a raw text could hold licensing traffic."""
        fields = read_raw(unquote(cell))
        return any(
            field in fields and self._suspicion.endpoint_or_name[quote(fields[field])]
            for role in ("address", "name", "device")
            for field in self._enricher.fields_of(role)
        )

    @staticmethod
    def _asks_from_https(cells: list[bytes], roles: _Roles) -> bool:
        """Tell whether the source port might be 443."""
        return b"443" in b"".join(roles.ports.cells(cells))

    def _key(self, cells: list[bytes], roles: _Roles, device: _Device) -> _Key:
        """Return all that `Enricher.find` depends on."""
        addresses = roles.addresses.cells(cells)
        devices, ports = _NOTHING, _NOTHING
        if self._enricher.may_swap:
            asked_from = roles.ports.cells(cells)
            if b"443" in b"".join(asked_from):
                devices, ports = roles.devices.cells(cells), asked_from
            elif not device.addresses.isdisjoint(self._in_addresses(roles, addresses).canonical):
                devices = roles.devices.cells(cells)
        period = None
        if self._enricher.has_periods:
            period = self._enricher.period("".join(map(unquote, self._times.cells(cells))))
        return addresses, roles.names.cells(cells), devices, ports, period

    def _find(self, key: _Key, roles: _Roles, cells: list[bytes]) -> Optional[Finding]:
        reader = self._reader_of(key, roles, cells)
        addresses, names, devices, ports, _ = key
        if devices or ports:
            return self._enricher.find(reader)
        side, reported = self._in_addresses(roles, addresses).side, self._in_names(roles, names).reported
        return self._enricher.find_between(reader, side, reported)

    def _reader_of(self, key: _Key, roles: _Roles, cells: list[bytes]) -> EventReader:
        """Return an event with what is in a key, and nothing else but its time."""
        addresses, names, devices, ports, period = key
        event: dict[str, Value] = {
            **self._in_addresses(roles, addresses).values,
            **self._in_names(roles, names).values,
        }
        if devices or ports:
            event.update(roles.devices.values(devices))
            event.update(roles.ports.values(ports))
        if period is not None:
            event.update(self._times.values_in(cells))
        return self._enricher.reader(event)

    def _in_addresses(self, roles: _Roles, cells: _Cells) -> _Addresses:
        known = self._known_addresses.get(cells)
        if known is None:
            values = roles.addresses.values(cells)
            side = self._enricher.side(self._enricher.reader(values))
            known = _Addresses(values, _addresses_in(values), side)
            self._known_addresses.put(cells, known, _size_of(cells))
        return known

    def _in_names(self, roles: _Roles, cells: _Cells) -> _Names:
        known = self._known_names.get(cells)
        if known is None:
            values = roles.names.values(cells)
            known = _Names(values, self._enricher.reader(values).names(swapped=False))
            self._known_names.put(cells, known, _size_of(cells))
        return known

    def _device(self, cells: list[bytes], roles: _Roles) -> _Device:
        key = roles.devices.cells(cells)
        device = self._known_devices.get(key)
        if device is None:
            values = roles.devices.values(key)
            cell = quote(self._enricher.device(self._enricher.reader(values), swapped=False))
            device = self._known_devices.put(key, _Device(cell, _addresses_in(values)), _size_of(key))
        return device

    def _outcome(self, cells: list[bytes], roles: _Roles, swapped: bool) -> str:
        # Of the bytes it only matters whether there are none.
        sizes = roles.bytes.cells(cells)
        sizes = tuple([b"1" if size[:1] in _NOT_ZERO and size.isdigit() else size for size in sizes])
        key = (roles.actions.cells(cells), sizes, swapped)
        outcome = self._outcomes.get(key)
        if outcome is None:
            event = {**roles.bytes.values(sizes), **roles.actions.values(key[0])}
            outcome = self._enricher.outcome(self._enricher.reader(event), swapped)
            self._outcomes.put(key, outcome, _size_of(key[0]) + _size_of(sizes))
        return outcome

    def _connection_of_several(self, cells: list[bytes]) -> bytes:
        reader = self._enricher.reader(self._several_connections.values_in(cells))
        return quote(self._enricher.connection(reader))

    def _connection_of(self, cells: list[bytes]) -> bytes:
        """Do as `Enricher.connection`, with bytes."""
        parts = []
        for places in self._connection:
            for place in places:
                cell = cells[place]
                part = cell if cell.isdigit() else self._text_in(cell)
                if part:
                    parts.append(part)
                    break
            else:
                return b""
        text = b":".join(parts)
        if len(text) > MAX_NAME_LENGTH or text[:1] == b"-" or text.translate(None, _PLAIN):
            return quote(connection_text(decode(text.replace(b'""', b'"'))))
        return b'"' + text + b'"'

    def _text_in(self, cell: bytes) -> bytes:
        """Return a cell's text as it would stand in a quoted one; empty if it says nothing."""
        text = self._texts.get(cell)
        if text is None:
            values = values_of(unquote(cell))
            text = escape(values[0].strip()) if values else b""
            self._texts.put(cell, text, _size_of((cell, text)))
        return text

    def _template(self, finding: Finding, outcome: str) -> _Template:
        """Make what is the same for all rows of a finding and an outcome."""
        if finding.rewritten:
            return self._new_template(finding, outcome)
        # Many findings come to one decision.
        key = finding.decision, outcome
        template = self._templates.get(key)
        return template or self._templates.put(key, self._new_template(finding, outcome), _TEMPLATE)

    def _new_template(self, finding: Finding, outcome: str) -> _Template:
        answer = self._enricher.answer(finding, "", outcome, "")
        return _Template(
            edits=tuple(self._edits(self._changed(answer))),
            added=[quote(answer.fields[name]) for name in self.added],
            kept=self._enricher.keeps(answer),
            rewritten=bool(answer.rewritten),
        )

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
        if self._split_failures >= _FAILURES:
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

    def _roles_of(self, several: bool) -> _Roles:
        roles = "address", "name", "device", "source_port", "action", "responder_bytes"
        return _Roles(*(self._fields_of(self._enricher.fields_of(role), several) for role in roles))

    def _fields_of(self, fields: Sequence[str], several: bool) -> _Fields:
        columns = [*fields, *(MV + field for field in fields)] if several else fields
        names = [name for name in columns if name in self._places]
        places = [(self._places.get(f), self._places.get(MV + f) if several else None) for f in fields]
        return _Fields(names, self._getter_of(names), places)

    def _getter_of(self, names: Iterable[str]) -> _Getter:
        """Return a function that takes the cells of some columns, as far as they exist, out of a row."""
        places = [self._places[name] for name in dict.fromkeys(names) if name in self._places]
        if not places:
            return lambda _: ()
        if len(places) == 1:
            (place,) = places
            return lambda cells: (cells[place],)
        return itemgetter(*places)


def _addresses_in(values: Mapping[str, Value]) -> frozenset[str]:
    """Return the addresses in some fields in their canonical form, and other texts as they are."""
    texts = (text for value in values.values() for text in values_of(value))
    return frozenset(canonical_address(text.strip()) for text in texts)


def _size_of(cells: _Cells) -> int:
    """Return how many bytes it takes to remember something by some cells."""
    return _ENTRY + sum(map(len, cells))
