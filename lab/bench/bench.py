"""The benchmark's parts: each measures one question, its commands interleaved round after round."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Barrier
from typing import Callable

from lab.bench.datasets import FULL, MIXED, NARROW, Dataset, Maker
from lab.bench.machine import Python
from lab.bench.results import Run
from lab.bench.subjects import (
    BYTECOPY,
    IDENTITY,
    NAMES,
    OURS,
    SITE_ROWS,
    TYPICAL,
    TYPICAL_LRU,
    WIDECOPY,
    Subject,
    with_table,
    without_bytecode,
)

WITH_BYTECODE, WITHOUT_BYTECODE = "with .pyc", "without .pyc"

SHARES = (0.0, 0.01, 0.1, 0.5, 1.0)
TABLES = (10, 100, 1_000, 10_000, 100_000)
PROCESSES = (1, 2, 4, 8, 16, 32)
CHUNKS = (100, 1_000, 10_000, 50_000)
EVENTS = (10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True)
class Size:
    """How much is measured.

    * ``events``: for the fast commands; ``slow_events``, ``typical_events``: for those that take many times
      as long
    * ``growth_events``: for each point of a curve; ``most_events``: where the curve over events ends
    * ``rounds``: how often everything is repeated; ``startups``: the same for start-up alone
    """

    events: int = 500_000
    slow_events: int = 100_000
    typical_events: int = 50_000
    growth_events: int = 50_000
    most_events: int = EVENTS[-1]
    rounds: int = 3
    startups: int = 7


QUICK = Size(
    events=100_000,
    slow_events=50_000,
    typical_events=20_000,
    growth_events=20_000,
    most_events=100_000,
    rounds=1,
    startups=1,
)


@dataclass(frozen=True)
class Bench:
    """What all parts need."""

    size: Size
    pythons: Sequence[Python]
    subjects: dict[str, Subject]
    data: Maker
    folder: Path

    def run(self, run: Run, subject: Subject, dataset: Dataset, chunk_rows: int = CHUNKS[-1]) -> Run:
        """Run a command over as many events as the run says."""
        path = next(python.path for python in self.pythons if python.version == run.python)
        with subject.start(path) as command:
            work = command.work(dataset.requests(run.events, chunk_rows))
            cost = command.close()
        return replace(
            run,
            seconds=work.seconds,
            sent=work.sent,
            received=work.received,
            processor=cost.processor,
            peak=cost.peak,
            startup=command.startup,
        )

    def rounds(self) -> Iterator[tuple[int, str]]:
        """Yield every round with every Python's version."""
        for number in range(self.size.rounds):
            for python in self.pythons:
                yield number, python.version


def compare(bench: Bench, kind: str) -> Iterator[Run]:
    """All commands over the same data set; those that are slow over its first part."""
    names = NAMES if kind != MIXED else (WIDECOPY, BYTECOPY, OURS, IDENTITY)
    subjects = {
        name: with_table(subject, SITE_ROWS, bench.folder)
        if name in (OURS, TYPICAL, TYPICAL_LRU)
        else subject
        for name, subject in bench.subjects.items()
    }
    dataset = bench.data.make(kind, bench.size.events if kind != MIXED else bench.size.slow_events)
    for number, python in bench.rounds():
        for name in names:
            events = bench.size.events if name in (OURS, BYTECOPY, WIDECOPY) else bench.size.slow_events
            if name in (TYPICAL, TYPICAL_LRU):
                events = bench.size.typical_events
            yield bench.run(
                Run("compare", kind, python, name, number, events=events), subjects[name], dataset
            )


def compare_licensing(bench: Bench, kind: str) -> Iterator[Run]:
    """This command and the SDK's identity where every event is licensing traffic."""
    dataset = bench.data.make(kind, bench.size.slow_events, 1.0)
    for number, python in bench.rounds():
        for name in (OURS, IDENTITY):
            run = Run("licensing only", kind, python, name, number, events=bench.size.slow_events)
            yield bench.run(run, bench.subjects[name], dataset)


def by_share(bench: Bench, kind: str) -> Iterator[Run]:
    """From no licensing traffic to nothing else."""
    events = bench.size.growth_events
    datasets = {share: bench.data.make(kind, events, share) for share in SHARES}
    for number, python in bench.rounds():
        for share, dataset in datasets.items():
            run = Run("share", kind, python, OURS, number, value=share, events=events)
            yield bench.run(run, bench.subjects[OURS], dataset)


