"""Makes a release: package, SHA-256 and AppInspect's report, from a commit that says what it releases.

Usage: `python3 -m tools.release`

The version stands in app.conf; app.manifest is held against it by tools/appcheck.py.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
from pathlib import Path

from tools import appinspect, conf, package
from tools.common import ROOT, ToolError, run

_HEADING = re.compile(r"(?m)^## \[([^\]]+)\](?: - (.*))?$")


def version_of(root: Path = ROOT) -> str:
    """Return the version that app.conf names."""
    return conf.read(root / package.LINK)["id"]["version"]


def changelog_problems(text: str, version: str) -> list[str]:
    """Return what keeps a changelog from being that of a release.

    Args:
        text: the changelog.
        version: the one to be released.
    """
    found = list(_HEADING.finditer(text))
    sections = [
        (one[1], one[2] or "", text[one.end() : other.start() if other else len(text)].strip())
        for one, other in zip(found, [*found[1:], None])
    ]
    problems = [
        "what stands under [Unreleased] belongs under a version"
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
        problems.append(f"nothing stands under version {version}")
    return problems


def _changed(root: Path) -> str:
    return subprocess.run(
        ["git", "status", "--porcelain"],  # noqa: S607
        cwd=root,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def main() -> None:
    """Make the release, or say what is missing."""
    argparse.ArgumentParser(
        prog="python3 -m tools.release", description="Make the package, its SHA-256 and AppInspect's report."
    ).parse_args()
    version = version_of()
    if _changed(ROOT):
        raise ToolError("the working tree has changes", "commit them: a release is made from a commit")
    problems = changelog_problems((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if problems:
        raise ToolError("CHANGELOG.md: " + "; ".join(problems), "bring it and app.conf into line")
    path = package.build_checked()
    report = path.with_suffix(".appinspect.json")
    wrong = appinspect.complaints(appinspect.inspect(path, report))
    if wrong:
        raise ToolError("AppInspect:\n" + "\n".join(f"  {complaint}" for complaint in wrong))
    for made in (path, path.with_name(f"{path.name}.sha256"), report):
        print(made.relative_to(ROOT))
    print(f"Tag the commit v{version}, and attach these files to the release.")


if __name__ == "__main__":
    run(main)
