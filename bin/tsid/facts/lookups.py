"""The app's lookups as typed tables: endpoints, aliases, Cisco's networks, relays."""

from __future__ import annotations

import bisect
import calendar
import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from netaddr import IPNetwork

from tsid.facts.actions import ACTIONS, ActionTable, parse_action
from tsid.facts.clocks import CLOCKS
from tsid.facts.event_kinds import EVENT_KINDS, EventKinds, parse_event_kind
from tsid.facts.fields import EVIDENCE_FIELDS, FIELDS, FieldMap, parse_field
from tsid.facts.messages import FAILURES, MESSAGES
from tsid.facts.tables import (
    LAYERS,
    LeftOut,
    Row,
    TableFormat,
    nearest,
    read_table,
    warnings_of,
    whole_number,
)
from tsid.memo import MAX_HOSTS, BoundedMemo
from tsid.text.addresses import Address, PrefixTable, is_host_address, parse_address, parse_prefix
from tsid.text.names import ascii_host, parse_name
from tsid.text.sanitize import for_message

ENDPOINTS = TableFormat(
    "cisco_licensing_endpoints",
    required=("network", "host"),
    optional=("service", "status", "valid_from", "valid_until", "source", "last_seen", "ports"),
    key=("network", "host"),
)
ALIASES = TableFormat(
    "tsid_aliases", required=("alias", "host"), optional=("origin", "last_seen", "note"), key=("alias",)
)
CISCO_NETWORKS = TableFormat(
    "cisco_networks", required=("network",), optional=("asn", "owner", "learn", "source"), key=("network",)
)
RELAYS = TableFormat("tsid_relays", required=("network",), optional=("owner", "source"), key=("network",))
#: The bounds of a refresh, in addition to Cisco's networks.
DOMAINS = TableFormat("cisco_domains", required=("domain",), optional=("source",), key=("domain",))
SINKHOLES = TableFormat(
    "tsid_sinkholes", required=("network",), optional=("owner", "source"), key=("network",)
)

#: What each service is for, and whether a contact with it renews a licence; searches read it.
SERVICES = TableFormat(
    "licensing_services", required=("service", "renews"), optional=("purpose", "source"), key=("service",)
)

#: All tables of the app.
TABLES = (
    *(ENDPOINTS, ALIASES, CISCO_NETWORKS, RELAYS, DOMAINS, SINKHOLES),
    *(FIELDS, EVIDENCE_FIELDS, ACTIONS, EVENT_KINDS, SERVICES, MESSAGES, FAILURES, CLOCKS),
)

#: The tables that a refresh replaces, one after the other; an alias needs the endpoints of its host.
REFRESHED = (f"{ENDPOINTS.name}_refreshed.csv", f"{ALIASES.name}_refreshed.csv")
_YES_OR_NO = ("yes", "no")
_STATUSES = ("active", "unconfirmed", "retired")
_DAY = 86400
# HTTPS, which all licensing transports of Cisco use (KB 226091).
_DEFAULT_PORTS = (443,)
_MAX_PORT = 65_535
_SERVICE = re.compile(r"\w[\w.\-]*\Z", re.ASCII)
# The shortest prefix of a network, and IPv6's local networks, which are shorter (RFC 4193, RFC 4291).
_MIN_LENGTH = {4: 8, 6: 16}
_WIDE = (IPNetwork("fc00::/7"), IPNetwork("fe80::/10"), IPNetwork("fec0::/10"))
# From these similarities on (`difflib`), a file in the folder is a misnamed layer. The site may have others.
_FILE_SIMILARITY, _TABLE_SIMILARITY = 0.9, 0.7
_LAYER_SUFFIX = re.compile(r"[-_. ]?(local|refreshed)\Z", re.IGNORECASE)
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


