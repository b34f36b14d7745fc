"""What all shapes share: how an event was delivered, and what a shape can say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable, NamedTuple, Optional, Union

from lab.generator.destination import Destination
from lab.generator.dice import Dice
from lab.generator.flow import Actions, Flow
from lab.generator.names import Spelling, bare

Value = Union[str, list[str]]
Event = dict[str, Value]

#: A site's own event types, as a search sees them on every firewall event: a multivalue.
EVENT_TYPES = ("site_firewall", "site_firewall_connection")


class Delivered(NamedTuple):
    """An event as the add-on hands it to a search, and what of the connection is in it.

    * ``address_fields``: the fields with the server's address; none where the add-on extracts none
    * ``name``: the server's name; None if the event does not carry it
    * ``name_fields``: the fields with that name, first the one that counts; none where only ``_raw`` has it
    * ``connection``: what identifies the connection, if the event says it
    * ``connection_extracted``: fields say it, not only ``_raw``
    """

    event: Event
    address_fields: tuple[str, ...]
    name: Optional[Spelling]
    name_fields: tuple[str, ...]
    connection: str = ""
    connection_extracted: bool = True


class Shape(NamedTuple):
    """A source type as one add-on delivers it.

    * ``scenarios``: those that it can express; ``actions``: how it words them
    * ``reads_raw``: the command can read its ``_raw``
    * ``deliver``: makes the events that tell of a connection, one or two
    """

    name: str
    scenarios: tuple[str, ...]
    actions: Actions
    reads_raw: bool
    deliver: Callable[[Flow, Dice], Iterator[Delivered]]


def carried(to: Destination, keys: tuple[str, ...], url_key: str, dice: Dice) -> dict[str, Spelling]:
    """The server's name under each of a log's keys: as a URL under one, as a bare host under the others.

    Beside a URL the others hold what the client asked for: TLS Server Identity Discovery changes the URL.
    """
    if not to.reported or " " in to.reported:
        # Neither an address nor an Organisational Unit is a host that a client could ask for.
        keys = (url_key,)
    found = {}
    for key in keys:
        if key != url_key:
            found[key] = bare(to.asked if url_key in keys else to.reported, dice)
        elif to.url:
            found[key] = to.url
    return found


def without_empty(event: dict[str, str]) -> Event:
    """The event's fields that have a value: Splunk has no others."""
    return {field: value for field, value in event.items() if value}
