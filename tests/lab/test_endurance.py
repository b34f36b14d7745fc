"""Endurance with few events: every event comes back, memory stays flat, and growth is an error."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from lab.bench.datasets import FULL, NARROW
from lab.bench.endurance import HOSTILE, KINDS, check_flat, different_chunks, endure
from lab.bench.subjects import OURS, Subject
from lab.errors import LabError
from lab.host.wire import decode_body

ROWS = 200


@pytest.fixture(scope="module")
def command(packaged_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Return the command with smaller memories, so that few events fill them."""
    app = tmp_path_factory.mktemp("endurance") / "tsidenrich"
    shutil.copytree(packaged_app, app)
    shrunk = 0
    for path in (app / "bin" / "tsid").rglob("*.py"):
        text, memories = re.subn(r"\b96 << 20\b", "1 << 18", path.read_text("utf-8"))
        text, memos = re.subn(r"\b(?:50|100)_000\b", "500", text)
        path.write_text(text, "utf-8")
        shrunk += memories + memos
    assert shrunk >= 4
    return Subject(app, OURS)


@pytest.mark.parametrize("kind", KINDS)
def test_all_events_are_different_except_licensing_traffic(kind: str) -> None:
    chunks = list(different_chunks(kind, ["dest_ip", "url", "src_ip"], 4 * ROWS, ROWS, 2))
    assert [chunk.events for chunk in chunks] == [2 * ROWS] * 2
    records = [each for chunk in chunks for each in decode_body(chunk.body).records]
    different = {(str(record.get("dest_ip")), str(record.get("url"))) for record in records}
    assert len(records) == 4 * ROWS
    assert len(different) == 4 * ROWS if kind == HOSTILE else len(different) > 3.9 * ROWS


@pytest.mark.parametrize(("kind", "events"), [(NARROW, 20_000), (FULL, 20_000), (HOSTILE, 10_000)])
def test_all_events_come_back_and_memory_stays_flat(command: Subject, kind: str, events: int) -> None:
    with command.host(sys.executable).start() as search:
        readings = endure(search, kind, events, filling=2_000, rows=ROWS)
    assert [done for done, _ in readings] == [events // 10 * tenth for tenth in range(1, 11)]
    check_flat(readings)


def test_hostile_events_are_all_decided(command: Subject) -> None:
    with command.host(sys.executable).start() as search:
        chunks = different_chunks(HOSTILE, search.getinfo["required_fields"], 2 * ROWS, ROWS, 1)
        replies = [search.exchange(chunk.body, finished=False) for chunk in chunks]
    verdicts = [record["tsid_verdict"] for body in replies for record in decode_body(body).records]
    assert verdicts == ["impostor", "foreign"] * ROWS


def test_memory_that_grows_is_noticed() -> None:
    readings = [(1, 100), (2, 109)]
    check_flat(readings)
    with pytest.raises(LabError, match="grew from 100 bytes after 1 events to 120 after 3"):
        check_flat([*readings, (3, 120)])
