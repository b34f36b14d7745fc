"""Addresses in every form, and the longest prefix."""

from __future__ import annotations

import ipaddress
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from tsid.text.addresses import Address, PrefixTable, is_host_address, parse_address, parse_prefix


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("72.163.4.38", "72.163.4.38"),
        (" 72.163.4.38 ", "72.163.4.38"),
        ("::ffff:72.163.4.38", "72.163.4.38"),
        ("::FFFF:48a3:426", "72.163.4.38"),
        ("64:ff9b::72.163.4.38", "72.163.4.38"),
        ("64:ff9b::48a3:426", "72.163.4.38"),
        ("2001:420:1101:5::a", "2001:420:1101:5::a"),
        ("2001:0420:1101:0005:0000:0000:0000:000A", "2001:420:1101:5::a"),
        ("[2001:420:1101:5::a]", "2001:420:1101:5::a"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0.100]", "fe80::1"),
        ("72.163.4.38.", "72.163.4.38"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
def test_every_usual_form_of_an_address_is_read(text: str, address: str) -> None:
    assert str(parse_address(text)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "tools.cisco.com",
        "72.163.4",
        "72.163.4.256",
        "72.163.4.38..",
        "72.163.4.38%1",
        "72.163.4.38%2eevil.example",
        "::1.",
        "::ffff:72.163.4.38.",
        "fe80::1%\0",
        "fe80::1%eth0 evil",
        "72.163.4.38/32",
        "72.163.4.38:443",
        "072.163.4.38",
        "1209205798",
        "0x48.0xa3.4.38",
        "::1::",
        "1:2:3:4:5:6:7:8:9",
        "72.163.4.38,72.163.4.39",
        "[72.163.4.38",
        "٧٢.163.4.38",
        "face",
        "2.4",
        "72.163.4.38" + " " * 80 + "x",
    ],
)
def test_text_that_is_not_an_address_is_refused(text: str) -> None:
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("::", False),
        ("10.0.0.1", True),
        ("0.1.2.3", False),
        ("1.0.0.1", True),
        ("240.0.0.1", False),
        ("223.255.255.255", True),
        ("2001:db8::1", True),
    ],
)
def test_only_unicast_addresses_belong_to_one_host(text: str, expected: bool) -> None:
    address = parse_address(text)
    assert address is not None
    assert is_host_address(address) is expected


@given(st.ip_addresses())
def test_reading_agrees_with_the_standard_library(address: ipaddress._BaseAddress) -> None:
    parsed = parse_address(str(address))
    assert parsed is not None
    if parsed.version == address.version:
        assert parsed == (address.version, int(address))
    else:
        assert int(address) & 0xFFFFFFFF == parsed.value


def _network(version: Literal[4, 6], value: int, length: int) -> IPNetwork:
    return IPNetwork(f"{IPAddress(value, version)}/{length}").cidr


_NETWORKS = st.one_of(
    st.builds(_network, st.just(4), st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.builds(_network, st.just(6), st.integers(0, 2**128 - 1), st.integers(0, 128)),
)


@given(st.lists(_NETWORKS, max_size=12), st.data())
def test_the_longest_prefix_wins(networks: list[IPNetwork], data: st.DataObject) -> None:
    table = PrefixTable((network, str(network)) for network in networks)
    near = [
        Address(network.version, value) for network in networks for value in (network.first, network.last)
    ]
    address = data.draw(
        st.one_of(
            *([st.sampled_from(near)] if near else []),
            st.builds(Address, st.just(4), st.integers(0, 2**32 - 1)),
        )
    )
    holding = [
        network
        for network in networks
        if network.version == address.version and network.first <= address.value <= network.last
    ]
    expected = max((network.prefixlen for network in holding), default=None)
    found = table.longest(address)
    assert (None if found is None else IPNetwork(found).prefixlen) == expected
    lengths = [IPNetwork(rows[0]).prefixlen for rows in table.matches(address)]
    assert lengths == sorted({network.prefixlen for network in holding}, reverse=True)


@given(_NETWORKS, st.integers(0, 2**128 - 1))
def test_a_network_is_read_as_netaddr_reads_it(network: IPNetwork, offset: int) -> None:
    address = IPAddress(network.first + offset % network.size, network.version)
    found = parse_prefix(f"{address}/{network.prefixlen}")
    if parse_address(str(address)) != (network.version, int(address)):
        # IPv4 in IPv6 is told apart by the address, which the prefix may have cut.
        assert found is None
        return
    assert found is not None
    written, prefix = found
    assert written == (network.version, int(address))
    assert prefix == network
    assert str(prefix) == str(network)


@pytest.mark.parametrize(
    "text", ["", "10.0.0.1", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8", "010.0.0.0/8", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0./8",
             "10.0.0.0/ 8", "10.0.0.0/٨", " 10.0.0.0/8", "[::1]/128", "fe80::1%eth0/64", "::ffff:10.0.0.0/104", "x/8"]
)  # fmt: skip
def test_text_that_is_not_in_cidr_form_is_refused(text: str) -> None:
    assert parse_prefix(text) is None


@given(_NETWORKS, st.integers(0, 2**128 - 1))
def test_every_address_of_a_network_starts_with_one_of_its_prefixes(network: IPNetwork, offset: int) -> None:
    width, length = (32, 24) if network.version == 4 else (128, 32)
    # Large networks have very many of them.
    if network.prefixlen < length - 12:
        return
    table = PrefixTable([(network, "")])
    address = network.first + offset % network.size
    assert address >> (width - length) in set(table.prefixes(network.version, length))
