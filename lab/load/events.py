"""Events without end: rows made beforehand, in which a mark is replaced, so that hardly two are alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from lab.bench.datasets import COLUMNS, FULL, NARROW, Request
from lab.generator import generate
from lab.host.chunks import CHUNK_INDEX
from lab.host.wire import Event, encode_body, encode_frame
from tsid.facts.lookups import load_lookups

HOSTILE = "hostile"

#: ``full`` and ``narrow`` are those of the benchmark, one in a hundred of them licensing traffic; all others
#: have a server of their own, by address and by name. ``hostile`` is narrow, and all of it looks like
#: licensing traffic of a device of its own: every other event has a true address and a name of its own, the
#: others a true name and an address of their own.
KINDS = (NARROW, FULL, HOSTILE)

_SHAPE = "cisco:sfw:estreamer"
_SEED = 7
# Half an address, which becomes another one in every copy of the rows.
_MARK = b"MARK.MARK"
_OCTETS = 250
_FIRST_OCTET = 11
#: How many rows to make; a chunk may hold several copies of them, each with another mark.
ROWS = 10_000

_LOOKUPS = Path(__file__).resolve().parent.parent.parent / "lookups"


class Source:
    """The requests of a search without end.

    Args:
        kind: one of `KINDS`.
        required: the fields that the command asks for.
        rows: how many different rows to make.
    """

    def __init__(self, kind: str, required: Sequence[str], rows: int = ROWS) -> None:
        columns = list(COLUMNS) if kind == FULL else [*dict.fromkeys(required), CHUNK_INDEX]
        self._header = encode_body([], columns)
        made = _hostile(rows) if kind == HOSTILE else _varied(rows, columns)
        self._rows = b"".join(self._row(event, columns, changes) for event, changes in made)
        self._count = rows

    def requests(self, events: int, chunk_rows: int) -> Iterator[Request]:
        """Yield requests of so many events, in chunks of a multiple of the rows; the last one is empty."""
        copies = chunk_rows // self._count
        for first in range(0, events // self._count, copies):
            rows = b"".join(self._rows.replace(_MARK, _mark(first + copy)) for copy in range(copies))
            yield self._request(rows, chunk_rows)
        yield self._request(b"", 0)

    def _row(self, event: Event, columns: Sequence[str], changes: Iterable[tuple[str, str]]) -> bytes:
        row = encode_body([event], columns)[len(self._header) :]
        for old, new in changes:
            row = row.replace(old.encode(), new.encode())
        return row

    def _request(self, rows: bytes, events: int) -> Request:
        frame = encode_frame({"action": "execute", "finished": not events}, self._header + rows)
        # The driver takes it in two parts, neither of which it copies.
        return Request(frame, memoryview(b""), events)


def _varied(rows: int, columns: Sequence[str]) -> Iterator[tuple[Event, list[tuple[str, str]]]]:
    """Yield generated events, each with what to replace in its row."""
    for place, (event, truth) in enumerate(generate(rows, seed=_SEED, shapes=(_SHAPE,))):
        event = {**event, CHUNK_INDEX: str(place)} if CHUNK_INDEX in columns else event
        if truth.verdict:
            yield event, []
            continue
        changes = [(_first(event, "ResponderIP"), _address(place))]
        host = urlsplit(_first(event, "url")).hostname
        if host:
            changes.append((host, _host(place)))
        yield event, [(old, new) for old, new in changes if old]


def _hostile(rows: int) -> Iterator[tuple[Event, list[tuple[str, str]]]]:
    """Yield events that look like licensing traffic and are not."""
    lookups = load_lookups(_LOOKUPS)
    alias = next(iter(lookups.aliases.values()))
    address = next(
        endpoint.network.partition("/")[0]
        for _, endpoint in lookups.endpoint_rows
        if endpoint.host == alias.host and endpoint.network.endswith("/32")
    )
    for place in range(rows):
        own = _address(place)
        dest, host = (address, _host(place)) if place % 2 else (own, alias.alias)
        url = f"https://{host}/{own}/"
        yield {"dest_ip": dest, "url": url, "src_ip": f"2001:db8::{own}", CHUNK_INDEX: str(place)}, []


def _first(event: Event, field: str) -> str:
    value = event.get(field, "")
    return value if isinstance(value, str) else value[0]


def _address(place: int) -> str:
    high, low = divmod(place, _OCTETS)
    return f"{_MARK.decode()}.{high}.{low}"


def _host(place: int) -> str:
    return f"h{place}-{_MARK.decode()}.example.net"


def _mark(number: int) -> bytes:
    high, low = divmod(number, _OCTETS)
    return b"%d.%d" % (_FIRST_OCTET + high, low)
