"""The rows of the refreshed tables: their columns, and how the refresh reads a row of any layer."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Optional

from netaddr import IPNetwork

from tsid.facts.tables import COUNT_COLUMN, Row
from tsid.text.addresses import Address

#: The columns of the refreshed endpoints. The shipped table lacks three of them: how many checks in a row
#: have missed the row, since which day, and the time to live (seconds) of the last answer.
ENDPOINT_COLUMNS = (
    "network",
    "host",
    "service",
    "status",
    "valid_from",
    "valid_until",
    "source",
    "last_seen",
    "misses",
    "missed_since",
    "ttl",
    "ports",
)
#: The columns of the refreshed aliases.
ALIAS_COLUMNS = ("alias", "host", "origin", "last_seen", "note")

#: The length of an address in bits, by IP version.
BITS = {4: 32, 6: 128}


def is_local(row: Row) -> bool:
    """Return whether a row comes from a file of the site; the refresh never changes these."""
    return "_local." in row.file


def is_refreshed(row: Row) -> bool:
    """Return whether a row comes from a refreshed table."""
    return "_refreshed." in row.file


def values_of(row: Row, columns: Iterable[str]) -> dict[str, str]:
    """Return a row's values in these columns, empty where the row has none."""
    return {column: row.values.get(column, "") for column in columns}


def counted(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    """Yield rows with all columns, and the number of rows in each, whatever their order will be."""
    for row in rows:
        yield {**{column: row.get(column, "") for column in columns}, COUNT_COLUMN: str(len(rows))}


def cidr(address: Address) -> str:
    """Return the network of a single address."""
    return f"{address}/{BITS[address.version]}"


def single_address(prefix: IPNetwork) -> Optional[Address]:
    """Return the address of a network that contains only one."""
    return Address(prefix.version, prefix.first) if prefix.prefixlen == BITS[prefix.version] else None


def parse_date(text: str) -> Optional[datetime.date]:
    """Return an ISO date; None if the text is not a valid one."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def is_due(last_seen: str, today: datetime.date, days: int) -> bool:
    """Return whether ``last_seen`` is so many days old, or missing, and must be updated."""
    day = parse_date(last_seen)
    return day is None or (today - day).days >= days
