"""A release is made only with a matching changelog."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import pytest

from tools import package
from tools.common import ROOT, ToolError
from tools.package import version_of
from tools.release import changelog_problems, prepare
from tsid.text import conf

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
        ("## [Unreleased]\n", "## [Unreleased]\n\n- Not yet.\n", "belong under a version"),
        ("1.2.0", "1.3.0", "the newest version is 1.3.0"),
        ("2026-11-24", "soon", "has no day"),
        (" - 2026-11-24", "", "has no day"),
        ("### Added\n\n- Something.\n", "", "version 1.2.0 has no entries"),
        (GOOD, "# Changelog\n", "the newest version is none"),
    ],
)
def test_a_changelog_that_does_not_match_the_version_prevents_a_release(
    old: str, new: str, told: str | None
) -> None:
    problems = changelog_problems(GOOD.replace(old, new, 1), "1.2.0")
    assert [problem for problem in problems if told is None or told not in problem] == []
    assert bool(problems) == (told is not None)


def test_the_version_is_read_from_app_conf() -> None:
    assert version_of().count(".") == 2


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder with the files that contain a version; the changelog is GOOD with an unreleased entry."""
    root = tmp_path / package.APP
    (root / "default").mkdir(parents=True)
    for name in ("app.conf", "app.manifest", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, root / name)
    (root / "default" / "app.conf").symlink_to("../app.conf")
    newest = version_of(root)
    text = GOOD.replace("1.2.0", newest).replace("[Unreleased]\n", "[Unreleased]\n\n- News.\n")
    (root / "CHANGELOG.md").write_text(text, encoding="utf-8")
    return root


def test_prepare_writes_the_new_version_into_all_files(repository: Path) -> None:
    before = conf.read(repository / "app.conf")
    prepare(repository, "77.0.1", datetime.date(2031, 2, 3))
    after = conf.read(repository / "app.conf")
    assert after["id"]["version"] == after["launcher"]["version"] == "77.0.1"
    assert int(after["install"]["build"]) == int(before["install"]["build"]) + 1
    assert json.loads((repository / "app.manifest").read_bytes())["info"]["id"]["version"] == "77.0.1"
    text = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]\n\n## [77.0.1] - 2031-02-03\n\n- News.\n" in text
    assert changelog_problems(text, "77.0.1") == []


@pytest.mark.parametrize(
    ("version", "unreleased", "told"),
    [
        ("77", "- News.", "not a semantic version"),
        ("0.0.1", "- News.", "does not come after"),
        (version_of(), "- News.", "does not come after"),
        (f"{version_of()}-rc.1", "- News.", "does not come after"),
        ("77.0.0", "", "version 77.0.0 has no entries"),
    ],
)
def test_an_invalid_version_or_an_empty_changelog_changes_nothing(
    repository: Path, version: str, unreleased: str, told: str
) -> None:
    changelog = repository / "CHANGELOG.md"
    changelog.write_text(
        changelog.read_text(encoding="utf-8").replace("- News.", unreleased), encoding="utf-8"
    )
    files = [repository / name for name in ("app.conf", "app.manifest", "CHANGELOG.md")]
    before = [path.read_bytes() for path in files]
    with pytest.raises(ToolError, match=told):
        prepare(repository, version, datetime.date(2031, 2, 3))
    assert [path.read_bytes() for path in files] == before