class Endpoint(NamedTuple):
    """One licensing host at one network.

    Attributes:
        network: CIDR form.
        host: canonical host, lower-case ASCII.
        service: what the host is for, e.g. ``smart_transport``.
        status: ``active``, ``unconfirmed`` or ``retired``.
        valid_from: first second of the row's validity (UTC epoch), None if open.
        valid_until: first second after its validity, None if open.
        ports: the TCP ports on which it serves licensing.
        row: the row of its file.
    """

    network: str
    host: str
    service: str
    status: str
    valid_from: Optional[int]
    valid_until: Optional[int]
    ports: tuple[int, ...]
    row: Row

    def covers(self, time: Optional[float]) -> bool:
        """Return whether the row is valid at a time (epoch seconds); without a time, retired rows are not."""
        if time is None:
            return self.status != "retired"
        return (self.valid_from is None or self.valid_from <= time) and (
            self.valid_until is None or time < self.valid_until
        )


class Alias(NamedTuple):
    """A name under which a firewall may report a canonical host."""

    alias: str
    host: str
    row: Row


class Network(NamedTuple):
    """A network with its owner.

    Attributes:
        network: CIDR form.
        owner: who uses it.
        learn: a refresh may learn endpoints in it.
        row: the row of its file.
    """

    network: str
    owner: str
    learn: bool
    row: Row


class Lookups(NamedTuple):
    """All lookups that a verdict needs.

    Attributes:
        endpoints: licensing endpoints by network; rows of one network are in order of preference.
        canonical: the hosts of the endpoints.
        aliases: by normalised alias.
        cisco: Cisco's own networks.
        relays: networks of proxies, On-Prem servers or address translation in front of Cisco.
        sinkholes: the block pages of DNS filters.
        fields: which event fields to read.
        actions: the outcome of a firewall's action.
        event_kinds: what message numbers and states say about an event.
        boundaries: the times at which an endpoint's validity starts or ends, sorted (UTC epoch seconds).
        tables: the merged rows of the tables that a site may want to see, networks longest prefix first.
        rows: the number of rows in force in all tables.
        endpoint_rows: the endpoints with their networks, longest prefix first.
        warnings: sentences for the user about files that are not read, and what is left out.
        left_out: the broken parts of local files.
    """

    endpoints: PrefixTable[Endpoint]
    canonical: frozenset[str]
    aliases: Mapping[str, Alias]
    cisco: PrefixTable[Network]
    relays: PrefixTable[Network]
    sinkholes: PrefixTable[Network]
    fields: FieldMap
    actions: ActionTable
    event_kinds: EventKinds
    boundaries: Sequence[int]
    tables: Mapping[str, Sequence[Row]]
    rows: int
    endpoint_rows: Sequence[tuple[IPNetwork, Endpoint]]
    warnings: Sequence[str]
    left_out: Sequence[LeftOut] = ()

    def period(self, time: Optional[float]) -> Optional[int]:
        """Return the number of the period between two boundaries: its endpoints are the same throughout."""
        return None if time is None else bisect.bisect_right(self.boundaries, time)


