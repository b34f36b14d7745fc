"""The fuzz targets pass on their seeds and on all earlier findings, and notice a planted bug."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab import ROOT
from lab.fuzz import ABOUT, load
from lab.fuzz.__main__ import main, report
from lab.fuzz.tables import FILES
from lab.fuzz.target import dictionary

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
    ("names", b"https:3/tools1.cisco.com\x19"),
    ("names", b"\xe2\x80\x8btoos.cisco.com"),
    ("names", b"to\xc2\xados.cisco.com"),
    ("names", b"toos.cisco.com%e2%81%a0"),
    ("names", b"\xef\xbb\xbftoos.cisco.com"),
    ("names", b"fe80%3A%3Aa"),
    ("names", b"-\xc4\xb0"),
    ("raw", b"%NGIPS-0-430002:"),
    (
        "raw",
        b"https://tools.cisco.com, ResponderIP: 72.163.4.38, InitiatorIP: 10.9.9.9, AC_RuleAction: Allow",
    ),
    ("raw", b'x" dest_ip=72.163.4.38 dest=72.163.4.38 responder_ip=72.163.4.38 url=tools.cisco.com y="'),
    ("chunks", b'\0\5dest_ip,__mv_dest_ip\n.,"\n'),
    ("chunks", b"\0\5\n{"),
    ("refresh", b"S`\1\3\0\2"),
    ("refresh", b"S\0A\x82\xff.cisco.com"),
    ("refresh", b"S\1A\x82new%2ecisco.com\x1fA\x82tools.cisco.com"),
    (
        "tables",
        bytes([FILES.index("tsid_aliases_refreshed.csv")])
        + b"alias,host,rows\nnew.cisco.com,tools.cisco.com,1\n",
    ),
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
def test_an_input_that_once_failed_passes(name: str, data: bytes) -> None:
    load(name).check(data)


def replay(name: str, inputs: Sequence[bytes], folder: Path, *options: str) -> list[str]:
    """Check inputs in a process of its own, with empty memos; return the result for each."""
    paths = [folder / f"{number}" for number, _ in enumerate(inputs)]
    for path, data in zip(paths, inputs):
        path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "lab.fuzz", name, *options, "--input", *map(str, paths)],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    said = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    assert len(said) == len(inputs)
    assert done.returncode == int(any(line != "passes" for line in said))
    return said


@pytest.mark.parametrize("name", ABOUT)
def test_a_planted_bug_is_noticed_by_its_witness_and_by_no_seed(name: str, tmp_path: Path) -> None:
    """The engine must find it by itself, so no seed may show it."""
    target = load(name)
    seeds = list(target.seeds())
    said = replay(name, [*seeds, target.witness], tmp_path, "--prove")
    assert said[:-1] == ["passes"] * len(seeds)
    assert "Error at " in said[-1]


@pytest.mark.parametrize("name", ABOUT)
def test_the_dictionary_has_every_word_once(name: str) -> None:
    words = load(name).words
    lines = list(dictionary(words))
    assert len(lines) == len(set(words))
    assert [bytes.fromhex(line[1:-1].replace("\\x", "")) for line in lines] == list(dict.fromkeys(words))


LOG = """\
#2	INITED cov: 3 ft: 4 corp: 1/1b exec/s: 0 rss: 53Mb
#379	NEW    cov: 230 ft: 383 corp: 38/1013b lim: 75 exec/s: 0 rss: 53Mb L: 28/75 MS: 1 CopyPart-
{}
stat::number_of_executed_units: 449
"""
CRASH = """
 === Uncaught Python exception: ===
AssertionError: no
Traceback (most recent call last):
  File "names.py", line 35, in check
AssertionError: no

==2805== ERROR: libFuzzer: fuzz target exited"""
SLOW = "==5== ERROR: libFuzzer: timeout after 20 seconds"


def test_a_run_without_a_finding_passes_unless_a_bug_was_planted(capsys: pytest.CaptureFixture[str]) -> None:
    assert report("names", LOG.format(""), 0, None, planted=False)
    assert capsys.readouterr().out == "names: 449 executions, 230 branches, nothing found\n"
    assert not report("names", LOG.format(""), 0, None, planted=True)


@pytest.mark.parametrize(
    ("error", "shown"), [(CRASH, 'File "names.py", line 35'), (SLOW, "timeout after 20 seconds")]
)
def test_a_finding_fails_and_is_shown_as_a_line_for_found(
    error: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not report("names", LOG.format(error), 77, b"\xff", planted=False)
    said = capsys.readouterr().out
    assert shown in said
    assert r"    ('names', b'\xff')," in said
    assert report("names", LOG.format(error), 77, b"\xff", planted=True)


@pytest.mark.parametrize(
    ("log", "status"),
    [(LOG.format(""), 1), ("", 0), ("ImportError: x", 1), ("stat::number_of_executed_units: 0", 0)],
)
def test_a_failure_of_atheris_fails(log: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert not report("names", log, status, None, planted=True)
    assert "fuzz: names: atheris failed: " in capsys.readouterr().err


def test_an_unknown_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["nothing"])
    assert ended.value.code == 2
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


def test_without_atheris_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lab.fuzz.__main__.find_spec", lambda _name: None)
    with pytest.raises(SystemExit) as ended:
        main(["names"])
    assert ended.value.code == 2
    assert "make fuzz" in capsys.readouterr().err
