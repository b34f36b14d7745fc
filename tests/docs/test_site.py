"""The documentation's site: no dead links, all pictures drawn, no need of the network."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.dashboards.browser import chromium
from tools import site
from tools.common import ROOT, ToolError


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site."""
    folder = tmp_path_factory.mktemp("built") / "site"
    site.build(ROOT, folder)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a copy of the site's sources, to be changed."""
    for name in (*site.PAGES, *site.LINKED):
        target = tmp_path / "repository" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, target)
    return tmp_path / "repository"


def adding(page: str, text: str) -> Callable[[Path], object]:
    def add(repository: Path) -> None:
        with (repository / page).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")

    return add


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a dead link": (adding("docs/lookups.md", "[x](nowhere.md)"), r"'docs/lookups.md' contains a link 'nowhere.md'"),
    "a dead link of README": (adding("README.md", "[x](docs/nowhere.md)"), r"'README.md' contains a link 'docs/nowhere.md'"),
    "a dead anchor": (adding("docs/lookups.md", "[x](refresh.md#nothing)"), r"'refresh.md#nothing'.* does not contain an anchor '#nothing'"),
    "a dead anchor of README": (adding("README.md", "[x](docs/refresh.md#nothing)"), r"does not contain an anchor '#nothing'"),
    "a dead anchor in the same page": (adding("docs/lookups.md", "[x](#nothing)"), r"'#nothing', but there is no such anchor"),
    "a link that only this machine has": (adding("docs/lookups.md", "[x](/docs/refresh.md)"), r"contains an absolute link"),
    "a picture that is not there": (adding("docs/lab.md", "![x](images/nothing.png)"), r"'images/nothing.png'"),
    "a page that is in no table of contents": (
        lambda repository: (repository / "docs" / "more.md").write_text("# More\n", encoding="utf-8"),
        r'not included in the "nav".*\n.*docs/more.md',
    ),
    "a page less than in the table of contents": (
        lambda repository: (repository / "docs" / "upgrade.md").unlink(),
        r"A reference to 'docs/upgrade.md' is included in the 'nav' configuration",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), FAULTS.values(), ids=FAULTS)
def test_a_site_with_a_fault_is_not_built(
    repository: Path, tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(repository)
    with pytest.raises(ToolError, match=message):
        site.build(repository, tmp_path / "site")


def test_every_picture_is_drawn(built: Path) -> None:
    pictures = {
        page.relative_to(ROOT): count
        for page in sorted((ROOT / "docs").glob("*.md"))
        if (count := page.read_text(encoding="utf-8").count("\n```mermaid\n"))
    }
    assert pictures == {Path("docs/architecture.md"): 2}
    asked: list[str] = []
    with chromium(1300, 1000) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        for path, count in pictures.items():
            page.goto((built / path).with_suffix(".html").as_uri())
            drawn = page.locator(".mermaid svg")
            drawn.nth(count - 1).wait_for()
            assert drawn.count() == page.locator(".mermaid").count() == count
            for picture in drawn.all():
                # A diagram with an error is drawn as a picture of a bomb.
                assert "Syntax error" not in (picture.text_content() or "")
                assert picture.locator(".node").count() > 10
                box = picture.bounding_box()
                assert box is not None and 400 < box["width"] <= 1100
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}


def test_no_page_needs_the_network(built: Path) -> None:
    for page in built.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|img|iframe)[^>]+src="([^"]+)|<link[^>]+href="([^"]+)',
            page.read_text(encoding="utf-8"),
        )
        assert not [address for pair in loaded for address in pair if "//" in address], page.name
