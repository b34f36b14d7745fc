"""The packaged app obeys the rules that AppInspect does not check, or checks only late."""

from __future__ import annotations

import csv
import json
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.spl.syntax import expand, pipeline, split
from lab.spl.values import SplError
from tests.tools.interpreters import FLAVOUR
from tsid.facts.tables import LAYERS
from tsid.text import conf

COMMAND_SETTINGS = {"chunked", "filename", "python.version", "python.required", "is_risky", "run_in_preview", "maxwait", "maxchunksize"}  # fmt: skip
"""The settings of a chunked command that Splunk reads; it ignores others silently."""

PACKAGED_SUFFIXES = {
    "",
    ".conf",
    ".csv",
    ".manifest",
    ".md",
    ".meta",
    ".png",
    ".py",
    ".sha256",
    ".spec",
    ".txt",
    ".xml",
}

BARE_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!/[0-3]?\d(?![\w.]))(?![\w.]*\w)")
"""AppInspect warns about an IPv4 address that is not in CIDR form."""

SEMANTIC_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
)
LOOKUP = re.compile(r'\|\s*(?:input)?lookup\s+(?:\w+\s*=\s*[^\s|]+\s+)*"?([^\s|"\]]+)')
MAX_HEADER = 4096
"""Characters; Splunk truncates a longer CSV header."""

SPLUNK_VIEWS = {"search", "reports", "alerts", "dashboards", "datasets", "analytics_workspace"}

ACTION_SETTINGS = {
    "correlationsearch": {"enabled", "label", "detection_type", "annotations", "metadata"},
    "risk": {"", "param._risk", "param._risk_message", "param._risk_score", "param.verbose"},
    "notable": {"", "param.rule_title", "param.rule_description", "param.severity", "param.security_domain", "param.nes_fields", "param.drilldown_searches", "param._entities"},
    "email": {"", "to", "subject", "useNSSubject", "message.alert", "message.report", "content_type", "sendresults", "sendcsv", "sendpdf", "allow_empty_attachment", "inline", "format"},
    "lookup": {"", "filename", "append"},
    "summary_index": {"", "_name"},
}  # fmt: skip
"""The settings of alert actions that the app may use; Splunk ignores a misspelt one silently."""

SECURITY_ACTIONS = {"correlationsearch", "notable", "risk"}
"""Alert actions of Enterprise Security, which may not be installed."""

NAV = "default/data/ui/nav/default.xml"


def stanzas(app: Path, name: str) -> Iterator[tuple[str, conf.Stanza]]:
    """Yield every stanza of a conf file except [default], with the settings that it inherits from it."""
    path = app / "default" / f"{name}.conf"
    read = conf.read(path) if path.is_file() else {}
    for stanza, settings in read.items():
        if stanza != conf.DEFAULT:
            yield stanza, {**read.get(conf.DEFAULT, {}), **settings}


def names(app: Path) -> list[str]:
    return sorted(
        path.relative_to(app).as_posix() for path in app.rglob("*") if "__pycache__" not in path.parts
    )


def own_text(app: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file of the app itself, without the libraries."""
    for name in names(app):
        if (app / name).is_file() and not name.startswith("bin/lib/") and not name.endswith(".png"):
            yield name, (app / name).read_bytes().decode("utf-8")


def tables(app: Path) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Yield the name, the header and the rows of each table."""
    for path in sorted((app / "lookups").iterdir()):
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines(keepends=True)))
        yield path.name, rows[0] if rows else [], rows[1:]


def views(app: Path) -> dict[str, ElementTree.Element]:
    folder = app / "default/data/ui/views"
    return {
        path.stem: ElementTree.fromstring(path.read_text("utf-8")) for path in sorted(folder.glob("*.xml"))
    }


def queries(node: Any) -> Iterator[str]:
    """Yield the queries of a Dashboard Studio definition."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == "query" else queries(value)
    elif isinstance(node, list):
        for value in node:
            yield from queries(value)


def searches(app: Path) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each complete search of the app."""
    for stanza, settings in stanzas(app, "savedsearches"):
        yield f"saved search {stanza}", settings["search"]
    for stanza, settings in stanzas(app, "searchbnf"):
        yield from ((f"{stanza} {key}", text) for key, text in settings.items() if key.startswith("example"))
    for name, root in views(app).items():
        yield from ((f"view {name}", query) for query in queries(json.loads(root.findtext("definition", ""))))


