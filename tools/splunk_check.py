"""Checks on a real Splunk, by REST, what only a real Splunk can show; docs/unproven.md lists the rest.

Usage: `SPLUNK_URL=https://host:8089 SPLUNK_TOKEN=… make splunk-check`

It makes an index, a user and a row of the ledger under names of its own, and removes each of them again. It
prints a row for each check; exit status: 0 if none failed, 1 otherwise. The token is sent to the Splunk only.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Callable, NamedTuple, NoReturn, Optional
from urllib.parse import quote, urlsplit

import tsidsplunk  # noqa: F401 - it puts bin/lib on the path

from splunklib import binding

from tools.common import ROOT, ToolError, run
from tools.package import APP, version_of
from tsid.text import conf

PASS, FAIL, NOT_CHECKED = "pass", "FAIL", "not checked"

_HOW_TO = """\
splunk-check is skipped: it needs a Splunk with the app installed. Set
  SPLUNK_URL     its management port, such as https://splunk.example.com:8089
  SPLUNK_TOKEN   an authentication token of an admin (Settings > Tokens)
  SPLUNK_CA      optional: a file with the authority of its certificate, PEM
  SPLUNK_VERIFY  optional: false to believe any certificate, on a test machine only"""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Seconds: for one request, and for events to become searchable.
_TIMEOUT = 120
_INDEXING = 60

# A licensing server under one of its other names; the address comes from the app's lookup.
_ALIASED = (
    '| tsidlookup table=endpoints | search host="tools.cisco.com" status="active" | head 1'
    ' | eval dest_ip=replace(network, "/.*", ""), url="https://toos.cisco.com" | tsidenrich'
    " | table url tsid_verdict tsid_host"
)
_EVENTS = 3


class RefusedError(Exception):
    """The Splunk answers a request with an error: its status and its own words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text}" if text else f"HTTP {status}")
        self.status = status


class NotCheckedError(Exception):
    """Why a check cannot be made here."""


class FailedError(Exception):
    """What is other than it should be."""


class Outcome(NamedTuple):
    """The result of a check: its name, `PASS`, `FAIL` or `NOT_CHECKED`, and what was seen."""

    check: str
    result: str
    seen: str


class Splunk:
    """A Splunk's REST interface, with splunk-sdk's client.

    Args:
        url: of the management port.
        token: an authentication token, or a session key.
        tls: by which the server is verified; None for no verification.
        session: whether the token is a session key.
    """

    def __init__(self, url: str, token: str, tls: Optional[ssl.SSLContext], *, session: bool = False) -> None:
        parts = urlsplit(url)
        self.url, self.tls, self._owner = url, tls, ""
        self._context = binding.Context(
            handler=binding.handler(timeout=_TIMEOUT, verify=tls is not None, context=tls),
            scheme=parts.scheme,
            host=parts.hostname,
            port=parts.port or 8089,
            owner="nobody",
            app=APP,
            autologin=False,
            **({"token": f"Splunk {token}"} if session else {"splunkToken": token}),
        )

    def request(self, method: str, path: str, **fields: str) -> Any:
        """Return the answer to a request, from JSON.

        Raises:
            RefusedError: it is an error.
            ToolError: there is no answer.
        """
        send = {"GET": self._context.get, "POST": self._context.post, "DELETE": self._context.delete}[method]
        try:
            # A path without a slash in front is in the app's namespace.
            response = send(path, **({} if method == "DELETE" else {"output_mode": "json"}), **fields)
            data = response.body.read()
        except binding.HTTPError as error:
            raise RefusedError(error.status, _messages(error.body)) from None
        except (OSError, ssl.SSLError) as error:
            raise ToolError(
                f"{self.url} does not answer: {error}",
                "check SPLUNK_URL; for a certificate of your own set SPLUNK_CA",
            ) from None
        if method == "DELETE" or not data.strip():
            return {}
        try:
            return json.loads(data)
        except ValueError:
            raise RefusedError(response.status, "the answer is not JSON") from None

    def search(self, search: str, earliest: str = "-15m") -> list[Mapping[str, Any]]:
        """Return the rows of a search.

        Raises:
            RefusedError: the Splunk refuses it.
            FailedError: it ends with an error.
        """
        if not self._owner:
            # In the namespace of another user a search would have that user's rights.
            self._owner = self.settings("/services/authentication/current-context")["username"]
        answer = self.request(
            "POST",
            f"/servicesNS/{quote(self._owner)}/{APP}/search/jobs",
            search=search,
            exec_mode="oneshot",
            earliest_time=earliest,
            latest_time="now",
            count="0",
        )
        errors = [
            m.get("text", "") for m in answer.get("messages", []) if m.get("type") in ("ERROR", "FATAL")
        ]
        if errors:
            raise FailedError("; ".join(errors))
        rows: list[Mapping[str, Any]] = answer.get("results", [])
        return rows

    def settings(self, path: str) -> Mapping[str, Any]:
        """Return the settings of one entity."""
        entries = self.request("GET", path)["entry"]
        if not entries:
            raise RefusedError(404, path)
        content: Mapping[str, Any] = entries[0]["content"]
        return content


