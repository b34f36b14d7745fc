"""The demo runs the real command, fits the screen, and fails if an answer is wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest import mock

import pytest

from lab.cli import demo, refresh_demo
from lab.generator.seed import seed_events
from lab.internet.nameserver import has_nsd

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = "import sys; from pathlib import Path; from lab.cli import demo; sys.exit(demo.main(Path(sys.argv[1]), full=True))"
# The demo's second half takes most of its time: where it is not the subject, it is left out.
WITHOUT_FLEET = PROGRAM.replace(
    "sys.exit",
    "from unittest import mock; demo.RiskDemo = mock.Mock(); demo.RiskDemo().problems = list; sys.exit",
)
# The environment of `make demo`.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "bin" / "lib")}


@pytest.fixture
def app(packaged_app: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the packaged app that may be broken."""
    yield Path(shutil.copytree(packaged_app, tmp_path / "tsidenrich"))


@pytest.fixture
def no_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the demo's second half."""
    monkeypatch.setattr(demo, "RiskDemo", mock.Mock(return_value=mock.Mock(problems=list)))


@cache
def show(app: Path) -> str:
    """Return what the demo shows on a wide screen."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(app)],
        cwd=ROOT,
        env={**ENVIRONMENT, "COLUMNS": "120", "PYTHONIOENCODING": "ascii"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    text = done.stdout.decode("utf-8")
    assert done.returncode == 0, text
    return text


def too_long(text: str, columns: int) -> list[str]:
    commands = [command for command, _ in demo.NEXT]
    return [line for line in text.splitlines() if len(line.rstrip()) > columns and line not in commands]


def test_the_output_fits_a_wide_screen(packaged_app: Path) -> None:
    assert too_long(show(packaged_app), 120) == []


def test_the_output_fits_a_narrow_screen(
    packaged_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert demo.main(packaged_app, full=True) == 0
    text = capsys.readouterr().out
    assert "Made up: 100 days of 60 devices" in text
    assert too_long(text, 80) == []


def test_without_full_everything_fits_one_screen_below_which_the_prompt_still_fits(
    packaged_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert demo.main(packaged_app) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 23
    assert too_long(text, 80) == []
    shown = " ".join(text.split())
    assert "before https://toos.cisco.com blocked" in shown
    assert "after https://tools.cisco.com aliased, confidence high Allow toos.cisco.com" in shown
    assert "20 canonical: the table in Cisco KB 226091, all under the right name 8 aliased, 3" in shown
    assert (
        len(re.findall(r"10\.20\.\d+\.7 \w+, deadline 20\d\d-\d\d-\d\d (?:Change|Find|On|Register)", shown))
        == 3
    )
    assert "make demo ARGS=--full" in shown


def test_no_host_and_no_address_is_broken_on_a_narrow_screen(
    packaged_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert demo.main(packaged_app, full=True) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert any(line.endswith("  2402:2500:1020::f539:d27d:2ada") for line in lines)
    assert "tools2-ss1.cisco.com → tools.cisco.com, confidence low" in lines
    assert "https://mirror.example.org/tools.cisco.com/toos.cisco.com" in lines


def test_every_verdict_is_shown_with_reason_and_advice(packaged_app: Path) -> None:
    text = " ".join(show(packaged_app).split())
    assert "46 are Cisco licensing traffic, or pretend to be: 8 under a wrong name" in text
    assert "toos.cisco.com → tools.cisco.com" in text
    for verdict in (
        *("aliased", "unnamed", "foreign", "unlisted", "relayed", "unverified"),
        *("filtered", "impostor"),
    ):
        assert f"{verdict}, " in text
    assert "Allow toos.cisco.com in URL filtering and Security Intelligence" in text
    assert "aliased, allowed, no answer" in text
    assert "check the return route, address translation" in text
    assert "canonical 20 - - - -" in text
    assert all(command in text for command, _ in demo.NEXT)


@pytest.mark.usefixtures("no_fleet")
def test_a_wrong_verdict_fails_the_demo(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = app / "lookups" / "tsid_aliases.csv"
    rows = table.read_bytes().splitlines(keepends=True)
    table.write_bytes(b"".join(row for row in rows if not row.startswith(b"toos.")))
    assert demo.main(app) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "wrong answers of the app:" in err
    assert "tsid_verdict should be 'aliased' and is 'foreign'" in err


def test_missing_libraries_are_named_with_a_cure(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(app / "bin" / "lib")
    assert demo.main(app) == 1
    assert capsys.readouterr().err.endswith("lib is missing: run `make vendor`\n")


def test_a_command_that_refuses_to_run_fails_the_demo(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app / "lookups" / "tsid_aliases.csv").write_text("", encoding="utf-8")
    assert demo.main(app) == 1
    err = capsys.readouterr().err
    assert err.startswith("demo: tsidenrich: ")
    assert "lookups/tsid_aliases.csv" in err


def test_events_that_do_not_come_back_are_noticed() -> None:
    labelled = list(seed_events())
    assert next(demo.find_problems(labelled, [])) == "20 events went in and 0 came back"


def test_devices_at_risk_are_shown_with_reason_and_next_step(packaged_app: Path) -> None:
    text = " ".join(show(packaged_app).split())
    fleet = text[text.index("Made up: 100 days of 60 devices") :]
    for state in ("expired", "expiring", "overdue", "unknown", "blocked"):
        assert re.search(
            rf"10\.20\.\d+\.7: {state}, .*?risk \d+ of 100 (No|Last) success "
            r".*? (show license status|choose Re-Authorize)",
            fleet,
        )
    assert "Change rule BLOCK_URL_CATEGORIES of policy" in fleet


def test_a_closed_pipe_ends_it_quietly(packaged_app: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WITHOUT_FLEET, str(packaged_app)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()  # before anything is written: all of it would fit into the pipe
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.skipif(
    not os.environ.get("CI") and not has_nsd(), reason="the DNS server NSD is missing: apt install nsd"
)
def test_the_demo_of_the_refresh_finds_what_the_app_has_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    assert refresh_demo.main() == 0
    assert "foreign has become aliased" in capsys.readouterr().out
