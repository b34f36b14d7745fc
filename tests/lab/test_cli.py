"""``python -m lab run``: reads files, writes events, and reports an error in one line with its exit status."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from lab import ROOT
from lab.__main__ import main
from lab.cli.render import write_events
from lab.cli.terminal import safe_text
from lab.errors import UsageError

COMMAND = """
import json, sys

def exchange(answer):
    header = sys.stdin.buffer.readline()
    if not header:
        sys.exit(0)
    metadata_length, body_length = (int(number) for number in header.split(b",")[1:])
    request = json.loads(sys.stdin.buffer.read(metadata_length))
    metadata, body = answer(request, sys.stdin.buffer.read(body_length))
    encoded = json.dumps(metadata).encode()
    sys.stdout.buffer.write(b"chunked 1.0,%d,%d\\n" % (len(encoded), len(body)) + encoded + body)
    sys.stdout.buffer.flush()

def getinfo(request, body):
    args = request["searchinfo"]["args"]
    if "refuse" in args:
        return {"inspector": {"messages": [["WARN", "careful"], ["ERROR", "no\\x1b[31m table"]]}}, b""
    if "crash" in args:
        raise KeyError("lost")
    if "needs" in args:
        import splunklib_that_nobody_has
    said = {"messages": [["INFO", "args " + " ".join(args)]], "metric.load": [0.25, 1, None, 3]}
    return {"type": "streaming", "generating": "generate" in args, "inspector": said}, b""

def execute(request, body):
    if GENERATES:
        return {"finished": True}, b"made\\nup\\n"
    return {"finished": request["finished"], "inspector": {"metric.load": [0.5, 1, None, 4]}}, body

GENERATES = False

def first(request, body):
    global GENERATES
    GENERATES = "generate" in request["searchinfo"]["args"]
    return getinfo(request, body)

exchange(first)
while True:
    exchange(execute)
"""


class Done(NamedTuple):
    """The exit status and the output of a command line."""

    returncode: object
    stdout: str
    stderr: str


class Lab:
    """The lab's command line, with a small app."""

    def __init__(self, folder: Path) -> None:
        self.app = folder / "app"
        (self.app / "bin").mkdir(parents=True)
        (self.app / "default").mkdir()
        (self.app / "bin" / "sample.py").write_text(COMMAND)
        (self.app / "default" / "commands.conf").write_text(
            "[sample]\nchunked = true\nfilename = sample.py\n"
        )
        self.folder = folder

    def file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
        return str(path)

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        """Run a command line in this process, with standard streams of its own."""
        streams = [
            io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="") for data in (stdin.encode(), b"", b"")
        ]
        with (
            mock.patch.multiple(sys, stdin=streams[0], stdout=streams[1], stderr=streams[2]),
            mock.patch.dict(os.environ, environment),
        ):
            try:
                status: object = main([*arguments, "--app", str(self.app)])
            except SystemExit as ended:  # argparse's
                status = ended.code
            for stream in streams[1:]:
                stream.flush()
        out, err = (stream.buffer.getvalue().decode("utf-8", "surrogateescape") for stream in streams[1:])
        return Done(status, out, err)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_file_is_read_and_json_is_written(lab: Lab) -> None:
    path = lab.file("a.tsv", "ip\tname\n10.0.0.1\tx\n\ty\udcff\n")
    done = lab("run", 'sample ip="Destination IP"', path, "--output", "json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"ip": "10.0.0.1", "name": "x"},
        {"name": "y\udcff"},
    ]
    assert done.stderr == "INFO: args ip=Destination IP\n"
    assert done.returncode == 0


def test_csv_has_the_chosen_columns(lab: Lab) -> None:
    path = lab.file("a.jsonl", '{"a": 1, "b": ["x", "y"]}\n{"c": "ü"}\n')
    assert lab("run", "sample", path, "--output", "csv").stdout == 'a,b,c\n1,"x\ny",\n,,ü\n'
    assert lab("run", "sample", path, "--output", "csv", "--fields", "c,a").stdout == "c,a\n,1\nü,\n"


def test_the_default_output_is_a_table_that_a_terminal_cannot_obey(lab: Lab) -> None:
    path = lab.file(
        "a.csv", "name,nothing,url\n[b]x[/b],,https://tools.cisco.com/" + "long/" * 40 + "\ny\x1b[2J,,\n"
    )
    rows = [line.split() for line in lab("run", "sample", path).stdout.splitlines() if line.strip(" ─")]
    # In a pipe nothing is cut off or folded; markup and escape sequences are shown, not obeyed.
    assert rows == [["name", "url"], ["[b]x[/b]", "https://tools.cisco.com/" + "long/" * 40], [r"y\x1b[2J"]]


def test_fields_choose_the_columns_of_a_table(lab: Lab) -> None:
    path = lab.file("a.csv", "a,b,c\n1,2,3\n")
    out = lab("run", "sample", path, "--fields", "c, a").stdout
    assert [line.split() for line in out.splitlines() if line.strip(" ─")] == [["c", "a"], ["3", "1"]]


