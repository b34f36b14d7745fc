"""Texts of strangers, as they are shown."""

from __future__ import annotations

import pytest

from tsid.text.sanitize import MAX_NAME_LENGTH, escape_formula, for_message, printable, safe_device_name


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("\uff1d1", "'\uff1d1"),
        ("tools.cisco.com", "tools.cisco.com"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_formulas_are_escaped(text: str, cell: str) -> None:
    assert escape_formula(text) == cell


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("fw-1.example", "fw-1.example"),
        ("-fw", "_fw"),
        ('fw" | delete', "fw_ _ delete"),
        ("2001:db8::1%eth0/64", "2001:db8::1%eth0/64"),
        ("Zürich 1", "Zürich 1"),
        # Letters to Unicode, and nothing to the eye.
        ("fw\u3164\u115f\uffa0", "fw___"),
        ("x" * (MAX_NAME_LENGTH + 1), "x" * MAX_NAME_LENGTH),
    ],
)
def test_a_device_name_cannot_leave_its_quotes(text: str, name: str) -> None:
    assert safe_device_name(text) == name


@pytest.mark.parametrize(
    ("text", "what"),
    [("plain text", "plain text"), ("a\x1bb\nc\u202ed", "a?b?c?d"), ("\x9b", "?"), ("é", "é"), ("", "")],
)
def test_unprintable_characters_are_replaced(text: str, what: str) -> None:
    assert printable(text) == what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x" * MAX_NAME_LENGTH, "x" * MAX_NAME_LENGTH),
        ("x" * (MAX_NAME_LENGTH + 1), "x" * (MAX_NAME_LENGTH - 1) + "…"),
        ("\x07" * 300, "?" * (MAX_NAME_LENGTH - 1) + "…"),
    ],
)
def test_text_in_messages_is_printable_and_shortened(text: str, what: str) -> None:
    assert for_message(text) == what