def by_table(bench: Bench, kind: str) -> Iterator[Run]:
    """From a small table of endpoints to a large one."""
    dataset = bench.data.make(kind, bench.size.growth_events)
    subjects = {rows: with_table(bench.subjects[OURS], rows, bench.folder) for rows in TABLES}
    for number, python in bench.rounds():
        for rows, subject in subjects.items():
            run = Run("table", kind, python, OURS, number, value=rows, events=bench.size.growth_events)
            yield bench.run(run, subject, dataset)


def by_chunk(bench: Bench, kind: str) -> Iterator[Run]:
    """From small chunks, as a search's first results come, to the largest."""
    dataset = bench.data.make(kind, bench.size.growth_events)
    for number, python in bench.rounds():
        for rows in CHUNKS:
            run = Run("chunk", kind, python, OURS, number, value=rows, events=bench.size.growth_events)
            yield bench.run(run, bench.subjects[OURS], dataset, rows)


def by_events(bench: Bench, kind: str) -> Iterator[Run]:
    """From few events to very many; once only, because it takes so long."""
    dataset = bench.data.make(kind, bench.size.events)
    # Full events at ten million are a quarter of an hour of nothing new.
    most = min(bench.size.most_events, EVENTS[-1] if kind == NARROW else EVENTS[-2])
    for python in bench.pythons:
        for events in EVENTS:
            if events <= most:
                run = Run("events", kind, python.version, OURS, 0, value=events, events=events)
                yield bench.run(run, bench.subjects[OURS], dataset)


def by_processes(bench: Bench, kind: str) -> Iterator[Run]:
    """The same events in ever more shards, all at once on the cores there are."""
    dataset = bench.data.make(kind, bench.size.growth_events)
    for python in bench.pythons:
        for processes in PROCESSES:
            run = Run(
                "processes", kind, python.version, OURS, 0, value=processes, events=bench.size.growth_events
            )
            yield _at_once(run, bench.subjects[OURS], python.path, dataset)


def _at_once(run: Run, subject: Subject, python: str, dataset: Dataset) -> Run:
    """Run as many processes as the run's value says, each over its share of the events."""
    processes = int(run.value)
    ready = Barrier(processes + 1)

    def shard() -> tuple[int, int, float, int]:
        with subject.start(python) as command:
            # All of them have started before the clock does.
            ready.wait()
            work = command.work(dataset.requests(run.events // processes))
            ready.wait()
            cost = command.close()
        return work.sent, work.received, cost.processor, cost.peak

    with ThreadPoolExecutor(processes) as pool:
        futures = [pool.submit(shard) for _ in range(processes)]
        ready.wait()
        started = time.perf_counter()
        ready.wait()
        seconds = time.perf_counter() - started
        sent, received, processor, peak = zip(*[future.result() for future in futures])
    events = run.events // processes * processes
    return replace(
        run,
        events=events,
        seconds=seconds,
        sent=sum(sent),
        received=sum(received),
        processor=sum(processor),
        peak=sum(peak),
    )


def start_up(bench: Bench, kind: str) -> Iterator[Run]:
    """Start and getinfo only: with bytecode, and without as on an indexer."""
    del kind
    ours = bench.subjects[OURS]
    subjects = [bench.subjects[name] for name in (OURS, IDENTITY, TYPICAL, BYTECOPY)]
    subjects.append(with_table(ours, TABLES[-1], bench.folder))
    bare = [without_bytecode(subject, bench.folder) for subject in subjects]
    for number in range(bench.size.startups):
        for python in bench.pythons:
            for way, chosen in ((WITH_BYTECODE, subjects), (WITHOUT_BYTECODE, bare)):
                for subject in chosen:
                    with subject.start(python.path, bytecode=way == WITH_BYTECODE) as command:
                        cost = command.close()
                    yield Run(
                        "startup",
                        way,
                        python.version,
                        subject.name,
                        number,
                        processor=cost.processor,
                        peak=cost.peak,
                        startup=command.startup,
                    )


Part = Callable[[Bench, str], Iterable[Run]]

#: The parts by name, each with the data sets that it runs on.
PARTS: dict[str, tuple[Part, tuple[str, ...]]] = {
    "startup": (start_up, ("",)),
    "compare": (compare, (FULL, NARROW, MIXED)),
    "licensing": (compare_licensing, (FULL, NARROW)),
    "share": (by_share, (FULL, NARROW)),
    "table": (by_table, (FULL, NARROW)),
    "chunk": (by_chunk, (FULL, NARROW)),
    "events": (by_events, (FULL, NARROW)),
    "processes": (by_processes, (FULL, NARROW)),
}
