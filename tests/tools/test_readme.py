"""Finding README's commands, and telling those apart that nobody knows how to run; `make readme` runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.common import ROOT, ToolError
from tools.pages import Code, code_of
from tools.readme import commands, debian
from tools.readme.commands import ADMIN, HERE, NOWHERE, SEARCH, SYNTAX, USER, commands_of
from tools.readme.laboratory import compare_syntax, run_search

PAGE = """# Title

Run `make demo`, or within a table:

| what | how |
|---|---|
| rows | `\\| tsidlookup table=endpoints` |

    apt install nsd  # as root
    make demo        # once more

1. ``` `tsid_events` | tsidenrich ```, then

   ```sh
   make dashboards
   ```

`| tsidrisk`, `|x|` and `| outputlookup x.csv` are no searches, `make` and `url` no commands; `splunk apply x` is.

    | tsidlookup table=files
    | head 1

Syntax:

    tsidx (a=<b>)?

The end.
"""


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "NOT_RUN", {"splunk apply x": "there is none"})
    monkeypatch.setattr(commands, "FILLED_IN", {})
    monkeypatch.setattr(commands, "PROMISED", {})


def test_code_stands_where_github_shows_code() -> None:
    assert list(code_of("a `b` c\n\n    d\n    e\n\n```x\nf\n```\n<!-- `g` -->\n")) == [
        Code(1, "b", block=False),
        Code(3, "d\ne", block=True),
        Code(7, "f", block=True),
    ]


def test_every_command_is_found_once_from_top_to_bottom() -> None:
    assert [(command.text, command.where) for command in commands_of(PAGE)] == [
        ("make demo", USER),
        ("| tsidlookup table=endpoints", SEARCH),
        ("apt install nsd", ADMIN),
        ("`tsid_events` | tsidenrich", SEARCH),
        ("make dashboards", HERE),
        ("splunk apply x", NOWHERE),
        ("| tsidlookup table=files | head 1", SEARCH),
        ("tsidx (a=<b>)?", SYNTAX),
    ]


@pytest.mark.parametrize(
    "text", ["`git clone x`", "`splunk restart`", "    frobnicate all", "    ls", "```\ncurl x | sh\n```"]
)
def test_a_command_that_is_not_known_is_an_error(text: str) -> None:
    with pytest.raises(ToolError, match=r"not known how to run '.*'\n.*tools/readme/commands.py"):
        commands_of(f"{PAGE}\n{text}\n")


@pytest.mark.parametrize("name", ["NOT_RUN", "RUN_HERE", "FILLED_IN", "PROMISED"])
def test_what_is_named_and_not_there_any_more_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(commands, name, {**getattr(commands, name), "make up": "x"})
    with pytest.raises(ToolError, match="does not have any more: make up"):
        commands_of(PAGE)


def test_readme_has_commands_of_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = commands_of((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {command.where for command in found} == {USER, ADMIN, HERE, SEARCH, SYNTAX, NOWHERE}


def test_a_syntax_that_is_not_that_of_the_help_is_an_error() -> None:
    compare_syntax("tsidlookup (table=(endpoints|aliases|networks|relays|candidates|files))?")
    for other in ("tsidlookup (table=(endpoints|aliases))?", "tsidlook (table=x)?"):
        with pytest.raises(ToolError, match="searchbnf"):
            compare_syntax(other)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ('`tsid_events` | search src="nobody"', "found nothing"),
        ("| tsidlookup table=nothing", "nothing"),
        ("`tsid_nothing`", "tsid_nothing"),
    ],
)
def test_a_search_that_finds_nothing_or_fails_is_an_error(search: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        run_search(search)


def test_without_mmdebstrap_or_rights_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"mmdebstrap, .* is missing\n.*apt install mmdebstrap"):
        debian.alone(["-c", ""])
    monkeypatch.setattr("shutil.which", str)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolError, match=r"only root .*\n.*sudo env .* make readme"):
        debian.alone(["-c", ""])


def test_what_settings_name_on_this_machine_is_found(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    settings = tmp_path / "pip.conf"
    settings.write_text(
        f"[global]\nfind-links = {tmp_path}/wheels https://wheels.example\nindex-url = file://{tmp_path}/simple\n"
        f"[install]\ncert = {settings}\nno-cache-dir = yes\n",
        encoding="utf-8",
    )
    broken = tmp_path / "broken.conf"
    broken.write_text("nothing\n", encoding="utf-8")
    values = list(debian.pip_values([settings, broken, tmp_path / "missing"]))
    assert list(debian.named_in(values)) == [tmp_path / "wheels", settings]
    (tmp_path / "simple").mkdir()
    assert tmp_path / "simple" in debian.named_in(values)
