"""Broken lookups stop with file, line and cure; layers replace each other row by row."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Optional

import pytest

from tsid.decision.judge import Judge
from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import TABLES, Lookups, load_lookups
from tsid.facts.tables import TableFormat, read_table, whole_number
from tsid.text.addresses import parse_address

LOOKUPS = Path(__file__).resolve().parents[2] / "lookups"
HEADER = "network,host,service,status,valid_from,valid_until,source,last_seen\n"


BROKEN: list[tuple[str, Optional[bytes], Optional[int], list[str]]] = [
    ("cisco_licensing_endpoints.csv", None, None, ["missing", "install the app again"]),
    ("tsid_fields.csv", None, None, ["missing"]),
    ("cisco_licensing_endpoints.csv", b"", 1, ["empty", "network,host"]),
    ("cisco_licensing_endpoints.csv", b"\n\n", 1, ["empty"]),
    ("cisco_licensing_endpoints.csv", HEADER.encode(), None, ["no rows", "install the app again"]),
    ("tsid_fields.csv", b"role,rank,field\n", None, ["no rows"]),
    ("tsid_aliases_refreshed.csv", b"alias,host,rows\n", 1, ["cut off", "Refresh again"]),
    ("cisco_licensing_endpoints_local.csv", b"network,host\n10.0.0.0/255.0.0.0,a.example\n", 2, ["CIDR"]),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n::ffff:10.0.0.1/128,a.example\n",
        2,
        ["IPv4 written as IPv6"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host,valid_from\n10.0.0.1/32,a.example,20250101\n",
        2,
        ["YYYY-MM-DD"],
    ),
    ("tsid_fields_local.csv", b"role,rank,field,of\nname,1,x,source\n", 2, ["of 'source'"]),
    ("cisco_licensing_endpoints.csv", b"network,service\n", 1, ["column host is missing"]),
    ("cisco_licensing_endpoints.csv", b"network,host,host\n", 1, ["host occurs twice"]),
    ("cisco_licensing_endpoints.csv", HEADER.encode("utf-16"), 1, ["UTF-16", "CSV UTF-8"]),
    ("tsid_aliases.csv", b"\xfe\xff\0a", 1, ["UTF-16"]),
    ("tsid_aliases.csv", b"\xef\xbb\xbfalias;host\r\na;b\r\n", 1, ["semicolons between", "Put commas"]),
    ("tsid_aliases.csv", b'\r\n"alias"\t"host"\r\na\tb\r\n', 2, ["tabs between"]),
    ("tsid_aliases.csv", b"sep=;\nalias;host\n", 1, ["semicolons between"]),
    ("tsid_aliases.csv", b"sep=,\nalias,host\n", 1, ["column alias, host is missing"]),
    ("tsid_aliases.csv", b"\xef\xbb\xbf", 1, ["the file is empty"]),
    (
        "tsid_aliases.csv",
        b"alias,host\ntoos.cisco.com,tools.cisco.com\nt\xf6\xf6s,tools.cisco.com\n",
        3,
        ["0xf6", "UTF-8"],
    ),
    ("tsid_aliases.csv", b"alias,host\na\0b,tools.cisco.com\n", 2, ["NUL"]),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n10.0.0.1,a.example\n",
        2,
        ["'10.0.0.1'", "CIDR", "/32"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n10.0.0.0/99,a.example\n",
        2,
        ["'10.0.0.0/99'", "CIDR"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\nexample/8,a.example\n",
        2,
        ["'example/8'", "CIDR"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n10.0.0.1/8,a.example\n",
        2,
        ["bits set", "10.0.0.0/8"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n10.0.0.1/32,not a host\n",
        2,
        ["'not a host'", "not a valid hostname"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n,a.example\n",
        2,
        ["no value in column network"],
    ),
    ("cisco_licensing_endpoints_local.csv", b"network,host\n10.0.0.1/32\n", 2, ["1 values", "2 columns"]),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n10.0.0.1/32,a.example,x\n",
        2,
        ["3 values", "2 columns"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n10.0.0.1/32,a.example\n\n10.0.0.1/32,A.EXAMPLE.\n",
        4,
        ["same network and host as in line 2", "Remove one"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b'network,host\n10.0.0.1/32,"a.example\n',
        2,
        ["not readable as CSV", "double quotes"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host,status\n10.0.0.1/32,a.example,on\n",
        2,
        ["status 'on'", "active, unconfirmed, retired"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host,status\n10.0.0.1/32,a.example,retired\n",
        2,
        ["without valid_until"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host,valid_from\n10.0.0.1/32,a.example,3.11.2025\n",
        2,
        ["'3.11.2025'", "YYYY-MM-DD"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host,valid_from,valid_until\n10.0.0.1/32,a.example,2025-02-01,2025-01-01\n",
        2,
        ["before valid_from"],
    ),
    (
        "tsid_aliases_local.csv",
        b"alias,host\nx.example,nobody.example\n",
        2,
        ["'nobody.example' has no endpoint"],
    ),
    (
        "tsid_aliases_local.csv",
        b"alias,host\n10.0.0.1,tools.cisco.com\n",
        2,
        ["'10.0.0.1' is not a valid name"],
    ),
    # What only looks like a name, and what a spreadsheet would run.
    ("tsid_aliases_local.csv", b"alias,host\nx.example%20,tools.cisco.com\n", 2, ["is not a valid name"]),
    (
        "tsid_aliases_local.csv",
        b"alias,host\n=cmd(),tools.cisco.com\n",
        2,
        ["'=cmd()' is not a valid name"],
    ),
    (
        "tsid_aliases_local.csv",
        b"alias,host\nhttps://X.example/,tools.cisco.com\nx.example.,tools.cisco.com\n",
        3,
        ["same alias as in line 2"],
    ),
    (
        "cisco_networks_local.csv",
        b"network,owner\n10.0.0.0/8,us\n10.0.0.0/8,them\n",
        3,
        ["same network as in line 2"],
    ),
    ("tsid_relays_local.csv", b"network\nnowhere\n", 2, ["'nowhere'"]),
    ("tsid_fields_local.csv", b"role,rank,field\nip,1,x\n", 2, ["role 'ip'", "address"]),
    ("tsid_fields_local.csv", b"role,rank,field\naddress,first,x\n", 2, ["rank 'first'"]),
    ("tsid_fields_local.csv", "role,rank,field\naddress,\u0663,x\n".encode(), 2, ["rank '\u0663'"]),
    (
        "tsid_fields_local.csv",
        b"role,rank,field\naddress," + b"9" * 5_000 + b",x\n",
        2,
        ["rank '999"],
    ),
    (
        "tsid_actions_local.csv",
        b"value,match,outcome\nx,like,blocked\n",
        2,
        ["match 'like'", "exact, word"],
    ),
    ("tsid_actions_local.csv", b"value,match,outcome\nx,exact,dropped\n", 2, ["outcome 'dropped'"]),
    ("tsid_actions_local.csv", b"value,match,outcome\nx y,word,blocked\n", 2, ["more than one word"]),
    # Columns that are almost known ones.
    ("tsid_relays_local.csv", b"network,Owner\n", 1, ["Owner is unknown; the nearest is owner"]),
    ("tsid_aliases_local.csv", b"alias,host,orign\n", 1, ["orign is unknown; the nearest is origin"]),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host,staus\n",
        1,
        ["staus is unknown; the nearest is status", "Correct its name"],
    ),
    # Networks that would make most of the internet Cisco's, or a relay.
    ("tsid_relays_local.csv", b"network\n0.0.0.0/0\n", 2, ["'0.0.0.0/0' is a large part", "/8"]),
    ("cisco_networks_local.csv", b"network\n::/0\n", 2, ["'::/0' is a large part", "/16"]),
    ("cisco_networks_local.csv", b"network\n128.0.0.0/7\n", 2, ["'128.0.0.0/7' is a large part"]),
    ("cisco_networks_local.csv", b"network\n2000::/3\n", 2, ["'2000::/3' is a large part"]),
    # Addresses that no server has.
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n0.0.0.0/8,a.example\n",
        2,
        ["not belong to hosts"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n224.0.0.1/32,a.example\n",
        2,
        ["not belong to hosts"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\n255.255.255.255/32,a.example\n",
        2,
        ["not belong"],
    ),
    (
        "cisco_licensing_endpoints_local.csv",
        b"network,host\nff02::1/128,a.example\n",
        2,
        ["not belong to hosts"],
    ),
]


@pytest.mark.parametrize(("file", "content", "line", "words"), BROKEN)
def test_a_broken_lookup_is_refused_with_file_line_and_cure(
    folder: Path, file: str, content: bytes | None, line: int | None, words: list[str]
) -> None:
    path = folder / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(LookupTableError) as caught:
        load_lookups(folder)
    message = str(caught.value)
    assert (caught.value.file, caught.value.line) == (f"lookups/{file}", line)
    assert message.startswith(f"lookups/{file}" + ("" if line is None else f", line {line}") + ": ")
    for word in words:
        assert word in message


# Of rows with one key, all are left out: below.
LOCAL_BROKEN = [
    case for case in BROKEN if "_local" in case[0] and not any("in line" in word for word in case[3])
]


@pytest.mark.parametrize(("file", "content", "line", "words"), LOCAL_BROKEN)
def test_a_search_leaves_a_broken_local_row_out_with_one_warning(
    folder: Path, file: str, content: bytes, line: int, words: list[str]
) -> None:
    before = load_lookups(folder)
    (folder / file).write_bytes(content)
    lookups = load_lookups(folder, lenient=True)
    (warning,) = lookups.warnings
    assert warning.startswith(f"lookups/{file}, line {line}: ")
    assert re.search(r"The (row|whole file) is left out", warning)
    for word in words:
        assert word in warning
    # All else is as without the file: a good row next to the broken row has its own test.
    if file.startswith("tsid_aliases"):
        assert lookups.aliases.keys() == before.aliases.keys()
    assert lookups.tables["endpoints"] == before.tables["endpoints"]


GOOD = {
    "cisco_licensing_endpoints": ("network,host,status,valid_until", "10.1.1.1/32,a.example,,"),
    "tsid_aliases": ("alias,host,origin", "good.example,tools.cisco.com,local"),
    "cisco_networks": ("network,owner", "10.1.1.0/24,ours"),
    "tsid_relays": ("network,owner", "10.1.1.0/24,ours"),
    "tsid_fields": ("role,rank,field", "address,0,my_ip"),
    "tsid_actions": ("value,match,outcome", "refused,exact,blocked"),
}
BAD = {
    "cisco_licensing_endpoints": (
        "10.1.1.2/33,a.example,,",
        "10.1.1.2/32,a.example,gone,",
        "10.1.1.2/32,a.example,retired,tomorrow",
        "10.1.1.2/32,a.example",
        "10.1.1.2/32,,,",
        "10.1.1.2/32,a\u202e.example,,",
    ),
    "tsid_aliases": ("x.example,nowhere.example,local", "http://,tools.cisco.com,local"),
    "cisco_networks": ("0.0.0.0/0,all",),
    "tsid_relays": ("somewhere,ours",),
    "tsid_fields": ("nothing,0,x", "address,first,x"),
    "tsid_actions": ("x,exact,dropped",),
}


@pytest.mark.parametrize(("table", "bad"), [(table, bad) for table in BAD for bad in BAD[table]])
@pytest.mark.parametrize("bad_first", [True, False])
def test_the_good_rows_beside_a_broken_one_are_in_force_in_any_order(
    folder: Path, table: str, bad: str, bad_first: bool
) -> None:
    header, good = GOOD[table]
    path = folder / f"{table}_local.csv"
    path.write_text(f"{header}\n{good}\n", "utf-8")
    wanted = load_lookups(folder)
    rows = [bad, good] if bad_first else [good, bad]
    path.write_text("\n".join([header, *rows, ""]), "utf-8")
    lookups = load_lookups(folder, lenient=True)
    (part,) = lookups.left_out
    assert (part.error.line, part.is_file) == (2 if bad_first else 3, False)
    assert lookups.rows == wanted.rows
    assert values(lookups) == values(wanted)


def values(lookups: Lookups) -> dict[str, list[dict[str, str]]]:
    return {table: [row.values for row in rows] for table, rows in lookups.tables.items()}


@pytest.mark.parametrize("table", BAD)
def test_of_local_rows_with_one_key_none_counts_in_any_order(folder: Path, table: str) -> None:
    header, good = GOOD[table]
    before = values(load_lookups(folder))
    (folder / f"{table}_local.csv").write_text(f"{header}\n{good}\n\n{good}\n", "utf-8")
    lookups = load_lookups(folder, lenient=True)
    assert [part.error.line for part in lookups.left_out] == [2, 4]
    assert "in line 4" in str(lookups.left_out[0].error) and "in line 2" in str(lookups.left_out[1].error)
    assert values(lookups) == before
    (warning,) = lookups.warnings
    assert "1 more of this file" in warning and "tsidlookup table=problems" in warning


@pytest.mark.parametrize("layer", ["", "_refreshed"])
@pytest.mark.parametrize(("table", "bad"), [(table, bad[0]) for table, bad in BAD.items()])
def test_a_broken_row_of_a_shipped_or_refreshed_table_stops_a_search_too(
    folder: Path, table: str, bad: str, layer: str
) -> None:
    header, good = GOOD[table]
    (folder / f"{table}{layer}.csv").write_text(f"{header}\n{good}\n{bad}\n", "utf-8")
    with pytest.raises(LookupTableError, match=f"{table}{layer}.csv, line 3"):
        load_lookups(folder, lenient=True)


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "a column is missing": lambda path: path.write_text("alias,note\nx.example,\n", "utf-8"),
    "not UTF-8": lambda path: path.write_bytes(b"alias,host\ngood.example,tools.cisco.com\n\xff,tools.cisco.com\n"),
    "UTF-16": lambda path: path.write_text("alias,host\n", "utf-16"),
    "a NUL character": lambda path: path.write_bytes(b"alias,host\nx\0.example,tools.cisco.com\n"),
    "an open quote": lambda path: path.write_text('alias,host\ngood.example,tools.cisco.com\n"x,y\n', "utf-8"),
    "empty": lambda path: path.write_bytes(b""),
    "a folder": lambda path: path.mkdir(),
    "a dangling link": lambda path: path.symlink_to(path.parent / "nowhere"),
    "a pipe": os.mkfifo,
}  # fmt: skip


@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE)
def test_a_local_file_that_cannot_be_read_is_left_out_as_a_whole(
    folder: Path, make: Callable[[Path], object]
) -> None:
    before = load_lookups(folder)
    make(folder / "tsid_aliases_local.csv")
    lookups = load_lookups(folder, lenient=True)
    (warning,) = lookups.warnings
    assert warning.startswith("lookups/tsid_aliases_local.csv")
    assert warning.endswith(" The whole file is left out.")
    assert values(lookups) == values(before)
    with pytest.raises(LookupTableError):
        load_lookups(folder)


def test_each_local_file_has_one_warning_however_many_rows_are_broken(folder: Path) -> None:
    for table, bad in BAD.items():
        header, _ = GOOD[table]
        rows = "\n".join([*bad] * 1_000)
        (folder / f"{table}_local.csv").write_text(f"{header}\n{rows}\n", "utf-8")
    lookups = load_lookups(folder, lenient=True)
    assert len(lookups.warnings) == len(BAD)
    assert len(lookups.left_out) == sum(1_000 * len(rows) for rows in BAD.values())
    assert all(len(warning) < 1_000 for warning in lookups.warnings)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("07", 7), ("99", 99), ("100", None), ("", None), ("-1", None), ("+1", None), (" 1", None),
     ("1.0", None), ("\u0663", None), ("\u00b2", None), ("9" * 5_000, None)],
)  # fmt: skip
def test_numbers_in_tables_are_plain_ascii_digits(text: str, number: int | None) -> None:
    assert whole_number(text, 0, 99) == number


def test_a_quoted_line_break_does_not_shift_the_line_numbers(folder: Path) -> None:
    (folder / "tsid_aliases_local.csv").write_text(
        'alias,host,note\nx.example,tools.cisco.com,"two\nlines"\nno such,\n', "utf-8"
    )
    with pytest.raises(LookupTableError) as caught:
        load_lookups(folder)
    assert caught.value.line == 4


def test_a_folder_instead_of_a_file_is_refused(folder: Path) -> None:
    (folder / "tsid_aliases_local.csv").mkdir()
    with pytest.raises(LookupTableError, match=r"tsid_aliases_local\.csv: the file cannot be read"):
        load_lookups(folder)


def test_a_dangling_link_is_refused(folder: Path) -> None:
    (folder / "tsid_aliases_local.csv").symlink_to(folder / "nowhere")
    with pytest.raises(LookupTableError, match=r"tsid_aliases_local\.csv: the file is missing"):
        load_lookups(folder)


def test_windows_line_ends_and_surrounding_spaces_are_accepted(folder: Path) -> None:
    (folder / "tsid_aliases_local.csv").write_bytes(b"alias , host\r\n x.example , tools.cisco.com \r\n\r\n")
    assert load_lookups(folder).aliases["x.example"].host == "tools.cisco.com"


def endpoint(folder: Path, address: str, time: float | None = None) -> tuple[str, str, str] | None:
    """Return host, confidence and file of the endpoint that an address is answered with."""
    decision = Judge(load_lookups(folder)).decide([address], [], time)
    if decision is None:
        return None
    row = next(
        row for row in load_lookups(folder).tables["endpoints"] if row.values["network"] == decision.network
    )
    return decision.host, decision.confidence, row.file.rpartition("/")[2]


def test_local_rows_replace_refreshed_rows_and_refreshed_rows_replace_shipped_rows(folder: Path) -> None:
    address, row = "146.112.59.81", "146.112.59.81/32,smartreceiver.cisco.com"
    assert endpoint(folder, address) == ("smartreceiver.cisco.com", "medium", "cisco_licensing_endpoints.csv")
    (folder / "cisco_licensing_endpoints_refreshed.csv").write_text(
        f"network,host,status\n{row},active\n", "utf-8"
    )
    assert endpoint(folder, address) == (
        "smartreceiver.cisco.com",
        "high",
        "cisco_licensing_endpoints_refreshed.csv",
    )
    (folder / "cisco_licensing_endpoints_local.csv").write_text(
        f"network,host,status\n{row},unconfirmed\n", "utf-8"
    )
    assert endpoint(folder, address) == (
        "smartreceiver.cisco.com",
        "medium",
        "cisco_licensing_endpoints_local.csv",
    )


def test_a_site_can_switch_a_shipped_row_off(folder: Path) -> None:
    (folder / "cisco_licensing_endpoints_local.csv").write_text(
        "network,host,status,valid_until\n72.163.4.38/32,tools.cisco.com,retired,1970-01-01\n", "utf-8"
    )
    assert endpoint(folder, "72.163.4.38") is None
    assert endpoint(folder, "72.163.4.38", 1_764_700_000) is None
    assert endpoint(folder, "173.37.145.8") is not None


def test_an_on_prem_server_is_an_endpoint_and_not_a_relay(folder: Path) -> None:
    (folder / "cisco_licensing_endpoints_local.csv").write_text(
        "network,host,service\n10.20.30.40/32,ssm.corp.example,ssm_on_prem\n", "utf-8"
    )
    (folder / "tsid_aliases_local.csv").write_text(
        "alias,host\nlicences.corp.example,ssm.corp.example\n", "utf-8"
    )
    lookups = load_lookups(folder)
    assert endpoint(folder, "10.20.30.40") == (
        "ssm.corp.example",
        "high",
        "cisco_licensing_endpoints_local.csv",
    )
    assert lookups.aliases["licences.corp.example"].host == "ssm.corp.example"


def test_rows_are_sorted_longest_prefix_first_and_confirmed_before_unconfirmed(folder: Path) -> None:
    """The longest prefix first, whatever its address; then what is confirmed, then by host."""
    rows = [
        "192.0.0.0/8,b.example,active",
        "10.1.0.0/16,b.example,unconfirmed",
        "10.1.0.0/16,c.example,active",
    ]
    rows += ["10.1.0.0/16,a.example,unconfirmed", "198.51.100.1/32,a.example,active"]
    (folder / "cisco_licensing_endpoints_local.csv").write_text(
        "\n".join(["network,host,status", *rows]), "utf-8"
    )
    networks = ["10.0.0.0/8", "198.51.100.0/24", "10.2.0.0/16"]
    for name in ("cisco_networks_local.csv", "tsid_relays_local.csv"):
        (folder / name).write_text("\n".join(["network", *networks]), "utf-8")
    tables = load_lookups(folder).tables
    assert [
        (row.values["network"], row.values["host"])
        for row in tables["endpoints"]
        if row.values["host"].endswith("example")
    ] == [
        ("198.51.100.1/32", "a.example"),
        ("10.1.0.0/16", "c.example"),
        ("10.1.0.0/16", "a.example"),
        ("10.1.0.0/16", "b.example"),
        ("192.0.0.0/8", "b.example"),
    ]
    for name in ("networks", "relays"):
        mine = [row.values["network"] for row in tables[name] if row.values["network"] in networks]
        assert mine == ["198.51.100.0/24", "10.2.0.0/16", "10.0.0.0/8"]


def test_the_rows_in_force_are_counted_and_reported(folder: Path) -> None:
    before = load_lookups(folder)
    (folder / "tsid_relays_local.csv").write_text("network,owner\n198.51.100.0/24,ours\n", "utf-8")
    (folder / "cisco_networks_local.csv").write_text("network,owner\n203.0.113.0/24,theirs\n", "utf-8")
    (folder / "tsid_actions_local.csv").write_text("value,match,outcome\nforgotten,exact,blocked\n", "utf-8")
    (folder / "tsid_fields_local.csv").write_text("role,rank,field\nname,900,my_name\n", "utf-8")
    (folder / "tsid_aliases_local.csv").write_text("alias,host\nx.example,tools.cisco.com\n", "utf-8")
    after = load_lookups(folder)
    assert after.rows == before.rows + 5
    assert {name: len(rows) - len(before.tables[name]) for name, rows in after.tables.items()} == {
        "endpoints": 0,
        "aliases": 1,
        "networks": 1,
        "relays": 1,
        "sinkholes": 0,
    }
    address = parse_address("203.0.113.9")
    assert address is not None
    network = after.cisco.longest(address)
    assert network is not None
    assert network.owner == "theirs"


def test_a_row_can_be_valid_for_one_day(folder: Path) -> None:
    (folder / "cisco_licensing_endpoints_local.csv").write_text(
        "network,host,service,valid_from,valid_until\n198.51.100.1/32,tools.cisco.com,x.y_z-1,2024-06-30,2024-06-30\n",
        "utf-8",
    )
    assert endpoint(folder, "198.51.100.1", 1_719_705_600) is not None  # 2024-06-30T00:00:00Z
    assert endpoint(folder, "198.51.100.1", 1_719_705_599) is None
    (row,) = (e for _, e in load_lookups(folder).endpoint_rows if e.network == "198.51.100.1/32")
    assert row.service == "x.y_z-1"


def test_a_retired_row_explains_old_events_only(folder: Path) -> None:
    (folder / "cisco_licensing_endpoints_local.csv").write_text(
        "network,host,status,valid_from,valid_until\n198.51.100.1/32,tools.cisco.com,retired,2024-01-01,2024-06-30\n",
        "utf-8",
    )
    first, last = 1_704_067_200, 1_719_791_999  # 2024-01-01T00:00:00Z and 2024-06-30T23:59:59Z
    assert endpoint(folder, "198.51.100.1", first - 1) is None
    assert endpoint(folder, "198.51.100.1", first) is not None
    assert endpoint(folder, "198.51.100.1", last) is not None
    assert endpoint(folder, "198.51.100.1", last + 1) is None
    assert endpoint(folder, "198.51.100.1") is None


def test_the_next_longest_prefix_counts_where_the_longest_is_retired(folder: Path) -> None:
    (folder / "cisco_licensing_endpoints_local.csv").write_text(
        "network,host,status,valid_until\n198.51.100.1/32,tools.cisco.com,retired,2024-06-30\n"
        "198.51.100.0/24,smartreceiver.cisco.com,active,\n",
        "utf-8",
    )
    judge = Judge(load_lookups(folder))
    hosts = []
    for time in (1_700_000_000, 1_800_000_000):
        decision = judge.decide(["198.51.100.1"], [], time)
        assert decision is not None
        hosts.append(decision.host)
    assert hosts == ["tools.cisco.com", "smartreceiver.cisco.com"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", None), ("1", 1), ("100", 100), ("101", None), ("007", 7), ("0007", None), ("", None)]
    + [
        ("-1", None),
        ("1.0", None),
        ("\u0663", None),
        ("\u00b2", None),
        (" 1", None),
        ("1_0", None),
        ("9" * 100_000, None),
    ],
)
def test_a_whole_number_is_short_and_within_bounds(text: str, number: Optional[int]) -> None:
    assert whole_number(text, 1, 100) == number


@pytest.mark.parametrize("network", ["10.0.0.0/8", "fc00::/7", "fd00::/8", "fe80::/10", "2001::/16"])
def test_networks_as_wide_as_real_ones_are_read(folder: Path, network: str) -> None:
    (folder / "tsid_relays_local.csv").write_text(f"network\n{network}\n", encoding="utf-8")
    assert f"{network}" in [row.values["network"] for row in load_lookups(folder).tables["relays"]]


def test_columns_of_a_sites_own_are_left_alone(folder: Path) -> None:
    (folder / "tsid_relays_local.csv").write_text(
        "network,comment,ticket\n10.9.0.0/16,x,7\n", encoding="utf-8"
    )
    (row,) = [r for r in load_lookups(folder).tables["relays"] if r.values["network"] == "10.9.0.0/16"]
    assert row.values == {"network": "10.9.0.0/16", "comment": "x", "ticket": "7"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_shipped_table_that_is_cut_anywhere_is_noticed(folder: Path, table: TableFormat) -> None:
    """`cisco_networks.csv` without its last lines would make impostors of Cisco's own addresses."""
    path = folder / f"{table.name}.csv"
    data = path.read_bytes()

    def read() -> int:
        return len(read_table(folder, table, lambda row: ((row.line,), row)))

    assert read() == data.count(b"\n") - 1
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(LookupTableError):
            read()


