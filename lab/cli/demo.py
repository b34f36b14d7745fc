"""Shows the app at work without Splunk: ``make demo``; everything it has: ``make demo ARGS=--full``.

Events whose truth is known go through the real search command, in a process of its own; months of a fleet go
through the app's searches. The demo verifies the results and shows the essence on one screen of 24 lines and
80 columns: it fails if the app's answers differ from the truth.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

try:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from lab.cli.risk_demo import RiskDemo
except ImportError as error:
    sys.exit(f"demo: the package {error.name!r} is missing: run `make demo`, which knows where it is")

from lab import ROOT
from lab.cli.console import Console
from lab.cli.terminal import abandon_stdout, safe_text
from lab.errors import LabError, UsageError
from lab.generator import ALL_SCENARIOS, LabelledEvent, differences, generate
from lab.generator.destination import ORDINARY
from lab.generator.seed import seed_events
from lab.host.events import cell_text
from lab.host.extraction import ALL
from lab.host.host import CommandHost
from lab.host.search import Result
from lab.host.wire import Record

_COMMAND, _OPTIONS = "tsidenrich", "raw=true"
_SEED = 226091

# What the firewall let through, and the server did not answer.
_SILENT = "allowed, no answer"
# The verdicts that the generated events must get, their shapes, and the result for each.
_PLAN: Sequence[tuple[str, tuple[str, ...], tuple[str, ...]]] = (
    (
        "aliased",
        ("cisco:sfw:estreamer", "cisco:ftd:syslog", "cisco:ftd", "cisco:estreamer:data"),
        ("blocked", "blocked", "allowed", _SILENT, "blocked", "allowed", "unknown", "blocked"),
    ),
    ("unnamed", ("cisco:asa", "cisco:firepower:syslog"), ("blocked", "allowed", "blocked")),
    ("foreign", ("cisco:sfw:estreamer", "cim"), ("allowed", "blocked", "allowed")),
    ("unlisted", ("cisco:firepower:syslog", "fmc"), ("allowed", "blocked")),
    ("relayed", ("cisco:ftd:syslog", "cisco:estreamer:data"), ("allowed", "allowed", "unknown")),
    ("unverified", ("cisco:asa", "cim"), ("blocked", "allowed")),
    ("filtered", ("cisco:ftd:syslog", "cisco:estreamer:data"), ("allowed", "allowed")),
    ("impostor", ("cisco:sfw:estreamer", "cisco:ftd"), ("allowed", "blocked", "allowed")),
)
_STYLES = {
    "canonical": "green",
    "aliased": "yellow",
    "filtered": "red",
    "impostor": "bold red",
    "blocked": "red",
}
_FLAGGED = [verdict for verdict in ALL_SCENARIOS if verdict != "canonical"]
_OUTCOMES = ("allowed", "blocked", "unknown")
# Whether the server answered, in the summary's words.
_ANSWERS = {"true": "answered", "false": "not answered"}

_PIPED_WIDTH = 120
_SCREEN_WIDTH = 80

NEXT = (
    (
        ".venv/lab/bin/python -m lab generate --count 1000 --licensing-share 0.2 > events.jsonl",
        "more events, labelled if you like",
    ),
    (
        ".venv/lab/bin/python -m lab run 'tsidenrich keep=flagged raw=true' events.jsonl "
        "--fields tsid_verdict,tsid_observed,tsid_reason",
        "the command over them, or over your own",
    ),
    ("make package", "the app as Splunk installs it"),
    ("index=… | tsidenrich keep=flagged", "and in Splunk, the events that an analyst should look at"),
)


class Section(NamedTuple):
    """Some events of the demo under a heading."""

    title: str
    events: list[LabelledEvent]


def main(app: Path = ROOT, *, full: bool = False) -> int:
    """Run the demo with the app in that folder; the exit status is 0 if the command's answers are right.

    Args:
        app: the app's folder.
        full: show every event, a reason for each verdict, and a device in each state.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH if full else _SCREEN_WIDTH
    try:
        sections = [
            Section("Cisco KB 226091: the FMC's own table", list(seed_events())),
            Section("Made up: every kind of trouble, from every kind of log", list(_troubles())),
            Section("Made up: what only looks like licensing, and is left alone", list(_near_misses())),
        ]
        labelled = [event for section in sections for event in section.events]
        result = _run(app, [event for event, _ in labelled])
        risk = RiskDemo(app)
    except LabError as error:
        print(f"demo: {safe_text(str(error))}", file=sys.stderr)
        return 1
    problems = [*find_problems(labelled, result.events), *risk.problems()]
    if problems:
        print(f"demo: {len(problems)} wrong answers of the app:", file=sys.stderr)
        for problem in problems:
            print(f"  {safe_text(problem)}", file=sys.stderr)
        return 1
    try:
        if full:
            _show(console, sections, result)
            risk.show(console)
            _show_next(console)
        else:
            _show_essence(console, labelled, result)
            risk.show_worst(console)
            console.print("Every event, reason and state: make demo ARGS=--full", style="dim")
    except BrokenPipeError:
        abandon_stdout()
    return 0


