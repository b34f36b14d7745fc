"""The documentation agrees with the code and with itself (its links: tests/docs)."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import pytest

from tools import package
from tools.common import ROOT
from tools.pages import code_of
from tsid.decision.enrich import OUTPUT_FIELDS, Enricher, Options
from tsid.decision.verdicts import VERDICTS
from tsid.facts.lookups import load_lookups
from tsid.text import conf

PACKAGED = package.packaged_names()
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
# The first folders of paths in the repository.
FOLDERS = (
    "README",
    "bin",
    "default",
    "docs",
    "lab",
    "lookups",
    "metadata",
    "requirements",
    "static",
    "tests",
    "tools",
)
# Made by `make`, by Splunk, or by a site.
MADE = re.compile(r"bin/lib/|lookups/tsidenrich|metadata/local\.meta$|.*(_local|_refreshed)\.csv$|.*[<*…]")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def table(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the table whose header starts with a heading."""
    lines = read(page).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def first_words(rows: list[list[str]]) -> list[str]:
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row[0])]


def rows_of(lookup: str) -> list[dict[str, str]]:
    with (ROOT / "lookups" / f"{lookup}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_verdict_is_documented() -> None:
    assert sorted(first_words(table("docs/verdicts.md", "verdict"))) == sorted(VERDICTS)


def test_the_documented_order_of_verdicts_is_that_of_the_code() -> None:
    documented = read("docs/verdicts.md").partition("in this order: ")[2].partition(".")[0]
    assert tuple(re.findall(r"`(\w+)`", documented)) == VERDICTS


def test_every_output_field_is_documented() -> None:
    assert tuple(first_words(table("docs/fields.md", "field"))) == OUTPUT_FIELDS


def test_the_documented_input_fields_are_those_of_the_lookup() -> None:
    order: dict[str, list[tuple[int, str]]] = {}
    seen = set()
    for row in [*rows_of("tsid_fields"), *rows_of("tsid_evidence_fields")]:
        if (row["role"], row["field"]) in seen:
            continue
        seen.add((row["role"], row["field"]))
        order.setdefault(row["role"].partition("_")[0], []).append((int(row["rank"]), row["field"]))
    documented = [re.findall(r"`([^`]+)`", row[1]) for row in table("docs/fields.md", "what")]
    others = {row[0]: re.findall(r"`([^`]+)`", row[1]) for row in table("docs/fields.md", "then")}
    for cells, fields in zip(table("docs/fields.md", "what"), documented):
        fields += others.get(cells[0], [])
    connection = [row["field"] for row in rows_of("tsid_fields") if row["role"].startswith("connection_")]
    roles = (
        *("address", "device", "name", "action", "port", "protocol", "message", "state", "flags"),
        *("source", "responder", "total"),
    )
    by_rank = {role: sorted(fields, key=itemgetter(0)) for role, fields in order.items()}
    assert documented == [*([field for _, field in by_rank[role]] for role in roles), connection]


def test_every_option_is_documented() -> None:
    syntax = conf.read(ROOT / "default" / "searchbnf.conf")["tsidenrich-command"]["syntax"]
    assert first_words(table("docs/commands.md", "option")) == re.findall(r"<tsidenrich-(\w+)>", syntax)


def test_readme_shows_the_syntax_of_the_help() -> None:
    helps = conf.read(ROOT / "default" / "searchbnf.conf")
    syntax = helps["tsidenrich-command"]["syntax"]
    for name, option in helps.items():
        syntax = syntax.replace(f"<{name}>", option.get("syntax", ""))
    assert f"\n    {' '.join(syntax.split())}\n" in read("README.md")


def test_readme_has_at_most_120_lines() -> None:
    assert len(read("README.md").splitlines()) <= 120


def test_the_picture_in_readme_quotes_the_app() -> None:
    enricher = Enricher(load_lookups(ROOT / "lookups"), Options())
    url = "https://toos.cisco.com"
    answer = enricher.enrich({"dest_ip": "72.163.4.38", "url": url, "action": "Block"})
    picture = next(code.text for code in code_of(read("README.md")) if code.text.startswith("before"))
    before, _, after = picture.partition("after")
    assert url in before
    shown = " ".join(after.split())
    assert f"url {answer.rewritten['url']}" in shown
    for field in ("tsid_verdict", "tsid_outcome", "tsid_advice"):
        assert f"{field} {answer.fields[field]}" in shown


def test_the_badges_in_readme_agree_with_the_manifest_and_the_commands() -> None:
    manifest = json.loads(read("app.manifest"))
    splunk = manifest["platformRequirements"]["splunk"]["Enterprise"].lstrip(">=")
    assert f"{splunk}+" in read("docs/images/badge-splunk.svg")
    assert manifest["info"]["license"]["name"] in read("docs/images/badge-licence.svg")
    pythons = conf.read(ROOT / "default" / "commands.conf")["tsidenrich"]["python.required"]
    assert " | ".join(pythons.split(", ")) in read("docs/images/badge-python.svg")


def test_every_clock_is_documented() -> None:
    documented = {row[0].strip("`"): row[1] for row in table("docs/commands.md", "model")}
    for row in rows_of("license_clocks"):
        days = [row[f"{name}_days"] or "-" for name in ("renew", "expire", "deregister")]
        assert documented.pop(row["model"]) == ("-" if set(days) == {"-"} else ", ".join(days))
    assert documented == {}


def test_every_lookup_is_documented() -> None:
    documented = first_words(table("docs/lookups.md", "file"))
    assert sorted(documented) == sorted(
        path.name for path in (ROOT / "lookups").glob("*.csv") if not MADE.match(path.name)
    )


def paths() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for code in code_of(page.read_text(encoding="utf-8")):
            path = re.match(r"\S+", code.text)
            if not code.block and path and path[0].partition("/")[0] in FOLDERS and "/" in path[0]:
                yield page.name, path[0]


def test_every_path_in_the_documentation_exists() -> None:
    named = [(page, path) for page, path in paths() if not MADE.match(path)]
    assert len(named) > 50
    files = [(page, path.partition("::")[0]) for page, path in named]
    assert [(page, path) for page, path in files if not (ROOT / path).exists()] == []


def test_every_test_that_is_named_exists() -> None:
    named = {
        (path, name)
        for page in PAGES
        for path, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text("utf-8"))
    }
    assert len(named) > 50
    assert (
        sorted(
            f"{path}::{name}" for path, name in named if not re.search(rf"(?m)^ *def {name}\(", read(path))
        )
        == []
    )


