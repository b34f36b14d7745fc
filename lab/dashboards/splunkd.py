"""A stand-in for the part of splunkd's REST interface that a dashboard uses, with computed results.

Each search that a dashboard sends runs in `lab.spl` over events of one's own, through the app's real
commands. The framework sends a chain search as a parameter of a request for another job's results.
`tools/splunk_check.py` asks for settings, and for searches whose results come with the answer.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Optional
from urllib.parse import parse_qs, urlencode, urlsplit

from lab.dashboards.views import read_view
from lab.errors import LabError
from lab.spl.engine import Splunk
from lab.spl.functions import relative_time
from lab.spl.syntax import expand, pipeline
from lab.spl.table import Table
from lab.spl.values import texts
from tsid.text import conf

#: The page that shows a view; `make` builds its dist folder.
WEB = Path(__file__).resolve().parent / "web"

_PREFIX = re.compile(r"(?:/en-US/splunkd/__raw)?/(?:services|servicesNS/[^/]+/[^/]+)/(.*)")
_RESULTS = re.compile(r"search/v2/jobs/([^/]+)/(?:results|results_preview)")
# The files that `make` has built, and their types.
_BUILT = {"/dist/page.js": "text/javascript", "/dist/page.css": "text/css"}
# The framework remembers a job by its number, and no Splunk gives a number twice.
_NUMBERS = itertools.count(1)
# Seconds.
_REST_TIMEOUT_SECONDS = 60


class Job(NamedTuple):
    """A search that a dashboard has sent: its data source, the search, and its time range."""

    label: str
    search: str
    earliest: float
    latest: float
    table: Optional[Table]
    problem: str


class Splunkd:
    """The searches of a dashboard, and their results.

    Args:
        splunk: runs them.
    """

    def __init__(self, splunk: Splunk) -> None:
        self._splunk = splunk
        self._lock = threading.Lock()
        self.jobs: dict[str, Job] = {}
        #: Every search that the page has sent: jobs and chain searches.
        self.searches: list[str] = []

    def start(self, label: str, search: str, earliest: str, latest: str) -> str:
        """Run a search and return the number of its job; a problem becomes the job's own."""
        begin, end = self._time(earliest or "0"), self._time(latest or "now")
        spl = re.sub(r"^\s*search\s+", "", search)
        self.searches.append(search)
        with self._lock:
            sid = f"lab_{next(_NUMBERS)}"
            try:
                table, problem = self._splunk.table(spl, begin, end), ""
            except LabError as error:
                table, problem = None, str(error)
            self.jobs[sid] = Job(label, search, begin, end, table, problem)
        return sid

    def results(self, sid: str, chain: str, offset: int, count: int) -> dict[str, Any]:
        """Return a job's results, or those of a chain search after it, column by column.

        Raises:
            LabError: the search cannot run.
        """
        job = self.jobs[sid]
        self.searches.append(chain)
        if job.table is None:
            raise LabError(job.problem)
        with self._lock:
            table = self._splunk.chain(job.table, chain, job.earliest, job.latest) if chain else job.table
        rows = table.rows[offset : offset + count if count else None]
        columns = table.columns
        if columns is None:
            columns = sorted({name for row in table.rows for name in row})
        return {
            "preview": False,
            "init_offset": offset,
            "post_process_count": len(table.rows),
            "messages": [],
            "fields": [{"name": name} for name in columns],
            "columns": [[_shown(name, texts(row.get(name))) for row in rows] for name in columns],
        }

    def oneshot(self, search: str, earliest: str, latest: str) -> dict[str, Any]:
        """Run a search and return its results row by row.

        Raises:
            LabError: the search cannot run.
        """
        job = self.jobs[self.start("", search, earliest, latest)]
        if job.table is None:
            raise LabError(job.problem)
        rows = [{name: _shown(name, texts(value)) for name, value in row.items()} for row in job.table.rows]
        return {
            "results": [{name: value for name, value in row.items() if value is not None} for row in rows]
        }

    def content(self, api: str) -> Optional[Mapping[str, Any]]:
        """Return the settings of an entity; None if there is none."""
        app = self._splunk.app
        stanza = re.fullmatch(r"configs/conf-(\w+)/(.+)", api)
        if stanza:
            path = app / "default" / f"{stanza[1]}.conf"
            return conf.read(path).get(stanza[2]) if path.is_file() else None
        view = re.fullmatch(r"data/ui/views/(\w+)", api)
        if view:
            return {} if (app / "default" / "data" / "ui" / "views" / f"{view[1]}.xml").is_file() else None
        if api == "apps/local/tsidenrich":
            return conf.read(app / "default" / "app.conf")["id"]
        return {"version": "lab"} if api == "server/info" else None

    def row(self, collection: str, key: str, *, remove: bool = False) -> Optional[Mapping[str, Any]]:
        """Return a row of a collection, and remove it if asked to; None if there is none."""
        rows = self._splunk.collections.get(collection, {})
        return rows.pop(key, None) if remove else rows.get(key)

    def parse(self, search: str) -> None:
        """Parse a search.

        Raises:
            LabError: it cannot be parsed.
        """
        pipeline(expand(search, conf.read(self._splunk.app / "default" / "macros.conf")))

    def _time(self, modifier: str) -> float:
        if re.fullmatch(r"\d+(\.\d+)?", modifier):
            return float(modifier)
        return (
            self._splunk.now
            if modifier == "now"
            else relative_time(self._splunk.now, modifier, self._splunk.zone)
        )


