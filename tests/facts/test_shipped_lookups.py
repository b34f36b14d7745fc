"""The shipped lookups: what they may claim, and what Splunk needs of them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from netaddr import IPNetwork

from tsid.facts.candidates import candidate_search
from tsid.facts.lookups import ALIASES, CISCO_NETWORKS, ENDPOINTS, RELAYS, TABLES, Lookups, load_lookups
from tsid.facts.tables import TableFormat

FOLDER = Path(__file__).resolve().parents[2] / "lookups"


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("table", [ENDPOINTS, ALIASES, CISCO_NETWORKS, RELAYS], ids=lambda table: table.name)
def test_tables_have_the_documented_columns(table: TableFormat) -> None:
    assert list(rows(table.name)[0]) == [*table.required, *table.optional, "rows"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_first_row_of_each_table_has_the_number_of_its_rows(table: TableFormat) -> None:
    counts = [row["rows"] for row in rows(table.name)]
    assert counts == [str(len(counts)), *[""] * (len(counts) - 1)]


@pytest.mark.parametrize("name", ["cisco_licensing_endpoints", "cisco_networks", "tsid_relays"])
def test_networks_are_sorted_longest_prefix_first_because_splunk_takes_file_order(name: str) -> None:
    lengths = [IPNetwork(row["network"]).prefixlen for row in rows(name)]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    "name", ["cisco_licensing_endpoints", "cisco_networks", "tsid_relays", "tsid_fields", "tsid_actions"]
)
def test_every_fact_has_a_source(name: str) -> None:
    assert all(row["source"] for row in rows(name))


def test_every_alias_says_where_it_comes_from() -> None:
    assert all(
        row["note"] and row["origin"] in ("kb", "certificate", "local") for row in rows("tsid_aliases")
    )


def test_facts_without_a_public_source_are_unconfirmed() -> None:
    remembered = {
        row["network"]: row["status"]
        for row in rows("cisco_licensing_endpoints")
        if "from memory" in row["source"]
    }
    assert set(remembered.values()) == {"unconfirmed"}
    assert len(remembered) == 4


def test_every_endpoint_is_one_address_inside_ciscos_networks() -> None:
    networks = [IPNetwork(row["network"]) for row in rows("cisco_networks")]
    for row in rows("cisco_licensing_endpoints"):
        network = IPNetwork(row["network"])
        assert network.size == 1
        assert any(network in other for other in networks)


def test_hosts_behind_a_cdn_are_never_matched() -> None:
    hosts = {row["host"] for name in ("cisco_licensing_endpoints", "tsid_aliases") for row in rows(name)}
    hosts |= {row["alias"] for row in rows("tsid_aliases")}
    assert hosts.isdisjoint({"www.cisco.com", "software.cisco.com"})


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.name)
def test_every_network_has_a_prefix_length(path: Path) -> None:
    assert re.findall(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d./])", path.read_text("utf-8")) == []


def test_the_candidate_search_contains_every_address_and_name(lookups: Lookups) -> None:
    search = candidate_search(lookups)
    for term in (
        "72.163.4.38",
        "173.37.145.8",
        "2001:420:1101:5::a",
        "tools.cisco.com",
        "toos.cisco.com",
        "swapi.cisco.com",
    ):
        assert f'"{term}"' in search
    assert search.startswith('("')
    assert search.endswith('")')


@pytest.mark.parametrize(
    ("network", "term"),
    [
        ("198.51.100.7/32", '"198.51.100.7"'),
        ("198.51.100.0/24", '"198.51.100.*"'),
        ("198.51.100.128/25", '"198.51.100.*"'),
        ("198.51.0.0/16", '"198.51.*"'),
        ("198.48.0.0/14", '"198.*"'),
        ("198.0.0.0/8", '"198.*"'),
        ("2001:db8:1:2::3/128", '"2001:db8:1:2::3"'),
        ("2001:db8:1:2::/64", '"2001:db8:1:2:*"'),
        ("2001:db8::/64", '"2001:db8:*"'),
        ("2001:db8::/33", '"2001:db8:*"'),
    ],
)
def test_a_network_is_searched_by_the_text_that_its_addresses_share(
    tmp_path: Path, network: str, term: str
) -> None:
    assert term in _with_local(tmp_path, "cisco_licensing_endpoints", f"network,host\n{network},a.example\n")


def test_a_term_cannot_leave_its_quotes(tmp_path: Path) -> None:
    search = _with_local(tmp_path, "tsid_aliases", 'alias,host\n"evil"" OR index=* \\",tools.cisco.com\n')
    assert '"evil\\" or index=*' in search


def _with_local(tmp_path: Path, table: str, content: str) -> str:
    for path in FOLDER.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / f"{table}_local.csv").write_text(content, "utf-8")
    return candidate_search(load_lookups(tmp_path))
