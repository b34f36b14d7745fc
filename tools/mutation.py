"""Changes the library in many small ways, one at a time, and tells which changes no test notices.

Usage: `python3 -m tools.mutation [--ending DIGITS] [MODULE ...]`, in the environment of
requirements/mutation.txt

Mutmut works in a copy of the tree for each module, build/mutation/MODULE; nothing else is written to. There,
survivors.diff has the changes that no test has noticed.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.common import ROOT, ToolError, run

WORK = ROOT / "build" / "mutation"
LIBRARY = Path("bin", "tsid")

EVENTS = ("tests/test_verdict.py", "tests/test_shapes.py", "tests/test_laws.py", "tests/test_rawlines.py")
RISK = ("tests/test_risk.py", "--deselect=tests/test_risk.py::TestCommand")
ROWS = (
    "tests/test_rows.py",
    # Not about what the rows say, or too slow to be run a thousand times.
    "--deselect=tests/test_rows.py::test_memory_follows_the_chunk_and_not_their_number",
    "--deselect=tests/test_rows.py::test_a_field_of_a_mebibyte",
    "--deselect=tests/test_rows.py::test_chunks_that_hypothesis_makes",
)
# The others are about two processes at once, or kill one many times.
PUBLISH = ("tests/test_publish.py", "-k", "not killed and not meanwhile and not two_at_once")
SERVERS = "tests/test_refresh.py::"
SCRIPT = (
    f"{SERVERS}test_what_machines_and_people_are_told",
    f"{SERVERS}test_what_was_refreshed_is_fresh",
    f"{SERVERS}test_one_thing_differs[an address moves]",
    f"{SERVERS}test_one_thing_differs[a first name that is new]",
    f"{SERVERS}test_the_status_tells_which_version_is_where",
    f"{SERVERS}test_a_broken_lookup_is_named",
    f"{SERVERS}test_a_wrong_setting_is_named_with_its_cure",
    f"{SERVERS}TestResolvers::test_no_network",
)

TESTS: Mapping[str, Sequence[str]] = {
    "verdict": ("tests/test_verdict.py",),
    "names": ("tests/test_names.py",),
    "risk": RISK,
    "clocks": RISK,
    "refresh/plan": ("tests/test_plan.py",),
    "refresh/bounds": ("tests/test_plan.py",),
    "refresh/certificates": ("tests/test_certificates.py",),
    "refresh/publish": PUBLISH,
    "harmless": (
        "tests/test_harmless.py",
        "tests/test_injection.py::test_harmless_is_harmless_whatever_the_text",
        "tests/test_injection.py::test_what_only_looks_like_an_alias_is_none",
        "tests/test_names.py",
        "tests/test_verdict.py",
    ),
    "files": ("tests/test_windows.py::test_messages_name_a_file_alike_on_every_platform", *PUBLISH),
    "errors": ("tests/test_tables.py",),
    "addresses": ("tests/test_addresses.py", "tests/test_tables.py"),
    "actions": ("tests/test_actions.py", "tests/test_shapes.py"),
    "fields": EVENTS,
    "tables": ("tests/test_tables.py",),
    "lookups": ("tests/test_tables.py", "tests/test_verdict.py"),
    "candidates": ("tests/test_shipped_lookups.py",),
    "rawlines": ("tests/test_rawlines.py",),
    "reader": ("tests/test_reader.py", *EVENTS),
    "enrich": ("tests/test_enrich.py", *EVENTS),
    "versions": (f"{SERVERS}test_the_status_tells_which_version_is_where",),
    "refresh/settings": ("tests/test_settings.py",),
    "refresh/resolving": (f"{SERVERS}test_answers_of_a_resolver", f"{SERVERS}TestResolvers"),
    "refresh/report": ("tests/test_report.py",),
    "refresh/survey": SCRIPT,
    "refresh/script": SCRIPT,
    "csvbytes": ROWS,
    "suspicion": ROWS,
    "rowpattern": ROWS,
    "rows": ROWS,
    "rowevents": ROWS,
}
"""The tests that a module is held against: those that run in one process and are quick."""

CONSTANTS = ("verdicts", "wording", "refresh/items")
"""Modules without a function: mutmut finds nothing to change in them."""

# As make lint has it, but for the ignores that mutmut writes.
MYPY = (
    *("mypy", "--config-file=", "--strict", "--no-warn-unused-ignores", "--no-warn-return-any"),
    *("--explicit-package-bases", "--output=json"),
)

# Half of what a short test run costs, and they tell nothing of a mutant.
UNNEEDED = ("unraisableexception", "threadexception", "cacheprovider", "xdist")


class Score(NamedTuple):
    """What became of a module's mutants.

    Attributes:
        module: its path below bin/tsid.
        total: how many.
        killed: a test failed.
        timeout: a test did not end.
        refused: by mypy.
        survived: nothing noticed, or no test runs the code.
    """

    module: str
    total: int
    killed: int
    timeout: int
    refused: int
    survived: int


def mutate(module: str, digits: str = "") -> Score:
    """Change a module, and run its tests on each change.

    Args:
        module: its path below bin/tsid.
        digits: for a sample, only changes whose number within their function ends in one of these; or all.

    Raises:
        ToolError: mutmut cannot run, or the tests fail on the unchanged module.
    """
    copy = WORK / module.replace("/", ".")
    _copy_tree(copy)
    _write_settings(copy, module)
    ran = _mutmut(copy, "run", "--max-children", "1", *([f"*[{digits}]"] if digits else []))
    if ran.returncode:
        raise ToolError(f"mutmut on {module}: exit code {ran.returncode}\n{ran.stdout[-4000:]}")
    listed = _mutmut(copy, "results", "--all", "true").stdout.splitlines()
    everything = dict(line.strip().split(": ") for line in listed)
    found = {name: status for name, status in everything.items() if not digits or name[-1] in digits}
    survivors = [name for name, status in found.items() if status in ("survived", "no tests")]
    changed = (copy / "mutants" / "src" / "tsid" / f"{module}.py").read_text(encoding="utf-8")
    (copy / "survivors.diff").write_text(_differences(changed, survivors), encoding="utf-8")
    counts = Counter(found.values())
    timeout, refused = counts["timeout"], counts["caught by type check"]
    # Whatever else there is, a crash for one, was noticed.
    killed = len(found) - timeout - refused - len(survivors)
    return Score(module, len(found), killed, timeout, refused, len(survivors))


def _differences(code: str, mutants: Sequence[str]) -> str:
    """Return how mutants differ from the functions they were made from; mutmut's own way takes seconds each.

    Args:
        code: a module as mutmut writes it, which holds every function in all its forms.
        mutants: their names.
    """
    lines = code.splitlines()
    bodies = {
        node.name: lines[node.lineno : node.end_lineno]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef)
    }
    told: list[str] = []
    for mutant in mutants:
        name = mutant.rpartition(".")[2]
        original = f"{name.partition('__mutmut_')[0]}__mutmut_orig"
        told += difflib.unified_diff(bodies[original], bodies[name], original, mutant, n=2, lineterm="")
    return "\n".join(told) + "\n"


def _copy_tree(copy: Path) -> None:
    """Lay the tree out as mutmut expects it: the library below src, all else as the tests know it."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / LIBRARY, copy / "src" / "tsid", ignore=shutil.ignore_patterns("__pycache__"))
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "docs", "node_modules")
    everything = copy / "mutants"
    shutil.copytree(ROOT, everything, ignore=ignored, symlinks=True)
    shutil.rmtree(everything / LIBRARY)
    (everything / LIBRARY).symlink_to(Path("..", "src", "tsid"))