def _shown(name: str, values: Sequence[str]) -> object:
    """Return a cell as splunkd writes it."""
    if not values:
        return None
    if name == "_time":
        return datetime.fromtimestamp(float(values[0]), timezone.utc).isoformat(timespec="milliseconds")
    return values[0] if len(values) == 1 else list(values)


class Site:
    """The views over a stand-in for splunkd, on a port of 127.0.0.1.

    Args:
        views: the folder of the views.
        splunkd: answers the searches.
        port: 0 for any that is free.
    """

    def __init__(self, views: Path, splunkd: Splunkd, port: int = 0) -> None:
        self._views = views
        self.turn_to(splunkd)
        #: How many requests have come, and how many of them have been answered.
        self.asked = self.answered = 0
        self._counting = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.answer(self, {})

            def do_DELETE(self) -> None:
                site.answer(self, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8")
                site.answer(self, {name: values[-1] for name, values in parse_qs(body).items()})

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]

    def address(self, view: str, **tokens: str) -> str:
        """Return where a view is, with values for its inputs."""
        query = urlencode({f"form.{token}": value for token, value in tokens.items()})
        return f"http://127.0.0.1:{self.port}/en-US/app/tsidenrich/{view}" + (f"?{query}" if query else "")

    def await_rest(self) -> None:
        """Wait until every request is answered, those of a page that is gone included.

        Raises:
            LabError: that takes too long.
        """
        end = time.monotonic() + _REST_TIMEOUT_SECONDS
        while self.asked != self.answered:
            if time.monotonic() > end:
                raise LabError(f"{self.answered} of {self.asked} requests answered")
            time.sleep(0.01)

    def turn_to(self, splunkd: Splunkd, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        """Show the views over a splunkd from now on.

        Args:
            splunkd: answers the searches.
            change: a function applied to a view's definition before it is shown.
        """
        self.splunkd, self._change = splunkd, change
        #: Requests of the page that this server does not know.
        self.unexpected: list[str] = []

    def __enter__(self) -> Site:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, form: Mapping[str, str]) -> None:
        """Answer one request."""
        with self._counting:
            self.asked += 1
        try:
            self._send(request, form)
        finally:
            with self._counting:
                self.answered += 1

    def _send(self, request: BaseHTTPRequestHandler, form: Mapping[str, str]) -> None:
        url = urlsplit(request.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        try:
            status, kind, body = self._answer(request.command, url.path, {**query, **form})
        except LabError as error:
            status, kind = 400, "application/json"
            body = json.dumps({"messages": [{"type": "FATAL", "text": str(error)}]}).encode("utf-8")
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        if url.path in _BUILT:
            # Its address changes with its content, so the browser may cache it together with the compiled
            # form; compiling takes most of a view's time.
            request.send_header("Cache-Control", "max-age=31536000, immutable")
        request.end_headers()
        request.wfile.write(body)

    def _answer(self, method: str, path: str, form: Mapping[str, str]) -> tuple[int, str, bytes]:
        if re.fullmatch(r"/en-US/app/tsidenrich/\w+", path):
            return 200, "text/html; charset=utf-8", _page().encode("utf-8")
        if path == "/favicon.ico":
            return 204, "image/x-icon", b""
        if path in _BUILT:
            return 200, _BUILT[path], (WEB / path[1:]).read_bytes()
        view = re.fullmatch(r"/view/(\w+)", path)
        if view and (self._views / f"{view[1]}.xml").is_file():
            shown = read_view(self._views / f"{view[1]}.xml")
            self._change(shown.definition)
            return _json(200, shown._asdict())
        found = _PREFIX.fullmatch(path)
        if found:
            return _json(*self._rest(method, found[1], form))
        self.unexpected.append(path)
        return _json(404, {"error": path})

    def _rest(self, method: str, api: str, form: Mapping[str, str]) -> tuple[int, object]:
        if api == "search/jobs" and form.get("exec_mode") == "oneshot":
            times = form.get("earliest_time", ""), form.get("latest_time", "")
            return 200, self.splunkd.oneshot(form["search"], *times)
        if api == "search/jobs" and method == "POST":
            sid = self.splunkd.start(
                form.get("label", ""),
                form["search"],
                form.get("earliest_time", ""),
                form.get("latest_time", ""),
            )
            return 201, {"sid": sid}
        if api == "search/jobs":
            return 200, {"entry": [_job(sid, job) for sid, job in self.splunkd.jobs.items()]}
        results = _RESULTS.fullmatch(api)
        if results:
            offset, count = int(form.get("offset") or 0), int(form.get("count") or 0)
            return 200, self.splunkd.results(results[1], form.get("search", ""), offset, count)
        if api == "authentication/current-context":
            return 200, {"entry": [{"content": {"username": "admin", "capabilities": ["search"]}}]}
        if api in ("data/indexes", "authentication/users"):
            return 403, {"messages": [{"type": "ERROR", "text": "the lab has none"}]}
        if api == "search/parser":
            self.splunkd.parse(form["q"])
            return 200, {}
        row = re.fullmatch(r"storage/collections/data/(\w+)/([^/]+)", api)
        if row:
            found = self.splunkd.row(row[1], row[2], remove=method == "DELETE")
            return (404, {}) if found is None else (200, found)
        if api.startswith(("configs/", "data/ui/views/", "apps/", "server/")):
            content = self.splunkd.content(api)
            return (404, {}) if content is None else (200, {"entry": [{"content": content}]})
        if api == "data/ui/times":
            return 200, {"entry": [_times(*preset) for preset in _PRESETS]}
        return 200, {"entry": [], "messages": []}


def _page() -> str:
    """Return the page; the addresses of the built files in it change with every build."""
    page = (WEB / "page.html").read_text("utf-8")
    for path in _BUILT:
        page = page.replace(path, f"{path}?{(WEB / path[1:]).stat().st_mtime_ns:x}")
    return page


_PRESETS = (
    ("Last 24 hours", "-24h@h", "now"),
    ("Last 7 days", "-7d@h", "now"),
    ("Last 30 days", "-30d@d", "now"),
)


def _times(label: str, earliest: str, latest: str) -> dict[str, Any]:
    content = {
        "label": label,
        "earliest_time": earliest,
        "latest_time": latest,
        "order": "40",
        "disabled": False,
    }
    return {"name": label.lower().replace(" ", "_"), "content": content}


def _job(sid: str, job: Job) -> dict[str, Any]:
    count = 0 if job.table is None else len(job.table.rows)
    content = {
        "sid": sid,
        "isDone": True,
        "isFailed": job.table is None,
        "isFinalized": False,
        "dispatchState": "DONE" if job.table is not None else "FAILED",
        "doneProgress": 1,
        "resultCount": count,
        "resultPreviewCount": count,
        "eventCount": count,
        "scanCount": count,
        "runDuration": 0.1,
        "ttl": 600,
        "isRealTimeSearch": False,
        "messages": [{"type": "FATAL", "text": job.problem}] if job.problem else [],
        "request": {},
    }
    return {"name": job.search, "id": sid, "acl": {"app": "tsidenrich"}, "content": content}


def _json(status: int, answer: object) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(answer).encode("utf-8")