def load_lookups(
    folder: Path, instead: Optional[Mapping[str, Path]] = None, *, lenient: bool = False
) -> Lookups:
    """Read every lookup of the app.

    While a refresh replaces its tables one after the other, some may be old and some new: any mix is valid.

    Args:
        folder: the app's ``lookups`` folder.
        instead: files to read instead of those of some names, to try them out.
        lenient: pass over what is broken in a local file, with a warning, as searches do.

    Raises:
        LookupTableError: a file is missing or broken; the message names the file, the line and the cure.
    """
    left_out: list[LeftOut] = []
    passed = left_out if lenient else None
    endpoints = read_table(folder, ENDPOINTS, _parse_endpoint, instead, passed)
    canonical = frozenset(endpoint.host for _, endpoint in endpoints)

    def parse_alias(row: Row) -> tuple[tuple[object, ...], Alias]:
        return _parse_alias(row, canonical)

    aliases = read_table(folder, ALIASES, parse_alias, instead, passed)
    cisco = read_table(folder, CISCO_NETWORKS, parse_network, left_out=passed)
    relays = read_table(folder, RELAYS, parse_network, left_out=passed)
    sinkholes = read_table(folder, SINKHOLES, parse_network, left_out=passed)
    fields = read_table(folder, FIELDS, parse_field, left_out=passed)
    fields += read_table(folder, EVIDENCE_FIELDS, parse_field, left_out=passed)
    actions = read_table(folder, ACTIONS, parse_action, left_out=passed)
    event_kinds = read_table(folder, EVENT_KINDS, parse_event_kind, left_out=passed)
    # Where several hosts share a network and the name does not decide, a confirmed row comes before an
    # unconfirmed one.
    endpoints.sort(key=lambda pair: (_longest_first(pair), _STATUSES.index(pair[1].status), pair[1].host))
    cisco.sort(key=_longest_first)
    relays.sort(key=_longest_first)
    sinkholes.sort(key=_longest_first)
    times = {time for _, endpoint in endpoints for time in (endpoint.valid_from, endpoint.valid_until)}
    return Lookups(
        endpoints=PrefixTable(endpoints),
        canonical=canonical,
        aliases={alias.alias: alias for alias in aliases},
        cisco=PrefixTable(cisco),
        relays=PrefixTable(relays),
        sinkholes=PrefixTable(sinkholes),
        fields=FieldMap(fields),
        actions=ActionTable(actions),
        event_kinds=EventKinds(event_kinds),
        boundaries=sorted(time for time in times if time is not None),
        tables={
            "endpoints": [endpoint.row for _, endpoint in endpoints],
            "aliases": [alias.row for alias in aliases],
            "networks": [network.row for _, network in cisco],
            "relays": [network.row for _, network in relays],
            "sinkholes": [network.row for _, network in sinkholes],
        },
        rows=len(endpoints)
        + len(aliases)
        + sum(map(len, (cisco, relays, sinkholes)))
        + len(fields)
        + len(actions)
        + len(event_kinds),
        endpoint_rows=endpoints,
        warnings=[*misnamed(folder), *warnings_of(left_out)],
        left_out=left_out,
    )


def _longest_first(pair: tuple[IPNetwork, object]) -> tuple[int, int, int]:
    network = pair[0]
    return (-network.prefixlen, network.version, network.first)


def _parse_endpoint(row: Row) -> tuple[tuple[object, ...], tuple[IPNetwork, Endpoint]]:
    values = row.values
    network = _parse_cidr(row)
    if not is_host_address(Address(network.version, network.last)):
        row.refuse(
            f"network '{network}' does not belong to hosts",
            "Write the address of a server, or the network of several.",
        )
    host = parse_host(row)
    status = values.get("status", "").lower() or "active"
    if status not in _STATUSES:
        row.refuse(f"status '{status}' is unknown", f"Use one of {', '.join(_STATUSES)}.")
    valid_from = _parse_day(row, "valid_from")
    last_day = _parse_day(row, "valid_until")
    valid_until = None if last_day is None else last_day + _DAY
    if valid_from is not None and valid_until is not None and valid_from >= valid_until:
        row.refuse(
            "valid_until is before valid_from", "Set valid_until to the last day on which the row is valid."
        )
    if status == "retired" and valid_until is None:
        row.refuse(
            "a retired row without valid_until",
            "Set valid_until to the last day on which the row was valid, so that older events still find it.",
        )
    service = values.get("service", "")
    if service and not _SERVICE.match(service):
        row.refuse(
            f"service '{service}' is not a single word",
            "Use letters, digits, underscores, dots and hyphens, such as smart_transport.",
        )
    endpoint = Endpoint(str(network), host, service, status, valid_from, valid_until, _parse_ports(row), row)
    return (endpoint.network, host), (network, endpoint)


def _parse_ports(row: Row) -> tuple[int, ...]:
    words = row.values.get("ports", "").lower().split()
    ports = []
    for word in words:
        protocol, _, number = word.partition("/")
        port = whole_number(number, 1, _MAX_PORT)
        if protocol != "tcp" or port is None:
            row.refuse(f"port '{word}' is not valid", "Write tcp/443; separate several by blanks.")
        ports.append(port)
    return tuple(ports) or _DEFAULT_PORTS


