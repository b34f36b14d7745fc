"""`make splunk-check` against the lab's stand-in for splunkd: what it finds, what it leaves behind, what it shows."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from lab.dashboards.splunkd import Site, Splunkd
from lab.generator import START
from lab.host.in_process import InProcessHost
from lab.spl.engine import Splunk
from lab.spl.values import Row
from tools import splunk_check
from tools.common import ROOT, ToolError
from tools.splunk_check import CHECKS, FAIL, NOT_CHECKED, PASS, connect

TOKEN = "eyJraWQiOiJ0b2tlbiJ9.of-the-test.0123456789"

# Every Splunk has events of its own.
EVENTS: list[Row] = [
    {"_time": str(START - 60), "index": "_internal", "sourcetype": "splunkd", "host": "splunk"}
]
# The lab has no indexes and no users to make.
NOT_IN_THE_LAB = {"fields are there before stats", "tsidrefresh is for admins only"}


@pytest.fixture
def splunk(packaged_app: Path, tmp_path: Path) -> Splunk:
    app = tmp_path / "tsidenrich"
    shutil.copytree(packaged_app, app)
    return Splunk(app, EVENTS, START, host=InProcessHost)


@pytest.fixture
def site(splunk: Splunk) -> Iterator[Site]:
    with Site(splunk.app / "default" / "data" / "ui" / "views", Splunkd(splunk)) as found:
        yield found


def outcomes(site: Site) -> dict[str, tuple[str, str]]:
    environment = {"SPLUNK_URL": f"http://127.0.0.1:{site.port}", "SPLUNK_TOKEN": TOKEN}
    return {one.check: (one.result, one.seen) for one in splunk_check.check(connect(environment))}


def test_a_whole_app_passes_every_check_that_can_be_made(site: Site) -> None:
    found = outcomes(site)
    assert list(found) == list(CHECKS)
    expected = {name: NOT_CHECKED if name in NOT_IN_THE_LAB else PASS for name in CHECKS}
    assert {name: result for name, (result, _) in found.items()} == expected, found


def test_it_leaves_nothing_behind(site: Site, splunk: Splunk) -> None:
    kept = {"_key": "10.0.0.1", "device": "10.0.0.1", "last_seen": "1"}
    splunk.collections = {"tsid_devices": {"10.0.0.1": dict(kept)}}
    before = {path: path.read_bytes() for path in splunk.app.rglob("*") if path.is_file()}
    outcomes(site)
    assert splunk.collections == {"tsid_devices": {"10.0.0.1": kept}}
    assert {path: path.read_bytes() for path in splunk.app.rglob("*") if path.is_file()} == before


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(app: Path) -> None:
        text = (app / name).read_text("utf-8")
        assert old in text
        (app / name).write_text(text.replace(old, new), "utf-8")

    return change


BREAKS: Mapping[str, tuple[str, Callable[[Path], object], str]] = {
    "an old version": (
        "the app is installed, in this version",
        replaced("default/app.conf", "version = ", "version = 0.0."),
        "not '",
    ),
    "an alias that nobody knows": (
        "an alias is named and rewritten",
        replaced("lookups/tsid_aliases.csv", "toos.cisco.com", "tols.cisco.com"),
        "not {'url': 'https://tools.cisco.com'",
    ),
    "a table of another version": (
        "shipped tables are those of this version",
        replaced("lookups/tsid_relays.csv", "RFC", "rfc"),
        "tsid_relays.csv on ",
    ),
    "a setting that a site has overridden": (
        "Splunk has the app's settings",
        replaced("default/app.conf", "always_overwrite", "always_preserve"),
        "always_preserve",
    ),
    "a macro that is missing": (
        "Splunk can parse every saved search",
        replaced("default/macros.conf", "[tsid_ledger_merge]", "[tsid_ledger]"),
        "TSID ledger: last hour",
    ),
    "no help": (
        "the search bar's help is there",
        replaced("default/searchbnf.conf", "[tsidrisk-command]", "[tsidrisk-x]"),
        "HTTP 404",
    ),
    "a view that is missing": (
        "the dashboards are there",
        lambda app: (app / "default/data/ui/views/device.xml").unlink(),
        "HTTP 404",
    ),
    "a ledger without its device": (
        "a row of the ledger keeps its device",
        replaced(
            "default/transforms.conf",
            "fields_list = _key, device, first_seen",
            "fields_list = _key, first_seen",
        ),
        "",
    ),
}


@pytest.mark.parametrize(("check", "break_it", "seen"), BREAKS.values(), ids=BREAKS)
def test_what_is_wrong_fails_its_check(
    splunk: Splunk, check: str, break_it: Callable[[Path], object], seen: str
) -> None:
    break_it(splunk.app)
    broken = Splunk(splunk.app, EVENTS, START, host=InProcessHost)
    with Site(splunk.app / "default" / "data" / "ui" / "views", Splunkd(broken)) as site:
        result, told = outcomes(site)[check]
    assert result == FAIL
    assert seen in told


class WholeSite(Site):
    """The stand-in with indexes that take events, and users who may run what `metadata/default.meta` lets them."""

    indexes: dict[str, list[Row]]
    users: set[str]
    may_refresh = False
    _key = ""

    def serve(self, splunk: Splunk) -> None:
        self.indexes, self.users, self._app = {}, set(), splunk.app

    def answer(self, request: BaseHTTPRequestHandler, form: Mapping[str, str]) -> None:
        self._key = request.headers["Authorization"].partition("Splunk ")[2]
        super().answer(request, form)

    def _rest(self, method: str, api: str, form: Mapping[str, str]) -> tuple[int, object]:
        name = api.rpartition("/")[2]
        if method == "DELETE" and api.startswith("data/indexes/"):
            del self.indexes[name]
        elif method == "DELETE" and api.startswith("authentication/users/"):
            self.users.remove(name)
        elif api == "data/indexes":
            self.indexes[form["name"]] = []
        elif api == "authentication/users":
            self.users.add(form["name"])
        elif api == "auth/login":
            return 200, {"sessionKey": form["username"]}
        elif api == "receivers/simple":
            # The body is the event, and no form.
            (text,) = (f"{key}={value}" for key, value in form.items() if " " in key)
            fields: Row = dict(re.findall(r"(\w+)=(\S+)", text))
            event: Row = {
                "_time": str(START - 30),
                "_raw": text,
                "index": form["index"],
                "host": "lab",
                **fields,
            }
            self.indexes[form["index"]].append({**event, "sourcetype": form["sourcetype"]})
            events = [*EVENTS, *(event for kept in self.indexes.values() for event in kept)]
            self.splunkd = Splunkd(Splunk(self._app, events, START, host=InProcessHost))
        elif self._key in self.users and "tsidrefresh" in form.get("search", ""):
            return (
                (200, {"results": []})
                if self.may_refresh
                else (400, {"messages": [{"text": "unknown command"}]})
            )
        else:
            return super()._rest(method, api, form)
        return 201, {}


@pytest.mark.parametrize("may_refresh", [False, True])
def test_events_and_a_user_are_made_used_and_removed(splunk: Splunk, may_refresh: bool) -> None:
    site = WholeSite(splunk.app / "default" / "data" / "ui" / "views", Splunkd(splunk))
    site.serve(splunk)
    with site:
        site.may_refresh = may_refresh
        found = outcomes(site)
        assert (site.indexes, site.users) == ({}, set())
    assert found["fields are there before stats"][0] == PASS, found
    assert found["tsidrefresh is for admins only"][0] == (FAIL if may_refresh else PASS), found


def test_fields_that_are_missing_before_stats_fail(splunk: Splunk) -> None:
    class Pruning(WholeSite):
        """A Splunk that takes the fields away which the command reads."""

        def _rest(self, method: str, api: str, form: Mapping[str, str]) -> tuple[int, object]:
            pruned = form.get("search", "").replace("| tsidenrich", "| fields _time host index | tsidenrich")
            form = {**form, "search": pruned} if "stats count BY" in pruned else form
            return super()._rest(method, api, form)

    site = Pruning(splunk.app / "default" / "data" / "ui" / "views", Splunkd(splunk))
    site.serve(splunk)
    with site:
        result, seen = outcomes(site)["fields are there before stats"]
        assert site.indexes == {}
    assert result == FAIL
    assert "| tsidenrich" in seen and "not 3 aliased events" in seen


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPLUNK_")}
    return subprocess.run(
        [sys.executable, "-m", "tools.splunk_check"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env={**kept, **environment},
    )


@pytest.mark.parametrize(
    "environment", [{}, {"SPLUNK_URL": "https://splunk.example.com:8089"}, {"SPLUNK_TOKEN": TOKEN}]
)
def test_without_a_splunk_it_is_skipped_and_says_what_to_set(environment: dict[str, str]) -> None:
    done = start(**environment)
    assert done.returncode == 0
    assert "splunk-check is skipped" in done.stdout
    assert "SPLUNK_URL" in done.stdout and "SPLUNK_TOKEN" in done.stdout


def test_the_table_and_the_exit_status_tell_of_a_failure_and_the_token_is_nowhere(
    site: Site, splunk: Splunk
) -> None:
    environment = {"SPLUNK_URL": f"http://127.0.0.1:{site.port}", "SPLUNK_TOKEN": TOKEN}
    done = start(**environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert f"{len(CHECKS) - 2} passed, 0 failed, 2 not checked" in done.stdout
    # An answer that repeats the token, in an error message for example.
    replaced("lookups/tsid_relays.csv", "RFC", TOKEN)(splunk.app)
    replaced("default/app.conf", "version = ", f"version = {TOKEN}")(splunk.app)
    done = start(**environment)
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SPLUNK_URL": "http://splunk.example.com:8089"}, "unencrypted"),
        ({"SPLUNK_URL": "splunk.example.com"}, "SPLUNK_URL cannot be used"),
        ({"SPLUNK_URL": "https://admin:secret@splunk.example.com"}, "SPLUNK_URL cannot be used"),
        ({"SPLUNK_URL": "https://splunk.example.com:8089/en-US"}, "SPLUNK_URL cannot be used"),
        ({"SPLUNK_URL": "https://splunk.example.com:port"}, "SPLUNK_URL cannot be used"),
        ({"SPLUNK_CA": "/nowhere.pem"}, "SPLUNK_CA cannot be used"),
        ({"SPLUNK_VERIFY": "perhaps"}, "SPLUNK_VERIFY cannot be used"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused_without_its_secret(
    environment: dict[str, str], message: str
) -> None:
    given = {"SPLUNK_URL": "https://splunk.example.com:8089", "SPLUNK_TOKEN": TOKEN, **environment}
    with pytest.raises(ToolError, match=message) as caught:
        connect(given)
    assert "secret" not in str(caught.value) and TOKEN not in str(caught.value)


def test_the_certificate_is_verified_unless_one_says_otherwise(site: Site, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server)
    with Site(site._views, site.splunkd) as secure:
        secure._server.socket = server.wrap_socket(secure._server.socket, server_side=True)
        given = {"SPLUNK_URL": f"https://127.0.0.1:{secure.port}", "SPLUNK_TOKEN": TOKEN}
        with pytest.raises(ToolError, match=r"does not answer: .*certificate verify failed"):
            splunk_check.check(connect(given))
        for more in ({"SPLUNK_CA": str(tmp_path / "ca.pem")}, {"SPLUNK_VERIFY": "false"}):
            told = connect({**given, **more}).settings("/services/server/info")
            assert told == {"version": "lab"}


def test_a_splunk_that_does_not_answer_is_an_error_with_the_cure() -> None:
    with pytest.raises(ToolError, match="does not answer") as caught:
        splunk_check.check(connect({"SPLUNK_URL": "http://127.0.0.1:9", "SPLUNK_TOKEN": TOKEN}))
    assert "check SPLUNK_URL" in str(caught.value)
