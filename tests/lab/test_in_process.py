"""The app's commands give the same answers in this process as in one of their own."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ProtocolError
from lab.generator import generate
from lab.host.app import copy_app
from lab.host.host import CommandHost
from lab.host.in_process import InProcessHost
from lab.host.search import Result

ROOT = Path(__file__).resolve().parents[2]

EVENTS = [event for event, _ in generate(300, seed=11, licensing_share=0.5)]
DEVICES: Sequence[Mapping[str, Any]] = [
    {"device": "10.0.0.1", "last_allowed": "1764000000", "last_blocked": "1764600000", "label": ["a", "b"]},
    {"device": "10.0.0.2", "last_allowed": "99999999999"},
    {"device": "10.0.0.3", "first_seen": "1764000000"},
]
RUNS: Mapping[str, tuple[str, str, Sequence[Mapping[str, Any]]]] = {
    "tsidenrich joins its answer to the events": ("tsidenrich", "raw=true prefix=x_", EVENTS),
    "tsidenrich keeps some events": ("tsidenrich", "keep=licensing", EVENTS),
    "tsidenrich gets no event": ("tsidenrich", "", ()),
    "tsidenrich refuses a value and an option": ("tsidenrich", "keep=some color=red", EVENTS),
    "tsidrisk": ("tsidrisk", "now=1764700000 model=fmc", DEVICES),
    "tsidrisk refuses a model": ("tsidrisk", "now=1764700000 model=x", DEVICES),
    "tsidlookup shows a table": ("tsidlookup", "table=aliases", ()),
    "tsidlookup makes search terms": ("tsidlookup", "table=candidates", ()),
    "tsidlookup lists files": ("tsidlookup", "table=files", ()),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an app with an alias of its own."""
    app = copy_app(ROOT, tmp_path_factory.mktemp("app"))
    (app / "lookups" / "tsid_aliases_local.csv").write_text(
        "alias,host\nalias.example,tools.cisco.com\n", encoding="utf-8"
    )
    return app


def answer(result: Result) -> tuple[object, ...]:
    """A result without its times."""
    terms = {name: value for name, value in result.getinfo.items() if name != "inspector"}
    metrics = {name: [metric[1:] for metric in metrics] for name, metrics in result.metrics.items()}
    failure = str(result.failure) if result.failure else None
    return (
        result.events,
        result.columns,
        result.messages,
        metrics,
        terms,
        result.stderr,
        result.exit_code,
        failure,
    )


@pytest.mark.parametrize("run", RUNS)
def test_a_command_in_this_process_answers_as_one_in_a_process_of_its_own(app: Path, run: str) -> None:
    command, arguments, events = RUNS[run]
    process, here = (
        host(app, command).run(events, arguments, chunk_rows=100) for host in (CommandHost, InProcessHost)
    )
    assert answer(here) == answer(process)
    assert here.failed == ("refuses" in run)


def test_each_app_has_its_own_lookups(app: Path) -> None:
    hosts = [InProcessHost(folder, "tsidenrich") for folder in (app, ROOT, app)]
    event = {"dest_ip": "72.163.4.38", "url": "https://alias.example/"}
    verdicts = [host.run([event]).raise_for_error().events[0]["tsid_verdict"] for host in hosts]
    assert verdicts == ["aliased", "foreign", "aliased"]


def test_a_change_of_the_lookups_counts_from_the_next_run(tmp_path: Path) -> None:
    app = copy_app(ROOT, tmp_path)
    host = InProcessHost(app, "tsidlookup")
    assert not host.run((), "table=aliases").failed
    (app / "lookups" / "tsid_aliases.csv").write_text("x\n", encoding="utf-8")
    assert "lookups/tsid_aliases.csv, line 1" in host.run((), "table=aliases").messages[0].text


def test_a_run_leaves_this_process_as_it_was() -> None:
    before = (gc.get_threshold(), gc.get_freeze_count(), gc.isenabled(), tempfile.gettempdir())
    InProcessHost(ROOT, "tsidenrich").run(EVENTS).raise_for_error()
    assert (gc.get_threshold(), gc.get_freeze_count(), gc.isenabled(), tempfile.gettempdir()) == before


def test_an_error_outside_the_protocol_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("splunklib.searchcommands.search_command.SearchCommand.process", crash)
    with pytest.raises(ProtocolError, match=r"no reply: it ended \(RecursionError\('too deep'\)\)"):
        InProcessHost(ROOT, "tsidrisk").run([])
