"""The tag of a device's own message: only right after the header, never from within a text that strangers write."""

from __future__ import annotations

import pytest

from tsid.text.syslog import read_tag

FAILED = "SMART_LIC-3-COMM_FAILED: Communications failure with the CSSM : Unable to resolve server hostname"
HEADERS = [
    "",
    "<189>123: ",
    "<189>123: *Nov 27 10:00:00.123: ",
    ".Mar 24 20:17:03.508: ",
    "Nov 27 10:00:00 10.1.1.1 123: router1: Nov 27 10:00:00.123 UTC: ",
    "Nov 27 10:00:00 core-router 000123: *Nov 27 2026 10:00:00.123 CET: ",
    "<189>core-router: 2026 Nov 27 10:00:00 UTC: ",
    "<189>: 2026 Nov 27 10:00:00.000 UTC +0100: ",
    "<189>1 2026-11-27T10:00:00Z router1 - - - - ",
    "<189>1 2026-11-27T10:00:00Z router1 - - - - 123: Nov 27 10:00:00: ",
    '<189>1 2026-11-27T10:00:00.000000Z router1 - - - [meta sequenceId="7"] ',
    "2026-11-27T10:00:00+01:00 relay Nov 27 10:00:00 router1 ",
    "Nov 27 2026 10:00:00 asa1 : ",
    "2026 Nov 27 10:00:00 switch1 %$ VDC-1 %$ ",
    "<189>6: ucm1.example.net: Jun 14 2016 11:31:15 AM.484 UTC : ",
    "Jun 14 2016 11:31:15 PM.484 UTC : ",
    "Jun 14 2016 11:31:15 PM : ",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("sign", ["%", ""])
def test_the_tag_follows_the_header(header: str, sign: str) -> None:
    found = read_tag(f"{header}{sign}{FAILED}")
    assert found is not None
    assert (found.tag, found.text.rpartition(" : ")[2]) == (
        "SMART_LIC-3-COMM_FAILED",
        "Unable to resolve server hostname",
    )


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        (
            "RP/0/RP0/CPU0:Jan  9 13:54:11.717 UTC: smartlicserver[390]: %LICENSE-SMART_LIC-3-COMM_FAILED : x",
            "LICENSE-SMART_LIC-3-COMM_FAILED",
        ),
        (
            "<189>7: RP/0/RP0/CPU0:smartlicserver[390]: %LICENSE-SMART_LIC-3-COMM_FAILED : x",
            "LICENSE-SMART_LIC-3-COMM_FAILED",
        ),
        (
            "<187>88: RP/0/RSP0/CPU0:Nov 27 10:00:00 : smartlicserver[390]: LICENSE-SMART_LIC-5-COMM_RESTORED : x",
            "LICENSE-SMART_LIC-5-COMM_RESTORED",
        ),
        (
            "Nov 27 10:00:00 asa1 : %ASA-3-444303: %SMART_LIC-3-COMM_FAILED:Communications failure",
            "SMART_LIC-3-COMM_FAILED",
        ),
        ("%ASA-3-444303: %SMART_LIC-3-COMM_FAILED: Communications failure", "SMART_LIC-3-COMM_FAILED"),
        (
            "Nov 27 10:00:00 n9k : 2026 Nov 27 10:00:00 UTC: %LICMGR-3-LOG_SMART_LIC_COMM_FAILED: x",
            "LICMGR-3-LOG_SMART_LIC_COMM_FAILED",
        ),
        # The first tag is the line's own.
        (
            "<189>1: %SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: %SMART_LIC-6-AUTH_RENEW_SUCCESS: x]",
            "SEC_LOGIN-5-LOGIN_SUCCESS",
        ),
        ("%ASA-5-304001: 10.1.1.1 Accessed URL 1.2.3.4:/%SMART_LIC-6-AUTH_RENEW_SUCCESS: x", "ASA-5-304001"),
        ("%ASA-6-605005: Login permitted for user %SMART_LIC-6-AUTH_RENEW_SUCCESS: x", "ASA-6-605005"),
    ],
)
def test_every_systems_form_is_read(line: str, tag: str) -> None:
    found = read_tag(line)
    assert found is not None
    assert found.tag == tag


@pytest.mark.parametrize(
    "line",
    [
        "Nov 27 10:00:00 fw1 sshd[1]: Invalid user %SMART_LIC-6-AUTH_RENEW_SUCCESS: x from 1.2.3.4",
        "Nov 27 10:00:00 fw1 sshd: Failed %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "Nov 27 10:00:00 fw1 Failed %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "<13>1 2026-11-27T10:00:00Z fw1 sshd 1 - - Invalid user %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        # Only IOS XR, which names its node first, puts a program before a tag.
        "Nov 27 10:00:00 fw1 app[1]: %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "app[1]: %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "<13>1 2026-11-27T10:00:00Z fw1 app 1 - - app[1]: %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "Nov 27 10:00:00 fw1 app[1]: RP/0/RP0/CPU0:%SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "Jun 14 2016 11:31:15 AM.x UTC : %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "Nov 27 10:00:00 fw1 app[1]: user: %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "Nov 27 10:00:00 fw1 app: GET %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "user=%SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        '{"message": "%SMART_LIC-6-AUTH_RENEW_SUCCESS: x"}',
        "Nov 27 10:00:00 fw1 nothing at all",
        "x" * 100_000,
        "1 " * 50_000,
        "",
    ],
)
def test_a_tag_in_a_text_is_not_the_lines_tag(line: str) -> None:
    assert read_tag(line) is None


def test_the_name_of_an_alert_comes_first() -> None:
    line = "Nov 27 10:00:00 ucm1 : %UC_RTMT-2-RTMT_ALERT: %[AlertName=SmartLicenseCommunicationError][AlertDetail=x]"
    found = read_tag(line)
    assert found is not None
    assert found.alert == "SmartLicenseCommunicationError"
    found = read_tag(line.replace("AlertName=", "AlertDetail=[AlertName="))
    assert found is not None
    assert found.alert == ""
