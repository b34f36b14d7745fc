"""The load in small: every event comes back, memory is bounded, and replaced lookups are whole; and the load finds out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.bench.datasets import FULL, NARROW
from lab.bench.subjects import OURS, Subject
from lab.host.wire import decode_body
from lab.load.crowd import TABLES, Crowd, crowd
from lab.load.endurance import Reading, check_flat, endure
from lab.load.events import HOSTILE, KINDS, Source
from lab.load.leftovers import LoadError, nothing_left

ROWS = 1_000


@pytest.fixture(scope="module")
def app(packaged_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the app that remembers less, so that few events fill its memory."""
    app = tmp_path_factory.mktemp("load") / "tsidenrich"
    shutil.copytree(packaged_app, app)
    path = app / "bin" / "tsid" / "memo.py"
    text = path.read_text("utf-8")
    for old, new in (
        ("MAX_ANSWER_BYTES = 96 << 20", "MAX_ANSWER_BYTES = 4 << 20"),
        ("MAX_CELLS = 100_000", "MAX_CELLS = 1_000"),
        ("MAX_ADDRESSES = 50_000", "MAX_ADDRESSES = 1_000"),
        ("MAX_NAMES = 50_000", "MAX_NAMES = 1_000"),
        ("MAX_DECISIONS = 50_000", "MAX_DECISIONS = 1_000"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return app


@pytest.fixture
def command(app: Path) -> Subject:
    return Subject(OURS, app / "bin" / "tsidenrich.py")


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_events_are_alike(kind: str) -> None:
    source = Source(kind, ["dest_ip", "url", "src_ip"], ROWS)
    *requests, last = source.requests(4 * ROWS, 2 * ROWS)
    assert [request.events for request in requests] == [2 * ROWS] * 2
    assert last.events == 0
    records = [
        record for request in requests for record in decode_body(request.head.partition(b"}")[2]).records
    ]
    assert len(records) == 4 * ROWS
    addresses = {(str(record.get("dest_ip")), str(record.get("url"))) for record in records}
    # Licensing traffic alone comes again.
    assert len(addresses) == 4 * ROWS if kind == HOSTILE else len(addresses) > 3.9 * ROWS


@pytest.mark.parametrize(("kind", "events"), [(NARROW, 50_000), (FULL, 20_000), (HOSTILE, 20_000)])
def test_all_events_come_back_and_memory_stays_as_it_is(command: Subject, kind: str, events: int) -> None:
    readings = list(
        endure(
            command, sys.executable, kind, events=events, every=events // 5, hostile=10_000, chunk_rows=ROWS
        )
    )
    assert [reading.events for reading in readings] == [events // 5 * part for part in range(1, 6)]
    check_flat(readings, 1.1)


def test_hostile_events_are_all_decided(command: Subject) -> None:
    with command.start(sys.executable, keep=True) as started:
        for request in Source(HOSTILE, started.getinfo["required_fields"], ROWS).requests(2 * ROWS, ROWS):
            started.exchange(request)
        started.close()
    verdicts = [record["tsid_verdict"] for body in started.bodies[1:] for record in decode_body(body).records]
    assert verdicts == ["impostor", "foreign"] * ROWS


def test_every_search_is_answered_from_one_table(packaged_app: Path, tmp_path: Path) -> None:
    app, temporary = tmp_path / "app", tmp_path / "tmp"
    shutil.copytree(packaged_app, app)
    temporary.mkdir()
    with nothing_left(Subject(OURS, app / "bin" / "tsidenrich.py"), temporary) as subject:
        found = crowd(subject, sys.executable, commands=6, seconds=1, every=0)
    found.check()
    assert sum(found.searches.values()) >= 6
    assert found.events == 1_000 * sum(found.searches.values())
    assert found.published > 1


def test_answers_of_both_tables_are_found_out(packaged_app: Path, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(packaged_app, app)
    path = app / "bin" / "tsid" / "facts" / "lookups.py"
    text = path.read_text("utf-8")
    # Every second alias has the host of the other table.
    other = '{"old": "new", "new": "old"}.get(host[:3], host[:3]) + host[3:]'
    mixed = text.replace(
        "    host = parse_host(row)\n    if host not in hosts:",
        f"    host = parse_host(row)\n    host = {other} if row.line % 2 else host\n    if host not in hosts:",
    )
    assert mixed != text
    path.write_text(mixed, "utf-8")
    with pytest.raises(LoadError, match="searches went wrong; the first: the answers are of neither table"):
        crowd(
            Subject(OURS, app / "bin" / "tsidenrich.py"), sys.executable, commands=1, seconds=0, every=0
        ).check()


def test_growth_is_found_out() -> None:
    readings = [Reading(1, 100, 100, 1.0), Reading(2, 109, 50, 2.0)]
    check_flat(readings, 1.1)
    with pytest.raises(LoadError, match="grown from 100 bytes after 1 events to 120 after 3"):
        check_flat([*readings, Reading(3, 120, 50, 3.0)], 1.1)


def test_searches_that_go_wrong_are_found_out() -> None:
    old, new = TABLES
    Crowd({old: 1, new: 2}, 3, [], 1).check()
    with pytest.raises(LoadError, match="1 searches went wrong; the first: why"):
        Crowd({old: 1, new: 1}, 2, ["why"], 1).check()
    with pytest.raises(LoadError, match="have not taken turns"):
        Crowd({old: 1}, 1, [], 0).check()


def test_what_is_left_behind_is_found_out(tmp_path: Path) -> None:
    app, temporary = tmp_path / "app", tmp_path / "tmp"
    for folder in (app / "bin", app / "lookups", temporary):
        folder.mkdir(parents=True)
    subject = Subject("x", app / "bin" / "x.py")
    with nothing_left(subject, temporary):
        (app / "lookups" / "a_refreshed.csv").touch()
    with (
        pytest.raises(LoadError, match=r"left behind: lookups/a\.csv\.tmp$"),
        nothing_left(subject, temporary),
    ):
        (app / "lookups" / "a.csv.tmp").touch()
    with pytest.raises(LoadError, match=r"left behind: .*/forgotten$"), nothing_left(subject, temporary):
        (temporary / "forgotten").touch()
    (temporary / "forgotten").unlink()
    child = [sys.executable, "-c", "input(1)", str(app / "bin")]
    with subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # Linux tells of a process's arguments only some time after it has been started.
        assert process.stdout and process.stdout.read(1) == b"1"
        with (
            pytest.raises(LoadError, match=rf"left behind: process {process.pid}$"),
            nothing_left(subject, temporary),
        ):
            pass
        process.communicate(b"\n")