def _write_settings(copy: Path, module: str) -> None:
    # What a test has kept in memory must not answer for the changed code: each runs in a fork of a process
    # that has only collected the tests.
    settings: dict[str, str | Sequence[str]] = {
        "process_isolation": "forkserver",
        # Patient, so that a busy machine kills nothing: seconds, and how often the time that the tests take.
        "timeout_constant": "15",
        "timeout_multiplier": "4",
        # What mypy refuses cannot come in either, and need not be run.
        "type_check_command": [*MYPY, f"src/tsid/{module}.py"],
        "source_paths": ["src"],
        "only_mutate": [f"src/tsid/{module}.py"],
        "pytest_add_cli_args": ["--hypothesis-profile=mutation", *(f"-pno:{name}" for name in UNNEEDED)],
        "pytest_add_cli_args_test_selection": TESTS[module],
    }
    lines = (
        f"{key} = {value}" if isinstance(value, str) else "\n    ".join([f"{key} =", *value])
        for key, value in settings.items()
    )
    (copy / "setup.cfg").write_text("[mutmut]\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _mutmut(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("mutmut")
    if not program.exists():
        raise ToolError("mutmut is not beside this Python", "run make mutate, with Python 3.10 or later")
    return subprocess.run(
        [program, *arguments],
        cwd=copy,
        env={**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "MYPYPATH": "src"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def main() -> None:
    """Mutate modules, and print the score of each as a row of a Markdown table."""
    parser = argparse.ArgumentParser(prog="make mutate", description="Tell which changes no test notices.")
    parser.add_argument("module", nargs="*", help=f"all of them: {' '.join(TESTS)}")
    parser.add_argument(
        "--ending",
        metavar="DIGITS",
        default="",
        help="a sample: only changes whose number ends in one of these, 37 for a fifth of them",
    )
    options = parser.parse_args()
    modules = options.module or list(TESTS)
    unknown = sorted(set(modules) - set(TESTS))
    if unknown:
        raise ToolError(f"there are no tests for {', '.join(unknown)}", f"name some of {', '.join(TESTS)}")
    if options.ending and not options.ending.isdecimal():
        raise ToolError(f"'{options.ending}' are no digits", "name some digits: --ending 37")
    print("| module | mutants | killed | timeout | refused by mypy | survived | score |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for module in modules:
        score = mutate(module, options.ending)
        share = 100 * (1 - score.survived / max(score.total, 1))
        print(f"| {' | '.join(map(str, score))} | {share:.1f} % |", flush=True)


if __name__ == "__main__":
    run(main)
