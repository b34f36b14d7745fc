"""Reads the addresses, names and so on of one event: from its fields, then, if asked, from its raw text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Callable, Optional

from tsid.facts.fields import ROLES, Event, FieldMap, values_of
from tsid.text.addresses import canonical_address
from tsid.text.names import ReportedName, parse_name
from tsid.text.raw_events import RawFields, read_raw
from tsid.text.sanitize import for_message

_NOTHING: frozenset[str] = frozenset()
_NO_FIELDS = RawFields()


class EventReader:
    """Reads one event by role.

    Args:
        event: the event's fields.
        fields: the fields of each role.
        raw: read ``_raw``, too. What the logger itself wrote there outranks what an add-on made of it.
    """

    def __init__(self, event: Event, fields: FieldMap, raw: bool) -> None:
        self.event = event
        self._fields = fields
        #: The fields that an add-on concludes from others, maybe wrongly.
        self.derived = fields.derived
        #: The fields that describe a part of the connection.
        self.of_part = fields.of_part
        # None until the raw text has been read, which most events do not need.
        self._raw: Optional[RawFields] = None if raw else _NO_FIELDS

    def values(self, role: str) -> list[str]:
        """Return the values of the first field of a role that has any."""
        return self._first_of(self._raw_fields(), role) or self._first_of(self._extracted(role), role)

    def each(self, role: str) -> Iterator[tuple[str, list[str]]]:
        """Yield each field of a role that has values, first choice first, and its values."""
        for event in (self._raw_fields(), self._extracted(role)):
            for field in self._fields.of(role):
                values = values_of(event.get(field))
                if values:
                    yield field, values

    def text(self, role: str) -> str:
        """Return the first value for a role; empty if there is none."""
        values = self.values(role)
        return values[0].strip() if values else ""

    def addresses(self, devices: list[str]) -> list[str]:
        """Return the licensing-side addresses.

        A field that only repeats the device's own address is skipped: one add-on version fills ``dest`` with
        the source address.
        """
        unwanted = frozenset(map(_canonical, devices))
        return self._first_of(self._raw_fields(), "address", unwanted) or self._first_of(
            self._extracted("address"), "address", unwanted
        )

    def names(self, swapped: bool) -> tuple[str, list[ReportedName]]:
        """Return the field with the server's names, empty if only the raw text has them, and the names.

        A name in the raw text counts before all names that an add-on extracted.

        Args:
            swapped: the event's destination is the device, so a field that names it does not count.
        """
        rank, field, names = self._named(self._extracted("name"), swapped)
        raw_rank, _, raw_names = self._named(self._raw_fields(), swapped)
        if raw_names and (raw_rank <= rank or raw_rank < len(self._fields.of("name"))):
            known = {name.observed for name in names}
            return (field if known.issuperset(name.observed for name in raw_names) else ""), raw_names
        return field, names

    def extraction_errors(self, forms: Mapping[str, Callable[[str], object]]) -> list[str]:
        """Return what an add-on's fields say and the raw text denies, a clause for each role.

        Args:
            forms: the roles to compare, each with a function that returns the same for values that mean the
                same, and None for a value that means nothing.
        """
        raw = self._raw_fields()
        if not raw:
            return []
        found = [
            f"what the raw text has for {field} may be a stranger's, so no value counts"
            for role in (ROLES if raw.contested else ())
            for field in self._fields.of(role)
            if field in raw.contested
        ]
        for role, form in forms.items():
            field, extracted = self._meaning(self.event, role, form)
            _, logged = self._meaning(raw, role, form)
            if extracted and logged and not set(map(form, extracted)) & set(map(form, logged)):
                was, says = for_message(extracted[0]), for_message(logged[0])
                found.append(f"the add-on's {field} is {was}, but the raw text says {says}, which counts")
        return found

    def _meaning(self, event: Event, role: str, form: Callable[[str], object]) -> tuple[str, list[str]]:
        """Return the first field of a role with values that mean something, and those values."""
        for field in self._fields.of(role):
            values = [value.strip() for value in values_of(event.get(field)) if form(value) is not None]
            if values:
                return field, values
        return "", []

    def names_elsewhere(self) -> list[ReportedName]:
        """Return the names in fields that may contain something else.

        Address fields contain names where an ASA has `names` on, and in CIM-only events.
        """
        fields = [
            *self._fields.of("address"),
            *(name for name in self._fields.of("name") if name in self._fields.of_any),
        ]
        values = [value for field in fields for value in values_of(self.event.get(field))]
        return [name for name in map(parse_name, values) if name is not None and not name.is_address]

    def _named(self, event: Event, swapped: bool) -> tuple[int, str, list[ReportedName]]:
        """Return the rank of the field that names the server (smaller is read first), the field, its names.

        A field with addresses only ranks after all fields with a name.
        """
        fields = self._fields.of("name")
        best: tuple[int, str, list[ReportedName]] = (2 * len(fields), "", [])
        for rank, field in enumerate(fields):
            if field in self._fields.of_any or (swapped and field in self._fields.of_destination):
                continue
            names = [name for name in map(parse_name, values_of(event.get(field))) if name is not None]
            if not all(name.is_address for name in names):
                return rank, field, names
            if names and not best[2]:
                best = (rank + len(fields), field, names)
        return best

    def _first_of(self, event: Event, role: str, unwanted: frozenset[str] = _NOTHING) -> list[str]:
        for field in self._fields.of(role):
            values = values_of(event.get(field))
            if values and not (unwanted and all(_canonical(value) in unwanted for value in values)):
                return values
        return []

    def _extracted(self, role: str) -> Event:
        """Return the event's fields; none where the raw text contains several values for the role.

        An add-on would have taken one of them, maybe a stranger's.
        """
        contested = self._raw_fields().contested
        return {} if contested and not contested.isdisjoint(self._fields.of(role)) else self.event

    def _raw_fields(self) -> RawFields:
        if self._raw is None:
            self._raw = read_raw(" ".join(values_of(self.event.get("_raw"))))
        return self._raw


def _canonical(value: str) -> str:
    return canonical_address(value.strip())
