"""Running a search command without Splunk: its requests, its replies, its end.

The commands speak the protocol through ``SCP``, a few lines that know nothing of the lab. They run in a thread of
this process, and in a process of their own where that makes a difference: start, end, pipes, signals, stderr.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Callable, Optional, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import ROOT
from lab.errors import CommandTimeout, ProtocolError, SearchFailed, UsageError
from lab.host.host import CommandHost, SearchInfo
from lab.host.in_process import CommandThread
from lab.host.peer import install_on_peer, installed_on_peer, make_writable, tree_digest
from lab.host.reply import Metrics
from lab.host.search import Result, Search
from lab.host.wire import Record

SCP = '''
import json, os, sys, time

def read(skip_body=False):
    """The next request, or the end of the command."""
    header = stdin.readline()
    if not header:
        sys.exit(0)
    metadata_length, body_length = (int(number) for number in header.split(b",")[1:])
    metadata = json.loads(stdin.read(metadata_length))
    return metadata, body_length if skip_body else stdin.read(body_length)

def raw(data):
    stdout.write(data)
    stdout.flush()

def frame(metadata, body=b""):
    encoded = json.dumps(metadata).encode()
    return b"chunked 1.0,%d,%d\\n" % (len(encoded), len(body)) + encoded + body

def write(metadata, body=b""):
    raw(frame(metadata, body))

def start(**getinfo):
    """Answers getinfo, and returns the request."""
    request, _ = read()
    write({"type": "streaming", **getinfo})
    return request

def say(*texts):
    return {"messages": [["INFO", text] for text in texts]}

def echo():
    request, body = read()
    write({"finished": request["finished"]}, body)
'''
PROCESS = f"import sys\nstdin, stdout = sys.stdin.buffer, sys.stdout.buffer\n{SCP}"
ECHO = "start()\nwhile True:\n    echo()\n"
#: Returns its requests as messages: getinfo, then each body.
MIRROR = """
request, _ = read()
write({"type": "streaming", **GETINFO, "inspector": say(json.dumps(request))})
while True:
    request, body = read()
    write({"finished": request["finished"], "inspector": say(body.decode())}, body)
"""


def mirror(**getinfo: object) -> str:
    return f"GETINFO = {getinfo!r}\n{MIRROR}"


class ThreadHost(CommandHost):
    """Runs a script of this file in a thread."""

    def _start(self, arguments: str) -> Search:
        script = self.script.read_text().partition(SCP)[2]

        def command(stdin: BinaryIO, stdout: BinaryIO) -> None:
            exec(SCP + script, {"stdin": stdin, "stdout": stdout})  # noqa: S102 - a script of this file

        request = self._getinfo_request(arguments, Path("no-dispatch-folder"))
        return Search(CommandThread(command, self._timeout), request, **self._options)


MakeHost = Callable[..., CommandHost]


def make_app(folder: Path) -> Path:
    """Make an app without commands."""
    (folder / "bin").mkdir(parents=True)
    (folder / "default").mkdir()
    (folder / "default" / "app.conf").write_text("[package]\nid = sample_app\n")
    return folder


def host_of(app: Path, script: str, kind: type[CommandHost] = CommandHost, **options: Any) -> CommandHost:
    """Make a script the app's command; further arguments go to ``CommandHost``."""
    (app / "bin" / "sample.py").write_text(PROCESS + textwrap.dedent(script))
    (app / "default" / "commands.conf").write_text("[sample]\nchunked = true\nfilename = sample.py\n")
    return kind(app, "sample", **{"timeout": 20.0, "wanted": ["*"], **options})


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return make_app(tmp_path / "sample")


@pytest.fixture
def make_host(app: Path) -> MakeHost:
    """Make a script a command in a process of its own."""
    return lambda script, **options: host_of(app, script, **options)


@pytest.fixture
def run(app: Path) -> Callable[..., Result]:
    """Run a script in this process."""

    def run(script: str, events: Any = (), chunk_rows: Any = None, **options: Any) -> Result:
        return host_of(app, script, ThreadHost, **options).run(events, chunk_rows=chunk_rows)

    return run


Run = Callable[..., Result]


def sdk_command(base: str, body: str, configuration: str = "") -> str:
    """A script on the vendored SDK."""
    return (
        f"sys.path.insert(0, {str(ROOT / 'bin' / 'lib')!r})\n"
        "from splunklib.searchcommands import *\n"
        f"@Configuration({configuration})\n"
        f"class SampleCommand({base}):\n"
        "    option = Option()\n" + textwrap.indent(textwrap.dedent(body), "    ") + "\n"
        "dispatch(SampleCommand, module_name=__name__)\n"
    )


def texts(result: Result) -> list[str]:
    return [message.text for message in result.messages]