def find_problems(labelled: Sequence[LabelledEvent], answers: Sequence[Record]) -> Iterator[str]:
    """Say where the command's answers differ from the truth."""
    if len(answers) != len(labelled):
        yield f"{len(labelled)} events went in and {len(answers)} came back"
    for number, ((event, truth), answer) in enumerate(zip(labelled, answers), 1):
        for difference in differences(truth, event, answer):
            yield f"event {number} ({truth.shape}, {truth.scenario}): {difference}"


def _troubles() -> Iterator[LabelledEvent]:
    for number, (verdict, shapes, outcomes) in enumerate(_PLAN):
        made = generate(
            1000, seed=_SEED + number, licensing_share=1, shapes=shapes, scenarios=[verdict], interval=600
        )
        devices: set[str] = set()
        for outcome in outcomes:
            found = next(
                event
                for event in made
                if event.truth.verdict == verdict
                and _result(event.truth.outcome, event.truth.answered) == outcome
                and event.truth.device not in devices
            )
            devices.add(found.truth.device)
            yield found


def _result(outcome: str, answered: str) -> str:
    return _SILENT if (outcome, answered) == ("allowed", "false") else outcome


def _near_misses() -> Iterator[LabelledEvent]:
    """One event of each kind of ordinary traffic that comes close to licensing."""
    kinds: dict[str, LabelledEvent] = {}
    for event in generate(2000, seed=_SEED, licensing_share=0, shapes=["cisco:sfw:estreamer"]):
        if event.truth.scenario != ORDINARY:
            kinds.setdefault(event.truth.scenario, event)
    return iter(kinds.values())


def _run(app: Path, events: Sequence[Record]) -> Result:
    library = app / "bin" / "lib"
    if not library.is_dir():
        raise UsageError(f"{library} is missing: run `make vendor`")
    return CommandHost(app, _COMMAND, wanted=[ALL]).run(events, _OPTIONS).raise_for_error()


# ------------------------------------------------------------------------------------------------ output


def _show_essence(console: Console, labelled: Sequence[LabelledEvent], result: Result) -> None:
    """One event before and after, and how many events got which verdict."""
    console.print(
        f"{len(labelled)} events through | {_COMMAND} {_OPTIONS}, without Splunk, "
        f"{result.timings.total:.1f} s, all right",
        style="bold",
    )
    (event, truth), answer = next(
        (one, answer)
        for one, answer in zip(labelled, result.events)
        if (one.truth.verdict, one.truth.outcome) == ("aliased", "blocked") and one.event.get(one.truth.field)
    )
    before, after = safe_text(cell_text(event[truth.field])), _text(answer, truth.field)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(
        "before", Text(before), Text(f"{_text(answer, 'tsid_outcome')}: nobody knows this name", "red")
    )
    confidence = _text(answer, "tsid_confidence")
    grid.add_row("after", Text(after, "bold"), Text(f"{truth.verdict}, confidence {confidence}", "green"))
    console.print(grid)
    console.print(Padding(Text(_text(answer, "tsid_advice")), (0, 0, 0, 2)))
    tally = Counter(str(answer["tsid_verdict"]) for answer in result.events if "tsid_verdict" in answer)
    ordinary = len(labelled) - sum(tally.values())
    flagged = ", ".join(f"{tally[verdict]} {verdict}" for verdict in _FLAGGED)
    console.print(f"\n{tally['canonical']} canonical: the table in Cisco KB 226091, all under the right name")
    console.print(f"{flagged}; {ordinary} only look like licensing: no verdict.")


def _show(console: Console, sections: Sequence[Section], result: Result) -> None:
    named = [answer for answer in result.events if "tsid_verdict" in answer]
    _show_headline(console, len(result.events), named, result)
    answers = iter(result.events)
    for section in sections:
        console.print(f"\n{section.title}", style="bold")
        _show_events(console, list(zip(section.events, answers)))
    _show_reasons(console, named)
    console.print("\nSummary", style="bold")
    console.print(_summary(named))


def _show_next(console: Console) -> None:
    console.print("\nTry next", style="bold")
    for command, purpose in NEXT:
        console.print(Text(command, style="cyan"), soft_wrap=True)
        console.print(f"    {purpose}")


