"""What a firewall has to let through, and the files that are made of it.

The fields of the Management Center's REST API are those of Cisco's pages on its operations
(github.com/CiscoDevNet/secure-firewall, ``FMC/fmcansible_doc_latest_downloaded/operations/create_multiple_*.md``) and,
for rules, of its model AccessRule. Of literals in a rule no table was at hand: those of networks have the fields of a
group's literals, those of ports (``PortLiteral``) the ones that public clients send. No Management Center has been
asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from netaddr import IPNetwork

from tsid.facts.allow import FORMATS, Service, load_services
from tsid.facts.lookups import load_lookups

SHIPPED = Path(__file__).resolve().parents[2] / "lookups"
NOW = 1_800_000_000

#: The body's fields of each operation (create_multiple_host_object.md and so on).
FIELDS: Mapping[str, set[str]] = {
    "Host": {"name", "type", "value", "description"},
    "Network": {"name", "value", "overridable", "description", "type"},
    "FQDN": {"name", "type", "value", "dnsResolution", "description"},
    "Url": {"type", "name", "description", "url"},
    # create_multiple_access_rule.md, and destinationNetworks of the model.
    "AccessRule": {
        "action", "enabled", "type", "name", "sendEventsToFMC", "logFiles", "logBegin", "logEnd", "variableSet",
        "vlanTags", "urls", "sourceZones", "destinationZones", "sourcePorts", "sourceDynamicObjects",
        "destinationDynamicObjects", "destinationPorts", "ipsPolicy", "filePolicy", "snmpConfig", "syslogConfig",
        "newComments", "sourceNetworks", "destinationNetworks",
    },
}  # fmt: skip
PATHS = {"Host": "hosts", "Network": "networks", "FQDN": "fqdns", "Url": "urls"}
#: create_multiple_network_group.md.
LITERALS = {
    "Host": {"type", "value"},
    "Network": {"type", "value"},
    "PortLiteral": {"type", "port", "protocol"},
}


def services(folder: Path = SHIPPED, time: float = NOW) -> list[Service]:
    return load_services(folder, load_lookups(folder), time)


def made(kind: str, folder: Path = SHIPPED) -> list[dict[str, str]]:
    return list(FORMATS[kind](services(folder)))


def with_rows(folder: Path, *rows: str) -> Path:
    """Return a copy of the lookups with rows of a site's own."""
    for path in SHIPPED.glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    text = "\n".join(["network,host,service,status,valid_until,ports", *rows, ""])
    (folder / "cisco_licensing_endpoints_local.csv").write_text(text, "utf-8")
    return folder


class TestRows:
    def test_each_host_of_a_service_has_its_networks_ports_purpose_and_source(self) -> None:
        row = next(row for row in made("rows") if row["host"] == "tools.cisco.com")
        assert row["service"] == "smart_call_home"
        assert row["networks"].split() == ["72.163.4.38/32", "173.37.145.8/32"]
        assert row["unconfirmed"].split() == ["2001:420:1101:5::a/128", "2001:420:1201:5::a/128"]
        assert (row["ports"], row["renews"]) == ("tcp/443", "yes")
        assert row["purpose"].startswith("Smart Call Home") and "KB 226091" in row["source"]

    def test_what_renews_licences_comes_first(self) -> None:
        assert [row["renews"] for row in made("rows")] == ["yes", "yes", "no", "no", "no", "no", "no"]

    def test_a_retired_row_is_not_asked_for_and_a_sites_own_is(self, tmp_path: Path) -> None:
        folder = with_rows(
            tmp_path,
            "72.163.4.38/32,tools.cisco.com,smart_call_home,retired,1970-01-01,",
            "198.51.100.0/24,cslu.corp.example,cslu,active,,tcp/8180",
            "198.51.100.7/32,odd.corp.example,of_our_own,active,2001-01-01,",
        )
        rows = {row["host"]: row for row in made("rows", folder)}
        assert rows["tools.cisco.com"]["networks"] == "173.37.145.8/32"
        assert rows["cslu.corp.example"]["networks"] == "198.51.100.0/24"
        assert rows["cslu.corp.example"]["ports"] == "tcp/8180"
        # Its validity is over.
        assert "odd.corp.example" not in rows

    def test_what_no_table_tells_is_not_known(self, tmp_path: Path) -> None:
        rows = {row["host"]: row for row in made("rows", with_rows(tmp_path, "192.0.2.1/32,a.example,,,,"))}
        told = [rows["a.example"][name] for name in ("service", "renews", "purpose", "source")]
        assert told == ["not known"] * 4