def is_running(pid: int) -> bool:
    """A zombie counts as running: it still has its process id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


EVENTS: list[Record] = [
    {"host": "fw1", "_raw": 'a "quoted", text\nover two lines', "tag": ["vpn", "a$b;"]},
    {"host": "fw2", "user": "Jürgen", "_raw": "b\r\n"},
    {"host": "fw3", "octets": "\udcff\udc80"},
]
FULL: list[Record] = [{"ip": "1", "host": "fw1", "tag": ["a", "b"]}, {"name": "x", "host": "fw2"}]
NUMBERS: list[Record] = [{"n": str(n)} for n in range(5)]


# The metadata that the command gets


def test_getinfo_describes_the_search(make_host: MakeHost) -> None:
    result = make_host(mirror()).run([], 'ip="Destination IP" keep=all', chunk_rows=10)
    asked = json.loads(texts(result)[0])
    searchinfo = asked.pop("searchinfo")
    assert asked == {"action": "getinfo", "preview": False, "streaming_command_will_restart": False}
    assert searchinfo["args"] == ["ip=Destination IP", "keep=all"]
    assert searchinfo["raw_args"] == ['ip="Destination IP"', "keep=all"]
    assert searchinfo["command"] == "sample"
    assert searchinfo["app"] == "sample_app"
    pipeline = "search%20index%3Dlab%20%7C%20sample%20ip%3D%22Destination%20IP%22%20keep%3Dall"
    assert searchinfo["search"] == pipeline
    assert Path(searchinfo["dispatch_dir"]).name == searchinfo["sid"] == "1700000000.42"
    assert searchinfo["maxresultrows"] == 50000
    # The keys of a getinfo recorded from Splunk 8.2.1, in its order.
    recorded = (
        "args raw_args dispatch_dir sid app owner username session_key splunkd_uri splunk_version search "
        "command maxresultrows earliest_time latest_time"
    )
    assert list(searchinfo) == recorded.split()


def test_getinfo_contains_the_callers_search_info(run: Run) -> None:
    told = {"sid": "1.2", "owner": "ana", "maxresultrows": 7, "earliest_time": "17"}
    info = SearchInfo(**told, search="index=fw | sample")  # type: ignore[arg-type]
    searchinfo = json.loads(texts(run(mirror(), info=info))[0])["searchinfo"]
    assert searchinfo == {**searchinfo, **told, "search": "index%3Dfw%20%7C%20sample"}


@pytest.mark.parametrize("home", [None, "home"])
def test_the_process_is_started_as_splunkd_starts_it(
    make_host: MakeHost, app: Path, monkeypatch: pytest.MonkeyPatch, home: Optional[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    host = make_host(
        """
        python = [name for name in os.environ if name.startswith("PYTHON")]
        dispatch = os.environ["SPLUNK_HOME"] + "/var/run/splunk/dispatch"
        start(inspector=say(json.dumps([
            sys.argv, os.getcwd(), python, dispatch, os.listdir(dispatch),
            sys.flags.no_site, sys.flags.no_user_site, os.environ["EXTRA"],
        ])))
        echo()
        """,
        python_flags=["-S", "-s"],
        environment={"EXTRA": "yes"},
        splunk_home=home and app / home,
    )
    argv, folder, python, dispatch, dispatched, *flags, extra = json.loads(texts(host.run([]))[0])
    assert argv == [str(app / "bin" / "sample.py")]
    assert folder == Path(app.anchor).as_posix()
    assert python == []
    assert dispatched == ["1700000000.42"]
    assert (flags, extra) == ([1, 1], "yes")
    # A temporary SPLUNK_HOME is removed, a given one is kept.
    assert Path(dispatch).exists() == bool(home)


# What it is sent, and what comes back


def test_events_come_back_as_they_were_sent(make_host: MakeHost) -> None:
    result = make_host(ECHO).run(EVENTS)
    assert result.events == EVENTS
    assert result.columns[0][:2] == ("host", "_raw")
    assert (result.exit_code, result.stderr, result.failed) == (0, "", False)
    assert 0 < result.timings.startup < result.timings.total
    assert 0 < result.timings.execute < result.timings.total


def test_events_pass_through_a_command_on_the_sdk(make_host: MakeHost) -> None:
    host = make_host(sdk_command("StreamingCommand", "def stream(self, records):\n    yield from records"))
    result = host.run([{"b": "1", "a": "x"}, *EVENTS[:2]], chunk_rows=1)
    assert result.events == [{"b": "1", "a": "x"}, *EVENTS[:2]]
    assert result.getinfo == {"type": "streaming"}


#: One app for all examples of a property.
@pytest.fixture(scope="module")
def echo_host(tmp_path_factory: pytest.TempPathFactory) -> CommandHost:
    return host_of(make_app(tmp_path_factory.mktemp("echo") / "app"), ECHO, ThreadHost)


@settings(max_examples=25)
@given(
    events=st.lists(
        st.dictionaries(st.sampled_from("abc"), st.text('x"$\n,', min_size=1), min_size=1), max_size=12
    ),
    sizes=st.lists(st.integers(0, 5), max_size=6),
)
def test_no_chunking_loses_reorders_or_changes_an_event(
    echo_host: CommandHost, events: list[Record], sizes: list[int]
) -> None:
    assert echo_host.run(events, chunk_rows=sizes).events == events


@pytest.mark.parametrize(
    ("chunk_rows", "sizes"),
    [
        (None, [5]),
        (2, [2, 2, 1]),
        (99, [5]),
        ([1, 0, 3], [1, 0, 3, 1]),
        ([1, 9, 9], [1, 4, 0]),
        ([], [5]),
    ],
)
def test_chunks_have_the_wanted_sizes_and_the_last_has_a_header_only(
    run: Run, chunk_rows: Union[int, list[int], None], sizes: list[int]
) -> None:
    bodies = texts(run(mirror(), NUMBERS, chunk_rows))[1:]
    assert [body.count("\n") - 1 for body in bodies] == [*sizes, 0]
    assert bodies[-1] == 'n,"__mv_n"\n'


@pytest.mark.parametrize(("getinfo", "rows"), [({"maxinputs": 2}, 2), ({"maxinputs": 0}, 3), ({}, 3)])
def test_no_chunk_is_larger_than_splunkd_would_send(run: Run, getinfo: dict[str, int], rows: int) -> None:
    result = run(mirror(**getinfo), NUMBERS, 100, info=SearchInfo(maxresultrows=3))
    assert texts(result)[1].count("\n") - 1 == rows


@pytest.mark.parametrize("rows", [0, -1])
def test_chunks_without_rows_cannot_be_requested(run: Run, rows: int) -> None:
    with pytest.raises(UsageError, match=f"a chunk has at least one row, not {rows}"):
        run(ECHO, NUMBERS, rows)


IP_NAME = {"required_fields": ["ip", "name"]}
SELECTED = 'ip,name,"_chunked_idx","__mv_ip","__mv_name","__mv__chunked_idx"\n'
ABSENT = 'ip,"_chunked_idx","__mv_ip","__mv__chunked_idx"\n'
ALL = 'ip,host,tag,name,"__mv_ip","__mv_host","__mv_tag","__mv_name"\n'
ALL_ROWS = ALL + '1,fw1,"a\nb",,,,"$a$;$b$",\n,fw2,,x,,,,\n'
A, B, N = (f'{name},"__mv_{name}"\n' for name in "abn")
#: The getinfo reply, the events, and the requests with two rows or less.
BODIES: Mapping[str, tuple[dict[str, Any], list[Record], list[str]]] = {
    "columns of the chunk's own events": (
        {"maxinputs": 1},
        [{"a": "1"}, {"b": "2"}],
        [A + "1,\n", B + "2,\n", B],
    ),
    "no bytes without events": ({}, [], [""]),
    "selected fields only": (IP_NAME, FULL[:1], [SELECTED + "1,,0,,,\n", SELECTED]),
    "every field for a star": ({"required_fields": ["*"]}, FULL, [ALL_ROWS, ALL]),
    "every field for a star among others": ({"required_fields": ["ip", "*"]}, FULL, [ALL_ROWS, ALL]),
    # As recorded: no _chunked_idx, and the last request has events.
    "events in the last request": ({"type": "events"}, NUMBERS[:3], [N + "0,\n1,\n", N + "2,\n"]),
    "every field to a command of type events": ({"type": "events", **IP_NAME}, FULL, [ALL_ROWS]),
    "selected fields to a reporting command": (
        {"type": "reporting", **IP_NAME},
        [{"ip": "1"}, {"name": "x"}],
        ['ip,name,"__mv_ip","__mv_name"\n1,,,\n,x,,\n'],
    ),
    # As recorded from Splunk 8.2.1.
    "no events to a generating command": (
        {"type": "stateful", "generating": True, "required_fields": ["n"]},
        [],
        ['n,"_chunked_idx","__mv_n","__mv__chunked_idx"\n'],
    ),
}


@pytest.mark.parametrize("what", BODIES)
def test_requests_have(run: Run, what: str) -> None:
    getinfo, events, bodies = BODIES[what]
    result = run(mirror(**getinfo), events, 2)
    assert texts(result)[1:] == bodies
    assert result.events == events


def test_a_selected_field_that_no_event_has_may_be_left_out(run: Run) -> None:
    result = run(mirror(**IP_NAME), FULL[:1], absent_fields=False)
    assert texts(result)[1:] == [ABSENT + "1,0,,\n", ABSENT]


def test_a_generating_command_takes_no_events(run: Run) -> None:
    with pytest.raises(UsageError, match="generates its own events"):
        run(mirror(type="stateful", generating=True), NUMBERS)


def test_the_answer_takes_the_place_of_the_events(run: Run) -> None:
    answers = 'for body in (b"a,n\\n1,\\n", b""):\n    write({"finished": read()[0]["finished"]}, body)\n'
    assert run(f"start()\n{answers}", [{"n": "7"}, {"n": "8"}]).events == [{"a": "1"}]


def test_events_are_taken_only_as_they_are_needed(app: Path) -> None:
    taken = 0

    def source() -> Iterator[Record]:
        nonlocal taken
        for taken in range(1, 1_000_000):
            yield {"n": str(taken)}

    answer = host_of(app, ECHO, ThreadHost).stream(source(), chunk_rows=10)
    assert [next(answer)["n"] for _ in range(11)] == [str(n) for n in range(1, 12)]
    assert taken == 20
    answer.close()  # type: ignore[attr-defined]


def test_a_command_is_ended_when_its_answer_is_no_longer_needed(make_host: MakeHost) -> None:
    search = make_host(ECHO).start()
    with search:
        assert next(search.stream([{"n": "1"}])) == {"n": "1"}
        assert is_running(search.pid)
    assert not is_running(search.pid)


def test_prepared_bodies_may_be_sent(app: Path) -> None:
    with host_of(app, ECHO, ThreadHost).start() as search:
        assert search.exchange(b"a\n1\n", finished=False) == b"a\n1\n"
        assert search.exchange(b"a\n", finished=True) == b"a\n"
        search.finish()
    assert search.result([]).exit_code == 0


def test_a_command_may_answer_while_it_reads(make_host: MakeHost) -> None:
    # Both sides have 20 MB to send, and a pipe buffers 64 KiB.
    host = make_host(
        """
        start()
        while True:
            request, length = read(skip_body=True)
            head = frame({"finished": request["finished"]})
            raw(head.replace(b",0\\n", b",%d\\n" % length))
            while length:
                piece = stdin.read1(min(length, 1 << 16))
                length -= len(piece)
                raw(piece)
        """
    )
    huge: list[Record] = [{"_raw": "x y" * 1000} for _ in range(7000)]
    assert host.run(huge).events == huge


# Extraction

#: An event as Splunk has it, with two fields that its add-on extracts.
EVENT: Record = {"_time": "1", "_raw": "x", "host": "fw", "sourcetype": "s", "ip": "192.0.2.1", "url": "u"}
DEFAULTS = {name: EVENT[name] for name in ("_time", "_raw", "host", "sourcetype")}


@pytest.mark.parametrize(
    ("required", "wanted", "heeds", "extracted"),
    [
        (None, [], True, []),
        (None, ["ip"], True, ["ip"]),
        (None, ["u*"], True, ["url"]),
        (None, ["*"], True, ["ip", "url"]),
        (["*"], [], True, ["ip", "url"]),
        (["ip"], [], True, ["ip"]),
        (["ip"], ["url"], True, ["ip", "url"]),
        ([], ["url"], True, ["url"]),
        (["*"], [], False, []),
        (["ip"], ["url"], False, ["url"]),
    ],
)
def test_a_field_is_extracted_if_the_command_or_the_search_asks_for_it(
    run: Run, required: list[str] | None, wanted: list[str], heeds: bool, extracted: list[str]
) -> None:
    """As in the recording of ``sortages | table name, age``, whose events lack all other fields."""
    terms = "{'type': 'streaming'%s}" % ("" if required is None else f", 'required_fields': {required}")
    script = f"""
        read()
        write({terms})
        while True:
            request, body = read()
            write({{"finished": request["finished"]}}, body)
        """
    result = run(script, [EVENT], wanted=wanted, heeds_required=heeds)
    assert result.events == [{**DEFAULTS, **{name: EVENT[name] for name in extracted}}]


def test_an_answer_to_all_fields_may_have_fewer_rows(run: Run) -> None:
    answer = selecting("rows[:1]").replace('["ip", "name"]', '["*"]')
    assert run(answer, [EVENT] * 3, wanted=[]).events == [EVENT]


# Selected fields

#: Answers with ``answer(rows)``; the rows are a list of dicts without the __mv_ columns.
SELECTING = """
import csv, io
start(type=TYPE, required_fields=["ip", "name"])
while True:
    request, body = read()
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    rows = answer([{name: row[name] for name in row if not name.startswith("__mv_")} for row in rows])
    out = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write({"finished": request["finished"]}, out.getvalue().encode())