def identity(app: Path) -> dict[str, conf.Stanza]:
    return dict(stanzas(app, "app"))


def manifest(app: Path) -> Any:
    return json.loads((app / "app.manifest").read_bytes())


def test_the_package_has_only_files_of_known_kinds(packaged_app: Path) -> None:
    suffixes = {Path(name).suffix for name in names(packaged_app) if (packaged_app / name).is_file()}
    assert suffixes <= PACKAGED_SUFFIXES
    assert not [
        name for name in names(packaged_app) if "/." in f"/{name}" or (packaged_app / name).is_symlink()
    ]


def test_no_file_is_executable(packaged_app: Path) -> None:
    files = [name for name in names(packaged_app) if (packaged_app / name).is_file()]
    assert not [
        name
        for name in files
        if (packaged_app / name).stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    ]


def test_our_text_is_utf_8_without_byte_order_marks_and_carriage_returns(packaged_app: Path) -> None:
    assert not [name for name, text in own_text(packaged_app) if text.startswith("\ufeff") or "\r" in text]


def test_every_ipv4_address_is_in_cidr_form(packaged_app: Path) -> None:
    """Except in Python comments, where AppInspect allows them: the section of an RFC may look like one."""
    assert not [
        f"{name}:{number}: {address}"
        for name, text in own_text(packaged_app)
        for number, line in enumerate(text.split("\n"), 1)
        if not (name.endswith(".py") and line.lstrip().startswith("#"))
        for address in BARE_IPV4.findall(line)
    ]


def test_app_conf_names_the_app_and_one_semantic_version(packaged_app: Path) -> None:
    app = identity(packaged_app)
    assert app["id"]["name"] == app["package"]["id"] == packaged_app.name
    assert app["id"]["version"] == app["launcher"]["version"]
    assert SEMANTIC_VERSION.fullmatch(app["id"]["version"])
    assert app["package"]["check_for_updates"] == "false"
    assert app["install"]["build"].isdigit()


def test_the_manifest_says_the_same_as_app_conf(packaged_app: Path) -> None:
    app, info = identity(packaged_app), manifest(packaged_app)["info"]
    assert (info["id"]["name"], info["id"]["version"]) == (app["id"]["name"], app["id"]["version"])
    assert (info["title"], info["description"]) == (app["ui"]["label"], app["launcher"]["description"])
    assert [author["name"] for author in info["author"]] == [app["launcher"]["author"]]
    assert all([info["title"], info["description"], app["launcher"]["author"]])


def test_the_manifest_names_files_of_the_package(packaged_app: Path) -> None:
    read = manifest(packaged_app)
    assert read["schemaVersion"] == "2.0.0"
    for key in ("license", "releaseNotes"):
        text = read["info"][key].get("text")
        assert text is None or (packaged_app / text).is_file()


def test_every_command_runs_a_script_of_the_app_on_both_pythons(packaged_app: Path) -> None:
    for _, settings in stanzas(packaged_app, "commands"):
        assert settings["chunked"] == "true"
        assert settings["python.version"] == "python3"
        assert settings["python.required"] == FLAVOUR.pythons
        assert (packaged_app / "bin" / settings["filename"]).is_file()


def test_the_manifest_asks_for_a_splunk_that_has_one_of_these_pythons(packaged_app: Path) -> None:
    required = manifest(packaged_app)["platformRequirements"]["splunk"]
    assert required == {"Enterprise": FLAVOUR.splunk}


def test_no_command_has_a_setting_that_splunk_ignores(packaged_app: Path) -> None:
    for command, settings in stanzas(packaged_app, "commands"):
        assert set(settings) <= COMMAND_SETTINGS, command


def test_every_command_has_its_help_and_all_help_is_of_a_command(packaged_app: Path) -> None:
    helps = dict(stanzas(packaged_app, "searchbnf"))
    commands = {f"{command}-command" for command, _ in stanzas(packaged_app, "commands")}
    assert commands == {stanza for stanza in helps if stanza.endswith("-command")}
    for command in commands:
        assert all(helps[command].get(key) for key in ("syntax", "shortdesc", "description", "usage")), (
            command
        )


