"""Holds an unpacked app against the rules that AppInspect overlooks, and some that are better known early.

Every check is a function over the app's folder that yields what is wrong, the file first. AppInspect does not
notice a menu entry without a view, a lookup without a file, a table that is empty or ragged, a manifest that
is no JSON, a macro that nobody defines, a search that does not parse, an alert action that does not exist.
"""

from __future__ import annotations

import csv
import ipaddress
import json
import re
import stat
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Union

from tools import spl
from tsid.text import conf

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

PYTHON = {"python.version": "python3", "python.required": "3.9, 3.13"}
COMMAND_SETTING = re.compile(
    r"chunked|filename|python\.(version|required)|is_risky|run_in_preview|maxwait|maxchunksize|command\.arg\.\d+"
)
"""What Splunk reads in the stanza of a chunked command; anything else there is ignored without a word."""

ACCESS = "read : [ * ], write : [ admin, sc_admin ]"
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
BARE_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!/[0-3]?\d(?![\w.]))(?![\w.]*\w)")
CURE_IPV4 = "AppInspect warns of it, so write it in CIDR form, or otherwise if it is none"
TEXT = frozenset({"", ".conf", ".csv", ".manifest", ".md", ".meta", ".py", ".spec", ".txt", ".xml"})
LONGEST_HEADER = 4096
"""Characters; Splunk cuts a longer CSV header."""

SPLUNK_VIEWS = frozenset({"search", "reports", "alerts", "dashboards", "datasets", "analytics_workspace"})
SHAPES = frozenset({"dashboard", "form", "view"})

ES_ACTIONS = ("correlationsearch", "notable", "risk")
"""Alert actions of Enterprise Security, which an installation may not have."""

ACTION_SETTINGS = {
    f"action.{name}"
    for name in (
        *("correlationsearch.enabled", "correlationsearch.label", "correlationsearch.detection_type"),
        *("correlationsearch.annotations", "correlationsearch.metadata"),
        *(
            "risk",
            "risk.param._risk",
            "risk.param._risk_message",
            "risk.param._risk_score",
            "risk.param.verbose",
        ),
        *("notable", "notable.param.rule_title", "notable.param.rule_description", "notable.param.severity"),
        *("notable.param.security_domain", "notable.param.nes_fields", "notable.param.drilldown_searches"),
        *("notable.param._entities", "email", "email.to", "email.subject", "email.message.alert"),
        *("email.message.report", "email.sendresults", "email.inline", "email.format"),
        *("lookup", "lookup.filename", "lookup.append", "summary_index", "summary_index._name"),
    )
}
"""The settings of alert actions that the app may use; Splunk ignores a misspelt one without a word."""

JSON_SETTINGS = frozenset(
    {
        "action.correlationsearch.annotations",
        "action.correlationsearch.metadata",
        "action.notable.param.drilldown_searches",
        "action.risk.param._risk",
    }
)


def check(app: Path) -> list[str]:
    """Return everything that is wrong with an app, in a stable order; empty if nothing is."""
    problems: list[str] = []
    for one in CHECKS:
        try:
            problems += one(app)
        except conf.ConfError as error:
            problems.append(f"default/{error}")
    return list(dict.fromkeys(problems))


def check_files(app: Path) -> Iterator[str]:
    """No file that Splunk's package rules forbid, no link, no executable data."""
    for path in sorted(app.rglob("*")):
        name = path.relative_to(app)
        if path.is_symlink():
            yield f"{name.as_posix()}: is a link"
        elif any(part.startswith(".") for part in name.parts):
            yield f"{name.as_posix()}: its name starts with a dot"
        elif "__pycache__" in name.parts or path.suffix in {".pyc", ".pyo", ".so", ".pyd", ".dll", ".exe"}:
            yield f"{name.as_posix()}: is not source code"
        elif name.parts[0] == "local" or name.as_posix() == "metadata/local.meta":
            yield f"{name.as_posix()}: belongs to an installation, not to a package"
        elif path.is_file() and path.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
            yield f"{name.as_posix()}: is executable"


def check_text(app: Path) -> Iterator[str]:
    """Our own text is UTF-8 without a BOM, has Unix line ends, and names no address outside CIDR form."""
    for path in sorted(app.rglob("*")):
        name = path.relative_to(app).as_posix()
        if not path.is_file() or path.suffix not in TEXT or name.startswith("bin/lib/"):
            continue
        content = path.read_bytes()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            yield f"{name}: byte {error.start} is not UTF-8"
            continue
        if text.startswith("\ufeff"):
            yield f"{name}: starts with a byte order mark"
        if "\r" in text:
            yield f"{name}: has a carriage return"
        for number, line in enumerate(text.split("\n"), 1):
            if path.suffix == ".py" and line.lstrip().startswith("#"):
                continue  # as AppInspect does: a section of an RFC may look like an address
            for address in BARE_IPV4.findall(line):
                yield f"{name}:{number}: {address} reads as a bare IPv4 address; {CURE_IPV4}"