"""


def selecting(answer: str, kind: str = "streaming") -> str:
    return f"TYPE = {kind!r}\ndef answer(rows):\n    return {answer}\n{SELECTING}"


@pytest.mark.parametrize(
    ("answer", "kind", "events"),
    [
        (
            "[{**row, 'name': 'new' * bool(row['ip']), 'verdict': 'v' + row['_chunked_idx']} for row in rows]",
            "streaming",
            [{**FULL[0], "name": "new", "verdict": "v0"}, {"host": "fw2", "verdict": "v1"}],
        ),
        # A field that the answer leaves out stays.
        ("[{'_chunked_idx': row['_chunked_idx']} for row in rows]", "stateful", FULL),
        # Transforming commands are not joined, and get one request.
        ("[{'count': str(len(rows))}]", "events", [{"count": "2"}]),
        ("[{'count': str(len(rows))}]", "reporting", [{"count": "2"}]),
    ],
)
def test_only_a_streaming_answer_is_joined_back_to_the_full_events(
    run: Run, answer: str, kind: str, events: list[Record]
) -> None:
    assert run(selecting(answer, kind), FULL).events == events


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("rows[:1]", "the answer has 1 rows for 2: all must come back"),
        ("rows + [{**rows[1], '_chunked_idx': '2'}] if rows else rows", "more rows than the 2"),
        ("rows[::-1]", "row 0 of the answer has _chunked_idx '1'"),
        ("[{'ip': row['ip']} for row in rows]", "row 0 of the answer has .* None"),
    ],
)
def test_an_answer_that_cannot_be_joined_is_refused(run: Run, answer: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        run(selecting(answer), FULL)


def test_a_generating_command_on_the_sdk_makes_its_own_events(make_host: MakeHost) -> None:
    body = "def generate(self):\n    for n in range(7):\n        yield {'n': n, 'both': ['a', n]}"
    host = make_host(sdk_command("GeneratingCommand", body), info=SearchInfo(maxresultrows=3))
    result = host.run()
    assert result.events == [{"n": str(n), "both": ["a", str(n)]} for n in range(7)]
    assert result.getinfo["generating"] is True
    # The SDK returns maxresultrows at a time, and expects another request.
    assert len(result.columns) == 3


# Messages, metrics, and searches that fail


def test_messages_and_metrics_are_kept(run: Run) -> None:
    result = run(
        """
        start()
        for n in (1, 2):
            request, body = read()
            write({"finished": request["finished"], "inspector": {
                "messages": [["WARN", "chunk %d" % n], ["ERROR", "only shown"]],
                "metric.rows": [0.5, 1, n, None], "metric.once %d" % n: [None, 1, 2, 3],
            }}, body)
        """,
        NUMBERS[:1],
    )
    assert result.messages[:2] == [("WARN", "chunk 1"), ("ERROR", "only shown")]
    assert not result.failed
    assert result.metrics["rows"] == [[0.5, 1, 1, None], [0.5, 1, 2, None]]
    assert result.metrics.total("rows") == [1.0, 2, 3, None]
    assert result.metrics.total("once 2") == [None, 1, 2, 3]


def test_a_total_skips_numbers_that_a_chunk_does_not_report() -> None:
    metrics = Metrics(seen=[[None, 1, None, 4], [2.5, None, None, 1]])
    assert metrics.total("seen") == [2.5, 1, None, 5]


REFUSES = """
start(inspector={"messages": [["WARN", "old table"], ["ERROR", "no table"]]})
sys.exit(1)
"""


def test_a_command_may_refuse_the_search(make_host: MakeHost, app: Path) -> None:
    result = make_host(REFUSES).run(EVENTS)
    assert result.failed
    assert texts(result) == ["old table", "no table"]
    assert (result.events, result.exit_code) == ([], 1)
    with pytest.raises(SearchFailed, match=r"^no table$") as failure:
        result.raise_for_error()
    assert [message.level for message in failure.value.messages] == ["WARN", "ERROR"]
    with pytest.raises(SearchFailed, match="no table"):
        list(host_of(app, REFUSES, ThreadHost).stream(EVENTS))


@pytest.mark.parametrize("metadata", [{}, {"finished": True}, {"finished": False}])
@pytest.mark.parametrize("first", ["read()", "start(); read()"])
def test_an_error_in_the_metadata_ends_the_search(run: Run, first: str, metadata: dict[str, bool]) -> None:
    result = run(f"{first}\nwrite({ {**metadata, 'error': 'bad luck'} })", EVENTS)
    assert str(result.failure) == "bad luck"
    assert result.messages == [("ERROR", "bad luck")]


@pytest.mark.parametrize(
    ("arguments", "body", "failure"),
    [
        ("nope=1", "def stream(self, records):\n    yield from records", "Unrecognized option: nope=1"),
        ("", "def prepare(self):\n    self.write_error('no luck'); sys.exit(1)\nstream = 1", "no luck"),
        (
            "",
            """
            def stream(self, records):
                for record in records:
                    if record["n"] == "3":
                        raise ValueError("odd row")
                    yield record
            """,
            r"ValueError at .* : odd row",
        ),
    ],
)
def test_an_error_on_the_sdk_fails_the_search(
    make_host: MakeHost, arguments: str, body: str, failure: str
) -> None:
    result = make_host(sdk_command("StreamingCommand", body)).run(NUMBERS, arguments, chunk_rows=2)
    with pytest.raises(SearchFailed, match=failure):
        result.raise_for_error()
    assert result.exit_code == 1
    # Events before a failure are kept.
    assert result.events == (NUMBERS[:2] if "odd" in failure else [])


def test_an_error_and_a_bad_exit_are_a_failure(make_host: MakeHost) -> None:
    result = make_host(
        """
        start()
        echo()
        request, body = read()
        write({"finished": request["finished"], "inspector": {"messages": [["FATAL", "too late"]]}}, body)
        sys.exit(7)
        """
    ).run([{"n": "1"}])
    assert (str(result.failure), result.exit_code, result.events) == ("too late", 7, [{"n": "1"}])


# Commands that break the protocol

ANSWERS = "start()\nrequest, body = read()\n"
DONE = ANSWERS + "write({'finished': False}, body)\nread()\nwrite({'finished': True})\n"

#: What is wrong with the getinfo reply, apart from its type.
GETINFO: list[tuple[dict[str, object], str]] = [
    ({"type": "fast"}, "type is 'fast'"),
    ({"type": 1}, "the reply's 'type' is 1, not of type str"),
    ({"required_field": ["a"]}, "unknown key 'required_field'"),
    ({"generating": 1}, "'generating' is 1, not of type bool"),
    ({"maxinputs": True}, "'maxinputs' is True, not of type int"),
    ({"required_fields": ["src*"]}, "requires 'src\\*': no pattern but"),
    ({"required_fields": [""]}, "requires a field ''"),
    ({"finished": True}, "ends the search without an error message"),
    ({"inspector": {"messages": [["WARNING", "x"]]}}, "level 'WARNING' instead of one of DEBUG, INFO"),
    ({"inspector": {"messages": [["WARN"]]}}, r"not \[level, text\]: \['WARN'\]"),
    ({"inspector": {"messages": "x"}}, r"not \[level, text\]: 'x'"),
    ({"inspector": {"metrics": 1}}, "inspector has an unknown key 'metrics'"),
    ({"inspector": {"metric.a": [1, 2, 3]}}, r"'metric.a' is \[1, 2, 3\], not four numbers"),
    ({"inspector": {"metric.a": [1, 2, 3, "x"]}}, "not four numbers or nulls"),
]
#: What is wrong with the reply to the first chunk.
EXECUTE: list[tuple[dict[str, object], bytes, str]] = [
    ({"finished": False, "type": "x"}, b"", "request 1: .*unknown key 'type'"),
    ({}, b"", "request 1: the reply does not say whether it is finished"),
    ({"finished": True}, b"", "finished was False in the request and is True"),
    ({"finished": False}, b"a,b\n1\n", "not a valid CSV table: line 2: the row has 1 cells, the header 2"),
]
FRAMES = [
    ("read(); write({})", "the getinfo reply's type is None instead of one of streaming, stateful"),
    (ANSWERS + "raw(b'chunked 1.0,18,9\\n{\"finished\":false}a')", "1 of the 9 body bytes"),
    (ANSWERS + "raw(frame({'finished': False}, b'a\\n1\\n') + b'2\\n'); read()", "expected 'ch"),
    ("read(); write({'type': 'streaming'}, b'a')", "the getinfo reply has a body of 1 bytes"),
    (DONE.replace("True", "False"), "request 2: finished was True in the request and is False"),
    *((f"start(**{metadata})", complaint) for metadata, complaint in GETINFO),
    *((f"{ANSWERS}write({metadata}, {body!r})", complaint) for metadata, body, complaint in EXECUTE),
]
#: What needs a process.
ENDS = [
    ("raw(b'chunked 1.0,1')", "getinfo: the output ends within a transport header"),
    ("print('hello', flush=True); start()", r"getinfo: expected 'chunked 1\.0.*found b'hello\\n'"),
    ("start()", r"execute request 1: no reply: it ended \(exit code 0\)"),
    ("sys.exit(3)", r"getinfo: no reply: it ended \(exit code 3\)"),
    (ANSWERS + "os.kill(os.getpid(), 9)", r"exit code -9"),
    (ANSWERS + "1 / 0", r"exit code 1\); its last words on stderr: ZeroDivisionError: division by zero"),
    (DONE + "raw(b'bye\\n')", "its end: bytes after the last reply: .*found b'bye"),
    (DONE + "write({'finished': True})", "its end: a reply that no request asked for"),
    (DONE + "sys.exit(4)", "its end: exit code 4"),
]


@pytest.mark.parametrize(
    ("kind", "script", "complaint"),
    [pytest.param(ThreadHost, *case, id=case[1]) for case in FRAMES]
    + [pytest.param(CommandHost, *case, id=case[1]) for case in ENDS],
)
def test_a_violation_of_the_protocol_is_named(
    app: Path, kind: type[CommandHost], script: str, complaint: str
) -> None:
    with pytest.raises(ProtocolError, match=f"^sample, .*{complaint}"):
        host_of(app, script, kind).run([{"a": "1"}, {"a": "2"}])


def test_a_second_reply_to_one_request_is_a_violation(make_host: MakeHost) -> None:
    host = make_host(ANSWERS + "raw(frame({'finished': False}) * 2)\nread()")
    with host.start() as search:
        search.exchange(b"a\n1\n", finished=False)
        time.sleep(0.5)  # so that the second one is there before the next request is sent
        with pytest.raises(ProtocolError, match="execute request 2: a reply that no request asked for"):
            search.exchange(b"a\n", finished=True)


def test_input_that_is_left_unread_is_a_violation(make_host: MakeHost) -> None:
    with make_host("start()\nread(skip_body=True)\nwrite({'finished': True})\n").start() as search:
        search.exchange(b"a\n" + b"1\n" * 10_000_000, finished=True)
        with pytest.raises(ProtocolError, match="its end: it ended without reading all of its input"):
            search.finish()


# Within a shorter time a busy machine may not even have started the command.
@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("time.sleep(60)", "getinfo: neither a reply nor its end within 2 s"),
        (ANSWERS + "time.sleep(60)", "execute request 1: neither a reply"),
        (DONE + "time.sleep(60)", "its end: neither a reply nor its end"),
        (DONE + "sys.stdout.close(); os.close(1); time.sleep(60)", "its end: .*did not exit within 2 s"),
        ("import subprocess\nsubprocess.Popen(['sleep', '60'])\ntime.sleep(60)", "getinfo: neither a reply"),
    ],
)
def test_a_command_that_hangs_is_killed_with_all_it_started(
    make_host: MakeHost, script: str, complaint: str
) -> None:
    began = time.monotonic()
    with pytest.raises(CommandTimeout, match=complaint):
        make_host(script, timeout=2).run([{"a": "1" * 1_000_000}])
    assert time.monotonic() - began < 30


def test_nothing_is_left_of_a_killed_command(make_host: MakeHost) -> None:
    with make_host("start()\ntime.sleep(60)", timeout=2).start() as search:
        with pytest.raises(CommandTimeout, match="execute request 1: neither a reply"):
            list(search.stream([{"a": "1" * 1_000_000}]))
        assert not is_running(search.pid)


def test_a_command_that_refuses_and_then_hangs_is_killed(make_host: MakeHost) -> None:
    result = make_host("read()\nwrite({'error': 'no'})\ntime.sleep(60)", timeout=2).run([])
    assert (str(result.failure), result.exit_code) == ("no", -9)


# Which command, which app


@pytest.mark.parametrize(
    ("conf", "complaint"),
    [
        ("", r"commands\.conf has no stanza \[sample\]"),
        ("[other]\nchunked = true\n", r"no stanza \[sample\]"),
        ("[sample]\nfilename = scp.py\n", "is not chunked"),
        ("[sample]\nchunked = false\nfilename = scp.py\n", "is not chunked"),
        ("[sample]\nchunked = true\n", "has no filename"),
        ("[sample]\nchunked = true\nfilename = gone.py\n", r"names .*gone\.py, which does not exist"),
        ("[sample]\nchunked = 1\nfilename = scp.py\ncommand.arg.1 = x\n", "command.arg.1: given an argument"),
        ("[sample\n", r"commands\.conf:1: .* is not a stanza header"),
    ],
)
def test_a_command_that_splunkd_could_not_run_is_refused(app: Path, conf: str, complaint: str) -> None:
    (app / "default" / "commands.conf").write_text(conf)
    with pytest.raises(UsageError, match=complaint):
        CommandHost(app, "sample")


def test_a_folder_without_commands_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*commands\.conf: No such file"):
        CommandHost(tmp_path, "sample")
    with pytest.raises(UsageError, match="it has no bin"):
        install_on_peer(tmp_path, tmp_path / "splunk")


@pytest.mark.parametrize(
    ("python", "arguments", "complaint"),
    [
        ("/no/python", "", "cannot start /no/python: No such file"),
        (sys.executable, 'ip="open', "a quote is opened and never closed"),
    ],
)
def test_what_cannot_be_started_is_refused(
    make_host: MakeHost, python: str, arguments: str, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_host(ECHO, python=python).run([], arguments)


# On an indexer

WRITES = """
start()
echo()
read()
with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "lookups", "table.csv"), "a") as table:
    table.write("more")
