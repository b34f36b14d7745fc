"""Which fields of an event splunkd extracts for a search.

splunkd extracts at search time only what the search asks for: the fields that its commands name, and those
that a command's getinfo reply requires. A search whose results are events, as no command transforms them,
asks for all. Sources: Splunk Support on the protocol, in a post on community.splunk.com (``required_fields``
drives the extraction; a command that needs all fields says ``["*"]``), and the recording of
``sortages | table name, age`` with Splunk 8.2.1, whose events lack their other fields (see ``search``).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import TypeVar

V = TypeVar("V")

#: Asks for every field.
ALL = "*"

#: What every event has, whatever the search asks for.
DEFAULT_FIELDS = frozenset(
    (
        "_time",
        "_raw",
        "_indextime",
        "_subsecond",
        "_sourcetype",
        "_bkt",
        "_cd",
        "_si",
        "_serial",
        "host",
        "source",
        "sourcetype",
        "index",
        "splunk_server",
        "linecount",
    )
)


class Extraction:
    """The extraction of a search's fields from its events.

    Args:
        wanted: the names of the fields that the search asks for; ``*`` matches any text.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        names = frozenset(wanted)
        self._everything = ALL in names
        self._patterns = [name for name in names if "*" in name]
        self._known = dict.fromkeys(DEFAULT_FIELDS | names, True)

    def of(self, event: Mapping[str, V]) -> dict[str, V]:
        """Return the event with the extracted fields only."""
        if self._everything:
            return dict(event)
        return {name: value for name, value in event.items() if self._takes(name)}

    def _takes(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            known = any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns)
            self._known[name] = known
        return known
