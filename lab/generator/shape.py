"""The common types of all shapes: a delivered event and the shape itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable, NamedTuple, Optional, Union

from lab.generator.destination import Destination
from lab.generator.dice import Dice
from lab.generator.flow import NOT_TOLD, Actions, Flow
from lab.generator.names import Spelling, bare

Value = Union[str, list[str]]
Event = dict[str, Value]

#: A site's own event types, as a search sees them on every firewall event: a multivalue.
EVENT_TYPES = ("site_firewall", "site_firewall_connection")


class Delivered(NamedTuple):
    """An event as an add-on delivers it to a search, and the parts of the connection in it.

    * ``address_fields``: the fields with the server's address; empty if the add-on extracts none
    * ``name``: the server's name; None if the event does not contain it
    * ``name_fields``: the fields with that name, by precedence; empty if only ``_raw`` has it
    * ``connection``: the connection's identity, if the event contains it
    * ``connection_extracted``: whether fields contain it, not only ``_raw``
    * ``outcome``: of this event, where it differs from that of the connection
    * ``answered``: whether the server answered, as far as this event shows it
    * ``evidence_extracted``: whether fields contain all that both follow from, not only ``_raw``
    """

    event: Event
    address_fields: tuple[str, ...]
    name: Optional[Spelling]
    name_fields: tuple[str, ...]
    connection: str = ""
    connection_extracted: bool = True
    outcome: str = ""
    answered: str = NOT_TOLD
    evidence_extracted: bool = True


class Shape(NamedTuple):
    """A source type as one add-on delivers it.

    * ``scenarios``: those that it can express; ``actions``: its words for them
    * ``reads_raw``: whether the command can read its ``_raw``
    * ``any_contact``: whether it shows pings and other ports so that the server is still known
    * ``deliver``: makes the one or two events of a connection
    """

    name: str
    scenarios: tuple[str, ...]
    actions: Actions
    reads_raw: bool
    deliver: Callable[[Flow, Dice], Iterator[Delivered]]
    any_contact: bool = True


def carried(to: Destination, keys: tuple[str, ...], url_key: str, dice: Dice) -> dict[str, Spelling]:
    """The server's name under each of a log's keys: as a URL under one, as a bare host under the others.

    TLS Server Identity Discovery changes the URL only: with a URL, the other keys contain the requested name.
    """
    if not to.reported or " " in to.reported:
        # A client cannot request an address or an Organisational Unit as a host.
        keys = (url_key,)
    found = {}
    for key in keys:
        if key != url_key:
            found[key] = bare(to.asked if url_key in keys else to.reported, dice)
        elif to.url:
            found[key] = to.url
    return found


def without_empty(event: dict[str, str]) -> Event:
    """The event's fields that have a value; Splunk does not keep others."""
    return {field: value for field, value in event.items() if value}