@pytest.mark.parametrize("name", ["cisco_licensing_endpoints", "tsid_aliases"])
def test_a_refreshed_table_that_is_cut_anywhere_is_noticed(folder: Path, name: str) -> None:
    shipped, refreshed = folder / f"{name}.csv", folder / f"{name}_refreshed.csv"
    data = shipped.read_bytes()
    for end in (len(data) - 1, data[:-1].rindex(b"\n") + 1, data[:-1].rindex(b"\n"), 1):
        refreshed.write_bytes(data[:end])
        with pytest.raises(LookupTableError) as caught:
            load_lookups(folder)
        assert caught.value.file == f"lookups/{name}_refreshed.csv"
    assert "Refresh again, or delete it." in str(caught.value)


def test_refreshed_tables_of_earlier_versions_have_no_count_and_are_read(folder: Path) -> None:
    (folder / "tsid_aliases_refreshed.csv").write_text(
        "alias,host,origin,last_seen,note\nx.cisco.com,tools.cisco.com,certificate,2026-11-01,\n",
        encoding="utf-8",
    )
    assert load_lookups(folder).aliases["x.cisco.com"].host == "tools.cisco.com"


def test_a_sites_own_table_may_end_without_a_newline_and_has_no_count(folder: Path) -> None:
    (folder / "tsid_aliases_local.csv").write_bytes(b"alias,host\nx.example,tools.cisco.com")
    assert "x.example" in load_lookups(folder).aliases