def _messages(body: object) -> str:
    """Return the texts of an error in JSON, else nothing: a proxy may answer with a page."""
    try:
        parts = json.loads(body if isinstance(body, (str, bytes)) else "{}").get("messages", [])
        return "; ".join(str(part.get("text", "")) for part in parts)
    except (ValueError, AttributeError):
        return ""


def _differs(what: str, expected: object, seen: object) -> NoReturn:
    raise FailedError(f"{what} is {seen!r}, not {expected!r}")


def _installed(splunk: Splunk) -> str:
    about = splunk.settings("/services/server/info")
    try:
        app = splunk.settings(f"/services/apps/local/{APP}")
    except RefusedError as error:
        if error.status != 404:
            raise
        raise FailedError(f"the app {APP} is not installed") from None
    if app.get("version") != version_of():
        _differs("the app's version", version_of(), app.get("version"))
    return f"Splunk {about.get('version')}, app {app.get('version')}"


def _aliased(splunk: Splunk) -> str:
    rows = splunk.search(_ALIASED)
    expected = {"url": "https://tools.cisco.com", "tsid_verdict": "aliased", "tsid_host": "tools.cisco.com"}
    if [dict(row) for row in rows] != [expected]:
        _differs("the answer", expected, rows)
    return "toos.cisco.com is aliased, and rewritten"


def _tables(splunk: Splunk) -> str:
    rows = splunk.search("| tsidlookup table=files")
    problems = [f"{row['file']} on {row['host']}: {row['problem']}" for row in rows if row.get("problem")]
    if problems or not rows:
        raise FailedError("; ".join(problems) or "no file is listed")
    digests = {(row["file"], row["sha256"]) for row in rows}
    files = {row["file"] for row in rows}
    if len(digests) != len(files):
        raise FailedError("hosts have different versions of a file: | tsidlookup table=files")
    hosts = len({row["host"] for row in rows})
    if not any(row.get("as_shipped") == "true" for row in rows):
        raise NotCheckedError("the app does not come from a package")
    return f"{len(files)} files as shipped on {hosts} host{'s' * (hosts > 1)}"


def _parsed(splunk: Splunk) -> str:
    problems, saved = [], conf.read(ROOT / "default" / "savedsearches.conf")
    for name, stanza in saved.items():
        text = stanza["search"].strip()
        whole = text if text.startswith(("|", "search ")) else f"search {text}"
        try:
            splunk.request("POST", "search/parser", q=whole, parse_only="false")
        except RefusedError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise FailedError("; ".join(problems))
    return f"{len(saved)} saved searches"


def _settings(splunk: Splunk) -> str:
    expected = {
        **{
            f"configs/conf-commands/{name}": {key: stanza[key] for key in ("chunked", "python.required")}
            for name, stanza in conf.read(ROOT / "default" / "commands.conf").items()
        },
        "configs/conf-app/shclustering": {"deployer_lookups_push_mode": "always_overwrite"},
    }
    for path, settings in expected.items():
        seen = splunk.settings(path)
        for key, value in settings.items():
            # The other flavour of the package asks for one Python only; Splunk may show a boolean as 1.
            allowed = {"python.required": (value, "3.13"), "chunked": (value, "1", True)}.get(key, (value,))
            if seen.get(key) not in allowed:
                _differs(f"{key} in {path}", value, seen.get(key))
    return f"{len(expected)} stanzas"


def _help(splunk: Splunk) -> str:
    names = [name for name in conf.read(ROOT / "default" / "searchbnf.conf") if name.endswith("-command")]
    for name in names:
        splunk.settings(f"configs/conf-searchbnf/{name}")
    return f"help for {len(names)} commands"


