"""`make lint` names phrases that readers stumbled over, with what to write instead."""

from __future__ import annotations

import pytest

from tools.prose import check


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A name that is no\nhostname is text.", 1),
        ("One line.\nWhere TSID bites, licences expire.", 2),
        ("# Servers that bear\n# their name.", 1),
        ("Of the broken chunk no event is returned.", 1),
        ("The address lies in another network.", 1),
        ("The license expires.", 1),
    ],
)
def test_a_phrase_of_the_list_is_found_also_across_lines(text: str, line: int) -> None:
    (finding,) = check("docs/x.md", text)
    assert finding.startswith(f"docs/x.md:{line}: ")


@pytest.mark.parametrize(
    "text",
    [
        "There is no address in the answer.",
        "A proxy may stand in for Cisco.",
        "`license_state` and `show license status` are names.",
        "    license smart renew auth",
        "[Apache](LICENSE)",
        "It is no longer registered.",
    ],
)
def test_plain_english_and_names_are_left_alone(text: str) -> None:
    assert list(check("docs/x.md", text)) == []


def test_the_spelling_of_licence_is_checked_in_prose_only() -> None:
    assert list(check("bin/x.py", "license_state = 'license'")) == []
