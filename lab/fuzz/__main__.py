"""``python -m lab.fuzz``: runs targets under atheris, each in its own process, and shows their findings."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Optional

from lab import ROOT
from lab.fuzz import ABOUT, load

WATCHED = ("tsid", "tsidsplunk.protocol", "lab.fuzz")
"""The packages whose branches atheris watches."""

_JOBS = (os.cpu_count() or 1) + 1
_EXTRA_SECONDS = 600  # seconds to start, and to finish the last input
_INPUT_TIMEOUT_SECONDS = 20  # seconds: an input that takes longer is a finding
_MAX_MEGABYTES = 2048
_EXECUTED = re.compile(r"^stat::number_of_executed_units:\s*([1-9]\d*)", re.MULTILINE)
_COVERED = re.compile(r"\bcov: (\d+)")
_PROBLEM = re.compile(
    r"=== Uncaught Python exception: ===\n(.*?)(?:\n==\d+==|\Z)|==\d+== ?(ERROR: libFuzzer: .*?)$", re.DOTALL
)
_EXAMPLES = """\
examples:
  make fuzz                                  all targets, 60 seconds each
  make fuzz ARGS='names raw --seconds 600'   two of them for longer
  make fuzz ARGS=--prove                     each must find a bug that is planted for it
  make fuzz ARGS='names --input FILE'        an input again, without atheris
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command line; return 0 if nothing was found, or everything that was planted."""
    targets = "\n".join(f"  {name:8} {about}" for name, about in ABOUT.items())
    parser = argparse.ArgumentParser(
        prog="python -m lab.fuzz",
        description="Feeds the app unusual bytes, and checks properties of its answers.",
        epilog=f"targets:\n{targets}\n\n{_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("targets", nargs="*", choices=[*ABOUT, []], metavar="TARGET", help="what to fuzz (default: all)")
    add("--seconds", metavar="N", type=int, default=60, help="for each target (default: 60)")
    add(
        "--seed", metavar="N", type=int, default=0, help="of the mutations, to repeat a run (default: random)"
    )
    add("--jobs", metavar="N", type=int, default=_JOBS, help=f"how many at once (default: {_JOBS})")
    add("--prove", action="store_true", help="plant a bug for each target, which it must find")
    add("--input", metavar="FILE", type=Path, nargs="+", help="check these inputs of one target")
    add("--engine", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    names = list(dict.fromkeys(options.targets)) or list(ABOUT)
    if options.engine:
        fuzz(names[0], options.engine, options.seconds, options.seed, planted=options.prove)
    if options.input:
        if len(names) != 1:
            parser.error("--input needs the name of one target")
        return replay(names[0], options.input, planted=options.prove)
    if find_spec("atheris") is None:
        parser.error("atheris is missing: use make fuzz, on Linux with Python 3.11 to 3.13")
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        passed = list(
            pool.map(lambda name: run(name, options.seconds, options.seed, planted=options.prove), names)
        )
    return 0 if all(passed) else 1


def run(name: str, seconds: int, seed: int, *, planted: bool) -> bool:
    """Fuzz a target in a process of its own, show its findings, and return whether it passed."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        command = [sys.executable, "-m", "lab.fuzz", name, "--engine", folder]
        command += ["--seconds", str(seconds), "--seed", str(seed)]
        done = subprocess.run(
            [*command, *(["--prove"] if planted else [])],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": folder},  # the target's own files go with the folder
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + _EXTRA_SECONDS,
        )
        kinds = ("crash", "timeout", "oom")
        found = [path.read_bytes() for kind in kinds for path in sorted(Path(folder).glob(f"{kind}-*"))]
    log = done.stdout.decode("utf-8", "replace")
    return report(name, log, done.returncode, found[0] if found else None, planted=planted)


def fuzz(name: str, folder: Path, seconds: int, seed: int, *, planted: bool) -> None:
    """Fuzz a target in this process, which libFuzzer ends; its log goes to stderr.

    Args:
        name: the target's name.
        folder: an empty folder, for the corpus and for findings.
        seconds: how long.
        seed: of the mutations; 0 for a random one.
        planted: with the target's planted bug.
    """
    import atheris  # noqa: PLC0415 - replaying an input works without it

    with atheris.instrument_imports(include=WATCHED):
        from lab.fuzz.target import dictionary  # noqa: PLC0415

        target = load(name)
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, start in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(start[: target.max_length])
    (folder / "words").write_text("\n".join([*dictionary(target.words), ""]), "ascii")
    flags = {
        "artifact_prefix": f"{folder}/",
        "dict": folder / "words",
        "max_len": target.max_length,
        "max_total_time": seconds,
        "print_final_stats": 1,
        "rss_limit_mb": _MAX_MEGABYTES,
        "seed": seed,
        "timeout": _INPUT_TIMEOUT_SECONDS,
    }

    def check(data: bytes) -> None:
        try:
            target.check(data)
        except Exception:
            # libFuzzer writes the input too, unless the interpreter fails while it ends.
            (folder / "crash-input").write_bytes(data)
            raise

    atheris.Setup([sys.argv[0], *(f"-{flag}={value}" for flag, value in flags.items()), str(corpus)], check)
    with target.plant() if planted else nullcontext():
        atheris.Fuzz()


def report(name: str, log: str, status: int, found: Optional[bytes], *, planted: bool) -> bool:
    """Show a target's result; return whether it found nothing, or the planted bug.

    Args:
        name: the target's name.
        log: libFuzzer's output.
        status: the exit status.
        found: the input on which a check failed.
        planted: whether a bug was planted.
    """
    executed, covered = _EXECUTED.search(log), _COVERED.findall(log)
    if found is None and (status or not executed or not covered):
        last = log.strip().splitlines()[-1:] or ["it wrote nothing"]
        print(f"fuzz: {name}: atheris failed: {last[0]}", file=sys.stderr)
        return False
    counts = f"{executed[1] if executed else '?'} executions, {covered[-1] if covered else '?'} branches"
    if found is None:
        print(f"{name}: {counts}, nothing found", flush=True)
        return not planted
    print(f"{name}: {counts}, found {'the planted bug' if planted else 'a failing input'}", flush=True)
    if not planted:
        problem = _PROBLEM.search(log)
        text = next(filter(None, problem.groups()), "") if problem else log[-2000:]
        print(f"\n{text.strip()}\n\nFor FOUND in tests/lab/test_fuzz.py:\n\n    ({name!r}, {found!r}),\n")
    return planted


def replay(name: str, paths: Sequence[Path], *, planted: bool) -> int:
    """Check inputs without atheris; return 1 if one of them fails."""
    target = load(name)
    failed = 0
    with target.plant() if planted else nullcontext():
        for path in paths:
            try:
                target.check(path.read_bytes())
            except Exception as error:
                failed = 1
                place = traceback.extract_tb(error.__traceback__)[-1]
                print(f"{path}: {type(error).__name__} at {place.filename}, line {place.lineno}")
            else:
                print(f"{path}: passes")
    return failed


if __name__ == "__main__":
    sys.exit(main())