def test_every_option_that_the_help_names_has_a_stanza(packaged_app: Path) -> None:
    helps = dict(stanzas(packaged_app, "searchbnf"))
    named = {
        name
        for settings in helps.values()
        for name in re.findall(r"<([\w]+-[\w-]+)>", settings.get("syntax", ""))
    }
    assert named <= set(helps)


def test_every_table_has_rows_as_long_as_its_header(packaged_app: Path) -> None:
    for name, header, rows in tables(packaged_app):
        assert name.endswith(".csv")
        assert rows, name
        assert {len(row) for row in rows} == {len(header)}, name


def test_every_table_has_two_or_more_columns_with_distinct_names(packaged_app: Path) -> None:
    for name, header, _ in tables(packaged_app):
        assert 2 <= len(header) == len(set(header)), name
        assert all(column and column == column.strip() for column in header), name
        assert len(",".join(header)) <= MAX_HEADER, name


def test_every_lookup_has_its_table_and_every_table_its_lookup(packaged_app: Path) -> None:
    files = {
        settings["filename"] for _, settings in stanzas(packaged_app, "transforms") if "filename" in settings
    }
    shipped = {path.name for path in (packaged_app / "lookups").iterdir()}
    # A package contains one layer of each table; the others are read if they are there.
    assert files == {name.replace(".csv", f"{layer}.csv") for name in shipped for layer in LAYERS}


def test_the_permissions_of_every_table_are_checked(packaged_app: Path) -> None:
    for name, settings in stanzas(packaged_app, "transforms"):
        assert (settings.get("check_permission") == "true") == ("filename" in settings), name


def test_every_lookup_of_the_kv_store_has_its_collection(packaged_app: Path) -> None:
    collections = {
        settings["collection"]
        for _, settings in stanzas(packaged_app, "transforms")
        if "collection" in settings
    }
    assert collections <= dict(stanzas(packaged_app, "collections")).keys()


def test_lookups_match_by_columns_that_their_tables_have(packaged_app: Path) -> None:
    columns = {name: header for name, header, _ in tables(packaged_app)}
    for lookup, settings in stanzas(packaged_app, "transforms"):
        for column in re.findall(r"\w+\((\w+)\)", settings.get("match_type", "")):
            assert column in columns[settings["filename"]], lookup


def test_every_view_is_a_studio_dashboard_with_a_version(packaged_app: Path) -> None:
    for name, root in views(packaged_app).items():
        assert (root.tag, root.get("version")) == ("dashboard", "2"), name
        assert json.loads(root.findtext("definition", "")), name


def test_every_menu_entry_leads_to_something_and_one_is_the_home(packaged_app: Path) -> None:
    menu = ElementTree.fromstring((packaged_app / NAV).read_text("utf-8"))
    entries = {entry.get("name") for entry in menu.iter("view")} | {menu.get("search_view")}
    assert entries <= {None, *views(packaged_app), *SPLUNK_VIEWS}
    assert {entry.get("name") for entry in menu.iter("saved")} <= dict(
        stanzas(packaged_app, "savedsearches")
    ).keys()
    assert [entry.get("default") for entry in menu.iter("view")].count("true") == 1


def test_every_search_parses_and_calls_only_macros_that_exist(packaged_app: Path) -> None:
    macros = dict(stanzas(packaged_app, "macros"))
    for where, search in searches(packaged_app):
        try:
            pipeline(expand(search, macros))
        except SplError as error:
            pytest.fail(f"{where}: {error}")


def test_every_macro_parses_and_calls_only_macros_that_exist(packaged_app: Path) -> None:
    macros = dict(stanzas(packaged_app, "macros"))
    for macro, settings in macros.items():
        try:
            parts = split(expand(settings["definition"], macros), "|")
        except SplError as error:
            pytest.fail(f"{macro}: {error}")
        assert all(part.strip() for part in parts[1:]), macro


