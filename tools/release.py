"""Makes a release from a commit: package, SHA-256 and AppInspect's report.

Usage: `python3 -m tools.release --prepare VERSION`, commit, then `make release`

The version is defined in app.conf's [id]. Splunk needs it in two more places: this tool writes them, and
tests/app/test_appcheck.py compares all three.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tools import appinspect, package, vendor
from tools.common import ROOT, ToolError, run
from tools.package import version_of

CHANGELOG = "CHANGELOG.md"
SEMANTIC_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
)
_HEADING = re.compile(r"(?m)^## \[([^\]]+)\](?: - (.*))?$")


def changelog_problems(text: str, version: str) -> list[str]:
    """Return the problems of a changelog for a release.

    Args:
        text: the changelog.
        version: the version to release.
    """
    found = list(_HEADING.finditer(text))
    sections = [
        (one[1], one[2] or "", text[one.end() : other.start() if other else len(text)].strip())
        for one, other in zip(found, [*found[1:], None])
    ]
    problems = [
        "the entries under [Unreleased] belong under a version"
        for name, _, body in sections
        if name == "Unreleased" and body
    ]
    released = [section for section in sections if section[0] != "Unreleased"]
    if not released or released[0][0] != version:
        newest = released[0][0] if released else "none"
        return [*problems, f"the newest version is {newest}, and app.conf has {version}"]
    _, day, body = released[0]
    try:
        datetime.date.fromisoformat(day)
    except ValueError:
        problems.append(f"version {version} has no day such as 2026-01-31")
    if not body:
        problems.append(f"version {version} has no entries")
    return problems


def prepare(root: Path, version: str, day: datetime.date) -> None:
    """Write a new version into all files, and move the unreleased entries under it.

    Args:
        root: the repository's root.
        version: the version to release, a semantic version.
        day: the day of the release.

    Raises:
        ToolError: the version is not valid or not later, or a file is not in the expected form.
    """
    if not SEMANTIC_VERSION.fullmatch(version):
        raise ToolError(f"{version} is not a semantic version", "give one such as 1.2.0")
    old = version_of(root)
    if _rank(version) <= _rank(old):
        raise ToolError(f"{version} does not come after {old}", "give a later version")

    def replaced(pattern: str, new: str | Callable[[re.Match[str]], str], text: str, count: int) -> str:
        text, found = re.subn(pattern, new, text)
        if found != count:
            raise ToolError(f"{pattern} occurs {found} times instead of {count}", "fix the file by hand")
        return text

    conf_text = _text(root / "app.conf")
    conf_text = replaced(rf"(?m)^version = {re.escape(old)}$", f"version = {version}", conf_text, 2)
    conf_text = replaced(r"(?m)^build = (\d+)$", lambda found: f"build = {int(found[1]) + 1}", conf_text, 1)
    manifest = replaced(
        rf'"version": "{re.escape(old)}"', f'"version": "{version}"', _text(root / "app.manifest"), 1
    )
    changelog = replaced(
        r"(?m)^## \[Unreleased\]$", f"## [Unreleased]\n\n## [{version}] - {day}", _text(root / CHANGELOG), 1
    )
    problems = changelog_problems(changelog, version)
    if problems:
        raise ToolError(f"{CHANGELOG}: " + "; ".join(problems), "describe the changes under [Unreleased]")
    for name, text in (("app.conf", conf_text), ("app.manifest", manifest), (CHANGELOG, changelog)):
        (root / name).write_bytes(text.encode("utf-8"))


def _rank(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Order versions: a final one comes after its previews."""
    numbers, _, preview = version.partition("+")[0].partition("-")
    return tuple(map(int, numbers.split("."))), not preview, preview


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _changed(root: Path) -> str:
    return subprocess.run(
        ["git", "status", "--porcelain"],  # noqa: S607
        cwd=root,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def main() -> None:
    """Prepare or make the release."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.release", description="Make the package, its SHA-256 and AppInspect's report."
    )
    parser.add_argument(
        "--prepare", metavar="VERSION", help="write this version and today's date into the files, no more"
    )
    vendor.add_option(parser)
    options = parser.parse_args()
    wanted = options.prepare
    if wanted:
        prepare(ROOT, wanted, datetime.datetime.now(datetime.timezone.utc).date())
        print(f"app.conf, app.manifest and {CHANGELOG} say {wanted}: commit them, then make release.")
    else:
        _release(vendor.FLAVOURS[options.sdk])


def _release(flavour: vendor.Flavour) -> None:
    version = version_of()
    if _changed(ROOT):
        raise ToolError("the working tree has changes", "commit them: a release is made from a commit")
    problems = changelog_problems(_text(ROOT / CHANGELOG), version)
    if problems:
        raise ToolError(f"{CHANGELOG}: " + "; ".join(problems), "python3 -m tools.release --prepare VERSION")
    path = package.build(flavour=flavour)
    report = path.with_suffix(".appinspect.json")
    wrong = appinspect.complaints(appinspect.inspect(path, report), flavour)
    if wrong:
        raise ToolError("AppInspect:\n" + "\n".join(f"  {complaint}" for complaint in wrong))
    for made in (path, path.with_name(f"{path.name}.sha256"), report):
        print(made.relative_to(ROOT))
    print(f"Tag the commit v{version}, and attach these files to the release.")


if __name__ == "__main__":
    run(main)
