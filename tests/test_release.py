"""A release is made only of what the changelog tells."""

from __future__ import annotations

import pytest

from tools.release import changelog_problems, version_of

GOOD = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-24

### Added

- Something.

## [1.1.0] - 2026-01-01

- Something else.
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", None),
        ("## [Unreleased]\n", "## [Unreleased]\n\n- Not yet.\n", "belongs under a version"),
        ("1.2.0", "1.3.0", "the newest version is 1.3.0"),
        ("2026-11-24", "soon", "has no day"),
        (" - 2026-11-24", "", "has no day"),
        ("### Added\n\n- Something.\n", "", "nothing stands under version 1.2.0"),
        (GOOD, "# Changelog\n", "the newest version is none"),
    ],
)
def test_what_keeps_a_release_back(old: str, new: str, told: str | None) -> None:
    problems = changelog_problems(GOOD.replace(old, new, 1), "1.2.0")
    assert [problem for problem in problems if told is None or told not in problem] == []
    assert bool(problems) == (told is not None)


def test_the_version_is_that_of_the_app() -> None:
    assert version_of().count(".") == 2
