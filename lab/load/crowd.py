"""Many commands at once while the lookups are replaced: each answers from the old tables, or from the new."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lab.bench.datasets import Request
from lab.bench.subjects import Subject
from lab.errors import LabError, ProtocolError
from lab.host.wire import Record, decode_body, encode_body, encode_frame
from lab.load.leftovers import LoadError
from tools.common import ROOT
from tsid.refresh.publish import FILES, as_csv
from tsid.refresh.rows import ALIAS_COLUMNS, ENDPOINT_COLUMNS

#: The two tables that take turns. The aliases of each belong to hosts of its own, at the same addresses; the
#: endpoints of each contain all of these hosts, because any mix of two refreshed tables is valid.
TABLES = ("old", "new")

_ROWS = 500
_CHUNKS = 2
# Seconds.
_PATIENCE = 300


class Crowd(NamedTuple):
    """What many commands said.

    Attributes:
        searches: how many answered from each table.
        events: how many were answered.
        problems: what went wrong with the others.
        published: how often the tables were replaced.
    """

    searches: Mapping[str, int]
    events: int
    problems: list[str]
    published: int

    def check(self) -> None:
        """Raise ``LoadError`` unless every search answered from one table, and both were seen."""
        if self.problems:
            raise LoadError(f"{len(self.problems):,} searches went wrong; the first: {self.problems[0]}")
        if set(self.searches) != set(TABLES):
            raise LoadError(f"the tables have not taken turns: {dict(self.searches)}")


def crowd(subject: Subject, python: str, *, commands: int, seconds: float, every: float) -> Crowd:
    """Run that many commands at once, each after its end once more, for so many seconds.

    They go on until both tables have answered, if that takes longer.

    Args:
        subject: the command, in an unpacked package whose lookups are replaced.
        python: the interpreter for the commands. commands: how many at once.
        seconds: for how long to start more of them. every: seconds from one table to the next.

    Raises:
        LoadError: the lookups could not be replaced.
    """
    lookups = subject.script.parent.parent / "lookups"
    with (
        tempfile.TemporaryDirectory(prefix="load-") as name,
        _publishing(lookups, Path(name), every) as times,
    ):
        end = time.monotonic() + seconds
        found: list[tuple[str, str]] = []

        def is_over() -> bool:
            late = time.monotonic() - end
            both_seen = {table for table, _ in found}.issuperset(TABLES)
            return late > _PATIENCE or (late > 0 and (both_seen or found[-1][1] != ""))

        def search_again_and_again() -> None:
            while not found or not is_over():
                try:
                    found.append((_search(subject, python), ""))
                except LabError as error:
                    found.append(("", str(error)))

        with ThreadPoolExecutor(commands) as pool:
            for one in [pool.submit(search_again_and_again) for _ in range(commands)]:
                one.result()
    answered = Counter(table for table, _ in found if table)
    events = _ROWS * _CHUNKS * sum(answered.values())
    return Crowd(answered, events, [problem for _, problem in found if problem], times[0])


def _search(subject: Subject, python: str) -> str:
    """Run one command over a few chunks; return the table that all of its answers are from."""
    with subject.start(python, keep=True) as command:
        messages = command.getinfo.get("inspector", {}).get("messages")
        if messages:
            raise ProtocolError(f"it did not start: {messages}")
        for _ in range(_CHUNKS):
            command.exchange(_REQUEST)
        command.close()
    tables: Counter[str] = Counter()
    for body in command.bodies[1:]:
        records = list(decode_body(body).records)
        if [record["number"] for record in records] != [str(number) for number in range(_ROWS)]:
            raise ProtocolError("not every event came back, once, in its place")
        tables.update(map(_answer, records))
    for table in TABLES:
        if tables == {f"aliased {table}": _ROWS * _CHUNKS}:
            return table
    raise ProtocolError(f"the answers are of neither table, or of both: {dict(tables)}")


def _answer(record: Record) -> str:
    """Return a record's verdict, and the mark of the table that it is from."""
    return f"{record.get('tsid_verdict')} {record.get('tsid_host')}".partition("-")[0]


@contextmanager
def _publishing(lookups: Path, folder: Path, every: float) -> Iterator[list[int]]:
    """Have a process replace the lookups meanwhile; say in the end how often it did."""
    for table in TABLES:
        (folder / table).mkdir()
        for name, data in _tables(table).items():
            (folder / table / name).write_bytes(data)
            shutil.copy(folder / table / name, lookups / name)
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "bin", ROOT / "bin" / "lib")))
    arguments = [str(lookups), str(every), *(str(folder / table) for table in TABLES)]
    with subprocess.Popen(
        [sys.executable, "-m", "lab.load.publisher", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
        text=True,
    ) as publisher:
        published: list[int] = []
        try:
            yield published
        finally:
            said, _ = publisher.communicate()
    if publisher.returncode:
        raise LoadError(f"the publisher ended with {publisher.returncode}")
    published.append(int(said))


def _tables(mark: str) -> dict[str, bytes]:
    """Return refreshed tables that are marked in the hosts of the aliases and the source of the endpoints."""
    endpoints = [
        {**dict.fromkeys(ENDPOINT_COLUMNS, ""), "network": f"{_address(number)}/32", "status": "active"}
        | {"host": f"{table}-{number}.example.net", "source": mark}
        for number in range(_ROWS)
        for table in TABLES
    ]
    aliases = [
        {**dict.fromkeys(ALIAS_COLUMNS, ""), "alias": _alias(number), "host": f"{mark}-{number}.example.net"}
        for number in range(_ROWS)
    ]
    return dict(zip(FILES, (as_csv(ENDPOINT_COLUMNS, endpoints), as_csv(ALIAS_COLUMNS, aliases))))


def _address(number: int) -> str:
    return f"198.18.{number // 250}.{number % 250}"


def _alias(number: int) -> str:
    return f"alias-{number}.example.org"


_BODY = encode_body(
    [
        {"number": str(number), "dest": _address(number), "url": f"https://{_alias(number)}/"}
        for number in range(_ROWS)
    ],
    ["number", "dest", "url"],
)
_REQUEST = Request(encode_frame({"action": "execute", "finished": False}, _BODY), memoryview(b""), _ROWS)
