"""What the number of a message, or the state of a connection, says about an event."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tsid.facts.tables import Row, TableFormat

EVENT_KINDS = TableFormat(
    "tsid_event_kinds",
    required=("role", "value", "kind"),
    optional=("source",),
    key=("role", "value", "kind"),
)

#: The event was written when the connection began, or when it ended.
BEGIN, END = "begin", "end"
#: It is not about a whole connection: a file in it, an intrusion.
PART = "part"
#: A packet that belongs to no connection: late, unless it opens one.
LATE = "late"
#: The server never completed the handshake.
UNANSWERED = "unanswered"
#: Both sides closed the connection in an orderly way.
FINISHED = "finished"
#: The message names the firewall's action itself, which an add-on may know only by guess.
OWN_ACTION = "own_action"
KINDS = (BEGIN, END, PART, LATE, UNANSWERED, FINISHED, OWN_ACTION)

_ROLES = ("message", "state")
# ``430003``, ``%FTD-1-430003``, ``ASA-6-302013``.
_NUMBER = re.compile(r"(?:\A|[-_])([0-9]{6})\Z")


class EventKind(NamedTuple):
    """One row of ``tsid_event_kinds``: a value of the fields of a role, and what it means."""

    role: str
    value: str
    kind: str


class EventKinds:
    """The kinds of events, by message number and by state."""

    def __init__(self, rows: Iterable[EventKind]) -> None:
        self._kinds: dict[tuple[str, str], set[str]] = {}
        for row in rows:
            self._kinds.setdefault((row.role, row.value), set()).add(row.kind)

    def of_messages(self, values: Sequence[str]) -> frozenset[str]:
        """Return the kinds of some message numbers."""
        return self._of("message", values)

    def of_states(self, values: Sequence[str]) -> frozenset[str]:
        """Return the kinds of some states."""
        return self._of("state", values)

    def _of(self, role: str, values: Sequence[str]) -> frozenset[str]:
        return frozenset[str]().union(
            *(self._kinds.get((role, _normalized(role, value)), ()) for value in values)
        )


def parse_event_kind(row: Row) -> tuple[tuple[object, ...], EventKind]:
    """Read a row of ``tsid_event_kinds``."""
    role, kind = row.values["role"].lower(), row.values["kind"].lower()
    if role not in _ROLES:
        row.refuse(f"role '{role}' is unknown", f"Use one of {', '.join(_ROLES)}.")
    if kind not in KINDS:
        row.refuse(f"kind '{kind}' is unknown", f"Use one of {', '.join(KINDS)}.")
    value = _normalized(role, row.values["value"])
    return (role, value, kind), EventKind(role, value, kind)


def _normalized(role: str, value: str) -> str:
    text = " ".join(value.lower().split())
    number = _NUMBER.search(text) if role == "message" else None
    return number.group(1) if number else text
