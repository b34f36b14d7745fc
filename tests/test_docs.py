"""What the documentation says twice, or says of the code, agrees; its links: tests/docs."""

from __future__ import annotations

import ast
import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import conf, package
from tools.common import ROOT
from tools.pages import code_of
from tsid.enrich import OUTPUT_FIELDS
from tsid.verdicts import VERDICTS

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").glob("*.md"))
# Those that begin a path of the repository.
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
    """Return the cells of the table whose head begins so."""
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


@pytest.mark.parametrize("page", ["README.md", "docs/verdicts.md"])
def test_every_verdict_is_told(page: str) -> None:
    assert sorted(first_words(table(page, "verdict"))) == sorted(VERDICTS)


def test_the_order_of_verdicts_is_that_of_the_code() -> None:
    told = read("docs/verdicts.md").partition("in this order: ")[2].partition(".")[0]
    assert tuple(re.findall(r"`(\w+)`", told)) == VERDICTS


def test_every_output_field_is_told() -> None:
    assert tuple(first_words(table("docs/fields.md", "field"))) == OUTPUT_FIELDS


def test_the_fields_that_are_read_are_those_of_the_lookup() -> None:
    order: dict[str, list[tuple[int, str]]] = {}
    for row in rows_of("tsid_fields"):
        order.setdefault(row["role"].partition("_")[0], []).append((int(row["rank"]), row["field"]))
    told = [re.findall(r"`([^`]+)`", row[1]) for row in table("docs/fields.md", "what")]
    connection = [row["field"] for row in rows_of("tsid_fields") if row["role"].startswith("connection_")]
    roles = ("address", "device", "name", "action", "source", "responder")
    assert told == [*([field for _, field in sorted(order[role])] for role in roles), connection]


def test_every_option_is_told() -> None:
    syntax = conf.read(ROOT / "default" / "searchbnf.conf")["tsidenrich-command"]["syntax"]
    assert first_words(table("docs/commands.md", "option")) == re.findall(r"<tsidenrich-(\w+)>", syntax)


def test_every_clock_is_told() -> None:
    told = {row[0].strip("`"): row[1] for row in table("docs/commands.md", "model")}
    for row in rows_of("license_clocks"):
        days = [row[f"{name}_days"] or "-" for name in ("renew", "expire", "deregister")]
        assert told.pop(row["model"]) == ("-" if set(days) == {"-"} else ", ".join(days))
    assert told == {}


def test_every_lookup_is_told() -> None:
    told = first_words(table("docs/lookups.md", "file"))
    assert sorted(told) == sorted(
        path.name for path in (ROOT / "lookups").glob("*.csv") if not MADE.match(path.name)
    )


def paths() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for code in code_of(page.read_text(encoding="utf-8")):
            path = re.match(r"\S+", code.text)
            if not code.block and path and path[0].partition("/")[0] in FOLDERS and "/" in path[0]:
                yield page.name, path[0]


def test_every_path_that_is_named_is_there() -> None:
    named = [(page, path) for page, path in paths() if not MADE.match(path)]
    assert len(named) > 50
    assert [(page, path) for page, path in named if not (ROOT / path).exists()] == []


def links(page: str) -> Iterator[tuple[str, str]]:
    """Yield the files that a page links to, each with the paragraph, item or row in which it does."""
    for block in re.split(r"\n(?=\n|[*|]|\d+\. )", read(page)):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", block):
            yield os.path.normpath(Path(page).parent / link), block


def test_a_packaged_page_leads_to_packaged_ones_or_says_that_it_does_not() -> None:
    """Pictures aside: of them README says it once."""
    pages = [name for name in package.PACKAGED if name.endswith(".md")]
    found = [(page, link, block) for page in pages for link, block in links(page)]
    outside = [
        (page, link, block)
        for page, link, block in found
        if link not in package.PACKAGED and not link.startswith("docs/images/")
    ]
    assert len(found) > 80
    assert len(outside) > 10
    assert [(page, link) for page, link, block in outside if "in the repository" not in block.lower()] == []


def test_the_site_and_readme_have_the_pages_in_the_same_sections_and_order() -> None:
    more = read("README.md").partition("\n## More\n")[2]
    told = re.findall(r"\]\(((?:docs/)?\w+\.md)\)", more)
    assert ["README.md", *told] == re.findall(r"(?m)^ +- .*: (\S+\.md)$", read("tools/site/properdocs.yml"))


BIN = ROOT / "bin"
MODULES = {
    path.relative_to(BIN).with_suffix("").as_posix(): path
    for path in BIN.rglob("*.py")
    if path.name != "__init__.py" and BIN / "lib" not in path.parents
}


def layers() -> list[str]:
    """Return the modules as architecture.md has them, by their path below bin, from the ground up."""
    part = read("docs/architecture.md").partition("\n## Parts")[2]
    cells = (line.split(" | ")[1] for line in part.splitlines() if line.startswith("| ") and "`" in line)
    told = (name for cell in cells for name in re.findall(r"`([^`]+)`", cell))
    return [name[:-3] if name.endswith(".py") else f"tsid/{name}" for name in told]


def imported(path: Path) -> set[str]:
    """Return the modules of the app that one imports anywhere in its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.module
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.replace(".", "/") for name in found} & set(MODULES)


def test_every_module_has_its_layer() -> None:
    assert sorted(layers()) == sorted(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_stands_before_it(name: str) -> None:
    order = layers()
    assert imported(MODULES[name]) <= set(order[: order.index(name)])


def targets(page: Path) -> set[str]:
    return set(re.findall(r"(?m)(?:`|^ {4})make ([a-z-]+)", page.read_text(encoding="utf-8")))


def test_every_target_that_is_named_is_there() -> None:
    there = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))
    for page in PAGES:
        assert targets(page) <= there, page.name
    assert {"demo", "test", "lint", "docs", "readme"} <= {name for page in PAGES for name in targets(page)}
