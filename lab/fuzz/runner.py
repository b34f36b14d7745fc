"""Starts the engine for a target, and reads what it reports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, Optional

from lab.errors import LabError
from lab.fuzz.target import ROOT

# To start, and to finish the last input.
_PATIENCE = 600
_EXECUTIONS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
_COVERAGE = re.compile(r"\bcov: (\d+) ft: (\d+) corp: (\d+)")
_ERROR = re.compile(r"=== Uncaught Python exception: ===\n(.*?)(?:\n==\d+==|\Z)", re.DOTALL)
_ENDED = re.compile(r"==\d+== ?(ERROR: libFuzzer: .*)")


class EngineError(LabError):
    """The engine itself failed."""


class Finding(NamedTuple):
    """An input on which a check failed.

    Attributes:
        kind: ``crash``, ``timeout`` or ``oom``, as libFuzzer calls them.
        data: the input.
        error: the traceback, or what libFuzzer says.
    """

    kind: str
    data: bytes
    error: str


class Report(NamedTuple):
    """What came of a target.

    Attributes:
        executions: how many inputs were tried.
        branches: of the code, that were reached.
        features: these with how often, which is what an input has to add to in order to be kept.
        corpus: how many inputs were kept.
        seconds: from start to end.
        finding: None if all inputs passed.
    """

    executions: int
    branches: int
    features: int
    corpus: int
    seconds: float
    finding: Optional[Finding]


def run(target: str, seconds: int, *, planted: bool = False) -> Report:
    """Fuzz a target until the time is over or something is found.

    Args:
        target: its name.
        seconds: how long.
        planted: with the target's planted bug.

    Raises:
        EngineError: the engine could not start, or died.
    """
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        command = [sys.executable, "-m", "lab.fuzz.engine", target, str(folder), str(seconds)]
        started = time.monotonic()
        try:
            ended = subprocess.run(
                [*command, *(["--planted"] if planted else [])],
                cwd=ROOT,
                # What a target leaves behind goes with the folder.
                env={**os.environ, "TMPDIR": name, "PYTHONPATH": os.pathsep.join(["bin", "bin/lib"])},
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds + _PATIENCE,
            )
        except subprocess.TimeoutExpired:
            raise EngineError(f"{target}: the engine does not end") from None
        log = ended.stdout.decode("utf-8", "replace")
        return read_report(target, log, ended.returncode, folder, time.monotonic() - started)


def read_report(target: str, log: str, status: int, folder: Path, seconds: float) -> Report:
    """Read what the engine wrote.

    Args:
        target: the target's name.
        log: what the engine said.
        status: its exit status.
        folder: where it left what it found.
        seconds: how long it took.

    Raises:
        EngineError: it failed for another reason than a finding.
    """
    found = [path for kind in ("crash", "timeout", "oom") for path in sorted(folder.glob(f"{kind}-*"))]
    executions, coverage = _EXECUTIONS.search(log), _COVERAGE.findall(log)
    if not found and (status or executions is None or not coverage):
        last = log.strip().splitlines()[-1:] or ["it says nothing"]
        raise EngineError(f"{target}: the engine failed: {last[0]}")
    finding = None
    if found:
        error = _ERROR.search(log) or _ENDED.search(log)
        kind = found[0].name.partition("-")[0]
        finding = Finding(kind, found[0].read_bytes(), error.group(1).strip() if error else "")
    branches, features, corpus = map(int, coverage[-1]) if coverage else (0, 0, 0)
    return Report(int(executions.group(1)) if executions else 0, branches, features, corpus, seconds, finding)
