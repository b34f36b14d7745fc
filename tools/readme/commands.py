"""Finds the commands of README.md, and says where each of them can be run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from tests.app.examples import search_in
from tools.common import ToolError
from tools.pages import Code, code_of

USER, ADMIN, HERE, SEARCH, SYNTAX, NOWHERE = "user", "admin", "here", "search", "syntax", "nowhere"
"""Where a command is run: in the clean Debian as a user or as root, on this machine, in the laboratory.
A syntax is compared with that of the search bar's help."""

NOT_RUN = {
    "splunk install app tsidenrich-<version>.tgz": "there is no Splunk; make inspect checks the package",
    "splunk apply shcluster-bundle": "there is no search head cluster",
}
"""What cannot be run, and why."""

RUN_HERE = {
    "make dashboards": "Debian 11 has no Node.js 18",
}
"""What is run in the repository itself, and why."""

FILLED_IN = {
    "python3 -m lab explain IP HOST": "python3 -m lab explain 72.163.4.38 toos.cisco.com",
}
"""Commands in which words stand for values, and what is run for them."""

PROMISED = {"make demo": 300, "make test": 300}
"""How many seconds a command takes at most, on a machine with two cores and nothing else to do."""

_USERS = ("make", "python3")
_ADMINS = ("apt",)
_OTHERS = ("apt-get", "bash", "cd", "curl", "git", "node", "npm", "pip", "python", "sh", "splunk", "sudo")


class Command(NamedTuple):
    """A command of README: its line, its text without a comment, and where it is run."""

    line: int
    text: str
    where: str


def commands_of(readme: str) -> list[Command]:
    """Return the commands of README from top to bottom, each once.

    Raises:
        ToolError: of one it is not known where to run it; or one is named above that README does not have.
    """
    found: dict[str, Command] = {}
    for code in code_of(readme):
        for command in _commands_in(code):
            found.setdefault(command.text, command)
    named = [*NOT_RUN, *RUN_HERE, *FILLED_IN, *PROMISED]
    stale = [text for text in named if text not in found]
    if stale:
        raise ToolError(
            f"README.md does not have any more: {'; '.join(stale)}", "take it out of tools/readme/commands.py"
        )
    return list(found.values())


def _commands_in(code: Code) -> Iterator[Command]:
    search = search_in(code)
    if search:
        yield Command(code.line, search, SEARCH)
        return
    for number, text in enumerate(code.text.splitlines()):
        bare = text.partition(" #")[0].strip()
        where = _place_of(bare)
        line = code.line + number if code.block else code.line
        if where:
            yield Command(line, bare, where)
        elif code.block and bare:
            raise ToolError(
                f"README.md:{line}: not known how to run {bare!r}", "name it in tools/readme/commands.py"
            )


def _place_of(text: str) -> Optional[str]:
    """Return where a line of code is run; None where it is no command."""
    if text in NOT_RUN:
        return NOWHERE
    if text in RUN_HERE:
        return HERE
    program, _, arguments = text.partition(" ")
    if not arguments:
        return None
    if program in _USERS:
        return USER
    if program in _ADMINS:
        return ADMIN
    if program in _OTHERS:
        raise ToolError(f"README.md: not known how to run {text!r}", "name it in tools/readme/commands.py")
    return SYNTAX if arguments.startswith("(") else None
