"""The benchmark returns every event in every form of CSV, and its table checks the bounds."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

import pytest

import lab.bench.subjects
from lab.bench.__main__ import main
from lab.bench.datasets import (
    CRLF,
    FORMS,
    FULL,
    KINDS,
    QUOTED,
    SPLUNKD,
    Chunk,
    columns_for,
    make_chunks,
    rewrite,
)
from lab.bench.results import HEAD, LICENSING, ORDINARY, Case, Key, markdown, table
from lab.bench.subjects import (
    BYTECOPY,
    IDENTITY,
    LARGE_TABLE,
    OURS,
    TYPICAL,
    Figures,
    Subject,
    build,
    unpack,
    usage,
)
from lab.errors import ProtocolError, UsageError
from lab.host.wire import decode_body
from tsid.decision.enrich import OUTPUT_FIELDS

REQUIRED = ["_time", "dest_ip", "url", "src_ip", "nowhere"]
NAMES = (OURS, LARGE_TABLE, IDENTITY, TYPICAL, BYTECOPY)


@pytest.fixture(scope="module")
def subjects(packaged_app: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Subject]:
    with mock.patch.object(lab.bench.subjects, "LARGE_ROWS", 1_000):
        return build(packaged_app, tmp_path_factory.mktemp("subjects"))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_returns_every_event(subjects: dict[str, Subject], name: str) -> None:
    chunks = [
        chunk
        for kind in KINDS
        for chunk in make_chunks(columns_for(kind, REQUIRED), 350, 0.1, chunk_rows=200)
    ]
    assert [chunk.events for chunk in chunks] == [200, 150] * len(KINDS)
    with subjects[name].host(sys.executable).start() as search:
        replies = [search.exchange(chunk.body, finished=False) for chunk in chunks]
        assert decode_body(search.exchange(b"", finished=True)).columns == ()
        _, peak = usage(search.pid)
        search.finish()
    before = [event for chunk in chunks for event in decode_body(chunk.body).records]
    after = [event for body in replies for event in decode_body(body).records]
    assert [event.get("_time") for event in after] == [event.get("_time") for event in before]
    assert peak > 1_000_000
    if name not in (IDENTITY, BYTECOPY):
        for first in range(0, len(chunks), 2):
            assert set(OUTPUT_FIELDS) <= set(decode_body(replies[first]).columns)
            events = [event for body in replies[first : first + 2] for event in decode_body(body).records]
            assert any("tsid_verdict" in event for event in events)


@pytest.mark.parametrize("form", FORMS)
def test_a_body_has_the_same_events_in_every_form(form: str) -> None:
    ((body, _),) = make_chunks(columns_for(FULL, ()), 100, 0.5)
    written = rewrite(body, form)
    assert list(decode_body(written.replace(b"\r\n", b"\n")).records) == list(decode_body(body).records)
    assert (written == body) == (form == SPLUNKD)
    assert written.replace(b"\r\n", b"\n") == body or form not in (SPLUNKD, CRLF)
    assert (b'"",""' in written) == (form == QUOTED)


def test_a_package_is_unpacked_a_folder_is_used_as_it_is_and_other_paths_are_refused(
    package_file: Path, tmp_path: Path
) -> None:
    app = unpack(package_file, tmp_path)
    assert (app / "bin" / "tsidenrich.py").is_file()
    assert unpack(app, tmp_path) == app
    assert len(list((app / "bin" / "tsid").rglob("*.py"))) > 20
    with pytest.raises(UsageError, match="run `make package`"):
        unpack(tmp_path / "nowhere", tmp_path)


def test_figures_are_those_of_the_whole_process(subjects: dict[str, Subject]) -> None:
    chunks = make_chunks(columns_for(FULL, ()), 350, 0.1, chunk_rows=200)
    figures = subjects[BYTECOPY].measure(sys.executable, chunks)
    assert figures.events == 350
    assert figures.seconds > 0
    assert figures.processor > 0
    assert figures.peak > 1_000_000
    assert figures.startup > 0


def test_events_that_come_back_as_none_are_an_error(subjects: dict[str, Subject]) -> None:
    no_event = Chunk(b"", 3)
    with pytest.raises(ProtocolError, match="3 events came back as none"):
        subjects[BYTECOPY].measure(sys.executable, [no_event])


CASE = Case(FULL, ORDINARY, SPLUNKD)


def measured(case: Case, other: str, factor: float, memory: int = 10) -> dict[Key, list[Figures]]:
    """Return three rounds in which the other command takes ``factor`` times as long as ours."""
    rounds = (1.0, 2.0, 10.0)
    return {
        (case, OURS, "3.9"): [Figures(100, seconds, 1, 1_000_000, 0.1) for seconds in rounds],
        (case, other, "3.9"): [
            Figures(100, seconds * factor, 1, memory * 1_000_000, 0.1) for seconds in rounds
        ],
    }


def test_ratios_are_the_median_of_those_within_a_round() -> None:
    _, row = table(measured(CASE, IDENTITY, 8))
    assert dict(zip(HEAD, row))["speed ratio"] == "8.00"
    assert dict(zip(HEAD, row))["memory ratio"] == "0.10"
    assert markdown([row]).endswith("| 8.00 | 0.10 | speed ≥ 6, memory ≤ 0.4 | yes |\n")


@pytest.mark.parametrize(
    ("case", "other", "factor", "memory", "met"),
    [
        (CASE, IDENTITY, 5.9, 10, "NO"),
        (CASE, IDENTITY, 8, 2, "NO"),
        (CASE, LARGE_TABLE, 1.1, 1, "yes"),
        (CASE, LARGE_TABLE, 1.3, 1, "NO"),
        (CASE._replace(share=LICENSING), IDENTITY, 1.3, 1, "yes"),
        (CASE._replace(form=CRLF), IDENTITY, 3.1, 2, "yes"),
        (CASE._replace(form=CRLF), IDENTITY, 2.9, 2, "NO"),
        (CASE._replace(form=CRLF), TYPICAL, 0.1, 1, ""),
    ],
)
def test_a_bound_is_checked(case: Case, other: str, factor: float, memory: int, met: str) -> None:
    _, row = table(measured(case, other, factor, memory))
    assert row[-1] == met


def test_the_whole_benchmark_runs_in_small(packaged_app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--app", str(packaged_app), "--python", sys.executable, "--events", "50", "--rounds", "1"]
    with mock.patch.object(lab.bench.subjects, "LARGE_ROWS", 1_000):
        assert main([*arguments, "--data", "narrow"]) in (0, 1)
    said = capsys.readouterr()
    assert "bench:" not in said.err
    assert len(said.out.splitlines()) == 2 + 4 * len(FORMS) + 1 + 2