def _views(splunk: Splunk) -> str:
    views = sorted(path.stem for path in (ROOT / "default" / "data" / "ui" / "views").glob("*.xml"))
    for view in views:
        splunk.settings(f"data/ui/views/{view}")
    return ", ".join(views)


def _ledger(splunk: Splunk) -> str:
    device = f"tsid-check-{secrets.token_hex(4)}"
    path = f"storage/collections/data/tsid_devices/{device}"
    # Any event, made into a connection of a device that does not exist.
    merge = (
        f'search index=_internal | head 1 | eval tsid_device="{device}", tsid_outcome="allowed"'
        " | `tsid_ledger_merge`"
    )
    try:
        for _ in range(2):
            splunk.search(merge)
        row = splunk.request("GET", path)
        if (row.get("_key"), row.get("device")) != (device, device):
            _differs("the row's _key and device", (device, device), (row.get("_key"), row.get("device")))
        same = splunk.search(f'| inputlookup tsid_devices | search device="{device}"')
        if len(same) != 1:
            _differs("the number of rows after two merges", 1, len(same))
    finally:
        _remove(splunk, path)
    return "merged twice, one row, with device and _key"


def _pruned(splunk: Splunk) -> str:
    index = f"tsid_check_{secrets.token_hex(4)}"
    address = splunk.search(_ALIASED.partition(" | tsidenrich")[0])[0]["dest_ip"]
    try:
        splunk.request("POST", "/services/data/indexes", name=index)
    except RefusedError as error:
        raise NotCheckedError(f"no index can be made here ({error})") from None
    try:
        for number in range(1, _EVENTS + 1):
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            fields = f"dest_ip={address} dest_port=443 url=https://toos.cisco.com action=blocked"
            _send(splunk, index, f"{now} src_ip=10.0.0.{number} {fields}")
        _wait(lambda: splunk.search(f"search index={index} | stats count")[0].get("count") == str(_EVENTS))
        # The commands after tsidenrich name none of the fields that it reads.
        for option in ("", " keep=licensing", " keep=flagged"):
            search = f"search index={index} | tsidenrich{option} | stats count BY tsid_verdict"
            rows = splunk.search(search)
            if [(row["tsid_verdict"], row["count"]) for row in rows] != [("aliased", str(_EVENTS))]:
                raise FailedError(f"`{search}` finds {rows or 'nothing'}, not {_EVENTS} aliased events")
    finally:
        _remove(splunk, f"/services/data/indexes/{index}")
    return f"{_EVENTS} events keep their fields before stats, with all three values of keep"


def _send(splunk: Splunk, index: str, event: str) -> None:
    try:
        splunk.request(
            "POST",
            "/services/receivers/simple",
            body=event,
            index=index,
            sourcetype="tsid_check",
            source="tsid_check",
        )
    except RefusedError as error:
        raise NotCheckedError(f"no event can be sent ({error})") from None


def _wait(done: Callable[[], bool]) -> None:
    end = time.monotonic() + _INDEXING
    while not done():
        if time.monotonic() > end:
            raise NotCheckedError(f"the events cannot be searched after {_INDEXING} s")
        time.sleep(2)


def _rights(splunk: Splunk) -> str:
    with _user(splunk) as plain:
        try:
            rows = plain.search(_ALIASED)
            if [row.get("tsid_verdict") for row in rows] != ["aliased"]:
                raise FailedError("a user with the role user cannot run tsidenrich")
            try:
                plain.search("| tsidrefresh table=report timeout=1 attempts=1 tls=false")
            except (RefusedError, FailedError):
                return "a user with the role user may run tsidenrich, and not tsidrefresh"
        except RefusedError as error:
            raise FailedError(f"a user with the role user cannot run tsidenrich: {error}") from None
    raise FailedError("a user with the role user may run tsidrefresh")


@contextmanager
def _user(splunk: Splunk) -> Iterator[Splunk]:
    """Make a user with the role user, and remove it again."""
    name, password = f"tsid_check_{secrets.token_hex(4)}", secrets.token_urlsafe(24) + "aA1!"
    try:
        splunk.request(
            "POST",
            "/services/authentication/users",
            name=name,
            password=password,
            roles="user",
            **{"force-change-pass": "false"},
        )
    except RefusedError as error:
        raise NotCheckedError(f"no user can be made here ({error})") from None
    try:
        try:
            login = splunk.request("POST", "/services/auth/login", username=name, password=password)
        except RefusedError as error:
            raise NotCheckedError(f"the new user cannot log in ({error})") from None
        yield Splunk(splunk.url, login["sessionKey"], splunk.tls, session=True)
    finally:
        _remove(splunk, f"/services/authentication/users/{name}")


