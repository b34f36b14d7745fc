"""Finding README's shell commands; `make readme` runs them."""

from __future__ import annotations

from tools import readme
from tools.common import ROOT


def test_shell_commands_are_the_lines_of_indented_blocks_without_their_comments() -> None:
    page = "Run `make x`:\n\n    apt install nsd  # as root\n    make demo\n\n    | tsidrisk\n\nmake y\n"
    assert readme.commands_of(page) == ["apt install nsd", "make demo"]


def test_readme_installs_what_it_needs_and_then_runs_the_demo_and_the_tests() -> None:
    commands = readme.commands_of((ROOT / "README.md").read_text(encoding="utf-8"))
    assert commands[0] == "apt update"
    assert {"make demo", "make refresh-demo", "make test", *readme.NOT_RUN} <= set(commands)
