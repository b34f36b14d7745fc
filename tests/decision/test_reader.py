"""Which of an event's fields, and of what its raw text says, names the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tsid.decision.reader import EventReader
from tsid.facts.lookups import Lookups

RAW = "%FTD-6-430003: AccessControlRuleAction: Allow, SrcIP: 10.0.0.1, DstIP: 72.163.4.38, URL: https://toos.cisco.com"
RAW_SNI = RAW.replace("URL: https://", "SSLServerName: ")
ENCORE = "rec_type=71 src_ip=10.0.0.1 dest_ip=72.163.4.38 url=https://toos.cisco.com"


@pytest.mark.parametrize(
    ("event", "field", "names"),
    [
        # What the logger wrote counts before what an add-on extracted; a field may have the same name.
        ({"SSLServerName": "toos.cisco.com", "_raw": RAW}, "SSLServerName", ["toos.cisco.com"]),
        ({"SSLServerName": "tools.cisco.com", "_raw": RAW}, "", ["toos.cisco.com"]),
        ({"_raw": RAW}, "", ["toos.cisco.com"]),
        ({"url": "https://tools.cisco.com", "_raw": RAW}, "", ["toos.cisco.com"]),
        ({"_raw": RAW.rsplit(" ", 1)}, "", ["toos.cisco.com"]),
        ({"URL": "https://a.example", "_raw": ENCORE}, "", ["toos.cisco.com"]),
        # Addresses come after all names, and the first of them before the others.
        ({"url": "https://72.163.4.38", "SSLServerName": "a.example"}, "SSLServerName", ["a.example"]),
        ({"url": "https://72.163.4.38", "SSLServerName": "72.163.4.39"}, "url", ["72.163.4.38"]),
        ({"url": "https://72.163.4.38", "_raw": RAW}, "", ["toos.cisco.com"]),
        ({"url": "-", "SSLServerName": "a.example"}, "SSLServerName", ["a.example"]),
        ({}, "", []),
    ],
)
def test_the_first_field_with_a_name_names_the_server(
    lookups: Lookups, event: Mapping[str, Any], field: str, names: list[str]
) -> None:
    reader = EventReader(event, lookups.fields, raw=True)
    found, reported = reader.names(swapped=False)
    assert (found, [name.observed for name in reported]) == (field, names)


def test_the_raw_text_is_ignored_without_the_option_raw(lookups: Lookups) -> None:
    assert EventReader({"_raw": RAW}, lookups.fields, raw=False).names(swapped=False) == ("", [])


def test_a_field_that_repeats_the_device_is_not_the_destination(lookups: Lookups) -> None:
    reader = EventReader({"dest_ip": " 10.0.0.1", "_raw": RAW}, lookups.fields, raw=True)
    assert reader.addresses([]) == ["72.163.4.38"]
    assert reader.addresses(["72.163.4.38"]) == [" 10.0.0.1"]
    assert EventReader({"_raw": RAW}, lookups.fields, raw=True).addresses(["72.163.4.38"]) == []


def test_a_name_of_the_destination_is_that_of_the_device_where_the_sides_are_swapped(
    lookups: Lookups,
) -> None:
    reader = EventReader({"dest_host": "a.example", "ReferencedHost": "b.example"}, lookups.fields, raw=False)
    assert [reader.names(swapped)[0] for swapped in (False, True)] == ["dest_host", "ReferencedHost"]


def test_a_role_without_a_value_is_empty_text(lookups: Lookups) -> None:
    assert EventReader({}, lookups.fields, raw=False).text("source_port") == ""


def test_names_in_address_fields_are_those_that_are_names(lookups: Lookups) -> None:
    reader = EventReader(
        {"dest_ip": "72.163.4.38", "dst": "-", "dest": "toos.cisco.com"}, lookups.fields, raw=False
    )
    assert [name.observed for name in reader.names_elsewhere()] == ["toos.cisco.com"]