def _remove(splunk: Splunk, path: str) -> None:
    try:
        splunk.request("DELETE", quote(path))
    except RefusedError as error:
        if error.status != 404:
            raise FailedError(f"{path} was made for this check and cannot be removed: {error}") from None


CHECKS: Mapping[str, Callable[[Splunk], str]] = {
    "the app is installed, in this version": _installed,
    "an alias is named and rewritten": _aliased,
    "shipped tables are those of this version": _tables,
    "Splunk has the app's settings": _settings,
    "Splunk can parse every saved search": _parsed,
    "the search bar's help is there": _help,
    "the dashboards are there": _views,
    "a row of the ledger keeps its device": _ledger,
    "fields are there before stats": _pruned,
    "tsidrefresh is for admins only": _rights,
}


def check(splunk: Splunk) -> list[Outcome]:
    """Make all checks, whatever the others yield.

    Raises:
        ToolError: the Splunk does not answer, or does not accept the token.
    """
    outcomes = []
    for name, function in CHECKS.items():
        try:
            outcomes.append(Outcome(name, PASS, function(splunk)))
        except NotCheckedError as error:
            outcomes.append(Outcome(name, NOT_CHECKED, str(error)))
        except RefusedError as error:
            if error.status == 401:
                raise ToolError(
                    "the Splunk does not accept SPLUNK_TOKEN", "make a new one: Settings > Tokens"
                ) from None
            outcomes.append(Outcome(name, FAIL, str(error)))
        except FailedError as error:
            outcomes.append(Outcome(name, FAIL, str(error)))
        except (KeyError, IndexError, TypeError) as error:
            outcomes.append(Outcome(name, FAIL, f"unexpected answer: {error!r}"))
    return outcomes


def connect(environment: Mapping[str, str]) -> Splunk:
    """Return the Splunk that the environment names.

    Raises:
        ToolError: a variable cannot be used.
    """
    url, token = environment["SPLUNK_URL"].rstrip("/"), environment["SPLUNK_TOKEN"]
    parts = urlsplit(url)
    try:
        valid = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.path and parts.port != 0
        )
    except ValueError:
        valid = False
    if not valid or parts.path or parts.username is not None:
        raise ToolError("SPLUNK_URL cannot be used", "write it as https://host:8089, without a user")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ToolError("SPLUNK_URL would send the token unencrypted", "use https")
    verify = environment.get("SPLUNK_VERIFY", "true").lower()
    if verify not in ("true", "false"):
        raise ToolError("SPLUNK_VERIFY cannot be used", "set true or false")
    try:
        tls = ssl.create_default_context(cafile=environment.get("SPLUNK_CA") or None)
    except (OSError, ssl.SSLError) as error:
        raise ToolError(f"SPLUNK_CA cannot be used: {error}", "give a file in PEM form") from None
    return Splunk(url, token, tls if verify == "true" else None)


def as_text(outcomes: list[Outcome], token: str) -> str:
    """Return the outcomes in columns, without the token, wherever an answer may have repeated it."""
    checks, results = (max(len(row[column]) for row in outcomes) for column in (0, 1))
    lines = [
        f"{one.check.ljust(checks)}  {one.result.ljust(results)}  {' '.join(one.seen.split())}"
        for one in outcomes
    ]
    return "\n".join(lines).replace(token, "***")


def main() -> None:
    """Check the Splunk that the environment names; without one, say what to set."""
    if not (os.environ.get("SPLUNK_URL") and os.environ.get("SPLUNK_TOKEN")):
        print(_HOW_TO)
        return
    outcomes = check(connect(os.environ))
    print(as_text(outcomes, os.environ["SPLUNK_TOKEN"]))
    counts = {result: sum(one.result == result for one in outcomes) for result in (PASS, FAIL, NOT_CHECKED)}
    print(f"\n{counts[PASS]} passed, {counts[FAIL]} failed, {counts[NOT_CHECKED]} not checked.")
    print("docs/unproven.md has what no program can check.")
    if counts[FAIL]:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
