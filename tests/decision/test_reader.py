"""Which of an event's fields, and of what its raw text says, names the server."""

from __future__ import annotations

import pytest

from tsid.decision.reader import EventReader
from tsid.facts.lookups import Lookups

RAW = "%FTD-6-430003: AccessControlRuleAction: Allow, SrcIP: 10.0.0.1, DstIP: 72.163.4.38, URL: https://toos.cisco.com"


@pytest.mark.parametrize(
    ("event", "field", "names"),
    [
        # What the logger wrote counts before what an add-on extracted; a field may have the same name.
        ({"SSLServerName": "toos.cisco.com", "_raw": RAW}, "SSLServerName", ["toos.cisco.com"]),
        ({"SSLServerName": "tools.cisco.com", "_raw": RAW}, "", ["toos.cisco.com"]),
        ({"_raw": RAW}, "", ["toos.cisco.com"]),
        ({"url": "https://tools.cisco.com", "_raw": RAW}, "", ["toos.cisco.com"]),
        # Addresses come after all names, and the first of them before the others.
        ({"url": "https://72.163.4.38", "SSLServerName": "a.example"}, "SSLServerName", ["a.example"]),
        ({"url": "https://72.163.4.38", "SSLServerName": "72.163.4.39"}, "url", ["72.163.4.38"]),
        ({"url": "https://72.163.4.38", "_raw": RAW}, "", ["toos.cisco.com"]),
        ({"url": "-", "SSLServerName": "a.example"}, "SSLServerName", ["a.example"]),
        ({}, "", []),
    ],
)
def test_the_first_field_with_a_name_names_the_server(
    lookups: Lookups, event: dict[str, str], field: str, names: list[str]
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
