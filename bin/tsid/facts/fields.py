"""Maps roles, such as address, name or action, to the fields of an event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Union

from tsid.facts.tables import Row, TableFormat, whole_number
from tsid.text.names import is_placeholder

FIELDS = TableFormat(
    "tsid_fields", required=("role", "rank", "field"), optional=("of", "source"), key=("role", "field")
)

#: More fields, in a table of its own because earlier versions refuse roles that they do not know.
EVIDENCE_FIELDS = FIELDS._replace(name="tsid_evidence_fields")

#: A field's value as Splunk hands it over; a sequence is a multivalue field.
Value = Union[str, Sequence[str], None]
Event = Mapping[str, Value]

#: The roles whose values together identify a connection.
CONNECTION = ("connection_device", "connection_instance", "connection_start", "connection_id")

_MAX_RANK = 1_000_000
_OF = _DESTINATION, _DERIVED, _PART, _ANY = ("destination", "derived", "part", "any")

#: What decides on the outcome of a connection besides its addresses, and on whether the server answered. The
#: byte counts are last, because of them only the order of magnitude matters.
EVIDENCE = ("action", "port", "protocol", "message", "state", "flags")
BYTE_COUNTS = ("responder_bytes", "total_bytes")

#: What a field can be read for.
ROLES = ("address", "device", "name", "source_port", *EVIDENCE, *BYTE_COUNTS, *CONNECTION)


class FieldName(NamedTuple):
    """One row of ``tsid_fields``: a field that may play a role.

    Attributes:
        role: one of `ROLES`.
        rank: fields of smaller rank are read first.
        field: the field's name.
        of: ``destination`` if it describes the connection's destination, not the requested server;
            ``derived`` if an add-on concludes it from other fields; ``part`` if it describes a part of the
            connection, such as a file; ``any`` if it may name anything, such as the firewall; else empty.
    """

    role: str
    rank: int
    field: str
    of: str


class FieldMap:
    """The fields of each role, in the order in which they are read."""

    def __init__(self, fields: Iterable[FieldName]) -> None:
        by_role: dict[str, list[FieldName]] = {role: [] for role in ROLES}
        of: dict[str, set[str]] = {kind: set() for kind in _OF}
        for field in fields:
            if field.field not in [known.field for known in by_role[field.role]]:
                by_role[field.role].append(field)
            if field.of:
                of[field.of].add(field.field)
        #: The fields that describe the destination, which is the device where the sides are swapped.
        self.of_destination = frozenset(of[_DESTINATION])
        #: The fields that an add-on concludes from others, maybe wrongly.
        self.derived = frozenset(of[_DERIVED])
        #: The fields that describe a part of the connection.
        self.of_part = frozenset(of[_PART])
        #: The fields that may name anything, so that only a licensing name in them counts.
        self.of_any = frozenset(of[_ANY])
        self._fields = {
            role: tuple(field.field for field in sorted(rows, key=lambda row: row.rank))
            for role, rows in by_role.items()
        }

    def of(self, role: str) -> tuple[str, ...]:
        """Return the names of a role's fields, first choice first."""
        return self._fields[role]

    def replaced(self, role: str, field: str) -> FieldMap:
        """Return a map in which only `field` plays `role`."""
        other = FieldMap(())
        other._fields = {**self._fields, role: (field,)}
        other.of_destination = self.of_destination - {field}
        other.derived = self.derived - {field}
        other.of_part = self.of_part - {field}
        other.of_any = self.of_any - {field}
        return other


def values_of(value: Value) -> list[str]:
    """Return the values of a field that are neither empty nor a placeholder like ``-``."""
    if not value:
        return []
    if isinstance(value, str):
        return [] if is_placeholder(value) else [value]
    return [item for item in value if item and not is_placeholder(item)]


def parse_field(row: Row) -> tuple[tuple[object, ...], FieldName]:
    """Read a row of ``tsid_fields``."""
    role, field = row.values["role"], row.values["field"]
    rank = whole_number(row.values["rank"], 0, _MAX_RANK)
    if role not in ROLES:
        row.refuse(f"role '{role}' is unknown", f"Use one of {', '.join(ROLES)}.")
    if rank is None:
        row.refuse(
            f"rank '{row.values['rank']}' is not a valid number",
            "Write its place in the order of discovery, 1 for the first.",
        )
    of = row.values.get("of", "")
    if of and of not in _OF:
        row.refuse(f"of '{of}' is unknown", f"Leave it empty, or write one of {', '.join(_OF)}.")
    return (role, field), FieldName(role, rank, field, of)