def check_identity(app: Path) -> Iterator[str]:
    """Id, version, label and description are the same wherever they stand."""
    where = "default/app.conf"
    settings = _conf(app, "app.conf")

    def value(stanza: str, key: str) -> str:
        return settings.get(stanza, {}).get(key, "")

    version = value("id", "version")
    if not SEMVER.fullmatch(version):
        yield f"{where}: [id] version {version!r} is no semantic version"
    if value("launcher", "version") != version:
        yield f"{where}: [launcher] version {value('launcher', 'version')!r} is not [id] version {version!r}"
    for stanza, key in (("id", "name"), ("package", "id")):
        if value(stanza, key) != app.name:
            yield f"{where}: [{stanza}] {key} {value(stanza, key)!r} is not the app's folder {app.name!r}"
    if value("package", "check_for_updates") != "false":
        yield f"{where}: [package] check_for_updates has to be false"
    if not value("install", "build").isdigit():
        yield f"{where}: [install] build has to be a number"
    for stanza, key in (("ui", "label"), ("launcher", "author"), ("launcher", "description")):
        if not value(stanza, key):
            yield f"{where}: [{stanza}] {key} is empty"
    manifest = _manifest(app)
    if isinstance(manifest, str):
        yield f"app.manifest: {manifest}"
        return
    info = manifest.get("info", {})
    said = {
        "schemaVersion": (manifest.get("schemaVersion"), "2.0.0"),
        "info.id.name": (info.get("id", {}).get("name"), value("id", "name")),
        "info.id.version": (info.get("id", {}).get("version"), version),
        "info.title": (info.get("title"), value("ui", "label")),
        "info.description": (info.get("description"), value("launcher", "description")),
        "info.author": (
            [author.get("name") for author in info.get("author", [])],
            [value("launcher", "author")],
        ),
    }
    for key, (here, there) in said.items():
        if here != there:
            yield f"app.manifest: {key} is {here!r}, and not {there!r} as in app.conf"
    for key in ("license", "releaseNotes"):
        text = info.get(key, {}).get("text")
        if text and not (app / text).is_file():
            yield f"app.manifest: info.{key}.text names {text}, which is not in the package"


def check_commands(app: Path) -> Iterator[str]:
    """Every command names its program and its Pythons, sets nothing that Splunk ignores, and has its help."""
    where = "default/commands.conf"
    commands = _conf(app, "commands.conf")
    help_ = _conf(app, "searchbnf.conf")
    for command, settings in _inherited(commands):
        if settings.get("chunked") != "true":
            yield f"{where}: [{command}] chunked has to be true"
        for key, expected in PYTHON.items():
            if settings.get(key) != expected:
                yield f"{where}: [{command}] {key} has to be {expected!r}"
        program = settings.get("filename", "")
        if not program or not (app / "bin" / program).is_file():
            yield f"{where}: [{command}] filename {program!r} is not in bin/"
        for key in settings:
            if not COMMAND_SETTING.fullmatch(key):
                yield f"{where}: [{command}] {key} is ignored by Splunk for a chunked command"
        if f"{command}-command" not in help_:
            yield f"default/searchbnf.conf: has no [{command}-command]"
    for stanza, settings in help_.items():
        if stanza.endswith("-command"):
            command = stanza[: -len("-command")]
            if command not in commands:
                yield f"default/searchbnf.conf: [{stanza}] is of no command in commands.conf"
            for key in ("syntax", "shortdesc", "description", "usage"):
                if not settings.get(key):
                    yield f"default/searchbnf.conf: [{stanza}] {key} is empty"
        for option in re.findall(r"<([\w-]+)>", settings.get("syntax", "")):
            if "-" in option and option not in help_:
                yield f"default/searchbnf.conf: [{stanza}] speaks of <{option}>, which has no stanza"


def check_tables(app: Path) -> Iterator[str]:
    """Every table can be read by Splunk: rows, equally long, under a header of distinct names."""
    for path in sorted((app / "lookups").glob("*")):
        where = f"lookups/{path.name}"
        if path.suffix != ".csv":
            yield f"{where}: is no CSV file"
            continue
        header, rows = _table(path)
        if not rows:
            yield f"{where}: has no rows"
        if len(header) < 2:
            yield f"{where}: needs two columns at least"
        if len(set(header)) < len(header) or not all(name and name == name.strip() for name in header):
            yield f"{where}: its columns are not distinct names without blanks around them"
        if len(",".join(header)) > LONGEST_HEADER:
            yield f"{where}: its header is longer than {LONGEST_HEADER} characters"
        for number, row in enumerate(rows, 2):
            if len(row) != len(header):
                yield f"{where}: row {number} has {len(row)} fields, the header {len(header)}"