def test_every_search_reads_only_lookups_of_the_app(packaged_app: Path) -> None:
    known = {name for name, _, _ in tables(packaged_app)} | dict(stanzas(packaged_app, "transforms")).keys()
    definitions = [(macro, settings["definition"]) for macro, settings in stanzas(packaged_app, "macros")]
    for where, search in [*searches(packaged_app), *definitions]:
        assert {name for name in LOOKUP.findall(search) if "$" not in name} <= known, where


def test_every_macro_is_described_and_has_the_arguments_that_its_name_counts(packaged_app: Path) -> None:
    for macro, settings in stanzas(packaged_app, "macros"):
        assert settings["description"], macro
        assert ("validation" in settings) == ("errormsg" in settings), macro
        arguments = [name for name in settings.get("args", "").split(",") if name.strip()]
        count = re.search(r"\((\d+)\)$", macro)
        assert len(arguments) == (int(count[1]) if count else 0), macro


def test_every_schedule_has_five_fields_and_is_rarer_than_each_minute(packaged_app: Path) -> None:
    for name, settings in stanzas(packaged_app, "savedsearches"):
        fields = settings.get("cron_schedule", "0 * * * *").split()
        assert len(fields) == 5, name
        assert fields[0] != "*", name


def test_alert_actions_have_only_settings_that_splunk_knows(packaged_app: Path) -> None:
    for name, settings in stanzas(packaged_app, "savedsearches"):
        for key, value in settings.items():
            if key.startswith("action."):
                action, _, setting = key[len("action.") :].partition(".")
                assert setting in ACTION_SETTINGS.get(action, ()), f"{name}: {key}"
                if setting in ("annotations", "metadata", "param.drilldown_searches", "param._risk"):
                    json.loads(value)


def test_searches_for_enterprise_security_are_disabled_and_make_one_kind_of_finding(
    packaged_app: Path,
) -> None:
    """Enterprise Security 8 lets a detection make findings or intermediate findings, not both."""
    for name, settings in stanzas(packaged_app, "savedsearches"):
        actions = {key.split(".")[1] for key in settings if key.startswith("action.")} & SECURITY_ACTIONS
        assert not actions or settings["disabled"] == "1", name
        assert not {"risk", "notable"} <= actions, name


def test_all_may_read_the_app_and_only_administrators_may_write_it(packaged_app: Path) -> None:
    """sc_admin is the administrator of Splunk Cloud."""
    access = conf.read(packaged_app / "metadata/default.meta")[""]["access"]
    assert " ".join(access.split()) == "read : [ * ], write : [ admin, sc_admin ]"


def appended(name: str, text: str) -> Callable[[Path], object]:
    """Return a function that appends a text to a file of an app, or makes that file."""

    def change(app: Path) -> None:
        path = app / name
        path.write_bytes((path.read_bytes() if path.exists() else b"") + text.encode("utf-8"))

    return change


def replaced(name: str, old: str, new: str) -> Callable[[Path], object]:
    """Return a function that replaces a text everywhere in a file of an app."""

    def change(app: Path) -> None:
        text = (app / name).read_text(encoding="utf-8")
        assert old in text, f"{name} does not have {old!r}"
        (app / name).write_bytes(text.replace(old, new).encode("utf-8"))

    return change


