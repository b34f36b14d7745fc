"""Runs an app's search commands without Splunk, each in its own process, using splunkd's protocol.

host = CommandHost(app, "tsidenrich")
result = host.run(events, "keep=licensing")        # everything at once: a Result
for event in host.stream(events): ...              # chunk by chunk: flat memory, however many events
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import quote

from lab.errors import SearchFailed
from lab.host.app import app_id, find_script
from lab.host.chunks import ChunkRows
from lab.host.command_line import split_arguments
from lab.host.process import CommandProcess
from lab.host.search import Result, Search
from lab.host.wire import Event, Record


@dataclass(frozen=True)
class SearchInfo:
    """The search information of getinfo; times are epoch seconds as text.

    ``search`` is the whole pipeline, not percent-encoded; None: a generated one with the command.
    """

    sid: str = "1700000000.42"
    owner: str = "admin"
    username: str = "admin"
    session_key: str = "lab^" + "k" * 120
    splunkd_uri: str = "https://127.0.0.1:8089"
    splunk_version: str = "9.3.2"
    maxresultrows: int = 50000
    earliest_time: str = "0"
    latest_time: str = "0"
    search: str | None = None
    preview: bool = False


class _SearchOptions(TypedDict):
    wanted: Sequence[str]
    heeds_required: bool
    absent_fields: bool


class CommandHost:
    """Runs one search command of one app, any number of times."""

    def __init__(
        self,
        app: Path,
        command: str,
        *,
        python: Path | str = sys.executable,
        python_flags: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        splunk_home: Path | None = None,
        peer: bool = False,
        timeout: float = 60.0,
        info: SearchInfo = SearchInfo(),
        wanted: Sequence[str] = (),
        heeds_required: bool = True,
        absent_fields: bool = True,
    ) -> None:
        """Find the command.

        Args:
            app: the app's folder. command: the command's name, a stanza in the app's default/commands.conf.
                python: the interpreter. python_flags: its flags; ``-S -E -s`` show whether the command
                leans on anybody's site-packages. environment: variables to add to ours, of which those
                named PYTHON... are withheld. splunk_home: SPLUNK_HOME; None: an empty temporary one for
                each run. peer: run the command as on an indexer: a ``remote_`` search, a
                streamed pipeline. timeout: seconds, for every reply and for the exit. info: what getinfo
                says about the search. wanted: the fields that the rest of the search asks for, as in
                `lab.host.extraction`; ``["*"]`` where no command transforms the events. heeds_required:
                extract and send what the command's ``required_fields`` says; False is a splunkd that takes
                no notice of them. absent_fields: in selected-fields mode, send a required field that no event
                has as an empty column, as recorded from Splunk 8.2.1; False leaves it out, which a command
                must survive as well.

        Raises:
            UsageError: the app or the command does not exist, or the command is not chunked.
        """
        self.app = Path(app).resolve()
        self.command = command
        self.script = find_script(self.app, command)
        self._info = replace(info, sid=f"remote_sh1_{info.sid}") if peer else info
        self._source = "litsearch" if peer else "search"
        self._timeout = timeout
        self._splunk_home = splunk_home
        self._options = _SearchOptions(
            wanted=wanted, heeds_required=heeds_required, absent_fields=absent_fields
        )
        # No argument ever: with an argument, the SDK assumes protocol version 1.
        self._argv = (str(python), *python_flags, str(self.script))
        self._environment = dict(environment or {})

    def start(self, arguments: str = "") -> Search:
        """Start the command for one search, with its getinfo reply; the caller closes it (``with``).

        ``arguments`` is what follows the command's name on the command line.

        Raises:
            SearchFailed, ProtocolError: as in ``Search.negotiate``.
            UsageError: Splunk would not take the arguments, or the interpreter cannot be started.
        """
        search = self._start(arguments)
        try:
            search.negotiate()
        except BaseException:
            search.close()
            raise
        return search

    def stream(
        self, events: Iterable[Event] = (), arguments: str = "", *, chunk_rows: ChunkRows | None = None
    ) -> Iterator[Record]:
        """Yield the command's answer chunk by chunk; like ``run``, but failures raise."""
        with self.start(arguments) as search:
            yield from search.stream(events, chunk_rows)

    def run(
        self, events: Iterable[Event] = (), arguments: str = "", *, chunk_rows: ChunkRows | None = None
    ) -> Result:
        """Run the command over all events; a generating command takes none.

        ``chunk_rows`` defaults to, and is bounded by, what splunkd would send: maxresultrows, or the
        command's maxinputs. A search that the command ended with an error is a result too (``failed``).

        Raises:
            ProtocolError, EventError, UsageError: as in ``start`` and ``Search.stream``.
        """
        answer: list[Record] = []
        failure = None
        with self._start(arguments) as search:
            try:
                search.negotiate()
                answer.extend(
                    search.stream(events, chunk_rows)
                )  # what came before a failure stays in the list
            except SearchFailed as error:
                failure = error
        return search.result(answer, failure)

    def _start(self, arguments: str) -> Search:
        with ExitStack() as cleanup:
            home = self._splunk_home
            if home is None:
                home = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="splunk-home-")))
            dispatch = home / "var" / "run" / "splunk" / "dispatch" / self._info.sid
            dispatch.mkdir(parents=True, exist_ok=True)
            request = self._getinfo_request(arguments, dispatch)
            process = CommandProcess(
                self._argv,
                cwd=Path(self.app.anchor),
                environment=self._process_environment(home),
                timeout=self._timeout,
            )
            return Search(process, request, **self._options, cleanup=cleanup.pop_all().close)

    def _process_environment(self, splunk_home: Path) -> dict[str, str]:
        inherited = {name: text for name, text in os.environ.items() if not name.upper().startswith("PYTHON")}
        return {**inherited, "SPLUNK_HOME": str(splunk_home), **self._environment}

    def _getinfo_request(self, arguments: str, dispatch: Path) -> dict[str, Any]:
        info = self._info
        args, raw_args = split_arguments(arguments)
        pipeline = info.search or f"{self._source} index=lab | {self.command} {arguments}"
        return {
            "action": "getinfo",
            "preview": info.preview,
            "streaming_command_will_restart": False,
            "searchinfo": {
                "args": args,
                "raw_args": raw_args,
                "dispatch_dir": str(dispatch),
                "sid": info.sid,
                "app": app_id(self.app),
                "owner": info.owner,
                "username": info.username,
                "session_key": info.session_key,
                "splunkd_uri": info.splunkd_uri,
                "splunk_version": info.splunk_version,
                "search": quote(pipeline, safe=""),
                "command": self.command,
                "maxresultrows": info.maxresultrows,
                "earliest_time": info.earliest_time,
                "latest_time": info.latest_time,
            },
        }
