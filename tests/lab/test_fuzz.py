"""The fuzz targets hold for what they start from, for all that was ever found, and notice a planted bug."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.fuzz.__main__ import main
from lab.fuzz.runner import EngineError, Finding, Report, read_report
from lab.fuzz.shrink import shrink
from lab.fuzz.tables import FILES
from lab.fuzz.target import ROOT, dictionary
from lab.fuzz.targets import ABOUT, load

#: Every input that a target has failed on.
FOUND = [
    ("names", b"2.3.4.1%"),
    ("names", b"https://74.16.4.74."),
    ("names", b"https://74.16.4%2E74/"),
    ("names", b"https://72.163.4.38%2eevil.example/"),
    ("names", b"unknow\xc2\xadn"),
    ("names", b"unknown."),
    ("names", b"201:db8::1%25et<C\x9f" + b"\0" * 40 + b"\xc4\xb0"),
    ("names", b"::%\0"),
    ("names", b"\xe2\x80\x8btoos.cisco.com"),
    ("names", b"to\xc2\xados.cisco.com"),
    ("names", b"toos.cisco.com%e2%81%a0"),
    ("names", b"\xef\xbb\xbftoos.cisco.com"),
    ("names", b"fe80%3A%3Aa"),
    ("names", b"-\xc4\xb0"),
    ("raw", b"%NGIPS-0-430002:"),
    ("chunks", b'\0\5dest_ip,__mv_dest_ip\n.,"\n'),
    ("chunks", b"\0\5\n{"),
    ("refresh", b"S`\1\3\0\2"),
    ("refresh", b"S\0A\x82\xff.cisco.com"),
    ("tables", bytes([FILES.index("tsid_relays_refreshed.csv")])),
    ("tables", b"\x0erole,rank,field\nname," + b"9" * 5_000 + b",url\n"),
    ("tables", b"\x14model,renew_days,warn_days,expire_days\nx,1,1," + b"9" * 5_000 + b"\n"),
]


@pytest.mark.parametrize("name", ABOUT)
def test_the_seeds_pass(name: str) -> None:
    target = load(name)
    seeds = list(target.seeds())
    assert len(seeds) > 10
    for seed in [b"", *seeds, target.witness]:
        target.check(seed)


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_was_found_is_mended(name: str, data: bytes) -> None:
    load(name).check(data)


def again(name: str, inputs: Sequence[bytes], folder: Path, *options: str) -> list[str]:
    """Check inputs in a process of its own, where nothing is remembered; return what it says of each."""
    paths = [folder / f"{number}" for number, _ in enumerate(inputs)]
    for path, data in zip(paths, inputs):
        path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "lab.fuzz", name, *options, "--input", *map(str, paths)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["bin", "bin/lib"])},
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    said = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    assert len(said) == len(inputs)
    assert done.returncode == int(any(line != "passes" for line in said))
    return said


@pytest.mark.parametrize("name", ABOUT)
def test_a_planted_bug_is_noticed(name: str, tmp_path: Path) -> None:
    """No seed gives it away: otherwise that the engine finds it would prove nothing."""
    target = load(name)
    seeds = list(target.seeds())
    said = again(name, [*seeds, target.witness], tmp_path, "--prove")
    assert said[:-1] == ["passes"] * len(seeds)
    assert "Error at " in said[-1]


@pytest.mark.parametrize("name", ABOUT)
def test_the_dictionary_is_one(name: str) -> None:
    words = load(name).words
    lines = list(dictionary(words))
    assert len(lines) == len(set(words))
    assert [bytes.fromhex(line[1:-1].replace("\\x", "")) for line in lines] == list(dict.fromkeys(words))


LOG = """\
INFO: Seed: 7
#2	INITED cov: 3 ft: 4 corp: 1/1b exec/s: 0 rss: 53Mb
#379	NEW    cov: 230 ft: 383 corp: 38/1013b lim: 75 exec/s: 0 rss: 53Mb L: 28/75 MS: 1 CopyPart-
{}
stat::number_of_executed_units: 449
stat::average_exec_per_sec:     0
"""
CRASH = """
 === Uncaught Python exception: ===
AssertionError: no
Traceback (most recent call last):
  File "names.py", line 35, in check
AssertionError: no

==2805== ERROR: libFuzzer: fuzz target exited"""
TRACEBACK = CRASH.strip().split("\n", 1)[1].rsplit("\n\n", 1)[0]


def test_a_report_is_read(tmp_path: Path) -> None:
    assert read_report("names", LOG.format(""), 0, tmp_path, 1.5) == Report(449, 230, 383, 38, 1.5, None)


@pytest.mark.parametrize(
    ("name", "log", "finding"),
    [
        ("crash-1", LOG.format(CRASH), Finding("crash", b"\xff", TRACEBACK)),
        (
            "timeout-1",
            LOG.format("==5== ERROR: libFuzzer: timeout after 10 seconds"),
            Finding("timeout", b"\xff", "ERROR: libFuzzer: timeout after 10 seconds"),
        ),
        ("oom-1", "", Finding("oom", b"\xff", "")),
        ("crash-input", CRASH.rpartition("\n==")[0], Finding("crash", b"\xff", TRACEBACK)),
    ],
)
def test_a_finding_is_read(name: str, log: str, finding: Finding, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\xff")
    assert read_report("names", log, 77, tmp_path, 1).finding == finding


@pytest.mark.parametrize(
    ("log", "status"),
    [(LOG.format(""), 1), ("", 0), ("ImportError: x", 1), ("stat::number_of_executed_units: 0", 0)],
)
def test_an_engine_that_fails_is_no_success(log: str, status: int, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"names: the engine failed: .+"):
        read_report("names", log, status, tmp_path, 1)


def test_a_finding_is_made_small() -> None:
    def check(data: bytes) -> None:
        if b"x" in data and b"y" in data:
            raise ValueError
        assert b"z" not in data

    assert shrink(check, b"aaaaxbbbbzbbbbyccc", 10) == b"xy"
    assert shrink(check, b"aaa", 10) == b"aaa"


def test_a_target_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["nothing"])
    assert ended.value.code == 2
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


def test_without_atheris_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    assert main(["names"]) == 2
    assert "make fuzz" in capsys.readouterr().err
