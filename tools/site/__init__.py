"""Builds the documentation's site from README.md and docs/, with the links of GitHub: `make docs`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.common import ROOT, ToolError

HERE = Path(__file__).resolve().parent
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs")
"""The sources of the pages."""

LINKED = ("LICENSE", "README/tsidrefresh.conf.spec")
"""Other files that pages link to."""

EXTRA = (HERE / "site.css", HERE / "node_modules" / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js")
"""Files that all pages use; the script is from npm."""


def build(root: Path, folder: Path) -> None:
    """Build the site of the repository at root.

    Args:
        folder: the folder for its pages; its content is replaced.

    Raises:
        ToolError: a link or an anchor is dead, or the table of contents and the pages do not agree.
    """
    pages = folder.with_name(f"{folder.name}-pages")
    shutil.rmtree(pages, ignore_errors=True)
    for name in (*PAGES, *LINKED):
        target = pages / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (root / name).is_dir():
            shutil.copytree(root / name, target)
        else:
            shutil.copyfile(root / name, target)
    for path in EXTRA:
        shutil.copyfile(path, pages / path.name)
    command = [sys.executable, "-m", "properdocs", "build", "--strict", "--clean"]
    built = subprocess.run(
        [*command, "--config-file", str(HERE / "properdocs.yml"), "--site-dir", str(folder)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TSIDENRICH_PAGES": str(pages)},
    )
    shutil.rmtree(pages)
    if built.returncode:
        faults = [line for line in built.stdout.splitlines() if not line.startswith("INFO")]
        raise ToolError("the documentation has faults:\n" + "\n".join(faults))


def main() -> None:
    """Build it into build/site."""
    folder = ROOT / "build" / "site"
    folder.parent.mkdir(exist_ok=True)
    build(ROOT, folder)
    print((folder / "index.html").relative_to(ROOT))