class TestList:
    """Security Intelligence's Do-Not-Block lists: a list of networks, of names for DNS, and of URLs."""

    def test_the_networks_are_the_confirmed_ones_without_the_length_of_a_host(self) -> None:
        networks = [row["entry"] for row in made("list") if row["kind"] == "network"]
        assert "72.163.4.38" in networks and "146.112.59.81" not in networks
        assert len(set(networks)) == len(networks)
        assert not any(":" in entry for entry in networks)

    def test_aliases_are_urls_only_because_no_device_asks_dns_for_them(self) -> None:
        entries = {
            kind: {row["entry"] for row in made("list") if row["kind"] == kind} for kind in ("dns", "url")
        }
        assert entries["dns"] < entries["url"]
        assert "toos.cisco.com" in entries["url"] - entries["dns"]
        assert "smartreceiver.cisco.com" in entries["dns"]


class TestRequests:
    """`format=fmc`."""

    @pytest.fixture
    def requests(self, tmp_path: Path) -> list[dict[str, str]]:
        return made("fmc", with_rows(tmp_path, "198.51.100.0/24,cslu.corp.example,cslu,active,,tcp/8180"))

    def bodies(self, requests: list[dict[str, str]]) -> list[dict[str, Any]]:
        return [json.loads(row["body"]) for row in requests if row["body"]]

    def test_bodies_have_only_fields_that_cisco_documents(self, requests: list[dict[str, str]]) -> None:
        bodies = self.bodies(requests)
        assert {body["type"] for body in bodies} == FIELDS.keys()
        for body in bodies:
            assert body.keys() <= FIELDS[body["type"]], body
            for part in ("destinationNetworks", "destinationPorts"):
                for literal in body.get(part, {}).get("literals", ()):
                    assert literal.keys() == LITERALS[literal["type"]]

    def test_each_goes_to_the_path_of_its_kind(self, requests: list[dict[str, str]]) -> None:
        for row in requests:
            kind = json.loads(row["body"])["type"] if row["body"] else ""
            if kind in PATHS:
                assert row["path"] == f"/api/fmc_config/v1/domain/{{domainUUID}}/object/{PATHS[kind]}"
            elif kind:
                path, _, query = row["path"].partition("?")
                assert path.endswith("/policy/accesspolicies/{containerUUID}/accessrules")
                assert query.startswith("insertBefore=")
            assert row["method"] == ("POST" if kind else "")

    def test_names_are_valid_and_of_one_object_each(self, requests: list[dict[str, str]]) -> None:
        names = [row["name"] for row in requests]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", name) for name in names)

    def test_values_are_of_their_kind(self, requests: list[dict[str, str]]) -> None:
        for body in self.bodies(requests):
            if body["type"] == "Host":
                assert IPNetwork(body["value"]).size == 1 and "/" not in body["value"]
            elif body["type"] == "Network":
                assert IPNetwork(body["value"]).size > 1
            elif body["type"] == "FQDN":
                assert body["dnsResolution"] in ("IPV4_ONLY", "IPV6_ONLY", "IPV4_AND_IPV6")
            elif body["type"] == "Url":
                assert body["url"].startswith("https://")
            else:
                assert body["action"] == "ALLOW" and body["destinationNetworks"]["literals"]

    def test_a_rule_permits_confirmed_addresses_and_the_ports_and_no_name(
        self, requests: list[dict[str, str]]
    ) -> None:
        rules = {row["name"]: row for row in requests if "-allow-" in row["name"]}
        row = rules["tsid-allow-smart_call_home-tools.cisco.com"]
        body = json.loads(row["body"])
        assert body["destinationNetworks"]["literals"] == [
            {"type": "Host", "value": "72.163.4.38"},
            {"type": "Host", "value": "173.37.145.8"},
        ]
        assert body["destinationPorts"]["literals"] == [
            {"type": "PortLiteral", "port": "443", "protocol": "6"}
        ]
        assert "urls" not in body
        assert "2001:420:1101:5::a/128" in row["note"] and row["note"].startswith("not confirmed")
        (group,) = json.loads(rules["tsid-allow-cslu-cslu.corp.example"]["body"])["destinationNetworks"][
            "literals"
        ]
        assert group == {"type": "Network", "value": "198.51.100.0/24"}

    def test_a_host_without_a_confirmed_address_has_no_rule_and_says_so(
        self, requests: list[dict[str, str]]
    ) -> None:
        (row,) = (
            row for row in requests if row["name"] == "tsid-allow-smart_transport-smartreceiver.cisco.com"
        )
        assert (row["method"], row["body"]) == ("", "")
        assert "146.112.59.81/32" in row["note"]


def test_the_change_text_names_every_host_address_and_doubt() -> None:
    (row,) = made("change")
    text = row["change"]
    for one in services():
        assert f"{one.host}, tcp/443: {one.purpose}" in text
        assert all(f"\n  {network}\n" in text for network in one.confirmed)
    assert "not confirmed, and therefore left out: 2a04:e4c7:fffe::f/128 146.112.59.81/32" in text
    assert "toos.cisco.com" in text


def test_every_row_of_a_format_has_the_same_columns() -> None:
    for kind in FORMATS:
        assert len({tuple(row) for row in made(kind)}) == 1, kind