def test_every_promise_of_security_has_a_test() -> None:
    tables = re.findall(
        r"(?m)^\| (?:promise|output) \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", read("docs/security.md")
    )
    assert len(tables) == 6
    rows = [row for rows in tables for row in rows.splitlines()]
    assert [row for row in rows if "::test_" not in row] == []


def links(page: str) -> Iterator[tuple[str, str]]:
    """Yield the files that a page links to, each with its paragraph, item or row."""
    for block in re.split(r"\n(?=\n|[*|]|\d+\. )", read(page)):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", block):
            yield os.path.normpath(Path(page).parent / link), block


def test_a_packaged_page_links_to_packaged_pages_or_mentions_the_repository() -> None:
    """Pictures and badges are an exception, which README mentions once."""
    pages = [name for name in PACKAGED if name.endswith(".md")]
    found = [(page, link, block) for page in pages for link, block in links(page)]
    outside = [
        (page, link, block)
        for page, link, block in found
        if link not in PACKAGED and not link.startswith(("docs/images/", "../../actions/"))
    ]
    assert len(found) > 80
    assert len(outside) > 10
    assert [(page, link) for page, link, block in outside if "in the repository" not in block.lower()] == []


def test_the_site_and_readme_have_the_pages_in_the_same_sections_and_order() -> None:
    more = read("README.md").partition("\n## More\n")[2]
    documented = re.findall(r"\]\(((?:docs/)?\w+\.md)\)", more)
    assert ["README.md", *documented] == re.findall(
        r"(?m)^ +- .*: (\S+\.md)$", read("tools/site/properdocs.yml")
    )


BIN = ROOT / "bin"
MODULES = sorted(path for path in BIN.rglob("*.py") if BIN / "lib" not in path.parents)


def rooms() -> list[str]:
    """Return the folders of architecture.md's table of rooms, from the ground up."""
    return [cell.rstrip("/") for cell in first_words(table("docs/architecture.md", "room"))]


def room_of(path: Path) -> str:
    return path.parent.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Return the rooms that a module of the app imports from, anywhere in its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.module
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    files = {BIN / f"{name.replace('.', '/')}{end}" for name in names for end in (".py", "/__init__.py")}
    return {room_of(file) for file in files if file in MODULES}


def test_every_module_is_in_a_room_of_the_architecture() -> None:
    packages = {"bin/tsid"}  # it contains only its __init__
    assert {room_of(path) for path in MODULES} - packages == set(rooms())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(BIN).as_posix())
def test_a_module_imports_only_from_its_room_and_rooms_above_it(path: Path) -> None:
    order = ["bin/tsid", *rooms()]
    assert imported(path) <= set(order[: order.index(room_of(path)) + 1])


@pytest.mark.parametrize(
    ("room", "other"), [("lab", "tools"), ("tools", "lab"), ("lab", "tests"), ("tools", "tests")]
)
def test_lab_and_tools_import_neither_each_other_nor_the_tests(room: str, other: str) -> None:
    pattern = re.compile(rf"(?m)^\s*(?:from|import) {other}\b")
    assert [
        path.name for path in (ROOT / room).rglob("*.py") if pattern.search(path.read_text("utf-8"))
    ] == []


def targets(page: Path) -> set[str]:
    return set(re.findall(r"(?m)(?:`|^ {4})make ([a-z-]+)", page.read_text(encoding="utf-8")))


def test_every_make_target_in_the_documentation_exists() -> None:
    there = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))
    for page in PAGES:
        assert targets(page) <= there, page.name
    assert {"demo", "test", "lint", "docs", "readme"} <= {name for page in PAGES for name in targets(page)}