def test_a_terminal_that_is_too_narrow_gets_blocks(lab: Lab) -> None:
    path = lab.file("a.csv", ",".join(f"column{n}" for n in range(9)) + "\n" + ",".join("abcdefgh") + ",\n")
    out = lab("run", "sample", path, FORCE_COLOR="1", NO_COLOR="1", TERM="dumb", COLUMNS="80").stdout
    assert "column0  a" in out
    assert "column7  h" in out
    assert "column8" not in out


def test_stdin_is_read_without_a_file_and_for_a_dash(lab: Lab) -> None:
    for files in ([], ["-"]):
        done = lab("run", "sample", *files, "--format", "csv", "--output", "json", stdin="a\n1\n")
        assert (done.stdout, done.returncode) == ('{"a": "1"}\n', 0)


def test_events_come_in_chunks_and_no_more_than_wanted(lab: Lab) -> None:
    path = lab.file("a.csv", "n\n" + "".join(f"{n}\n" for n in range(1000)))
    done = lab(
        "run",
        "sample",
        path,
        "--chunk-rows",
        "10",
        "--limit",
        "15",
        "--output",
        "csv",
        "--fields",
        "n",
        "--metrics",
    )
    assert done.stdout.splitlines() == ["n", *map(str, range(15))]
    # Two of the hundred chunks were sent.
    assert "load  1.25 s  3 calls  - in  11 out" in done.stderr


def test_metrics_are_shown_on_demand(lab: Lab) -> None:
    path = lab.file("a.csv", "n\n1\n")
    assert "load" not in lab("run", "sample", path).stderr
    assert (
        lab("run", "sample", path, "--metrics").stderr == "INFO: args \nload  1.25 s  3 calls  - in  11 out\n"
    )


def test_a_generating_command_takes_no_events(lab: Lab) -> None:
    assert lab("run", "| sample generate", "--output", "json").stdout == '{"made": "up"}\n'
    done = lab("run", "sample generate", lab.file("a.csv", "n\n"))
    assert done.returncode == 2
    assert "'sample generate' generates its own events: leave out" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["run", "sample refuse", "a.csv"], 1, r"lab: no\x1b[31m table"),
        (
            ["run", "sample crash", "a.csv"],
            1,
            "lab: sample, getinfo: no reply: it ended (exit code 1); its last words",
        ),
        (["run", "sample needs", "a.csv"], 2, "is missing: run `make vendor` (sample, getinfo: no reply"),
        (["run", "other", "a.csv"], 2, "has no stanza [other]"),
        (["run", "sample | head", "a.csv"], 2, "lab: one command at a time, no pipe"),
        (["run", 'sample "x', "a.csv"], 2, "lab: a quote is opened and never closed"),
        (["run", "sample", "gone.csv"], 2, "gone.csv: cannot be opened: No such file or directory"),
        (["run", "sample", "bad.csv"], 2, "bad.csv:2: the row has 2 cells, the header 1"),
        (["run", "sample", "a.csv", "--python", "/no/python"], 2, "lab: cannot start /no/python"),
        (["run", "sample"], 2, "lab: stdin: name its format: --format tsv|csv|jsonl|raw"),
        (["run"], 2, "the following arguments are required: COMMAND"),
        (["walk"], 2, "invalid choice: 'walk'"),
        (["run", "sample", "--limit", "0"], 2, "0 is less than 1"),
        (["run", "sample", "--limit", "x"], 2, "invalid"),
        (["run", "sample", "--timeout", "0"], 2, "argument --timeout: 0 is not a number of seconds"),
        (["run", "sample", "--format", "xml"], 2, "invalid choice: 'xml'"),
    ],
)
def test_a_mistake_is_one_clear_line_and_its_exit_status(
    lab: Lab, arguments: list[str], status: int, complaint: str
) -> None:
    lab.file("a.csv", "n\n1\n")
    lab.file("bad.csv", "n\n1,2\n")
    done = lab(*(str(lab.folder / word) if word.endswith(".csv") else word for word in arguments))
    assert complaint in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.returncode == status


def test_messages_before_a_refusal_are_shown(lab: Lab) -> None:
    assert lab("run", "sample refuse", lab.file("a.csv", "n\n")).stderr.startswith("WARN: careful\n")


