"""Opens views in Chromium and reads the panels on the screen."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Optional

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from lab.dashboards.splunkd import Site
from lab.errors import LabError

# It never needs the network, a screen card or a sandbox: it only ever shows this site.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: A complete page sends no request for this many milliseconds.
_QUIET_MILLISECONDS = 700
#: The page's script has 14 MB, which a busy machine compiles slowly.
_LOAD_MILLISECONDS = 120_000
#: Every address outside of this machine and of the page.
_OUTSIDE = re.compile(r"(?!http://127\.0\.0\.1:|data:|blob:)")


class Panel(NamedTuple):
    """A panel as the screen shows it.

    Attributes:
        id: its name in the view's definition.
        kind: its visualization.
        painted: whether it shows its visualization, with a size.
        trouble: the message it shows instead; empty without one.
        box: left, top, width and height, pixels.
        value: of a single value, the text in large.
        trend: of a single value, its change.
        fill: of a single value, its background.
        columns: of a table, the headings.
        rows: of a table, the rows on its first page.
        marks: of a chart, how many marks of each colour have a size.
        legend: of a chart, the names of its series.
        cut: texts that end in an ellipsis for want of room.
        broken: of a table, words of the headings that do not fit into a line.
        half: of a table, rows of which a part is out of sight.
    """

    id: str
    kind: str
    painted: bool
    trouble: str
    box: Sequence[float]
    value: str
    trend: str
    fill: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    marks: Mapping[str, int]
    legend: Sequence[str]
    cut: Sequence[str]
    broken: Sequence[str]
    half: Sequence[Sequence[str]]


# Runs in the page.
_PANELS = """() => [...document.querySelectorAll('[data-test=viz-item]')].map((item) => {
  const kind = item.dataset.vizType;
  const size = (e) => { const box = e.getBoundingClientRect(); return box.width * box.height; };
  const text = (e) => (e ? e.innerText.trim() : '');
  const all = (selector, within = item) => [...within.querySelectorAll(selector)];
  const isChart = /column|bar|line|area|pie/.test(kind);
  const major = item.querySelector('[data-test=majorValue]');
  const rows = all('[data-test=row]').map((row) => all('[data-test=cell]', row).map(text))
    .filter((row) => row.length);
  const points = all('.highcharts-series:not(.highcharts-legend-item) .highcharts-point');
  const drawn = isChart && item.querySelector('.highcharts-plot-background, .highcharts-axis') !== null;
  const marks = {};
  points.filter((p) => size(p) > 0.5).forEach((p) => {
    const colour = (p.getAttribute('fill') || '').toLowerCase();
    marks[colour] = (marks[colour] || 0) + 1;
  });
  const bad = item.querySelector('[data-test=placeholder-icon], [data-test=viz-waiting-for-input],' +
    '[data-test=visualization-message], [data-test=message][data-test-type=error],' +
    '[data-test=message][data-test-type=warning]');
  const sign = all('svg').find((e) => /error|warning/i.test(e.dataset.test || '') ||
    /error|warning/i.test(e.querySelector('title')?.textContent || ''));
  const empty = kind === 'splunk.singlevalue' && major && /^(N\\/A|)$/.test(text(major));
  let trouble = '';
  if (bad || sign) trouble = text((bad || sign).parentElement) || 'a warning sign';
  else if (empty) trouble = 'no value';
  const painted = !trouble && size(item) > 0 &&
    (isChart ? drawn : kind === 'splunk.table' ? rows.length > 0 : !!major && size(major) > 0);
  const box = item.getBoundingClientRect();
  const fill = major ? (() => {
    for (let e = major; e && e !== item.parentElement; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour && !/rgba\\(0, 0, 0, 0\\)|transparent/.test(colour)) return colour;
    }
    return '';
  })() : '';
  const isHalf = (row) => {
    const { top, bottom } = row.getBoundingClientRect();
    for (let e = row.parentElement; e && e !== item.parentElement; e = e.parentElement) {
      const frame = e.getBoundingClientRect();
      const clips = getComputedStyle(e).overflowY !== 'visible';
      if (clips && top < frame.bottom - 1 && bottom > frame.bottom + 1) return true;
    }
    return false;
  };
  const half = kind !== 'splunk.table' ? [] : all('[data-test=row]').filter(isHalf)
    .map((row) => all('[data-test=cell]', row).map(text));
  const isBroken = (node, word, at) => {
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + word.length);
    return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1;
  };
  const broken = all('[data-test=head-cell]').flatMap((head) => {
    const found = [];
    const walker = document.createTreeWalker(head, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      [...node.data.matchAll(/\\S+/g)].filter(({ 0: word, index }) => isBroken(node, word, index))
        .forEach(({ 0: word }) => found.push(word));
    }
    return found;
  });
  return {
    half,
    broken,
    cut: [
      ...all('*').filter((e) => e.children.length === 0 && e.scrollWidth > e.clientWidth &&
        getComputedStyle(e).textOverflow === 'ellipsis').map(text),
      ...all('.highcharts-legend-item text').map((e) => e.textContent).filter((e) => e.includes('…')),
    ],
    id: item.dataset.id, kind, painted, trouble, fill, rows, marks,
    box: [box.left, box.top, box.width, box.height],
    value: text(major), trend: text(item.querySelector('[data-test=trendValue], [data-test=trend-value]')),
    columns: all('[data-test=head-cell], [data-test=label-container]').map(text).filter(Boolean),
    legend: all('.highcharts-legend-item text').map((e) => e.textContent),
  };
})"""


class View:
    """A view in the browser.

    Args:
        context: the browser.
        site: where the view is.
        timeout: the seconds after which an incomplete view is an error.

    Attributes:
        site: where the view is.
        page: the browser's page.
        problems: errors on the browser's console, and requests to other machines.
    """

    def __init__(self, context: BrowserContext, site: Site, timeout: float = 60) -> None:
        self.site = site
        self._timeout = timeout
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self._is_loaded = False
        self.page.on("console", self._note_console_error)
        self.page.on("pageerror", lambda error: self.problems.append(f"page: {error}"))
        self.page.on("request", self._note_foreign_request)

    def _note_console_error(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text}")

    def _note_foreign_request(self, request: Request) -> None:
        if _OUTSIDE.match(request.url):
            self.problems.append(f"left the machine: {request.url}")

    def open(self, view: str, theme: str = "dark", **tokens: str) -> View:
        """Open a view and wait until it is painted. After `leave` the page is not loaded again."""
        address = self.site.address(view, **tokens)
        address += ("&" if "?" in address else "?") + f"theme={theme}"
        if self._is_loaded:
            self.page.evaluate("address => window.lab.open(address)", address)
        else:
            self.page.goto(address, timeout=_LOAD_MILLISECONDS)
        self._is_loaded = False
        return self.wait()

    def leave(self, timeout: float = 60) -> None:
        """Remove the view from the page, which `open` then uses for another one.

        Args:
            timeout: as in the constructor, for the other view.
        """
        self.page.evaluate("window.lab.leave()")
        self.site.await_rest()
        self.problems.clear()
        self._is_loaded, self._timeout = True, timeout

    def wait(self) -> View:
        """Wait until every panel is painted or shows why not, and does not change any more.

        Until a chain search is answered its panel may show "no results". So the page must also be without
        requests for a while; in that time charts move into place, too.

        Raises:
            LabError: it takes too long.
        """
        ready = f"""() => {{ if (!window.lab.api || window.lab.api.hasRunningSearches()) return false;
            const panels = ({_PANELS})();
            return panels.length > 0 && panels.every((p) => p.painted || p.trouble); }}"""
        end = time.monotonic() + self._timeout
        while True:
            left = max(end - time.monotonic(), 0.1)
            try:
                self.page.wait_for_function(ready, timeout=left * 1000, polling=200)
            except Exception as error:
                missing = [panel.id for panel in self.panels().values() if not panel.painted]
                raise LabError(f"not painted: {', '.join(missing)}: {error}; {self.problems}") from error
            asked = self.site.asked
            self.page.wait_for_timeout(_QUIET_MILLISECONDS)
            if asked == self.site.asked == self.site.answered and self.page.evaluate(f"({ready})()"):
                return self
            if time.monotonic() > end:
                waiting = f"{self.site.answered} of {self.site.asked} requests answered"
                raise LabError(f"the page does not come to rest: {waiting}; {self.problems}")

    def panels(self) -> dict[str, Panel]:
        """Return the panels on the screen by name."""
        return {found["id"]: Panel(**found) for found in self.page.evaluate(_PANELS)}

    def picture(self, path: Path) -> None:
        """Save a picture of the whole view, however long it is."""
        size = self.page.viewport_size or {"width": 0, "height": 0}
        height = self.page.evaluate("document.documentElement.scrollHeight")
        # Panels are painted for their window.
        self.page.set_viewport_size({"width": size["width"], "height": height})
        self.wait().page.screenshot(path=path)
        self.page.set_viewport_size({"width": size["width"], "height": size["height"]})

    def invalid(self) -> list[Any]:
        """Return the messages of the framework's own validation of the definition."""
        found: list[Any] = self.page.evaluate("window.lab.invalid")
        return found

    def close(self) -> None:
        """Close the page."""
        self.page.close()


@contextmanager
def chromium(width: int = 1920, height: int = 1080) -> Iterator[BrowserContext]:
    """Start the machine's Chromium without a screen.

    Raises:
        LabError: Chromium is not installed.
    """
    path = _find_chromium()
    if path is None:
        raise LabError(
            "Chromium is missing: apt install chromium, or set the environment variable CHROMIUM to its path"
        )
    with sync_playwright() as playwright:
        # With a folder for its cache it keeps scripts compiled. An unnamed one playwright makes and removes.
        context = playwright.chromium.launch_persistent_context(
            "",
            executable_path=path,
            headless=True,
            args=list(_FLAGS),
            viewport={"width": width, "height": height},
            timezone_id="UTC",
            locale="en-US",
        )
        try:
            yield context
        finally:
            context.close()


def _find_chromium() -> Optional[str]:
    named = os.environ.get("CHROMIUM")
    return named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