SEARCH = "\n[broken]\nsearch = "
SEARCHES, MACROS, TABLE = "default/savedsearches.conf", "default/macros.conf", "lookups/tsid_aliases.csv"
BREAKS: list[tuple[Callable[[Path], None], Callable[[Path], object]]] = [
    (test_the_package_has_only_files_of_known_kinds, appended("bin/lib/netaddr/broken.so", "")),
    (test_no_file_is_executable, lambda app: (app / TABLE).chmod(0o755)),
    (test_our_text_is_utf_8_without_byte_order_marks_and_carriage_returns, appended("lookups/broken.csv", "\ufeffa,b\n1,2\n")),
    (test_our_text_is_utf_8_without_byte_order_marks_and_carriage_returns, appended("README.md", "text\r\n")),
    (test_every_ipv4_address_is_in_cidr_form, appended("README.md", "192.0.2.1\n")),
    (test_app_conf_names_the_app_and_one_semantic_version, replaced("default/app.conf", "version = ", "version = v")),
    (test_the_manifest_says_the_same_as_app_conf, replaced("app.manifest", '"version": "', '"version": "9')),
    (test_the_manifest_says_the_same_as_app_conf, replaced("app.manifest", "{", "{,")),
    (test_the_manifest_names_files_of_the_package, lambda app: (app / "LICENSE").unlink()),
    (test_every_command_runs_a_script_of_the_app_on_both_pythons, replaced("default/commands.conf", FLAVOUR.pythons, "3.7")),
    (test_no_command_has_a_setting_that_splunk_ignores, appended("default/commands.conf", "\nstreaming = true\n")),
    (test_every_command_has_its_help_and_all_help_is_of_a_command, appended("default/searchbnf.conf", "\n[broken-command]\n")),
    (test_every_option_that_the_help_names_has_a_stanza, appended("default/searchbnf.conf", "\n[broken]\nsyntax = <absent-option>\n")),
    (test_every_table_has_rows_as_long_as_its_header, appended("lookups/broken.csv", "")),
    (test_every_table_has_rows_as_long_as_its_header, appended("lookups/broken.csv", "a,b\n")),
    (test_every_table_has_rows_as_long_as_its_header, appended(TABLE, "ragged\n")),
    (test_every_table_has_two_or_more_columns_with_distinct_names, appended("lookups/broken.csv", "a,a\n1,2\n")),
    (test_every_lookup_has_its_table_and_every_table_its_lookup, lambda app: (app / TABLE).unlink()),
    (test_the_permissions_of_every_table_are_checked, appended("default/transforms.conf", "\n[broken]\nfilename = broken.csv\n")),
    (test_every_lookup_of_the_kv_store_has_its_collection, appended("default/transforms.conf", "\n[broken]\ncollection = absent\n")),
    (test_lookups_match_by_columns_that_their_tables_have, replaced("default/transforms.conf", "CIDR(network)", "CIDR(absent)")),
    (test_every_view_is_a_studio_dashboard_with_a_version, replaced("default/data/ui/views/health.xml", 'version="2"', "")),
    (test_every_menu_entry_leads_to_something_and_one_is_the_home, replaced(NAV, "</nav>", '<view name="absent"/></nav>')),
    (test_every_search_parses_and_calls_only_macros_that_exist, appended(SEARCHES, f"{SEARCH}| stats count |\n")),
    (test_every_search_parses_and_calls_only_macros_that_exist, appended(SEARCHES, f"{SEARCH}| eval x=(1\n")),
    (test_every_search_parses_and_calls_only_macros_that_exist, appended(SEARCHES, f"{SEARCH}`absent(1)` | head 1\n")),
    (test_every_macro_parses_and_calls_only_macros_that_exist, appended(MACROS, "\n[broken]\ndefinition = `absent`\n")),
    (test_every_search_reads_only_lookups_of_the_app, appended(SEARCHES, f"{SEARCH}| inputlookup absent\n")),
    (test_every_macro_is_described_and_has_the_arguments_that_its_name_counts, appended(MACROS, "\n[broken(2)]\nargs = a\ndescription = x\n")),
    (test_every_schedule_has_five_fields_and_is_rarer_than_each_minute, appended(SEARCHES, f"{SEARCH}x\ncron_schedule = * * * * *\n")),
    (test_alert_actions_have_only_settings_that_splunk_knows, appended(SEARCHES, f"{SEARCH}x\naction.risk.param.score = 1\n")),
    (test_searches_for_enterprise_security_are_disabled_and_make_one_kind_of_finding, appended(SEARCHES, f"{SEARCH}x\naction.notable = 1\ndisabled = 0\n")),
    (test_all_may_read_the_app_and_only_administrators_may_write_it, replaced("metadata/default.meta", ", sc_admin", "")),
]  # fmt: skip


@pytest.mark.parametrize(("check", "break_app"), BREAKS, ids=[check.__name__ for check, _ in BREAKS])
def test_a_broken_copy_fails(
    packaged_app: Path, tmp_path: Path, check: Callable[[Path], None], break_app: Callable[[Path], object]
) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "dns", "splunklib")
    copy = Path(shutil.copytree(packaged_app, tmp_path / packaged_app.name, ignore=ignored))
    check(copy)
    break_app(copy)
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        check(copy)
