"""The chunk bodies that are sent: generated and encoded once, kept in files, cut into chunks of any size."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lab.generator import ALL_SHAPES, generate
from lab.host.chunks import CHUNK_INDEX
from lab.host.wire import Event, columns_of, encode_body

FULL, NARROW, MIXED = "full", "narrow", "mixed"

#: The data sets: what splunkd sends without and with selected fields, and without them over many sources.
KINDS = (FULL, NARROW, MIXED)

#: `_raw`, and 30 of the 66 fields: those that the command reads, and what searches commonly use.
# fmt: off
COLUMNS = (
    "_time", "_raw", "host", "source", "sourcetype", "index", "eventtype", "tag",
    "FirstPacketSecond", "DeviceUUID", "InstanceID", "ConnectionID", "AC_RuleAction",
    "InitiatorIP", "ResponderIP", "InitiatorPort", "ResponderPort", "ResponderBytes", "URL",
    "src", "dest", "src_ip", "dest_ip", "src_port", "dest_port", "url",
    "action", "rule", "app", "connection_id", "instance_id",
)
# fmt: on

#: What every number of events sent, and every chunk's size, should be a multiple of.
BLOCK = 100

_SHAPE = "cisco:sfw:estreamer"
_CHUNK = 50_000
_SEED = 7
_REPOSITORY = Path(__file__).resolve().parent.parent.parent


class Request(NamedTuple):
    """One chunk as it goes out: the frame with the header row, the rows, how many they are."""

    head: bytes
    rows: memoryview
    events: int


class Dataset:
    """Rows in a file, which is mapped and read ahead, so that sending them costs no disk access."""

    def __init__(self, path: Path) -> None:
        index = json.loads(_index_of(path).read_text(encoding="utf-8"))
        #: How many different events there are; more are sent by starting over.
        self.events: int = index["events"]
        self._offsets: list[int] = index["offsets"]
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._view = memoryview(data)
        self._header = bytes(self._view[: self._offsets[0]])
        for position in range(0, len(data), mmap.PAGESIZE):
            self._view[position]

    @property
    def columns(self) -> int:
        """How many columns there are, those for multivalues included."""
        return self._header.count(b",") + 1

    def requests(self, events: int, chunk_rows: int = _CHUNK) -> Iterator[Request]:
        """Yield the requests of a whole search: chunks of events, then the header alone, finished."""
        sent = 0
        while sent < events:
            first = sent % self.events
            count = min(chunk_rows, events - sent, self.events - first)
            rows = self._view[self._offset(first) : self._offset(first + count)]
            yield self._request(rows, count, finished=False)
            sent += count
        yield self._request(self._view[:0], 0, finished=True)

    def _offset(self, event: int) -> int:
        # Only the last block may be shorter than the others.
        return self._offsets[-(-event // BLOCK)]

    def _request(self, rows: memoryview, events: int, *, finished: bool) -> Request:
        # Not with encode_frame: it would copy the rows, within the time that is measured.
        metadata = json.dumps({"action": "execute", "finished": finished}).encode("ascii")
        length = len(self._header) + len(rows)
        head = b"chunked 1.0,%d,%d\n%b%b" % (len(metadata), length, metadata, self._header)
        return Request(head, rows, events)


class Maker:
    """Makes data sets in a folder; one that is there already, of the same generator, is taken.

    Args:
        folder: where the files are kept.
        required_fields: those that the command asks for.
    """

    def __init__(self, folder: Path, required_fields: Sequence[str]) -> None:
        self._folder = folder
        self._required = list(dict.fromkeys(required_fields))
        self._sources = _digest_of_sources()

    def make(self, kind: str, events: int, licensing_share: float = 0.01) -> Dataset:
        """Return the data set of one of `KINDS` with that many different events."""
        recipe = repr((kind, events, licensing_share, COLUMNS, self._required, BLOCK, self._sources))
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
        path = self._folder / f"{kind}-{events}-{licensing_share:g}-{digest}.rows"
        if not _index_of(path).exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            for stale in self._folder.glob(f"{kind}-{events}-{licensing_share:g}-*"):
                stale.unlink()
            self._write(path, kind, events, licensing_share)
        return Dataset(path)

    def _write(self, path: Path, kind: str, events: int, licensing_share: float) -> None:
        shapes = ALL_SHAPES if kind == MIXED else (_SHAPE,)
        made = (
            event for event, _ in generate(events, seed=_SEED, licensing_share=licensing_share, shapes=shapes)
        )
        columns = self._columns(kind, licensing_share)
        header = encode_body([], columns)
        offsets = [len(header)]
        number = 0
        with path.open("wb") as file:
            file.write(header)
            while block := list(islice(made, BLOCK)):
                if kind == NARROW:
                    block = [
                        {**event, CHUNK_INDEX: str((number + place) % _CHUNK)}
                        for place, event in enumerate(block)
                    ]
                number += len(block)
                offsets.append(offsets[-1] + file.write(encode_body(block, columns)[len(header) :]))
        _index_of(path).write_text(json.dumps({"events": events, "offsets": offsets}), encoding="utf-8")

    def _columns(self, kind: str, licensing_share: float) -> list[str]:
        if kind == FULL:
            return list(COLUMNS)
        if kind == NARROW:
            return [*self._required, CHUNK_INDEX]
        sample: list[Event] = [
            event for event, _ in generate(5_000, seed=_SEED, licensing_share=licensing_share)
        ]
        return columns_of(sample)


def _index_of(path: Path) -> Path:
    return path.with_suffix(".json")


def _digest_of_sources() -> str:
    """Digest what the events and their encoding depend on."""
    digest = hashlib.sha256()
    sources = [Path(__file__), _REPOSITORY / "lab" / "host" / "wire.py"]
    sources += sorted((_REPOSITORY / "lab" / "generator").glob("*.py"))
    sources += sorted(path for path in (_REPOSITORY / "lookups").glob("*.csv") if "_local" not in path.name)
    for path in sources:
        digest.update(path.read_bytes())
    return digest.hexdigest()