def test_more_rows_than_the_count_says_are_read(folder: Path) -> None:
    path = folder / "tsid_relays.csv"
    path.write_bytes(path.read_bytes() + b"192.0.2.0/24,added,,\n")
    assert "192.0.2.0/24" in [row.values["network"] for row in load_lookups(folder).tables["relays"]]


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.0", "9" * 30])
def test_a_count_that_is_not_a_number_is_refused(folder: Path, count: str) -> None:
    (folder / "tsid_relays_refreshed.csv").write_text(
        f"network,rows\n192.0.2.0/24,{count}\n", encoding="utf-8"
    )
    with pytest.raises(LookupTableError, match="is not a number of rows"):
        load_lookups(folder)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("tsid_alias_local.csv", "tsid_aliases_local.csv"),
        ("tsid_aliases_Local.csv", "tsid_aliases_local.csv"),
        ("tsid_aliases-local.csv", "tsid_aliases_local.csv"),
        ("tsid_aliases_local.CSV", "tsid_aliases_local.csv"),
        ("tsid_aliases_locl.csv", "tsid_aliases_local.csv"),
        ("cisco_licensing_endpoint_local.csv", "cisco_licensing_endpoints_local.csv"),
        ("cisco_network_local.csv", "cisco_networks_local.csv"),
        ("licence_clocks_local.csv", "license_clocks_local.csv"),
    ],
)
def test_a_misnamed_local_table_is_warned_of_with_the_nearest_name(
    folder: Path, name: str, meant: str
) -> None:
    (folder / name).touch()
    (warning,) = load_lookups(folder).warnings
    assert warning == f"lookups/{name} is not read: no lookup has this name. Did you mean {meant}?"


@pytest.mark.parametrize(
    "name", ["inventory.csv", "tsid_aliases_backup.csv", "owners_local.csv", "tsid_aliases.csv.bak"]
)
def test_other_files_in_the_folder_are_not_warned_of(folder: Path, name: str) -> None:
    (folder / name).touch()
    assert load_lookups(folder).warnings == []
