"""Running a search command without Splunk: its requests, its replies, its end.

Every command here is a real process. Those that misbehave speak the protocol through ``scp``, a module of a
few lines that knows nothing of the lab.
"""

from __future__ import annotations

import json
import os
import stat
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import CommandTimeout, ProtocolError, SearchFailed, UsageError
from lab.host.host import CommandHost, SearchInfo
from lab.host.peer import install_on_peer, installed_on_peer, make_writable, tree_digest
from lab.host.reply import Metrics
from lab.host.search import Result
from lab.host.wire import Record

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "bin" / "lib"
needs_sdk = pytest.mark.skipif(not (SDK / "splunklib").is_dir(), reason="no bin/lib: run make vendor")

SCP = '''
import json, os, sys, time

def read(skip_body=False):
    """The next request, or the end of the process."""
    header = sys.stdin.buffer.readline()
    if not header:
        sys.exit(0)
    metadata_length, body_length = (int(number) for number in header.split(b",")[1:])
    metadata = json.loads(sys.stdin.buffer.read(metadata_length))
    return metadata, body_length if skip_body else sys.stdin.buffer.read(body_length)

def raw(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()

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
'''

ECHO = """
from scp import *
start()
while True:
    request, body = read()
    write({"finished": request["finished"]}, body)
"""

#: Returns its requests as messages: getinfo, then each body.
MIRROR = """
from scp import *
request, _ = read()
write({"type": "streaming", "inspector": say(json.dumps(request))})
while True:
    request, body = read()
    write({"finished": request["finished"], "inspector": say(body.decode())}, body)
"""

MakeHost = Callable[..., CommandHost]


@pytest.fixture()
def app(tmp_path: Path) -> Path:
    """An app without commands."""
    folder = tmp_path / "sample"
    (folder / "bin").mkdir(parents=True)
    (folder / "default").mkdir()
    (folder / "default" / "app.conf").write_text("[package]\nid = sample_app\n")
    (folder / "bin" / "scp.py").write_text(SCP)
    return folder


@pytest.fixture()
def make_host(app: Path) -> MakeHost:
    """Makes a script a command of the app, in a search for all fields; other arguments go to ``CommandHost``."""

    def make(script: str, name: str = "sample", timeout: float = 20.0, **options: Any) -> CommandHost:
        (app / "bin" / f"{name}.py").write_text(textwrap.dedent(script))
        with (app / "default" / "commands.conf").open("a") as conf:
            conf.write(f"[{name}]\nchunked = true\nfilename = {name}.py\n")
        return CommandHost(app, name, timeout=timeout, **{"wanted": ["*"], **options})

    return make