def check_lookups(app: Path) -> Iterator[str]:
    """Every lookup has its file or collection, every file its lookup; CIDR tables are in Splunk's order."""
    where = "default/transforms.conf"
    collections = _conf(app, "collections.conf")
    used = set()
    for lookup, settings in _inherited(_conf(app, "transforms.conf")):
        collection = settings.get("collection")
        if collection is not None and collection not in collections:
            yield f"{where}: [{lookup}] collection {collection!r} is not in collections.conf"
        filename = settings.get("filename")
        if filename is None:
            continue
        used.add(filename)
        path = app / "lookups" / filename
        if not path.is_file():
            yield f"{where}: [{lookup}] filename {filename!r} is not in lookups/"
            continue
        header, rows = _table(path)
        for kind, column in re.findall(r"(\w+)\((\w+)\)", settings.get("match_type", "")):
            if column not in header:
                yield f"{where}: [{lookup}] match_type names the column {column!r}, which {filename} lacks"
            elif kind == "CIDR":
                place = header.index(column)
                yield from _unordered(f"lookups/{filename}", [row[place] for row in rows if len(row) > place])
    for path in sorted((app / "lookups").glob("*.csv")):
        if path.name not in used:
            yield f"lookups/{path.name}: has no stanza in transforms.conf"


def check_views(app: Path) -> Iterator[str]:
    """Every view is well formed and says its version."""
    for path in _views(app):
        where = path.relative_to(app).as_posix()
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            yield f"{where}: is no XML: {error}"
            continue
        if root.tag not in SHAPES or not root.get("version"):
            yield f"{where}: has to be a <dashboard>, <form> or <view> with a version"
        if root.get("version") == "2":
            try:
                json.loads(root.findtext("definition", ""))
            except ValueError as error:
                yield f"{where}: its definition is no JSON: {error}"


def check_menu(app: Path) -> Iterator[str]:
    """Every menu entry leads to something, and one of them is the app's home."""
    where = "default/data/ui/nav/default.xml"
    try:
        menu = ElementTree.parse(app / where).getroot()
    except (OSError, ElementTree.ParseError) as error:
        yield f"{where}: is no XML: {error}"
        return
    views = {path.stem for path in _views(app)} | SPLUNK_VIEWS
    for view in (menu.get("search_view"), *(entry.get("name") for entry in menu.iter("view"))):
        if view is not None and view not in views:
            yield f"{where}: leads to the view {view!r}, which does not exist"
    saved = _conf(app, "savedsearches.conf")
    for search in (entry.get("name") for entry in menu.iter("saved")):
        if search not in saved:
            yield f"{where}: leads to the search {search!r}, which does not exist"
    if sum(entry.get("default") == "true" for entry in menu.iter("view")) != 1:
        yield f'{where}: needs one view with default="true"'


def check_searches(app: Path) -> Iterator[str]:
    """Every search that the app ships is in one piece and uses only macros and lookups that exist."""
    macros = _conf(app, "macros.conf")
    tables = {path.name for path in (app / "lookups").glob("*.csv")} | set(_conf(app, "transforms.conf"))
    for where, search in _searches(app):
        fault = spl.fault(search)
        if fault:
            yield f"{where}: {fault}"
        for macro in spl.macros(search):
            if macro not in macros:
                yield f"{where}: calls the macro `{macro}`, which is not in macros.conf"
        for table in spl.lookups(search):
            if table not in tables and "$" not in table:
                yield f"{where}: reads the lookup {table}, which the app does not have"


def check_macros(app: Path) -> Iterator[str]:
    """Every macro says what it is for, and has as many arguments as its name tells."""
    for macro, settings in _inherited(_conf(app, "macros.conf")):
        where = f"default/macros.conf: [{macro}]"
        if not settings.get("definition"):
            yield f"{where} has no definition"
        if not settings.get("description"):
            yield f"{where} has no description"
        if bool(settings.get("validation")) != bool(settings.get("errormsg")):
            yield f"{where} needs both validation and errormsg, or neither"
        arguments = [name for name in settings.get("args", "").split(",") if name.strip()]
        count = re.search(r"\((\d+)\)$", macro)
        if len(arguments) != (int(count[1]) if count else 0):
            yield f"{where} has {len(arguments)} arguments in args"


