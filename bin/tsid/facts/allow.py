"""What a firewall has to let through for licensing, and the same as files for a firewall team.

Nothing here opens a connection: the requests are for a person to send. Names and fields of the Management
Center's REST API are those of Cisco's own pages on its operations (github.com/CiscoDevNet/secure-firewall,
``FMC/fmcansible_doc_latest_downloaded``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from netaddr import IPNetwork

from tsid.facts.lookups import SERVICES, Endpoint, Lookups
from tsid.facts.tables import LeftOut, Row, read_table

NOT_KNOWN = "not known"

#: The API's base, with a part that only the site knows.
_API = "/api/fmc_config/v1/domain/{domainUUID}"
_RULES = _API + "/policy/accesspolicies/{containerUUID}/accessrules?insertBefore={index of the blocking rule}"
#: Names of objects: letters, digits, underscores, dots, plus signs and hyphens, 64 characters at most.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]")
_MAX_NAME = 64
_TCP = "6"

Columns = dict[str, str]


class Service(NamedTuple):
    """One host of one service, and where it is.

    Attributes:
        service: the endpoint's service; ``not known`` if no row tells.
        host: the canonical host.
        confirmed: the networks of active rows, longest prefix first.
        unconfirmed: those that nothing has confirmed yet.
        ports: TCP ports.
        renews: whether a contact renews a licence: ``yes``, ``no``, ``not known``.
        purpose: what it is for.
        source: where the facts come from.
        aliases: names under which a firewall may report the host.
    """

    service: str
    host: str
    confirmed: Sequence[IPNetwork]
    unconfirmed: Sequence[IPNetwork]
    ports: Sequence[int]
    renews: str
    purpose: str
    source: str
    aliases: Sequence[str]


def load_services(folder: Path, lookups: Lookups, time: float) -> list[Service]:
    """Return what licensing needs at a time (epoch seconds), services that renew licences first.

    Raises:
        LookupTableError: the table of services is missing or broken.
    """

    def parse(row: Row) -> tuple[tuple[object, ...], tuple[str, Row]]:
        return (row.values["service"],), (row.values["service"], row)

    left_out: list[LeftOut] = []
    known = dict(read_table(folder, SERVICES, parse, left_out=left_out))
    groups: dict[tuple[str, str], list[tuple[IPNetwork, Endpoint]]] = {}
    for network, endpoint in lookups.endpoint_rows:
        if endpoint.status != "retired" and endpoint.covers(time):
            groups.setdefault((endpoint.service, endpoint.host), []).append((network, endpoint))
    found = [_service(key, rows, known.get(key[0]), lookups) for key, rows in groups.items()]
    order = {"yes": 0, "no": 1}
    return sorted(found, key=lambda one: (order.get(one.renews, 2), one.service, one.host))


def _service(
    key: tuple[str, str], rows: Sequence[tuple[IPNetwork, Endpoint]], about: Optional[Row], lookups: Lookups
) -> Service:
    service, host = key
    sources = [endpoint.row.phrase("source") for _, endpoint in rows]
    return Service(
        service or NOT_KNOWN,
        host,
        [network for network, endpoint in rows if endpoint.status == "active"],
        [network for network, endpoint in rows if endpoint.status != "active"],
        sorted({port for _, endpoint in rows for port in endpoint.ports}),
        (about.phrase("renews") if about else "") or NOT_KNOWN,
        (about.phrase("purpose") if about else "") or NOT_KNOWN,
        "; ".join(dict.fromkeys(filter(None, sources))) or NOT_KNOWN,
        sorted(alias.alias for alias in lookups.aliases.values() if alias.host == host),
    )


def as_rows(services: Sequence[Service]) -> Iterator[Columns]:
    """Yield one row for each host of a service: what a firewall team asks for."""
    for one in services:
        yield {
            "service": one.service,
            "host": one.host,
            "networks": " ".join(map(str, one.confirmed)),
            "unconfirmed": " ".join(map(str, one.unconfirmed)),
            "ports": _ports(one),
            "renews": one.renews,
            "purpose": one.purpose,
            "source": one.source,
        }


def as_list(services: Sequence[Service]) -> Iterator[Columns]:
    """Yield the entries of Do-Not-Block lists: networks, names for DNS, names as URLs (with aliases)."""
    entries: list[tuple[str, str, str]] = []
    for one in services:
        entries += [("network", _address(network), one.host) for network in one.confirmed]
        entries.append(("dns", one.host, one.host))
        entries += [("url", name, one.host) for name in (one.host, *one.aliases)]
    hosts: dict[tuple[str, str], list[str]] = {}
    for kind, entry, host in dict.fromkeys(entries):
        hosts.setdefault((kind, entry), []).append(host)
    for (kind, entry), names in hosts.items():
        yield {"kind": kind, "entry": entry, "host": " ".join(names)}


def as_requests(services: Sequence[Service]) -> Iterator[Columns]:
    """Yield the requests, with JSON bodies, that make objects and rules in a Management Center."""
    objects: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for one in services:
        about = f"Cisco licensing: {one.purpose}"
        for network in one.confirmed:
            name = _name(f"tsid-{_address(network)}")
            kind, path = ("Host", "hosts") if network.size == 1 else ("Network", "networks")
            objects[name] = path, _body(name, kind, about, value=_address(network))
        name = _name(f"tsid-fqdn-{one.host}")
        objects[name] = "fqdns", _body(name, "FQDN", about, value=one.host, dnsResolution="IPV4_AND_IPV6")
        for host in (one.host, *one.aliases):
            name = _name(f"tsid-url-{host}")
            objects[name] = "urls", _body(name, "Url", about, url=f"https://{host}")
    for name, (path, body) in objects.items():
        yield _request(name, f"{_API}/object/{path}", body, "")
    for one in services:
        name = _name(f"tsid-allow-{one.service}-{one.host}".replace(" ", "-"))
        if one.confirmed:
            yield _request(name, _RULES, _rule(name, one), _doubt(one))
        else:
            yield {"name": name, "method": "", "path": "", "body": "", "note": _doubt(one)}


def _body(name: str, kind: str, description: str, **more: str) -> Mapping[str, Any]:
    return {"name": name, "type": kind, **more, "description": description}


def _rule(name: str, one: Service) -> Mapping[str, Any]:
    """Return a rule by address and port: a rule by name is what the wrong name breaks, and can be forged."""
    return {
        "name": name,
        "type": "AccessRule",
        "action": "ALLOW",
        "enabled": True,
        "logBegin": False,
        "logEnd": True,
        "sendEventsToFMC": True,
        "destinationNetworks": {
            "literals": [
                {"type": "Host" if network.size == 1 else "Network", "value": _address(network)}
                for network in one.confirmed
            ]
        },
        "destinationPorts": {
            "literals": [{"type": "PortLiteral", "port": str(port), "protocol": _TCP} for port in one.ports]
        },
        "newComments": [f"Cisco licensing: {one.purpose}. Source: {one.source}"],
    }


def _request(name: str, path: str, body: Mapping[str, Any], note: str) -> Columns:
    return {"name": name, "method": "POST", "path": path, "body": json.dumps(body), "note": note}


def as_change(services: Sequence[Service]) -> Iterator[Columns]:
    """Yield the text of a change request, in one row."""
    lines = [
        "Permit Cisco licensing",
        "",
        "Why: devices that cannot reach these servers for weeks lose their licences, and with them features.",
        "What: permit the devices to connect to the addresses below, above the rule that blocks them,",
        "without decryption. Permit by address: TLS Server Identity Discovery may give the server another",
        "name, and a name can be forged. Security Intelligence comes before access rules: put the same",
        "addresses and names on its Do-Not-Block lists.",
    ]
    for one in services:
        lines += ["", f"{one.host}, {_ports(one)}: {one.purpose} (renews licences: {one.renews})"]
        lines += [f"  {network}" for network in one.confirmed]
        lines += [f"  {_doubt(one)}"] if _doubt(one) else []
        lines += [f"  may be reported as {', '.join(one.aliases)}"] if one.aliases else []
        lines.append(f"  source: {one.source}")
    lines += [
        "",
        "Check: devices renew by themselves, or at once by a command; an alert tells who has recovered.",
        "Back: remove the rule.",
    ]
    yield {"change": "\n".join(lines)}


FORMATS = {"rows": as_rows, "list": as_list, "fmc": as_requests, "change": as_change}
"""What each word of the option `format` yields."""


def _doubt(one: Service) -> str:
    if not one.unconfirmed:
        return ""
    listed = " ".join(map(str, one.unconfirmed))
    return f"not confirmed, and therefore left out: {listed}; confirm it by a refresh first"


def _ports(one: Service) -> str:
    return " ".join(f"tcp/{port}" for port in one.ports)


def _address(network: IPNetwork) -> str:
    return str(network.ip) if network.size == 1 else str(network)


def _name(text: str) -> str:
    return _NOT_IN_NAMES.sub("-", text)[:_MAX_NAME]