write({"finished": True})
"""


@pytest.fixture
def full_app(app: Path) -> Path:
    """The app as in a checkout: with files that a bundle lacks, and a link."""
    uncarried = ("docs/index.md", "bin/__pycache__/scp.pyc", "bin/old.pyc", "README")
    for name in ("lookups/table.csv", "metadata/default.meta", *uncarried):
        (app / name).parent.mkdir(exist_ok=True)
        (app / name).write_text(name)
    (app / "default" / "app.conf").rename(app / "app.conf")
    (app / "default" / "app.conf").symlink_to("../app.conf")
    return app


def test_a_peer_has_what_the_bundle_carries_and_nothing_writable(
    make_host: MakeHost, full_app: Path, tmp_path: Path
) -> None:
    make_host(ECHO)
    with installed_on_peer(full_app, tmp_path / "splunk") as installed:
        assert installed.relative_to(tmp_path / "splunk").parts[:3] == ("var", "run", "searchpeers")
        assert installed.parts[-2:] == ("apps", "sample_app")
        found = sorted(
            path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()
        )
        assert found == [
            *("bin/sample.py", "default/app.conf", "default/commands.conf"),
            *("lookups/table.csv", "metadata/default.meta"),
        ]
        assert not (installed / "default" / "app.conf").is_symlink()
        for path in [installed.parent.parent, installed.parent, installed, *installed.rglob("*")]:
            assert not stat.S_IMODE(path.stat().st_mode) & 0o222, path


def test_a_command_runs_on_a_peer_and_leaves_it_as_it_was(
    make_host: MakeHost, app: Path, tmp_path: Path
) -> None:
    make_host(mirror())
    with installed_on_peer(app, tmp_path / "splunk") as installed:
        before = tree_digest(installed)
        host = CommandHost(installed, "sample", peer=True, splunk_home=tmp_path / "splunk", wanted=["*"])
        result = host.run([{"a": "1"}])
        searchinfo = json.loads(texts(result)[0])["searchinfo"]
        assert searchinfo["sid"].startswith("remote_")
        assert Path(searchinfo["dispatch_dir"]).name == searchinfo["sid"]
        assert searchinfo["search"].startswith("litsearch%20")
        assert searchinfo["app"] == "sample_app"
        assert result.events == [{"a": "1"}]
        assert tree_digest(installed) == before


def test_a_command_that_writes_on_a_peer_is_noticed(
    make_host: MakeHost, full_app: Path, tmp_path: Path
) -> None:
    make_host(WRITES)
    with installed_on_peer(full_app, tmp_path / "splunk") as installed:
        before = tree_digest(installed)
        host = CommandHost(installed, "sample", peer=True, wanted=["*"])
        if os.access(installed / "lookups" / "table.csv", os.W_OK):  # root ignores modes
            host.run([{"a": "1"}])
            assert tree_digest(installed) != before
        else:
            with pytest.raises(ProtocolError, match="PermissionError"):
                host.run([{"a": "1"}])


def test_an_installation_can_be_made_writable_again(make_host: MakeHost, app: Path, tmp_path: Path) -> None:
    make_host(ECHO)
    installed = install_on_peer(app, tmp_path / "splunk")
    make_writable(installed)
    assert all(
        stat.S_IMODE(path.stat().st_mode) & stat.S_IWUSR for path in [installed, *installed.rglob("*")]
    )
    make_writable(tmp_path / "splunk")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a").write_text("other"),
        lambda folder: (folder / "new").write_text(""),
        lambda folder: (folder / "empty").mkdir(),
        lambda folder: (folder / "a").rename(folder / "b"),
        lambda folder: (folder / "sub" / "c").unlink(),
    ],
)
def test_every_change_changes_the_digest(tmp_path: Path, change: Callable[[Path], object]) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_text("text")
    (tmp_path / "sub" / "c").write_text("text")
    before = tree_digest(tmp_path)
    (tmp_path / "a").touch()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("bytecode")
    assert tree_digest(tmp_path) == before
    change(tmp_path)
    assert tree_digest(tmp_path) != before