def check_saved_searches(app: Path) -> Iterator[str]:
    """Schedules and alert actions are what Splunk knows; what needs Enterprise Security is switched off."""
    for name, settings in _inherited(_conf(app, "savedsearches.conf")):
        where = f"default/savedsearches.conf: [{name}]"
        if not settings.get("search"):
            yield f"{where} has no search"
        schedule = settings.get("cron_schedule")
        if schedule is not None and (len(schedule.split()) != 5 or schedule.split()[0] == "*"):
            yield f"{where} cron_schedule {schedule!r} has not five fields, or runs every minute"
        for key, value in settings.items():
            if key.startswith("action.") and key not in ACTION_SETTINGS:
                yield f"{where} {key} is no setting of an alert action that this app uses"
            if key in JSON_SETTINGS:
                try:
                    json.loads(value)
                except ValueError as error:
                    yield f"{where} {key} is no JSON: {error}"
        security = {
            action for action in ES_ACTIONS if any(key.startswith(f"action.{action}") for key in settings)
        }
        if security and settings.get("disabled") != "1":
            yield f"{where} needs Enterprise Security, so it has to be disabled = 1"
        if {"risk", "notable"} <= security:
            yield f"{where} makes findings and intermediate findings; Enterprise Security 8 allows one"


def check_access(app: Path) -> Iterator[str]:
    """The app may be read by all, and written by admin and sc_admin (Splunk Cloud's administrator)."""
    where = "metadata/default.meta"
    path = app / where
    try:
        settings = conf.read(path)
    except (OSError, conf.ConfError) as error:
        yield f"{where}: cannot be read: {error}"
        return
    access = " ".join(settings.get("", {}).get("access", "").split())
    if access != ACCESS:
        yield f"{where}: [] access has to be {ACCESS!r}, not {access!r}"


CHECKS: tuple[Callable[[Path], Iterator[str]], ...] = (
    check_files,
    check_text,
    check_identity,
    check_commands,
    check_tables,
    check_lookups,
    check_views,
    check_menu,
    check_macros,
    check_searches,
    check_saved_searches,
    check_access,
)


def _conf(app: Path, name: str) -> conf.Conf:
    """Return a conf file of the app; one that it does not have is empty."""
    path = app / "default" / name
    return conf.read(path) if path.is_file() else {}


def _views(app: Path) -> list[Path]:
    return sorted((app / "default" / "data" / "ui" / "views").glob("*.xml"))


def _inherited(stanzas: conf.Conf) -> Iterator[tuple[str, conf.Stanza]]:
    """Yield every stanza but [default], with what it inherits from that one."""
    for name, settings in stanzas.items():
        if name != conf.DEFAULT:
            yield name, {**stanzas.get(conf.DEFAULT, {}), **settings}


def _manifest(app: Path) -> Union[Mapping[str, Any], str]:
    """Return app.manifest, or why it cannot be read."""
    try:
        content = json.loads((app / "app.manifest").read_bytes())
    except (OSError, ValueError) as error:
        return f"is no JSON: {error}"
    return content if isinstance(content, dict) else "is no JSON object"


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return a CSV file's header and rows; check_text says what is wrong with its bytes."""
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    rows = list(csv.reader(text.splitlines(keepends=True), strict=False))
    return (rows[0], rows[1:]) if rows else ([], [])


def _unordered(where: str, values: list[str]) -> Iterator[str]:
    """Tell where a CIDR table is not sorted longest prefix first, for either kind of address."""
    last: dict[int, int] = {}
    for number, value in enumerate(values, 2):
        try:
            network: Network = ipaddress.ip_network(value)
        except ValueError as error:
            yield f"{where}: row {number}: {error}"
            continue
        if network.prefixlen > last.get(network.version, 128):
            yield f"{where}: row {number}: {value} stands behind a shorter prefix, which Splunk takes first"
        last[network.version] = network.prefixlen


def _searches(app: Path) -> Iterator[tuple[str, str]]:
    """Yield every search that the app ships, and where it stands."""
    for name, key in (("savedsearches", "search"), ("eventtypes", "search"), ("macros", "definition")):
        for stanza, settings in _conf(app, f"{name}.conf").items():
            if settings.get(key) and settings.get("iseval", "0") in {"0", "false"}:
                yield f"default/{name}.conf: [{stanza}]", settings[key]
    for stanza, settings in _conf(app, "searchbnf.conf").items():
        for key, value in settings.items():
            if re.fullmatch(r"example\d+", key):
                yield f"default/searchbnf.conf: [{stanza}] {key}", value
    for path in _views(app):
        try:
            root = ElementTree.parse(path).getroot()
            studio = json.loads(root.findtext("definition") or "null")
        except (ElementTree.ParseError, ValueError):
            continue  # check_views tells
        where = path.relative_to(app).as_posix()
        for query in [element.text for element in root.iter("query")] + list(_queries(studio)):
            yield where, query or ""


def _queries(node: Any) -> Iterator[str]:
    """Yield the queries of a Dashboard Studio definition."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "query" and isinstance(value, str):
                yield value
            else:
                yield from _queries(value)
    elif isinstance(node, list):
        for value in node:
            yield from _queries(value)
