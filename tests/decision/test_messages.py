"""What a device says of its own licence: meaning, reason, deadline and model, by the shipped table."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsid.decision.messages import MESSAGE_FIELDS, MessageReader
from tsid.facts.messages import load_messages

LOOKUPS = Path(__file__).resolve().parents[2] / "lookups"
READER = MessageReader(load_messages(LOOKUPS))
TIME = 1_800_000_000
ROWS = list(csv.DictReader((LOOKUPS / "license_messages.csv").read_text("utf-8").splitlines()))


def read(raw: str, **fields: Any) -> dict[str, str]:
    return READER.read({"_time": str(TIME), "_raw": raw, **fields})


@pytest.mark.parametrize("row", ROWS, ids=[row["message"] for row in ROWS])
def test_every_message_of_the_table_is_read(row: dict[str, str]) -> None:
    message = row["message"].replace("*", "Some")
    line = f"<189>1: *Nov 27 10:00:00.1: %{message}: text"
    if message.startswith("SmartLicense"):
        line = f"Nov 27 10:00:00 ucm1 : %UC_RTMT-2-RTMT_ALERT: %[AlertName={message}][AlertDetail=x]"
    found = read(line)
    assert (found["device_said"], found["device_about"], found["model_seen"]) == (
        row["meaning"],
        row["about"],
        row["model"],
    )
    assert found["device_message"] == message


@pytest.mark.parametrize(
    ("success", "cleared"),
    [
        ("AGENT_REG_SUCCESS", "ID_CERT_EXPIRED"),
        ("AGENT_REG_SUCCESS", "ID_CERT_RENEW_FAILED"),
        ("AGENT_REG_SUCCESS", "ID_CERT_EXPIRED_WARNING"),
        ("AGENT_REG_SUCCESS", "AGENT_DEREG_SUCCESS"),
        ("AGENT_REG_SUCCESS", "EVAL_EXPIRED"),
        ("ID_CERT_RENEW_SUCCESS", "ID_CERT_RENEW_FAILED"),
        ("ID_CERT_RENEW_SUCCESS", "AGENT_REG_FAILED"),
        ("AUTH_RENEW_SUCCESS", "AUTHORIZATION_EXPIRED"),
    ],
)
def test_a_success_is_about_the_same_as_the_complaint_that_it_ends(success: str, cleared: str) -> None:
    """A device is registered while its identity certificate is valid; a new registration gives a new one."""
    good, bad = (read(f"%SMART_LIC-6-{mnemonic}: x") for mnemonic in (success, cleared))
    assert good["device_said"] == "success"
    assert bad["device_said"] in ("failed", "deadline", "expired", "deregistered")
    assert good["device_about"] == bad["device_about"]


FAILED = "Communications failure with the Cisco Smart Software Manager (CSSM) : "


@pytest.mark.parametrize(
    ("line", "said", "reason", "left"),
    [
        (
            f"%SMART_LIC-3-COMM_FAILED: {FAILED}Fail to send out Call Home HTTP message.",
            "failed",
            "Fail to send out Call Home HTTP message",
            None,
        ),
        (
            f"%ASA-3-444303: %SMART_LIC-3-COMM_FAILED: {FAILED}Received empty response from server",
            "failed",
            "Received empty response from server",
            None,
        ),
        (
            f"%LICENSE-SMART_LIC-3-COMM_FAILED : {FAILED}Unable to resolve server hostname/domain name",
            "failed",
            "Unable to resolve server hostname/domain name",
            None,
        ),
        (f"LICENSE-SMART_LIC-3-COMM_FAILED : {FAILED}x", "failed", "x", None),
        (
            "%CALL_HOME-5-SL_MESSAGE_FAILED: Fail to send out Smart Licensing message to: https://tools.cisco.com/its (ERR 205 : Request Aborted)",
            "failed",
            "Request Aborted",
            None,
        ),
        (
            "%SMART_LIC-6-REPORTING_REQUIRED: A Usage report acknowledgement will be required in 364 days.",
            "deadline",
            "",
            364 * 86_400,
        ),
        (
            "%SMART_LIC-6-REPORTING_REQUIRED: A Usage report acknowledgement will be required in 1 day.",
            "deadline",
            "",
            86_400,
        ),
        (
            "%SMART_LIC-3-EVAL_WILL_EXPIRE_WARNING: The evaluation period will expire in 5 days, 3 hours",
            "deadline",
            "",
            5 * 86_400 + 3 * 3_600,
        ),
        ("%SMART_LIC-3-ID_CERT_EXPIRED_WARNING: will expire in 3 hours", "deadline", "", 3 * 3_600),
        ("%SMART_LIC-3-ID_CERT_EXPIRED_WARNING: will expire in 30 minutes", "deadline", "", 30 * 60),
        ("%SMART_LIC-3-ID_CERT_EXPIRED_WARNING: will expire in 2 weeks, 1 day", "deadline", "", 15 * 86_400),
        ("%SMART_LIC-3-ID_CERT_EXPIRED_WARNING: in total, will expire in 4 days", "deadline", "", 4 * 86_400),
        ("%SMART_LIC-3-ID_CERT_EXPIRED_WARNING: will expire soon", "deadline", "", None),
        (
            "%LICMGR-2-LOG_LIC_NO_LIC: No license(s) present for feature X. Application(s) shut down in 119 days.",
            "deadline",
            "",
            119 * 86_400,
        ),
        ("%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: x : y", "failed", "y", None),
        (
            "%SMART_LIC-6-AUTH_RENEW_SUCCESS: Authorization renewal successful. State=authorized for udi x",
            "success",
            "",
            None,
        ),
        # The device's configuration may change the severity.
        ("%SMART_LIC-5-COMM_FAILED: x : y", "failed", "y", None),
    ],
)
def test_a_message_gives_its_reason_or_its_deadline(
    line: str, said: str, reason: str, left: Optional[int]
) -> None:
    found = read(line)
    deadline = "" if left is None else str(TIME + left)
    assert (found["device_said"], found["device_reason"], found["device_deadline"]) == (
        said,
        reason,
        deadline,
    )


@pytest.mark.parametrize(
    "line",
    [
        "%SYS-5-CONFIG_I: Configured from console by %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        # Only after its licensing messages, 4443xx, does an ASA write the licensing agent's.
        "Nov 27 10:00:00 fw1 : %ASA-5-304001: %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "Nov 27 10:00:00 fw1 : %ASA-3-199015: SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "%SMART_LIC-6-NEW_MESSAGE: x",
        "sshd[1]: Invalid user %SMART_LIC-6-AUTH_RENEW_SUCCESS: x",
        "",
    ],
)
def test_other_text_says_nothing(line: str) -> None:
    assert set(read(line).values()) == {""}


def test_hostile_text_stays_one_harmless_reason() -> None:
    found = read("%SMART_LIC-3-COMM_FAILED: x : a|tsid|b\x1b[31m" + "c" * 9_999)
    assert "|" not in found["device_reason"]
    assert found["device_reason"].isprintable()
    assert len(found["device_reason"]) <= 200


@given(raw=st.text(), time=st.text() | st.none())
def test_any_text_gets_every_field(raw: str, time: Optional[str]) -> None:
    assert set(READER.read({"_raw": raw, "_time": time})) == set(MESSAGE_FIELDS)


FAILED_LINE = (
    "<189>1: *Nov 27 10:00:00.1: %SMART_LIC-3-COMM_FAILED: Communications failure : Unable to resolve"
)


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"host": "r1", "message": FAILED_LINE}),
        json.dumps({"event": {"original": FAILED_LINE + "\n"}}),
        f"message repeated 2 times: [ {FAILED_LINE}]",
        f'"{FAILED_LINE}"',
        f"{len(FAILED_LINE)} {FAILED_LINE}",
        f"\ufeff{FAILED_LINE}",
        f"{FAILED_LINE}\0",
        f"{FAILED_LINE}\n<189>2: *Nov 27 10:00:01.1: %SMART_LIC-5-COMM_RESTORED: restored",
        f"{FAILED_LINE}<189>2: *Nov 27 10:00:01.1: %SMART_LIC-5-COMM_RESTORED: restored",
    ],
)
def test_a_message_is_read_whatever_relays_put_around_it(line: str) -> None:
    found = read(line)
    assert (found["device_said"], found["device_reason"]) == ("failed", "Unable to resolve")


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"user_agent": FAILED_LINE}),
        json.dumps({"message": f"Invalid user {FAILED_LINE}"}),
        f"Nov 27 10:00:00 host sshd[7]: message repeated 2 times: [ Invalid user {FAILED_LINE}]",
        f"%SYS-5-CONFIG_I: Configured by x\n{FAILED_LINE}",
    ],
)
def test_a_message_in_a_strangers_text_is_not_read(line: str) -> None:
    assert read(line)["device_said"] == ""