def _show_headline(console: Console, count: int, named: Sequence[Record], result: Result) -> None:
    tally = Counter(str(answer[field]) for answer in named for field in ("tsid_verdict", "tsid_outcome"))
    seconds = result.timings.total
    console.print(f"| {_COMMAND} {_OPTIONS}", style="bold cyan")
    console.print(
        f"{count} firewall events through the real command, without Splunk, in {seconds:.1f} s. "
        f"{len(named)} are Cisco licensing traffic, or pretend to be: {tally['aliased']} under a wrong name, "
        f"{tally['blocked']} blocked, {tally['impostor']} from impostors. "
        "Every answer agrees with the truth about its event."
    )


def _show_events(console: Console, rows: Sequence[tuple[LabelledEvent, Record]]) -> None:
    """Print two lines for each event, in which no name and no address is broken."""
    console.print(_first_line("time", "device", "outcome", "verdict", "address"), style="dim")
    for labelled, answer in rows:
        verdict, outcome = _text(answer, "tsid_verdict"), _text(answer, "tsid_outcome")
        device, address = _text(answer, "tsid_device"), _text(answer, "tsid_ip")
        if verdict:
            names = _names(_text(answer, "tsid_observed"), _text(answer, "tsid_host"))
            names.append(f", confidence {_text(answer, 'tsid_confidence')}", style="dim")
        else:
            device, address = _text(answer, "InitiatorIP"), _text(answer, "ResponderIP")
            names = Text(_text(answer, "URL") or f"({labelled.truth.scenario.partition(': ')[2]})")
        line = _first_line(_time(answer), device, outcome, verdict or "-", address or "(none)")
        console.print(Text(line, style=_STYLES.get(verdict, "")), soft_wrap=True)
        console.print(Text(" " * _INDENT).append_text(names), soft_wrap=True)


_INDENT = 13


def _first_line(time: str, device: str, outcome: str, verdict: str, address: str) -> str:
    return f"{time:11}  {device:14}  {outcome:7}  {verdict:10}  {address}"


def _names(observed: str, host: str) -> Text:
    observed = observed or "(no name)"
    return Text(observed) if host in ("", observed) else Text.assemble(observed, " → ", (host, "bold"))


def _show_reasons(console: Console, named: Sequence[Record]) -> None:
    """Reason and advice for one event of each verdict that an analyst should look at, best a blocked one.

    They are followed by those for an event that was let through and not answered.
    """
    console.print("\nReason and advice, one event of each verdict", style="bold")
    for verdict in _FLAGGED:
        found = [answer for answer in named if answer["tsid_verdict"] == verdict]
        found.sort(
            key=lambda answer: (answer["tsid_outcome"] != "blocked", answer["tsid_confidence"] == "medium")
        )
        for answer in found[:1]:
            _show_reason(console, answer)
    silent = [
        answer
        for answer in named
        if _text(answer, "tsid_service")
        and _result(_text(answer, "tsid_outcome"), _text(answer, "tsid_answered")) == _SILENT
    ]
    for answer in silent[:1]:
        _show_reason(console, answer)


def _show_reason(console: Console, answer: Record) -> None:
    verdict = _text(answer, "tsid_verdict")
    title = f"{verdict}, {_result(_text(answer, 'tsid_outcome'), _text(answer, 'tsid_answered'))}"
    console.print(Text(title, style=_STYLES.get(verdict, "cyan")))
    for field in ("tsid_reason", "tsid_advice"):
        if field in answer:
            console.print(Padding(Text(_text(answer, field)), (0, 0, 0, 4)))


def _summary(named: Sequence[Record]) -> Table:
    tally = Counter(
        (answer["tsid_verdict"], answer.get(field))
        for answer in named
        for field in ("tsid_outcome", "tsid_answered")
    )
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("verdict", width=12)
    for column in (*_OUTCOMES, *_ANSWERS.values()):
        table.add_column(column, justify="right")
    for verdict in ALL_SCENARIOS:
        counts = [str(tally[verdict, told] or "-") for told in (*_OUTCOMES, *_ANSWERS)]
        table.add_row(Text(verdict, style=_STYLES.get(verdict, "")), *counts)
    return table


def _time(answer: Record) -> str:
    epoch = _text(answer, "_time")
    if not epoch:
        # The FMC's table has a time of its own: 2025-12-02 18:46:41.
        return _text(answer, "Time")[5:16]
    return datetime.fromtimestamp(float(epoch), timezone.utc).strftime("%m-%d %H:%M")


def _text(answer: Record, field: str) -> str:
    return safe_text(cell_text(answer.get(field, "")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make demo", description="Shows the app at work without Splunk.")
    parser.add_argument("--full", action="store_true", help="show every event, reason and state")
    sys.exit(main(full=parser.parse_args().full))