def sdk_command(base: str, body: str, configuration: str = "") -> str:
    """A script on the vendored SDK."""
    return (
        f"import sys; sys.path.insert(0, {str(SDK)!r})\n"
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


# What the command is told


def test_getinfo_describes_the_search(make_host: MakeHost) -> None:
    result = make_host(MIRROR).run([], 'ip="Destination IP" keep=all', chunk_rows=10)
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


def test_getinfo_contains_the_callers_search_info(make_host: MakeHost) -> None:
    info = SearchInfo(sid="1.2", owner="ana", maxresultrows=7, earliest_time="17", search="index=fw | sample")
    searchinfo = json.loads(texts(make_host(MIRROR, info=info).run([]))[0])["searchinfo"]
    assert searchinfo["sid"] == "1.2"
    assert searchinfo["owner"] == "ana"
    assert searchinfo["maxresultrows"] == 7
    assert searchinfo["earliest_time"] == "17"
    assert searchinfo["search"] == "index%3Dfw%20%7C%20sample"


def test_the_process_is_started_as_splunkd_starts_it(
    make_host: MakeHost, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    host = make_host(
        """
        from scp import *
        python = [name for name in os.environ if name.startswith("PYTHON")]
        home = os.environ["SPLUNK_HOME"]
        read()
        write({"type": "streaming", "inspector": say(json.dumps([
            sys.argv, os.getcwd(), python, os.listdir(home + "/var/run/splunk/dispatch"),
            sys.flags.no_site, sys.flags.no_user_site, os.environ["EXTRA"],
        ]))})
        write({"finished": read()[0]["finished"]})
        """,
        python_flags=["-S", "-s"],
        environment={"EXTRA": "yes"},
    )
    argv, folder, python, dispatched, no_site, no_user_site, extra = json.loads(texts(host.run([]))[0])
    assert argv == [str(app / "bin" / "sample.py")]
    assert folder == Path(app.anchor).as_posix()
    assert python == []
    assert dispatched == ["1700000000.42"]
    assert (no_site, no_user_site, extra) == (1, 1, "yes")


def test_the_temporary_splunk_home_is_removed(make_host: MakeHost) -> None:
    result = make_host(MIRROR).run([])
    assert not Path(json.loads(texts(result)[0])["searchinfo"]["dispatch_dir"]).exists()


def test_a_given_splunk_home_is_kept(make_host: MakeHost, tmp_path: Path) -> None:
    make_host(ECHO, splunk_home=tmp_path / "home").run([])
    assert (tmp_path / "home" / "var" / "run" / "splunk" / "dispatch" / "1700000000.42").is_dir()


# What it is sent, and what comes back


def test_events_come_back_as_they_were_sent(make_host: MakeHost) -> None:
    result = make_host(ECHO).run(EVENTS)
    assert result.events == EVENTS
    assert result.columns[0][:2] == ("host", "_raw")
    assert (result.exit_code, result.stderr, result.failed) == (0, "", False)
    assert 0 < result.timings.startup < result.timings.total
    assert 0 < result.timings.execute < result.timings.total


@needs_sdk
def test_events_pass_through_a_command_on_the_sdk(make_host: MakeHost) -> None:
    host = make_host(sdk_command("StreamingCommand", "def stream(self, records):\n    yield from records"))
    result = host.run([{"b": "1", "a": "x"}, *EVENTS[:2]], chunk_rows=1)
    assert result.events == [{"b": "1", "a": "x"}, *EVENTS[:2]]
    assert result.getinfo == {"type": "streaming"}


#: One app for all examples of a property.
@pytest.fixture(scope="module")
def echo_host(tmp_path_factory: pytest.TempPathFactory) -> CommandHost:
    folder = tmp_path_factory.mktemp("echo")
    (folder / "bin").mkdir()
    (folder / "default").mkdir()
    (folder / "bin" / "scp.py").write_text(SCP)
    (folder / "bin" / "echo.py").write_text(ECHO)
    (folder / "default" / "commands.conf").write_text("[echo]\nchunked = true\nfilename = echo.py\n")
    return CommandHost(folder, "echo", timeout=20.0, wanted=["*"])


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
    make_host: MakeHost, chunk_rows: Union[int, list[int], None], sizes: list[int]
) -> None:
    result = make_host(MIRROR).run([{"n": str(n)} for n in range(5)], chunk_rows=chunk_rows)
    bodies = texts(result)[1:]
    assert [body.count("\n") - 1 for body in bodies] == [*sizes, 0]
    assert bodies[-1] == 'n,"__mv_n"\n'


@pytest.mark.parametrize(("getinfo", "rows"), [("maxinputs=2", 2), ("maxinputs=0", 3), ("", 3)])
def test_no_chunk_is_larger_than_splunkd_would_send(make_host: MakeHost, getinfo: str, rows: int) -> None:
    script = MIRROR.replace('"type": "streaming"', f'**dict({getinfo}), "type": "streaming"')
    result = make_host(script, info=SearchInfo(maxresultrows=3)).run([{"n": "1"}] * 7, chunk_rows=100)
    assert texts(result)[1].count("\n") - 1 == rows


@pytest.mark.parametrize("rows", [0, -1])
def test_chunks_without_rows_cannot_be_requested(make_host: MakeHost, rows: int) -> None:
    with pytest.raises(UsageError, match=f"a chunk has at least one row, not {rows}"):
        make_host(ECHO).run([{"n": "1"}], chunk_rows=rows)


def test_a_chunk_has_the_columns_of_its_own_events(make_host: MakeHost) -> None:
    result = make_host(MIRROR).run([{"a": "1"}, {"b": "2"}], chunk_rows=1)
    assert texts(result)[1:] == ['a,"__mv_a"\n1,\n', 'b,"__mv_b"\n2,\n', 'b,"__mv_b"\n']


def test_without_events_no_bytes_are_sent(make_host: MakeHost) -> None:
    assert texts(make_host(MIRROR).run([]))[1:] == [""]


def test_the_answer_takes_the_place_of_the_events(make_host: MakeHost) -> None:
    host = make_host(
        """
        from scp import *
        start()
        for body in (b"a,n\\n1,\\n", b""):
            write({"finished": read()[0]["finished"]}, body)
        """
    )
    assert host.run([{"n": "7"}, {"n": "8"}]).events == [{"a": "1"}]


def test_events_are_taken_only_as_they_are_needed(make_host: MakeHost) -> None:
    taken = 0

    def source() -> Iterator[Record]:
        nonlocal taken
        for taken in range(1, 1_000_000):
            yield {"n": str(taken)}

    answer = make_host(ECHO).stream(source(), chunk_rows=10)
    assert [next(answer)["n"] for _ in range(11)] == [str(n) for n in range(1, 12)]
    assert taken == 20
    answer.close()  # type: ignore[attr-defined]


def test_a_command_is_ended_when_its_answer_is_no_longer_needed(make_host: MakeHost) -> None:
    search = make_host(ECHO).start()
    with search:
        assert next(search.stream([{"n": "1"}])) == {"n": "1"}
        assert is_running(search.pid)
    assert not is_running(search.pid)


def test_prepared_bodies_may_be_sent(make_host: MakeHost) -> None:
    with make_host(ECHO).start() as search:
        assert search.exchange(b"a\n1\n", finished=False) == b"a\n1\n"
        assert search.exchange(b"a\n", finished=True) == b"a\n"
        search.finish()
    assert search.result([]).exit_code == 0


def test_a_command_may_answer_while_it_reads(make_host: MakeHost) -> None:
    # Both sides have 20 MB to send, and a pipe buffers 64 KiB.
    host = make_host(
        """
        from scp import *
        start()
        while True:
            request, length = read(skip_body=True)
            head = frame({"finished": request["finished"]})
            raw(head.replace(b",0\\n", b",%d\\n" % length))
            while length:
                piece = sys.stdin.buffer.read1(min(length, 1 << 16))
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
    make_host: MakeHost, required: list[str] | None, wanted: list[str], heeds: bool, extracted: list[str]
) -> None:
    """As in the recording of ``sortages | table name, age``, whose events lack all other fields."""
    terms = "{'type': 'streaming'%s}" % ("" if required is None else f", 'required_fields': {required}")
    script = f"""
        from scp import *
        read()
        write({terms})
        while True:
            request, body = read()
            write({{"finished": request["finished"]}}, body)
        """
    host = make_host(script, wanted=wanted, heeds_required=heeds)
    assert host.run([EVENT]).events == [{**DEFAULTS, **{name: EVENT[name] for name in extracted}}]


def test_an_answer_to_all_fields_may_have_fewer_rows(make_host: MakeHost) -> None:
    answer = selecting("return rows[:1]").replace('["ip", "name"]', '["*"]')
    assert make_host(answer, wanted=[]).run([EVENT] * 3).events == [EVENT]


# Selected fields

#: Answers with ``answer(rows)``; the rows are a list of dicts without the __mv_ columns.
SELECTED = """
from scp import *
import csv, io
request, _ = read()
write({"type": TYPE, "required_fields": ["ip", "name"], "inspector": say()})
while True:
    request, body = read()
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    for row in rows:
        for name in [name for name in row if name.startswith("__mv_")]:
            del row[name]
    said = say(body.decode())
    rows = answer(rows)
    out = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write({"finished": request["finished"], "inspector": said}, out.getvalue().encode())
"""


def selecting(answer: str, kind: str = "streaming") -> str:
    body = textwrap.indent(textwrap.dedent(answer), "    ")
    return f"TYPE = {kind!r}\ndef answer(rows):\n{body}{SELECTED}"


FULL: list[Record] = [{"ip": "1", "host": "fw1", "tag": ["a", "b"]}, {"name": "x", "host": "fw2"}]


def test_selected_fields_are_all_that_is_sent(make_host: MakeHost) -> None:
    result = make_host(selecting("return rows")).run(FULL[:1] * 2, chunk_rows=1)
    header = 'ip,name,"_chunked_idx","__mv_ip","__mv_name","__mv__chunked_idx"\n'
    assert texts(result) == [header + "1,,0,,,\n", header + "1,,0,,,\n", header]


def test_a_selected_field_that_no_event_has_may_be_left_out(make_host: MakeHost) -> None:
    result = make_host(selecting("return rows"), absent_fields=False).run(FULL[:1], chunk_rows=1)
    assert texts(result)[0] == 'ip,"_chunked_idx","__mv_ip","__mv__chunked_idx"\n1,0,,\n'


def test_the_answer_is_joined_back_to_the_full_events(make_host: MakeHost) -> None:
    answer = """
    for row in rows:
        row["name"] = "new" if row["ip"] else ""
        row["verdict"] = "v" + row["_chunked_idx"]
    return rows
    """
    assert make_host(selecting(answer)).run(FULL).events == [
        {"ip": "1", "host": "fw1", "tag": ["a", "b"], "name": "new", "verdict": "v0"},
        {"host": "fw2", "verdict": "v1"},
    ]


def test_a_field_that_the_answer_leaves_out_stays(make_host: MakeHost) -> None:
    answer = 'return [{"_chunked_idx": row["_chunked_idx"]} for row in rows]'
    assert make_host(selecting(answer, "stateful")).run(FULL).events == FULL


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("return rows[:1]", "the answer has 1 rows for 2: all must come back"),
        ("return rows + [{**rows[1], '_chunked_idx': '2'}] if rows else rows", "more rows than the 2"),
        ("return rows[::-1]", "row 0 of the answer has _chunked_idx '1'"),
        ("[row.pop('_chunked_idx') for row in rows]; return rows", "row 0 of the answer has .* None"),
    ],
)
def test_an_answer_that_cannot_be_joined_is_refused(make_host: MakeHost, answer: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        make_host(selecting(answer)).run(FULL)


@pytest.mark.parametrize("required", [["*"], ["ip", "*"]])
def test_a_star_as_required_field_selects_every_field(make_host: MakeHost, required: list[str]) -> None:
    script = MIRROR.replace('"type": "streaming"', f'"type": "streaming", "required_fields": {required}')
    result = make_host(script).run(FULL)
    assert result.events == FULL
    assert texts(result)[1].startswith("ip,host,tag,name,")


@pytest.mark.parametrize(
    ("kind", "header"),
    [("events", "ip,host,tag,name,"), ("reporting", 'ip,name,"__mv_ip","__mv_name"\n')],
)
def test_transforming_commands_are_not_joined(make_host: MakeHost, kind: str, header: str) -> None:
    # As recorded: no _chunked_idx, and the last request has events.
    result = make_host(selecting('return [{"count": str(len(rows))}]', kind)).run(FULL)
    assert result.events == [{"count": "2"}]
    assert len(texts(result)) == 1
    assert texts(result)[0].startswith(header)


def test_only_the_last_of_a_transforming_commands_requests_is_finished(make_host: MakeHost) -> None:
    result = make_host(MIRROR.replace("streaming", "events")).run(
        [{"n": str(n)} for n in range(3)], chunk_rows=2
    )
    assert texts(result)[1:] == ['n,"__mv_n"\n0,\n1,\n', 'n,"__mv_n"\n2,\n']
    assert result.events == [{"n": "0"}, {"n": "1"}, {"n": "2"}]


# Generating commands


@needs_sdk
def test_a_generating_command_on_the_sdk_makes_its_own_events(make_host: MakeHost) -> None:
    body = "def generate(self):\n    for n in range(7):\n        yield {'n': n, 'both': ['a', n]}"
    host = make_host(sdk_command("GeneratingCommand", body), info=SearchInfo(maxresultrows=3))
    result = host.run()
    assert result.events == [{"n": str(n), "both": ["a", str(n)]} for n in range(7)]
    assert result.getinfo["generating"] is True
    # The SDK returns maxresultrows at a time, and expects another request.
    assert len(result.columns) == 3


def test_a_generating_command_is_sent_no_events(make_host: MakeHost) -> None:
    terms = '"type": "stateful", "generating": True, "required_fields": ["n"]'
    script = MIRROR.replace('"type": "streaming"', terms)
    result = make_host(script).run()
    # As recorded from Splunk 8.2.1.
    assert texts(result)[1:] == ['n,"_chunked_idx","__mv_n","__mv__chunked_idx"\n']
    with pytest.raises(UsageError, match="generates its own events"):
        make_host(script, "other").run([{"n": "1"}])


# Messages, metrics, and searches that fail


def test_messages_and_metrics_are_kept(make_host: MakeHost) -> None:
    result = make_host(
        """
        from scp import *
        start()
        for n in (1, 2):
            request, body = read()
            write({"finished": request["finished"], "inspector": {
                "messages": [["WARN", "chunk %d" % n], ["ERROR", "only shown"]],
                "metric.rows": [0.5, 1, n, None], "metric.once %d" % n: [None, 1, 2, 3],
            }}, body)
        """
    ).run([{"n": "1"}])
    assert result.messages[:2] == [("WARN", "chunk 1"), ("ERROR", "only shown")]
    assert not result.failed
    assert result.metrics["rows"] == [[0.5, 1, 1, None], [0.5, 1, 2, None]]
    assert result.metrics.total("rows") == [1.0, 2, 3, None]
    assert result.metrics.total("once 2") == [None, 1, 2, 3]


def test_a_total_skips_numbers_that_a_chunk_does_not_report() -> None:
    metrics = Metrics(seen=[[None, 1, None, 4], [2.5, None, None, 1]])
    assert metrics.total("seen") == [2.5, 1, None, 5]


REFUSES = """
from scp import *
read()
write({"type": "streaming", "inspector": {"messages": [["WARN", "old table"], ["ERROR", "no table"]]}})
sys.exit(1)
"""


def test_a_command_may_refuse_the_search(make_host: MakeHost) -> None:
    result = make_host(REFUSES).run(EVENTS)
    assert result.failed
    assert texts(result) == ["old table", "no table"]
    assert (result.events, result.exit_code) == ([], 1)
    with pytest.raises(SearchFailed, match=r"^no table$") as failure:
        result.raise_for_error()
    assert [message.level for message in failure.value.messages] == ["WARN", "ERROR"]


def test_a_stream_ends_in_the_failure(make_host: MakeHost) -> None:
    with pytest.raises(SearchFailed, match="no table"):
        list(make_host(REFUSES).stream(EVENTS))


@pytest.mark.parametrize(
    "metadata",
    [
        '{"error": "bad luck"}',
        '{"finished": True, "error": "bad luck"}',
        '{"error": "bad luck", "finished": False}',
    ],
)
def test_an_error_in_the_metadata_ends_the_search(make_host: MakeHost, metadata: str) -> None:
    at_once = make_host(f"from scp import *\nread()\nwrite({metadata})\n").run(EVENTS)
    later = make_host(f"from scp import *\nstart()\nread()\nwrite({metadata})\n", "later").run(EVENTS)
    for result in (at_once, later):
        assert str(result.failure) == "bad luck"
        assert result.messages == [("ERROR", "bad luck")]


@needs_sdk
@pytest.mark.parametrize(
    ("arguments", "body", "failure"),
    [
        ("nope=1", "def stream(self, records):\n    yield from records", "Unrecognized option: nope=1"),
        ("", "def prepare(self):\n    self.write_error('no luck'); sys.exit(1)\nstream = 1", "no luck"),
        ("", "def stream(self, records):\n    raise ValueError('odd row')", r"ValueError at .* : odd row"),
    ],
)
def test_an_error_on_the_sdk_fails_the_search(
    make_host: MakeHost, arguments: str, body: str, failure: str
) -> None:
    result = make_host(sdk_command("StreamingCommand", body)).run([{"n": "1"}], arguments)
    with pytest.raises(SearchFailed, match=failure):
        result.raise_for_error()
    assert result.exit_code == 1


@needs_sdk
def test_events_before_a_failure_are_kept(make_host: MakeHost) -> None:
    body = """
    def stream(self, records):
        for record in records:
            if record["n"] == "3":
                raise ValueError("three")
            yield record
    """
    host = make_host(sdk_command("StreamingCommand", body))
    result = host.run([{"n": str(n)} for n in range(9)], chunk_rows=2)
    assert result.failed
    assert result.events == [{"n": "0"}, {"n": "1"}]


def test_an_error_and_a_bad_exit_are_a_failure(make_host: MakeHost) -> None:
    result = make_host(
        """
        from scp import *
        start()
        request, body = read()
        write({"finished": request["finished"]}, body)
        request, body = read()
        write({"finished": request["finished"], "inspector": {"messages": [["FATAL", "too late"]]}}, body)
        sys.exit(7)
        """
    ).run([{"n": "1"}])
    assert (str(result.failure), result.exit_code, result.events) == ("too late", 7, [{"n": "1"}])


# Commands that break the protocol

ANSWERS = "from scp import *\nstart()\nrequest, body = read()\n"
DONE = ANSWERS + "write({'finished': False}, body)\nread()\nwrite({'finished': True})\n"

VIOLATIONS = [
    ("truncated header", "raw(b'chunked 1.0,1')", "getinfo: the output ends within a transport header"),
    (
        "text on stdout",
        "print('hello', flush=True); start()",
        r"getinfo: expected 'chunked 1\.0.*found b'hello\\n'",
    ),
    ("metadata cut off", "read(); raw(b'chunked 1.0,99,0\\n{}')", "2 of the 99 metadata bytes"),
    ("metadata length too small", "read(); raw(b'chunked 1.0,1,0\\n{}')", "the metadata is not JSON"),
    ("body cut off", ANSWERS + "raw(b'chunked 1.0,18,9\\n{\"finished\":false}a')", "1 of the 9 body bytes"),
    (
        "body length too small",
        ANSWERS + "raw(frame({'finished': False}, b'a\\n1\\n') + b'2\\n'); read()",
        "expected 'ch",
    ),
    (
        "getinfo with a body",
        "read(); write({'type': 'streaming'}, b'a')",
        "the getinfo reply has a body of 1 bytes",
    ),
    (
        "no type",
        "read(); write({})",
        "the getinfo reply's type is None instead of one of streaming, stateful",
    ),
    ("unknown type", "start(type='fast')", "type is 'fast'"),
    ("type of a wrong type", "start(type=1)", "the reply's 'type' is 1, not of type str"),
    ("unknown key", "start(required_field=['a'])", "unknown key 'required_field'"),
    ("a number for a bool", "start(generating=1)", "'generating' is 1, not of type bool"),
    ("a bool for a number", "start(maxinputs=True)", "'maxinputs' is True, not of type int"),
    ("a pattern as a field", "start(required_fields=['src*'])", "requires 'src\\*': no pattern but"),
    ("a field without a name", "start(required_fields=[''])", "requires a field ''"),
    ("finished at getinfo", "start(finished=True)", "ends the search without an error message"),
    (
        "execute key unknown",
        ANSWERS + "write({'finished': False, 'type': 'x'})",
        "request 1: .*unknown key 'type'",
    ),
    ("no finished", ANSWERS + "write({})", "request 1: the reply does not say whether it is finished"),
    (
        "finished too early",
        ANSWERS + "write({'finished': True})",
        "finished was False in the request and is True",
    ),
    (
        "never finished",
        DONE.replace("True", "False"),
        "request 2: finished was True in the request and is False",
    ),
    (
        "level unknown",
        "start(inspector={'messages': [['WARNING', 'x']]})",
        "level 'WARNING' instead of one of DEBUG, INFO",
    ),
    (
        "a message without text",
        "start(inspector={'messages': [['WARN']]})",
        r"not \[level, text\]: \['WARN'\]",
    ),
    ("messages that are not a list", "start(inspector={'messages': 'x'})", r"not \[level, text\]: 'x'"),
    ("inspector key unknown", "start(inspector={'metrics': 1})", "inspector has an unknown key 'metrics'"),
    (
        "metric of three",
        "start(inspector={'metric.a': [1, 2, 3]})",
        r"'metric.a' is \[1, 2, 3\], not four numbers",
    ),
    ("metric in words", "start(inspector={'metric.a': [1, 2, 3, 'x']})", "not four numbers or nulls"),
    (
        "ragged row",
        ANSWERS + "write({'finished': False}, b'a,b\\n1\\n')",
        "line 2: the row has 1 cells, the header 2",
    ),
    ("column twice", ANSWERS + "write({'finished': False}, b'a,a\\n')", "the column 'a' is there twice"),
    (
        "open quote",
        ANSWERS + "write({'finished': False}, b'a\\n\"1\\n')",
        "not a valid CSV table: .*unexpected end of data",
    ),
    ("broken multivalue", ANSWERS + "write({'finished': False}, b'a,__mv_a\\n1,$x\\n')", "not in the form"),
    ("gone after getinfo", "start()", r"execute request 1: no reply: it ended \(exit code 0\)"),
    ("gone at once", "sys.exit(3)", r"getinfo: no reply: it ended \(exit code 3\)"),
    ("dies of a signal", ANSWERS + "os.kill(os.getpid(), 9)", r"exit code -9"),
    (
        "crash",
        ANSWERS + "raise RuntimeError('boom')",
        r"exit code 1\); its last words on stderr: RuntimeError: boom",
    ),
    ("bytes after the end", DONE + "raw(b'bye\\n')", "its end: bytes after the last reply: .*found b'bye"),
    ("one reply too many", DONE + "write({'finished': True})", "its end: a reply that no request asked for"),
    ("bad exit", DONE + "sys.exit(4)", "its end: exit code 4"),
]


@pytest.mark.parametrize(
    ("script", "complaint"), [pytest.param(*case[1:], id=case[0].replace(" ", "-")) for case in VIOLATIONS]
)
def test_a_violation_of_the_protocol_is_named(make_host: MakeHost, script: str, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=f"^sample, .*{complaint}"):
        make_host("from scp import *\n" + script).run([{"a": "1"}, {"a": "2"}])


def test_a_second_reply_to_one_request_is_a_violation(make_host: MakeHost) -> None:
    host = make_host(ANSWERS + "raw(frame({'finished': False}) * 2)\nread()")
    with host.start() as search:
        search.exchange(b"a\n1\n", finished=False)
        time.sleep(0.5)  # so that the second one is there before the next request is sent
        with pytest.raises(ProtocolError, match="execute request 2: a reply that no request asked for"):
            search.exchange(b"a\n", finished=True)


def test_input_that_is_left_unread_is_a_violation(make_host: MakeHost) -> None:
    script = "from scp import *\nstart()\nread(skip_body=True)\nwrite({'finished': True})\n"
    with make_host(script).start() as search:
        search.exchange(b"a\n" + b"1\n" * 10_000_000, finished=True)
        with pytest.raises(ProtocolError, match="its end: it ended without reading all of its input"):
            search.finish()


# Within a shorter time a busy machine may not even have started the command.
@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("time.sleep(60)", "getinfo: neither a reply nor its end within 2 s"),
        (ANSWERS + "time.sleep(60)", "execute request 1: neither a reply"),
        ("start()\ntime.sleep(60)", "execute request 1: neither a reply"),
        (DONE + "time.sleep(60)", "its end: neither a reply nor its end"),
        (DONE + "sys.stdout.close(); os.close(1); time.sleep(60)", "its end: .*did not exit within 2 s"),
        ("import subprocess\nsubprocess.Popen(['sleep', '60'])\ntime.sleep(60)", "getinfo: neither a reply"),
    ],
)
def test_a_command_that_hangs_is_killed_with_all_it_started(
    make_host: MakeHost, script: str, complaint: str
) -> None:
    host = make_host("from scp import *\n" + script, timeout=2)
    began = time.monotonic()
    with pytest.raises(CommandTimeout, match=complaint):
        host.run([{"a": "1" * 1_000_000}])
    assert time.monotonic() - began < 30


def test_nothing_is_left_of_a_killed_command(make_host: MakeHost) -> None:
    host = make_host("from scp import *\nstart()\ntime.sleep(60)", timeout=2)
    with host.start() as search:
        with pytest.raises(CommandTimeout):
            list(search.stream([{"a": "1"}]))
        assert not is_running(search.pid)


def test_a_command_that_refuses_and_then_hangs_is_killed(make_host: MakeHost) -> None:
    script = "from scp import *\nread()\nwrite({'error': 'no'})\ntime.sleep(60)"
    result = make_host(script, timeout=2).run([])
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


def test_a_missing_interpreter_is_refused(make_host: MakeHost) -> None:
    with pytest.raises(UsageError, match="cannot start /no/python: No such file"):
        make_host(ECHO, python="/no/python").run([])


def test_arguments_that_splunk_would_not_take_start_nothing(make_host: MakeHost) -> None:
    with pytest.raises(UsageError, match="a quote is opened and never closed"):
        make_host(ECHO).run([], 'ip="open')


# On an indexer

WRITES = """
from scp import *
start()
request, body = read()
write({"finished": False})
read()
with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "lookups", "table.csv"), "a") as table:
    table.write("more")
write({"finished": True})
"""


@pytest.fixture()
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
            *("bin/sample.py", "bin/scp.py", "default/app.conf", "default/commands.conf"),
            *("lookups/table.csv", "metadata/default.meta"),
        ]
        assert not (installed / "default" / "app.conf").is_symlink()
        for path in [installed.parent.parent, installed.parent, installed, *installed.rglob("*")]:
            assert not stat.S_IMODE(path.stat().st_mode) & 0o222, path


def test_a_command_runs_on_a_peer_and_leaves_it_as_it_was(
    make_host: MakeHost, app: Path, tmp_path: Path
) -> None:
    make_host(MIRROR)
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


def test_only_an_app_with_commands_can_be_installed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it has no bin"):
        install_on_peer(tmp_path, tmp_path / "splunk")


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
