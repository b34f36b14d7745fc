"""Labels licensing traffic like a usual search command: with the SDK and netaddr, event by event.

It reads two fields and trusts the address alone, so it does much less than the app's own command.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

BIN = Path(__file__).resolve().parent
sys.path.insert(0, str(BIN / "lib"))

from cachetools import LRUCache, cached  # noqa: E402
from netaddr import AddrFormatError, IPAddress, IPNetwork  # noqa: E402
from splunklib.searchcommands import (  # noqa: E402
    Configuration,
    Option,
    StreamingCommand,
    dispatch,
)

LOOKUPS = BIN.parent / "lookups"
CACHE_SIZE = 10_000

Endpoint = dict[str, str]


def rows_of(name: str) -> list[dict[str, str]]:
    """Return the rows of a lookup, including those of the site."""
    rows: list[dict[str, str]] = []
    for path in (LOOKUPS / f"{name}.csv", LOOKUPS / f"{name}_local.csv"):
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                rows += csv.DictReader(file)
    return rows


def host_of(url: str) -> str:
    """Return the host of a URL or of a bare host; empty without one."""
    try:
        return urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


def values_of(value: Any) -> list[str]:
    """Return the values of a field."""
    if not value:
        return []
    return value if isinstance(value, list) else [value]


@Configuration()
class TypicalCommand(StreamingCommand):  # type: ignore[misc]
    """Adds twelve fields to each event."""

    ip_field = Option(default="dest_ip")
    url_field = Option(default="url")
    device_field = Option(default="src_ip")

    def prepare(self) -> None:
        """Load the lookups."""
        self.networks = [(IPNetwork(row["network"]), row) for row in rows_of("cisco_licensing_endpoints")]
        self.networks.sort(key=lambda pair: -pair[0].prefixlen)
        self.hosts = {row["host"]: row["host"] for _, row in self.networks}
        self.hosts.update({row["alias"]: row["host"] for row in rows_of("tsid_aliases")})
        self.find: Callable[[str], Optional[Endpoint]] = cached(LRUCache(maxsize=CACHE_SIZE))(
            self.endpoint_of
        )

    def endpoint_of(self, text: str) -> Optional[Endpoint]:
        """Return the endpoint at an address; None if it is not an endpoint's."""
        try:
            address = IPAddress(text)
        except (AddrFormatError, ValueError):
            return None
        for network, row in self.networks:
            if address in network:
                return row
        return None

    def stream(self, records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the events with their new fields."""
        for record in records:
            yield self.enriched(record)

    def enriched(self, record: dict[str, Any]) -> dict[str, Any]:
        """Add the fields to one event."""
        endpoint: Optional[Endpoint] = None
        address = ""
        for address in values_of(record.get(self.ip_field)):
            endpoint = self.find(address)
            if endpoint is not None:
                break
        observed = host = ""
        for url in values_of(record.get(self.url_field)):
            observed = host_of(url)
            host = self.hosts.get(observed, "")
            if host:
                break
        verdict = ""
        if endpoint is not None:
            verdict = "canonical" if host == observed else "aliased" if host else "unnamed"
        elif host:
            verdict = "unverified"
        known = endpoint or {}
        device = record.get(self.device_field, "") if verdict else ""
        action = record.get("action", "") if verdict else ""
        record["tsid_verdict"] = verdict
        record["tsid_host"] = known.get("host", host)
        record["tsid_observed"] = observed if verdict else ""
        record["tsid_service"] = known.get("service", "")
        record["tsid_ip"] = address if verdict else ""
        record["tsid_device"] = device
        record["tsid_network"] = known.get("network", "")
        record["tsid_outcome"] = action
        record["tsid_answered"] = ""
        record["tsid_connection"] = record.get("connection_id", "") if verdict else ""
        record["tsid_confidence"] = "high" if endpoint is not None else ""
        record["tsid_reason"] = f"{observed or 'no name'} at {address or 'no address'}" if verdict else ""
        record["tsid_advice"] = "check the firewall's rules" if action == "blocked" else ""
        return record


dispatch(TypicalCommand, sys.argv, sys.stdin, sys.stdout, __name__)
