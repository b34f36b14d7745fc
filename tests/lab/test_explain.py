"""``python -m lab explain``: the verdict, the reason and the rows, for people who ask why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.test_cli import ROOT


def explain(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": ""}
    return subprocess.run(
        [sys.executable, "-m", "lab", "explain", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def rows(text: str) -> list[str]:
    return [line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith("row ")]


@pytest.mark.parametrize(
    ("arguments", "verdict", "files"),
    [
        (("72.163.4.38", "toos.cisco.com"), "aliased", ["cisco_licensing_endpoints.csv", "tsid_aliases.csv"]),
        (("72.163.4.38", "https://tools.cisco.com/its"), "canonical", ["cisco_licensing_endpoints.csv"]),
        (("72.163.4.38",), "unnamed", ["cisco_licensing_endpoints.csv"]),
        (("72.163.4.39", "tools.cisco.com"), "unlisted", ["cisco_networks.csv"]),
        (("192.168.1.1", "toos.cisco.com"), "relayed", ["tsid_relays.csv", "tsid_aliases.csv"]),
        (("203.0.113.9", "tools.cisco.com"), "impostor", []),
        (("nonsense", "tools.cisco.com"), "unverified", []),
    ],
)
def test_the_verdict_comes_with_its_rows(arguments: tuple[str, ...], verdict: str, files: list[str]) -> None:
    done = explain(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"verdict     {verdict}, ")
    assert rows(done.stdout) == [f"lookups/{name}" for name in files]


def test_a_row_says_where_it_comes_from_and_since_when() -> None:
    (line,) = [line for line in explain("72.163.4.38").stdout.splitlines() if line.startswith("row ")]
    assert "source Cisco KB 226091" in line
    assert "last_seen 20" in line


def test_other_traffic_has_no_verdict() -> None:
    assert "this is no licensing traffic" in explain("192.0.2.1", "www.example.com").stdout


def test_a_wrong_day_is_refused() -> None:
    done = explain("192.0.2.1", "--at", "yesterday")
    assert done.returncode == 2
    assert "yesterday is no day" in done.stderr


def test_without_libraries_it_says_what_to_do(tmp_path: Path) -> None:
    done = explain("192.0.2.1", "--app", str(tmp_path))
    assert done.returncode == 2
    assert "make vendor" in done.stderr