@pytest.mark.parametrize(("unbuffered", "output"), [("", "json"), ("1", "csv"), ("1", "table")])
def test_a_closed_pipe_ends_it_quietly(lab: Lab, unbuffered: str, output: str) -> None:
    # Much more than a pipe holds.
    path = lab.file("a.csv", "n\n" + "".join(f"{n:0200}\n" for n in range(2_000)))
    line = [
        sys.executable,
        "-m",
        "lab",
        "run",
        "sample",
        path,
        "--app",
        str(lab.app),
        "--output",
        output,
    ]
    with subprocess.Popen(
        line,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() in ("", "INFO: args \n")
        assert process.wait(60) == 0


@pytest.mark.skipif(os.name == "nt", reason="no terminals of this kind")
def test_a_long_input_is_counted_on_the_terminal(lab: Lab, tmp_path: Path) -> None:
    import pty  # noqa: PLC0415 - not everywhere

    terminal, stderr = pty.openpty()
    line = [sys.executable, "-m", "lab", "run", "sample", "-", "--format", "csv", "--output", "json"]
    counted = threading.Event()

    def watch() -> None:
        shown = b""
        with contextlib.suppress(OSError):  # how Linux ends a terminal whose other side is closed
            while data := os.read(terminal, 4096):
                shown += data
                if re.search(rb"\d,\d{3} events", shown):
                    counted.set()

    watcher = threading.Thread(target=watch)
    output, written = tmp_path / "output", 0
    with (
        output.open("wb") as stdout,
        subprocess.Popen(
            [*line, "--app", str(lab.app)],
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm"},
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
        ) as process,
    ):
        os.close(stderr)
        watcher.start()
        assert process.stdin
        process.stdin.write(b"n\n")
        # It goes on until it is counted, which comes only when it takes long.
        while written < 1_000_000 and not counted.wait(0.05):
            process.stdin.write(b"1\n" * 500)
            process.stdin.flush()
            written += 500
        process.stdin.close()
    watcher.join()
    os.close(terminal)
    assert counted.is_set()
    assert output.read_bytes() == b'{"n": "1"}\n' * written


def test_help_has_examples(lab: Lab) -> None:
    done = lab("run", "--help")
    assert done.returncode == 0
    assert "python -m lab run tsidenrich events.tsv" in done.stdout


def test_the_app_is_this_repository_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"DstIP": "72.163.4.38", "url": "https://tools.cisco.com/", "seen": ["a", "b"]}\n')
    assert main(["run", "tsidenrich", str(path), "--output", "json"]) == 0
    event = json.loads(capsys.readouterr().out)
    assert event["seen"] == ["a", "b"]
    assert event["tsid_verdict"]


@pytest.mark.parametrize(
    ("options", "name", "text", "warning"),
    [
        (
            "",
            "a.csv",
            "Destination,Link,_time\nx,y,1\n",
            "none of the columns in it (Destination, Link, _time)",
        ),
        (
            " keep=licensing",
            "a.csv",
            "Destination\nx\n",
            "none of the columns in it (Destination): name them",
        ),
        (" keep=licensing ip=Destination", "a.csv", "Destination\nx\n", ""),
        (" ip=Destination", "a.csv", "Destination\nx\n", ""),
        ("", "a.csv", "dest_ip\nx\n", ""),
        ("", "a.tsv", "dest_ip;url\nx;y\n", "none of the columns in it (dest_ip;url)"),
        ("", "a.log", "x\n", "none of the columns in it (_raw): name them, as in tsidenrich"),
        (" raw=true", "a.log", "x\n", ""),
        ("", "a.csv", "dest_ip\n", "no events"),
        ("", "a.csv", "", "no events"),
    ],
)
def test_a_file_without_a_field_that_is_read_gets_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, name: str, text: str, warning: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert main(["run", f"tsidenrich{options}", str(path)]) == 0
    said = capsys.readouterr().err
    assert warning in said
    assert said.startswith(f"WARN: {path}: ") == bool(warning)


def test_without_rich_everything_but_the_table_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lab.cli.table", raising=False)
    monkeypatch.setitem(sys.modules, "rich.table", None)
    out = io.StringIO()
    write_events([{"a": "1"}], "json", out=out)
    assert out.getvalue() == '{"a": "1"}\n'
    with pytest.raises(UsageError, match="pip install rich"):
        write_events([{"a": "1"}], "table", out=out)


@pytest.mark.parametrize("output", ["table", "json"])
def test_without_events_nothing_is_written(output: str) -> None:
    out = io.StringIO()
    write_events([], output, out=out)
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü\nnext", "plain ü\nnext"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\rb\tc\x00", r"a\rb\tc\x00"),
        ("\x9b1m\u202egnp\u2066", r"\x9b1m\u202egnp\u2066"),
        ("\udcff", r"\udcff"),
    ],
)
def test_text_cannot_act_upon_the_terminal(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_an_option_that_is_misspelt_gets_the_nearest(lab: Lab) -> None:
    done = lab("run", "sample", "--feilds", "ip")
    assert done.returncode == 2
    assert "unrecognized arguments: --feilds" in done.stderr
    assert "did you mean --fields?" in done.stderr


def test_a_field_that_no_event_has_gets_the_nearest(lab: Lab) -> None:
    path = lab.file("a.tsv", "verdict\tname\naliased\tx\n")
    done = lab("run", "sample", path, "--output", "csv", "--fields", "verdct,name,other")
    assert done.returncode == 0
    assert "WARN: no event has the field verdct; did you mean verdict?\n" in done.stderr
    assert "other" not in done.stderr
