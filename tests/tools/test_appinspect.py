"""AppInspect's report: expected warnings are accepted, everything else is a complaint."""

from __future__ import annotations

import pytest

from tools import appinspect
from tools.appinspect import EXPECTED, Finding
from tools.vendor import FLAVOURS


def report(*checks: tuple[str, str, str]) -> dict[str, object]:
    """Return a report as AppInspect writes it."""
    found = [
        {"name": name, "result": result, "messages": [{"message": text}]} for name, result, text in checks
    ]
    return {"reports": [{"groups": [{"checks": found}]}]}


WARNINGS = [Finding(check, "warning", "as always") for check in EXPECTED]


def test_successful_checks_are_not_findings() -> None:
    checks = report(("a", "success", ""), ("b", "not_applicable", ""), ("c", "failure", "x  \n y"))
    assert list(appinspect.findings(checks)) == [Finding("c", "failure", "x y")]


def test_the_expected_warnings_are_accepted() -> None:
    assert appinspect.complaints(WARNINGS) == []


def test_the_flavour_with_the_new_sdk_has_no_warning_about_an_old_one() -> None:
    newest = [Finding(check, "warning", "as always") for check in appinspect.EXPECTED_SDK3]
    assert appinspect.complaints(newest, FLAVOURS["3"]) == []
    assert appinspect.complaints([*newest, WARNINGS[0]], FLAVOURS["3"]) == [
        "warning of check_python_sdk_version: as always"
    ]


@pytest.mark.parametrize("result", ["warning", *appinspect.BAD])
def test_an_unexpected_finding_is_a_complaint(result: str) -> None:
    assert appinspect.complaints([*WARNINGS, Finding("new", result, "File: x Line: 3")]) == [
        f"{result} of new: File: x Line: 3"
    ]


@pytest.mark.parametrize("result", appinspect.BAD)
def test_an_expected_warning_that_becomes_a_failure_is_a_complaint(result: str) -> None:
    worse = [WARNINGS[0]._replace(result=result), *WARNINGS[1:]]
    assert appinspect.complaints(worse) == [f"{result} of {WARNINGS[0].check}: as always"]


def test_an_expected_warning_that_disappears_is_a_complaint() -> None:
    assert appinspect.complaints([]) == [
        f"{check} no longer warns: take it off EXPECTED in tools/appinspect.py" for check in sorted(EXPECTED)
    ]