def _parse_alias(row: Row, hosts: frozenset[str]) -> tuple[tuple[object, ...], Alias]:
    name = parse_name(row.values["alias"])
    if name is None or name.is_address or not name.key or name.key.startswith("'"):
        row.refuse(
            f"alias '{row.values['alias']}' is not a valid name",
            "Write the name as the firewall reports it, without https://.",
        )
    host = parse_host(row)
    if host not in hosts:
        row.refuse(
            f"host '{host}' has no endpoint",
            "Correct the host, or add its address to cisco_licensing_endpoints_local.csv.",
        )
    # A certificate's Organisational Unit need not be a hostname; then the text itself is the alias.
    return (name.key,), Alias(name.key, host, row)


def parse_network(row: Row) -> tuple[tuple[object, ...], tuple[IPNetwork, Network]]:
    """Read a row of a table of networks."""
    network = _parse_cidr(row)
    learn = row.values.get("learn", "").lower() or "yes"
    if learn not in _YES_OR_NO:
        row.refuse(f"learn '{learn}' is unknown", f"Leave it empty, or write {' or '.join(_YES_OR_NO)}.")
    return (str(network),), (network, Network(str(network), row.phrase("owner"), learn == "yes", row))


def misnamed(folder: Path) -> list[str]:
    """Return a sentence for each CSV file that is not read because its name is almost that of a layer."""
    known = [f"{table.name}{layer}.csv" for table in TABLES for layer in LAYERS]
    found = []
    for path in sorted(folder.glob("*.[cC][sS][vV]")):
        similar = "" if path.name in known else _meant(path, known)
        if similar:
            name = for_message(path.name)
            found.append(f"lookups/{name} is not read: no lookup has this name. Did you mean {similar}?")
    return found


def _meant(path: Path, known: Sequence[str]) -> str:
    """Return the layer that a file's name probably means; empty if none."""
    layer = _LAYER_SUFFIX.search(path.stem)
    if layer is None:
        return nearest(path.name, known, _FILE_SIMILARITY)
    table = nearest(path.stem[: layer.start()], [table.name for table in TABLES], _TABLE_SIMILARITY)
    return table and f"{table}_{layer[1].lower()}.csv"


def _parse_cidr(row: Row) -> IPNetwork:
    text = row.values["network"]
    found = parse_prefix(text)
    if found is None:
        address = parse_address(text.partition("/")[0])
        if ":" in text and address is not None and address.version == 4:
            row.refuse(
                f"network '{text}' is IPv4 written as IPv6",
                "Write it as IPv4: addresses are compared as such.",
            )
        row.refuse(
            f"network '{text}' is not in CIDR form",
            "Write an address and a prefix length: /32 for one IPv4 address, /128 for one IPv6 address.",
        )
    written, prefix = found
    if written.value != prefix.first:
        row.refuse(f"network '{text}' has bits set after its prefix", f"Write {prefix}, or a longer prefix.")
    if prefix.prefixlen < _MIN_LENGTH[prefix.version] and not any(prefix in wide for wide in _WIDE):
        row.refuse(
            f"network '{text}' is a large part of the internet",
            f"Write networks of /{_MIN_LENGTH[4]} or longer, for IPv6 /{_MIN_LENGTH[6]} or longer.",
        )
    return prefix


# Many rows contain the same host.
_hosts = BoundedMemo(ascii_host, MAX_HOSTS)


def parse_host(row: Row, column: str = "host") -> str:
    """Return the host in a row's column, in the form in which names are compared."""
    text = row.values[column]
    host = _hosts[text]
    if not host:
        row.refuse(f"{column} '{text}' is not a valid hostname", "Write a DNS name such as tools.cisco.com.")
    return host


def _parse_day(row: Row, column: str) -> Optional[int]:
    text = row.values.get(column, "")
    if not text:
        return None
    try:
        # Newer Pythons accept more forms; every search head and indexer has to accept the same.
        if not _ISO_DAY.match(text):
            raise ValueError(text)
        return calendar.timegm(datetime.date.fromisoformat(text).timetuple())
    except ValueError:
        row.refuse(f"{column} '{text}' is not a valid date", "Write it as YYYY-MM-DD, or leave it empty.")
