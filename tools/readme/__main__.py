"""Command line: `python3 -m tools.readme`, as root."""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path

from tools.common import ROOT, ToolError, run
from tools.readme import commands
from tools.readme.commands import Command
from tools.readme.dashboards import serve
from tools.readme.debian import Debian, alone
from tools.readme.laboratory import compare_syntax, run_search

_LOGS = ROOT / "build" / "readme"
_SECONDS = 1200
# Of the machine for which times are promised. One that is busy with other things takes longer, but not more.
_CORES = 2
_LAST_LINES = 40


def main() -> None:
    """Run all commands; fail with the number of those that failed."""
    argparse.ArgumentParser(
        prog="python3 -m tools.readme", description="Run every command of README.md in a clean Debian."
    ).parse_args()
    found = commands.commands_of((ROOT / "README.md").read_text(encoding="utf-8"))
    alone(["-m", "tools.readme"])
    _LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    debian = Debian()
    print(f"a clean Debian ({time.monotonic() - start:.0f} s)", flush=True)
    failed = sum(not _passes(debian, command) for command in found)
    if failed:
        raise ToolError(f"{failed} of README's {len(found)} commands failed")
    print(f"all of README's {len(found)} commands are as it says")


def _passes(debian: Debian, command: Command) -> bool:
    """Run a command and tell how it went."""
    print(f"README.md:{command.line}: {command.text}", flush=True)
    log = _LOGS / f"{command.line}.log"
    start = time.monotonic()
    try:
        told = _run(debian, command, log)
    except ToolError as error:
        print(f"  FAILED after {time.monotonic() - start:.0f} s: {error}")
        _show(log, _LAST_LINES)
        return False
    print(f"  {time.monotonic() - start:.0f} s, {told}", flush=True)
    return True


def _run(debian: Debian, command: Command, log: Path) -> str:
    """Run a command where it belongs; return what became of it.

    Raises:
        ToolError: it failed.
    """
    text = command.text
    log.unlink(missing_ok=True)
    if command.where == commands.NOWHERE:
        return f"not run: {commands.NOT_RUN[text]}"
    if command.where == commands.SEARCH:
        return f"in the laboratory: {run_search(text)} rows"
    if command.where == commands.SYNTAX:
        compare_syntax(text)
        return "as in the search bar's help"
    with log.open("wb") as output:
        if command.where == commands.HERE:
            return f"on this machine ({commands.RUN_HERE[text]}): {serve(text, output)} answered"
        as_root = command.where == commands.ADMIN
        before = _processor_seconds()
        status = debian.run(commands.FILLED_IN.get(text, text), output, _SECONDS, as_root=as_root)
    worked = _processor_seconds() - before
    if status:
        raise ToolError(f"exit status {status}")
    if worked > commands.PROMISED.get(text, _SECONDS) * _CORES:
        late = f"it needs {worked:.0f} s of a processor, too much for the time that is promised"
        # What else a machine of CI does takes processor time of this as well (caches, shared cores).
        if not os.environ.get("CI"):
            raise ToolError(late)
        print(f"  {late}", flush=True)
    (last,) = _lines(log)[-1:] or ["it says nothing"]
    return f"{worked:.0f} s of a processor, in the clean Debian{', by root' if as_root else ''}: {last}"


def _processor_seconds() -> float:
    """Return what all processes that have ended here needed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _lines(log: Path) -> list[str]:
    return [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]


def _show(log: Path, count: int) -> None:
    if log.is_file():
        for line in _lines(log)[-count:]:
            print(f"  | {line}")
        print(f"  all of it: {log.relative_to(ROOT)}")


if __name__ == "__main__":
    run(main)
