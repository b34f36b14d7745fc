"""The dashboards in a real browser: ``make test-dashboards``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from lab.dashboards.browser import View, chromium
from lab.dashboards.sample import Sample, make_sample
from lab.dashboards.splunkd import Site, Splunkd
from lab.errors import LabError
from lab.host.app import copy_app
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk

ROOT = Path(__file__).resolve().parents[2]
VIEWS = ROOT / "default" / "data" / "ui" / "views"

Show = Callable[..., View]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(copy_app(ROOT, tmp_path_factory.mktemp("sample")), host=InProcessHost)


@pytest.fixture(scope="session")
def context() -> Iterator[BrowserContext]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Return one site for all tests, because the browser keeps the page's compiled script by its address."""
    with Site(VIEWS, Splunkd(Splunk(ROOT, [], 0))) as found:
        yield found


@pytest.fixture(scope="session")
def pages() -> list[View]:
    """Return a list for the page that shows one view after the other: to load one takes seconds."""
    return []


@pytest.fixture
def show(context: BrowserContext, site: Site, pages: list[View]) -> Show:
    """Return a function that opens a view over a Splunk, instead of the previous one.

    With ``fresh`` the page is loaded for it, as in Splunk; otherwise only the first time.
    """

    def opened(
        splunk: Splunk,
        name: str,
        theme: str = "dark",
        size: tuple[int, int] = (1920, 1080),
        change: Callable[[dict[str, Any]], None] = lambda _: None,
        timeout: float = 60,
        fresh: bool = False,
        **tokens: str,
    ) -> View:
        view = pages.pop() if pages else None
        if view and fresh:
            view.close()
            site.await_rest()
            view = None
        if view:
            view.leave(timeout)
        else:
            view = View(context, site, timeout)
        site.turn_to(Splunkd(splunk), change)
        view.page.set_viewport_size({"width": size[0], "height": size[1]})
        try:
            view.open(name, theme, **tokens)
        except LabError:
            # The page works, it only shows a view with a fault.
            pages.append(view)
            raise
        except BaseException:
            view.close()
            site.await_rest()
            raise
        pages.append(view)
        return view

    return opened
