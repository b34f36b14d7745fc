"""Drives one run of a search command in lock-step, as splunkd does: a request, its reply, the next request.

The requests follow conversations recorded with Splunk 8.2.1 (public repository
NDietrich/Splunk-CustomSearchProtocol-v2, ``example_messages/``). No recording shows these, so they are
choices made here:

* a selected-fields answer with fewer rows than were sent, or in another order, is refused;
* ``required_fields`` with ``*`` is not the selected-fields mode: all columns are sent, and the answer takes
  their place, with as many rows as it has;
* a message of level ERROR or FATAL at getinfo ends the search, whether or not the command then exits;
* a generating command whose answer is not finished is sent the same request again;
* a command's ``maxinputs`` bounds its chunks, ``maxwait`` and ``streaming_preop`` do nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Callable, Protocol

from lab.errors import Message, ProtocolError, SearchFailed, UsageError
from lab.host import reply
from lab.host.chunks import CHUNK_INDEX, ChunkRows, chunks, joined, numbered
from lab.host.extraction import ALL, Extraction
from lab.host.process import Reply
from lab.host.reply import Metrics
from lab.host.wire import Event, Record, columns_of, decode_body, encode_body, encode_frame


class _Conversation(Protocol):
    """A started command: `CommandProcess`, or one that runs in this process."""

    started: float

    @property
    def pid(self) -> int: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def stderr(self) -> str: ...
    def send(self, frame: bytes) -> None: ...
    def receive(self) -> Reply: ...
    def finish(self) -> int: ...
    def dismiss(self) -> None: ...
    def kill(self) -> None: ...


@dataclass(frozen=True)
class Timings:
    """Seconds from the start to the getinfo reply, waiting for execute replies, from the start to the end."""

    startup: float
    execute: float
    total: float


@dataclass(frozen=True)
class Result:
    """The result of a whole run.

    ``events``: all events returned (up to the failure, if it failed). ``columns``: the header row of
    each execute reply as it was sent, ``__mv_`` columns included. ``failure``: set if the command ended the
    search with an error.
    """

    events: list[Record]
    columns: list[tuple[str, ...]]
    messages: list[Message]
    metrics: Metrics
    getinfo: dict[str, Any]
    stderr: str
    exit_code: int
    timings: Timings
    failure: SearchFailed | None = None

    @property
    def failed(self) -> bool:
        """The command ended the search with an error."""
        return self.failure is not None

    def raise_for_error(self) -> Result:
        """Return this result, or raise ``SearchFailed`` if the search failed."""
        if self.failure is not None:
            raise self.failure
        return self


class Search:
    """A started command: ``negotiate``, then ``stream`` (or ``exchange`` and ``finish``), then ``close``.

    ``getinfo``, ``messages``, ``metrics`` and ``columns`` are as in ``Result`` and grow as the run goes on.
    """

    def __init__(
        self,
        process: _Conversation,
        request: Mapping[str, Any],
        *,
        wanted: Sequence[str] = (),
        heeds_required: bool = True,
        absent_fields: bool = True,
        cleanup: Callable[[], None] = lambda: None,
    ) -> None:
        """Take over a process to which nothing has been sent yet.

        Args:
            process: the command's process. request: the getinfo request's metadata. wanted: the fields that
                the rest of the search asks for. heeds_required: do what the command's ``required_fields``
                says. absent_fields: in selected-fields mode, send a required field that no event has as an
                empty column. cleanup: called when the process has ended.
        """
        self.getinfo: dict[str, Any] = {}
        self.messages: list[Message] = []
        self.metrics = Metrics()
        self.columns: list[tuple[str, ...]] = []
        self._process = process
        self._request = dict(request)
        self._command: str = request["searchinfo"]["command"]
        self._wanted = tuple(wanted)
        self._heeds_required = heeds_required
        self._absent_fields = absent_fields
        self._cleanup = cleanup
        self._requests = 0
        self._awaiting = "getinfo"
        self._startup = self._execute = self._total = 0.0

    def __enter__(self) -> Search:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The command's process id."""
        return self._process.pid

    @property
    def generating(self) -> bool:
        """The command generates events and takes none."""
        return bool(self.getinfo.get("generating"))

    @property
    def required_fields(self) -> list[str]:
        """The fields that are extracted for the command; empty if it requires none, or is not heeded."""
        return list(dict.fromkeys(self.getinfo.get("required_fields", ()))) if self._heeds_required else []

    @property
    def selected_fields(self) -> list[str] | None:
        """The only fields that the command is sent, or None if it is sent all that are extracted."""
        required = self.required_fields
        declares = self._heeds_required and "required_fields" in self.getinfo
        # A command of type "events" is sent every column all the same (recorded).
        if not declares or ALL in required or self.getinfo["type"] == "events":
            return None
        return required

    @property
    def joins(self) -> bool:
        """The answer is joined back to the full events, row by row, instead of taking their place."""
        return self.selected_fields is not None and self._streaming and not self.generating

    @property
    def max_rows(self) -> int:
        """The largest chunk that splunkd would send."""
        limit: int = self._request["searchinfo"]["maxresultrows"]
        return min(limit, self.getinfo.get("maxinputs") or limit)

    def negotiate(self) -> None:
        """Send getinfo and take the reply.

        Raises:
            SearchFailed: the command refuses the search.
            ProtocolError: the command breaks the protocol.
        """
        try:
            self._process.send(encode_frame(self._request))
            frame, received = self._process.receive()
            self._startup = received - self._process.started
            reply.check_getinfo(frame.metadata)
            self.getinfo = frame.metadata
            errors = self._note(frame.metadata)
            if errors:
                raise self._failure(errors)
            reply.check_terms(frame.metadata, frame.body)
        except ProtocolError as problem:
            raise self._violation(problem) from None

    def stream(self, events: Iterable[Event] = (), chunk_rows: ChunkRows | None = None) -> Iterator[Record]:
        """Send the events in chunks and yield the answer; the command has exited after the last event.

        Of each event only those fields are extracted that the command requires or the search asks for
        besides (`lab.host.extraction`).
        ``chunk_rows`` is bounded by ``max_rows``. No more than one chunk of events and its answer are held.

        Raises:
            SearchFailed: the command ends the search with an error.
            ProtocolError: the command breaks the protocol.
            EventError: an event cannot be sent.
            UsageError: events for a generating command.
        """
        try:
            if self.generating:
                if next(iter(events), None) is not None:
                    raise UsageError(f"{self._command} generates its own events and takes none")
                yield from self._generate()
            else:
                extraction = Extraction([*self._wanted, *self.required_fields])
                source = chunks(map(extraction.of, events), chunk_rows, self.max_rows)
                yield from self._stream(source) if self._streaming else self._transform(source)
            self._finish()
        except ProtocolError as problem:
            raise self._violation(problem) from None

    def exchange(self, body: bytes, *, finished: bool) -> bytes:
        """Send one execute request with this CSV body and return the reply's body.

        The lowest level, for a caller who brings the bytes along, says ``finished`` with the last ones, and
        ends the run with ``finish``.

        Raises:
            SearchFailed, ProtocolError: as in ``stream``.
        """
        try:
            return self._exchange(body, finished)[0]
        except ProtocolError as problem:
            raise self._violation(problem) from None

    def finish(self) -> None:
        """Close the command's stdin and check its end: not a byte more, exit code 0.

        Raises:
            SearchFailed, ProtocolError: as in ``stream``.
        """
        try:
            self._finish()
        except ProtocolError as problem:
            raise self._violation(problem) from None

    def close(self) -> None:
        """Kill the command if it still runs, and clean up. May be called again."""
        self._process.kill()
        self._total = self._total or time.perf_counter() - self._process.started
        self._cleanup()

    def result(self, events: list[Record], failure: SearchFailed | None = None) -> Result:
        """Return the closed run's result, with the events that the caller received from it."""
        code = self._process.exit_code
        assert code is not None, "the run has not been closed"
        return Result(
            events,
            self.columns,
            self.messages,
            self.metrics,
            self.getinfo,
            self._process.stderr,
            code,
            Timings(self._startup, self._execute, self._total),
            failure,
        )

    @property
    def _streaming(self) -> bool:
        return self.getinfo["type"] in ("streaming", "stateful")

    def _stream(self, source: Iterator[list[Event]]) -> Iterator[Record]:
        columns = self._numbered_columns([])
        for chunk in source:
            columns = self._numbered_columns(chunk) if self.joins else columns_of(chunk) or columns
            yield from self._answer(chunk, columns, finished=False)
        # The last request has no event, only the header row (recorded).
        yield from self._answer([], columns, finished=True)

    def _transform(self, source: Iterator[list[Event]]) -> Iterator[Record]:
        selected = self.selected_fields
        chunk = next(source, [])
        for following in source:
            yield from self._answer(chunk, selected or columns_of(chunk), finished=False)
            chunk = following
        # Unlike a streaming command's, the last request carries events (recorded).
        yield from self._answer(chunk, selected or columns_of(chunk), finished=True)

    def _generate(self) -> Iterator[Record]:
        # Header only, already finished (recorded); without required fields not even a header.
        body = encode_body([], self._numbered_columns([]))
        finished = False
        while not finished:
            answer, finished = self._exchange(body, True)
            yield from self._decode(answer)

    def _answer(self, chunk: list[Event], columns: Sequence[str], *, finished: bool) -> Iterator[Record]:
        sent = numbered(chunk) if self.joins else chunk
        answer, _ = self._exchange(encode_body(sent, columns), finished)
        records = self._decode(answer)
        return joined(chunk, records, self.columns[-1]) if self.joins else records

    def _numbered_columns(self, chunk: Sequence[Event]) -> list[str]:
        selected = self.selected_fields
        if selected is None or not self._streaming:
            return []
        if not self._absent_fields:
            present = columns_of(chunk)
            selected = [name for name in selected if name in present]
        return [*selected, CHUNK_INDEX]

    def _decode(self, body: bytes) -> Iterator[Record]:
        columns, records = decode_body(body)
        if self.columns and self.columns[-1] == columns:
            columns = self.columns[-1]  # one tuple for all chunks alike: there may be very many chunks
        self.columns.append(columns)
        return records

    def _exchange(self, body: bytes, finished: bool) -> tuple[bytes, bool]:
        self._requests += 1
        self._awaiting = f"execute request {self._requests}"
        frame = encode_frame({"action": "execute", "finished": finished}, body)
        sent = time.perf_counter()
        self._process.send(frame)
        (metadata, answer), received = self._process.receive()
        self._execute += received - sent
        reply.check_execute(metadata)
        errors = self._note(metadata)
        answered = metadata.get("finished")
        # An error ends the search if the command says so; as a message alone it is only shown to the user.
        if "error" in metadata or (errors and answered and not finished):
            raise self._failure(errors)
        if answered is None:
            raise ProtocolError(f"the reply does not say whether it is finished: {metadata}")
        if answered != finished and not self.generating:
            raise ProtocolError(f"finished was {finished} in the request and is {answered} in the reply")
        return answer, answered

    def _note(self, metadata: Mapping[str, Any]) -> list[Message]:
        said = reply.messages(metadata)
        self.messages += said
        for name, metric in reply.metrics(metadata).items():
            self.metrics.setdefault(name, []).append(metric)
        return [message for message in said if message.is_error]

    def _finish(self) -> None:
        self._awaiting = "its end"
        code = self._process.finish()
        self._total = time.perf_counter() - self._process.started
        errors = [message for message in self.messages if message.is_error]
        if code != 0 and errors:
            raise self._failure(errors)
        if code != 0:
            raise ProtocolError(f"exit code {code}")

    def _failure(self, errors: Iterable[Message]) -> SearchFailed:
        self._process.dismiss()
        return SearchFailed("; ".join(message.text for message in errors), self.messages)

    def _violation(self, problem: ProtocolError) -> ProtocolError:
        self._process.kill()
        words = [line.strip() for line in self._process.stderr.split("\n") if line.strip()]
        said = f"; its last words on stderr: {words[-1]}" if words else ""
        return type(problem)(f"{self._command}, {self._awaiting}: {problem}{said}")
