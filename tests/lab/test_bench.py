"""The benchmark counts right, its competitors return every event, and its tables find their places."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bench import page
from lab.bench.datasets import BLOCK, FULL, KINDS, NARROW, Maker
from lab.bench.driver import Command
from lab.bench.results import Results, Run, load, peak, speed
from lab.bench.subjects import BYTECOPY, CSVCOPY, IDENTITY, NAMES, OURS, WIDECOPY, Subject, build, with_table
from lab.bench.tables import Table, tables
from lab.bench.targets import outcomes
from lab.errors import ProtocolError, UsageError
from lab.host.wire import decode_body
from tsid.decision.enrich import OUTPUT_FIELDS

EVENTS = 350
REQUIRED = ["_time", "dest_ip", "url", "src_ip", "nowhere"]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Subject]:
    return build(tmp_path_factory.mktemp("subjects"))


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("data"), REQUIRED)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_every_command_returns_every_event(
    subjects: dict[str, Subject], maker: Maker, kind: str, name: str
) -> None:
    dataset = maker.make(kind, EVENTS, 0.1)
    requests = list(dataset.requests(EVENTS, 2 * BLOCK))
    with subjects[name].start(sys.executable, keep=True) as command:
        work = command.work(requests)
        cost = command.close()
    bodies = [body for body in command.bodies if body]
    sent = [b"".join(parts) for parts in ((request.head, bytes(request.rows)) for request in requests)]
    before = [event for frame in sent for event in decode_body(frame[frame.index(b"}") + 1 :]).records]
    after = [event for body in bodies for event in decode_body(body).records]
    assert work.events == len(before) == len(after) == EVENTS
    assert [event.get("url") for event in after] == [event.get("url") for event in before] or name == OURS
    assert [event.get("_time") for event in after] == [event.get("_time") for event in before]
    assert work.sent == sum(map(len, sent))
    assert work.received == sum(map(len, command.bodies))
    assert work.seconds > 0
    assert cost.processor > 0
    assert cost.peak > 1_000_000
    assert command.startup > 0
    if name not in (WIDECOPY, BYTECOPY, CSVCOPY, IDENTITY):
        assert set(OUTPUT_FIELDS) <= set(decode_body(bodies[0]).columns)
        assert any("tsid_verdict" in event for event in after)


def test_a_data_set_starts_over_when_more_events_are_asked_for(maker: Maker) -> None:
    dataset = maker.make(FULL, EVENTS)
    sizes = [request.events for request in dataset.requests(2 * EVENTS, 200)]
    assert sizes == [200, 150, 200, 150, 0]


def test_a_data_set_is_made_once(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    first = maker.make(NARROW, EVENTS)
    monkeypatch.setattr("lab.bench.datasets.generate", None)
    assert maker.make(NARROW, EVENTS).columns == first.columns == 2 * (len(REQUIRED) + 1)


def test_a_large_table_is_loaded(subjects: dict[str, Subject], maker: Maker, tmp_path: Path) -> None:
    subject = with_table(subjects[OURS], 500, tmp_path)
    with subject.start(sys.executable) as command:
        assert command.getinfo["inspector"]["metric.tsidenrich.lookups"][2] > 500
        assert command.work(maker.make(NARROW, EVENTS).requests(EVENTS)).events == EVENTS
        command.close()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.exit('no licence')", "no licence"),
        ("print('hello', flush=True); input()", "expected a reply, found b'hello"),
        ("print('chunked 1.0,2,4')\nprint('{}', end='', flush=True)", "lacks 4 of its 4 bytes"),
    ],
)
def test_a_command_that_breaks_the_protocol_is_an_error(program: str, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        Command([sys.executable, "-c", program])


def runs() -> Iterator[Run]:
    for python in ("3.9", "3.13"):
        for number, seconds in enumerate((1.0, 2.0, 10.0)):
            for command, factor in ((OURS, 1), (IDENTITY, 8)):
                yield Run(
                    "compare",
                    FULL,
                    python,
                    command,
                    number,
                    events=100,
                    seconds=seconds * factor,
                    sent=1000,
                    received=2000,
                    processor=1,
                    peak=factor * 1_000_000,
                )


RESULTS = Results({"cores": "2"}, {"3.9": "3.9.18", "3.13": "3.13.0"}, {"rounds": "3"}, list(runs()))


def test_ratios_are_taken_within_a_round() -> None:
    ours, theirs = (RESULTS.of("compare", FULL, "3.9", command) for command in (OURS, IDENTITY))
    assert RESULTS.ratio(ours, theirs, speed) == 8
    assert RESULTS.ratio(ours, theirs, peak) == 1 / 8
    assert RESULTS.ratio(ours, [], speed) is None


def test_targets_that_were_measured_are_judged() -> None:
    found = list(outcomes(RESULTS))
    assert [(outcome.bound, outcome.python, outcome.met) for outcome in found] == [
        ("≥ 6", "3.9", True),
        ("≥ 6", "3.13", True),
        ("≤ 0.4", "3.9", True),
        ("≤ 0.4", "3.13", True),
    ]


def test_results_are_kept(tmp_path: Path) -> None:
    RESULTS.save(tmp_path / "build" / "results.json")
    assert load(tmp_path / "build" / "results.json") == RESULTS


def test_the_page_has_a_place_for_every_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    made = list(tables(RESULTS))
    written = page.updated(text, made)
    assert page.updated(written, made) == written
    assert "| 3.9 | tsidenrich | 50 | 0 |" in written


def test_a_table_without_a_place_is_an_error() -> None:
    with pytest.raises(UsageError, match="0 places for the table more"):
        page.updated("", [Table("more", "", ("a",), [])])
