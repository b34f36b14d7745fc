"""The packaged commands when Splunk, the machine or a signal breaks the conversation.

Every command meets every kind of fault in a real process with real pipes; the many spellings of a fault are read in
this process.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Optional, cast

import pytest

from lab.host.host import SearchInfo
from lab.host.wire import Frame, FrameReader, decode_body, decode_frames, encode_body, encode_frame
from tests.tools.interpreters import PYTHONS
from tests.tsidsplunk import in_process

ENRICH, RISK, LOOKUP, REFRESH = "tsidenrich", "tsidrisk", "tsidlookup", "tsidrefresh"
SCRIPTS = {
    ENRICH: "tsidenrich.py",
    RISK: "tsidrisk.py",
    LOOKUP: "tsidlookup.py",
    REFRESH: "tsidrefresh.py",
}
COMMANDS = tuple(SCRIPTS)
STREAMING = (ENRICH, RISK)
# Seconds. It only ends what would never end.
TIMEOUT = 600


def getinfo(**changes: Any) -> bytes:
    """Return the first request of a search; None takes a member of searchinfo away."""
    info = {**asdict(SearchInfo()), "args": [], "raw_args": [], "dispatch_dir": "/", "search": "", **changes}
    searchinfo = {name: value for name, value in info.items() if value is not None}
    return encode_frame({"action": "getinfo", "preview": False, "searchinfo": searchinfo})


def execute(body: bytes = b"", **metadata: Any) -> bytes:
    return encode_frame({"action": "execute", "finished": False, **metadata}, body)


def events(first: int, count: int, padding: int = 0) -> bytes:
    """Return a body of numbered events; every tenth is licensing traffic."""
    return encode_body(
        [
            {
                "number": str(number),
                "dest": "203.0.113.5" if number % 10 else "72.163.4.38",
                "url": f"https://toos.cisco.com/{number}{'x' * padding}",
                "last_allowed": str(1_700_000_000 + number),
            }
            for number in range(first, first + count)
        ],
        ["number", "dest", "url", "last_allowed"],
    )


def numbers(frames: Sequence[Frame]) -> list[int]:
    """Return the numbers of the events in some replies, in order."""
    return [int(str(event["number"])) for frame in frames for event in decode_body(frame.body).records]


GETINFO = getinfo()
CHUNK = execute(events(0, 3))
FINISHED = execute(events(3, 0), finished=True)


class Ended(NamedTuple):
    """What a command said and how it ended."""

    frames: list[Frame]
    status: int
    stderr: str

    @property
    def messages(self) -> list[list[str]]:
        return [
            message
            for frame in self.frames
            for message in frame.metadata.get("inspector", {}).get("messages", [])
        ]

    def check_refusal(self, answered: int, *words: str) -> None:
        """It answered so many requests, said what is wrong in one message with those words, and exited with 1."""
        ((level, text),) = self.messages
        assert level == "ERROR"
        for word in words:
            assert word in text
        # What is wrong, and what to do about it.
        assert text.endswith(".")
        assert ". " in text
        assert "unexpected" not in text
        assert len(self.frames) == answered + 1
        assert self.frames[-1].metadata["finished"] is True
        assert self.frames[-1].body == b""
        assert self.status == 1
        assert self.stderr == ""


def argv(app: Path, command: str, python: str = sys.executable) -> list[str]:
    return [python, str(app / "bin" / SCRIPTS[command])]


def converse(app: Path, command: str, data: bytes, python: str = sys.executable) -> Ended:
    """Send all of that, close, and take what comes."""
    done = subprocess.run(
        argv(app, command, python), input=data, capture_output=True, timeout=TIMEOUT, check=False
    )
    return Ended(decode_frames(done.stdout), done.returncode, done.stderr.decode())


def converse_here(command: str, data: bytes) -> Ended:
    """Do the same in this process."""
    return Ended(*in_process.run(command, data))


class Talk:
    """A command that is spoken to piece by piece."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.pid = process.pid
        self.stdin, self.stdout = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        self._reader = FrameReader(self.stdout)

    def send(self, *data: bytes) -> None:
        for piece in data:
            self.stdin.write(piece)
        self.stdin.flush()

    def take(self) -> Frame:
        frame = self._reader.read()
        assert frame is not None
        return frame

    def end(self) -> Ended:
        """Close its input, take what it still says, and await its end."""
        self.stdin.close()
        return self.await_end()

    def await_end(self) -> Ended:
        frames = [] if self.stdout.closed else list(iter(self._reader.read, None))
        status = self.process.wait()
        # It was the leader of its session: whatever it started would still be there.
        with pytest.raises(ProcessLookupError):
            os.killpg(self.pid, 0)
        return Ended(frames, status, cast(BinaryIO, self.process.stderr).read().decode())


@contextmanager
def started(command_line: Sequence[str]) -> Iterator[Talk]:
    """Start a command; whoever waits for it in vain sees it killed."""
    process = subprocess.Popen(
        command_line,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=-1,
    )
    watchdog = threading.Timer(TIMEOUT, process.kill)
    watchdog.start()
    try:
        yield Talk(process)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            # What it did not live to read.
            with suppress(BrokenPipeError):
                cast(BinaryIO, pipe).close()


def frame_of(metadata: bytes, body: bytes = b"", more: int = 0, more_body: int = 0) -> bytes:
    """Return a frame with any metadata, whose lengths may be wrong by some bytes."""
    return b"chunked 1.0,%d,%d\n" % (len(metadata) + more, len(body) + more_body) + metadata + body


EXECUTE = b'{"action":"execute","finished":false}'
NO_HEADER = "expected the header of a chunk from Splunk, not"
# Input that is not a chunk, at any position, and words of the message.
BROKEN: dict[str, tuple[bytes, str]] = {
    "another version": (b"chunked 2.0,2,0\n{}", NO_HEADER),
    "another protocol": (b"GET / HTTP/1.1\r\n\r\n", NO_HEADER),
    "an empty line": (b"\n", NO_HEADER),
    "a binary header": (b"\x00\xff\xfe{}\n", NO_HEADER),
    "a line without end": (b"x" * 1_000_000, NO_HEADER),
    "a negative length": (b"chunked 1.0,-2,0\n{}", NO_HEADER),
    "a negative body": (b"chunked 1.0,2,-1\n{}", NO_HEADER),
    "a length with a fraction": (b"chunked 1.0,2.5,0\n{}", NO_HEADER),
    "a length in words": (b"chunked 1.0,two,0\n{}", NO_HEADER),
    "digits of another script": ("chunked 1.0,٢,0\n{}".encode(), NO_HEADER),
    "one length": (b"chunked 1.0,2\n{}", NO_HEADER),
    "three lengths": (b"chunked 1.0,2,0,0\n{}", NO_HEADER),
    "a length of 50 digits": (b"chunked 1.0," + b"9" * 50 + b",0\n{}", NO_HEADER),
    "a length of 5,000 digits": (b"chunked 1.0," + b"9" * 5_000 + b",0\n{}", NO_HEADER),
    "metadata of gigabytes": (b"chunked 1.0,4000000000,0\n{}", "is announced as 4000000000 bytes"),
    "metadata of petabytes": (b"chunked 1.0,999999999999999999,0\n{}", "bytes, more than"),
    "no metadata": (frame_of(b""), "metadata from Splunk is not JSON"),
    "no JSON": (frame_of(b"<metadata/>"), "metadata from Splunk is not JSON (Expecting value"),
    "half of the JSON": (frame_of(EXECUTE[:20]), "metadata from Splunk is not JSON"),
    "JSON and more": (frame_of(EXECUTE * 2), "metadata from Splunk is not JSON (Extra data"),
    "braces": (frame_of(b"{0} {} {x!r}"), "not JSON"),
    "a JSON list": (frame_of(b'["execute"]'), "metadata from Splunk is not a JSON object: b'[\"execute\"]'"),
    "a JSON text": (frame_of(b'"execute"'), "not a JSON object"),
    "a JSON number": (frame_of(b"7"), "not a JSON object"),
    "JSON null": (frame_of(b"null"), "not a JSON object"),
    "another encoding": (frame_of(EXECUTE.decode().encode("utf-16")), "metadata from Splunk is not UTF-8 at byte 0"),
    "an invalid byte": (frame_of(b'{"action":"\xff"}'), "metadata from Splunk is not UTF-8 at byte 11"),
    "JSON of great depth": (frame_of(b"[" * 200_000), "metadata from Splunk is not JSON"),
    "metadata longer than it says": (frame_of(EXECUTE, more=-1), "not JSON"),
    "metadata shorter than it says": (frame_of(EXECUTE, b"a\n1\n", more=1), "not JSON"),
}  # fmt: skip


class TestBrokenChunk:
    """Input that is not a chunk: all of it for tsidenrich, some for the others, which read with the same code."""

    @pytest.mark.parametrize("fault", BROKEN)
    def test_every_fault_after_other_chunks_is_refused(self, fault: str) -> None:
        data, words = BROKEN[fault]
        ended = converse_here(ENRICH, GETINFO + CHUNK + data)
        ended.check_refusal(2, words)
        assert numbers(ended.frames) == [0, 1, 2]

    @pytest.mark.parametrize("fault", ["a negative length", "JSON null"])
    def test_a_fault_after_other_chunks_is_refused(self, packaged_app: Path, fault: str) -> None:
        data, words = BROKEN[fault]
        ended = converse(packaged_app, ENRICH, GETINFO + CHUNK + data)
        ended.check_refusal(2, words)
        assert numbers(ended.frames) == [0, 1, 2]

    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_fault_in_the_first_chunk_is_refused(self, packaged_app: Path, command: str) -> None:
        data, words = BROKEN["a negative length"]
        converse(packaged_app, command, data).check_refusal(0, words)
        data, words = BROKEN["JSON null"]
        converse_here(command, data).check_refusal(0, words)

    @pytest.mark.parametrize("command", [RISK, LOOKUP, REFRESH])
    def test_a_fault_after_getinfo_is_refused(self, packaged_app: Path, command: str) -> None:
        data, words = BROKEN["a negative length"]
        converse(packaged_app, command, GETINFO + data).check_refusal(1, words)

    @pytest.mark.parametrize("python", PYTHONS)
    def test_deep_and_long_json_is_refused_on_every_python(self, packaged_app: Path, python: str) -> None:
        # Their JSON readers bound the depth and the digits in ways of their own.
        for metadata in (b"[" * 200_000, b'{"action":' + b"9" * 5_000 + b"}"):
            converse(packaged_app, ENRICH, GETINFO + frame_of(metadata), python).check_refusal(
                1, "from Splunk"
            )


class TestWrongRequest:
    """Well-formed chunks with wrong content."""

    @pytest.mark.parametrize(
        ("request_", "words"),
        [
            (execute(), "expected a getinfo chunk from Splunk, not execute"),
            (frame_of(b"{}"), "expected a getinfo chunk from Splunk, not None"),
            (encode_frame({"action": "getinfo"}), "the getinfo chunk from Splunk has no searchinfo"),
            (encode_frame({"action": "getinfo", "searchinfo": []}), "has no searchinfo"),
            (getinfo(args=None), "searchinfo.args is missing, not a list of texts"),
            (getinfo(args="keep=all"), "searchinfo.args is 'keep=all', not a list of texts"),
            (getinfo(args=[7]), "searchinfo.args is [7], not a list of texts"),
            (getinfo(dispatch_dir=None), "searchinfo.dispatch_dir is missing, not a text"),
            (getinfo(earliest_time="soon"), "searchinfo.earliest_time is 'soon', not a time"),
            (getinfo(latest_time=None), "searchinfo.latest_time is missing, not a time"),
            (getinfo(latest_time=10**400), "searchinfo.latest_time is 1000"),
            (getinfo(search=None), "searchinfo.search is missing, not a text"),
            (getinfo(sid={}), "searchinfo.sid is {}, not a text"),
            (getinfo(splunk_version=9.3), "searchinfo.splunk_version is 9.3, not a text"),
            (getinfo(maxresultrows="many"), "searchinfo.maxresultrows is 'many', not a number of rows"),
            (getinfo(maxresultrows=-1), "searchinfo.maxresultrows is -1, not a number of rows"),
            (getinfo(maxresultrows=0), "searchinfo.maxresultrows is 0, not a number of rows"),
            (frame_of(GETINFO.partition(b"\n")[2], b"a\n1\n"), "getinfo chunk from Splunk has a body of 4 bytes"),
            (frame_of(GETINFO.partition(b"\n")[2], more_body=10**17), "has a body of 100000000000000000 bytes"),
        ],
    )  # fmt: skip
    def test_a_wrong_first_request_is_refused(self, request_: bytes, words: str) -> None:
        converse_here(ENRICH, request_ + CHUNK).check_refusal(0, words)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_refuses_a_wrong_first_request(self, packaged_app: Path, command: str) -> None:
        converse(packaged_app, command, encode_frame({"action": "getinfo"})).check_refusal(
            0, "has no searchinfo"
        )

    @pytest.mark.parametrize(
        ("metadata", "words"),
        [
            ({"action": "getinfo"}, "expected an execute chunk from Splunk, not getinfo"),
            ({"action": "EXECUTE"}, "expected an execute chunk from Splunk, not EXECUTE"),
            ({"action": "{}" * 1_000}, "expected an execute chunk from Splunk, not {}{}{}"),
            ({"action": ["execute"]}, "expected an execute chunk from Splunk, not ['execute']"),
            ({}, "expected an execute chunk from Splunk, not None"),
            ({"action": "execute", "finished": "no"}, "finished is 'no', not true or false"),
            ({"action": "execute", "finished": 0}, "finished is 0, not true or false"),
            ({"action": "execute", "finished": None}, "finished is None, not true or false"),
        ],
    )
    def test_a_wrong_later_request_is_refused(self, metadata: dict[str, Any], words: str) -> None:
        ended = converse_here(ENRICH, GETINFO + CHUNK + encode_frame(metadata, events(3, 3)))
        ended.check_refusal(2, words)
        assert numbers(ended.frames) == [0, 1, 2]

    @pytest.mark.parametrize("command", STREAMING)
    def test_every_streaming_command_refuses_a_wrong_later_request(
        self, packaged_app: Path, command: str
    ) -> None:
        data = GETINFO + CHUNK + encode_frame({"action": "preview"}, events(3, 3))
        ended = converse(packaged_app, command, data)
        ended.check_refusal(2, "expected an execute chunk from Splunk, not preview")
        assert numbers(ended.frames) == [0, 1, 2]

    def test_unknown_metadata_is_ignored(self) -> None:
        metadata = {
            "action": "getinfo",
            "searchinfo": {**asdict(SearchInfo()), "args": [], "dispatch_dir": "/"},
        }
        metadata["searchinfo"].update(search="", new={"a": {"b": [1, 2]}}, maxresultrows=None)  # type: ignore[attr-defined]
        data = encode_frame({**metadata, "new": {"a": 1}}) + execute(events(0, 3), new=[{"a": 1}])
        for command in STREAMING:
            ended = converse_here(command, data)
            assert numbers(ended.frames) == [0, 1, 2]
            assert (ended.status, ended.messages, ended.stderr) == (0, [], "")


def cuts(frames: Sequence[bytes], *, closely: bool) -> Iterator[tuple[int, int, bool]]:
    """Yield places in a conversation, each with how many frames are whole before it, and whether it is between two."""
    begin = 0
    for whole, frame in enumerate(frames):
        head = frame.index(b"\n") + 1
        body = head + int(frame.split(b",")[1])
        inside = {head // 2, (head + body) // 2, (body + len(frame)) // 2}
        if closely:
            inside |= {1, head - 1, head, body - 1, body, len(frame) - 1}
        yield begin, whole, True
        yield from ((begin + place, whole, False) for place in sorted(inside) if place < len(frame))
        begin += len(frame)
    yield begin, len(frames), True


class TestInputEnds:
    """Splunk's end of the input is closed somewhere in the conversation."""

    @pytest.mark.parametrize(
        ("command", "frames"),
        [
            (ENRICH, (GETINFO, CHUNK, execute(events(3, 2), finished=True))),
            (RISK, (GETINFO, CHUNK, execute(events(3, 2), finished=True))),
            (LOOKUP, (GETINFO, execute(events(0, 0), finished=True))),
            # What follows a whole chunk would ask DNS.
            (REFRESH, (GETINFO, execute(events(0, 0), finished=True)[:-1])),
        ],
    )
    def test_at_any_point_the_message_says_what_is_missing(
        self, packaged_app: Path, command: str, frames: Sequence[bytes]
    ) -> None:
        conversation = b"".join(frames)
        # In a real process: nothing, and in the second chunk before it, in its header, metadata and body; for the
        # other commands, which read with the same code, in the last of these places only.
        second = [place for place, whole, _ in cuts(frames, closely=False) if whole == 1]
        real = {0, *(second if command == ENRICH else second[-1:])}
        for place, whole, between in cuts(frames, closely=command == ENRICH):
            if place == len(conversation) and command == REFRESH:
                continue
            endings = [converse_here(command, conversation[:place])]
            if place in real:
                endings.append(converse(packaged_app, command, conversation[:place]))
            for ended in endings:
                if command in STREAMING:
                    assert numbers(ended.frames) == list(range([0, 0, 3, 5][whole])), place
                if between and whole:
                    assert len(ended.frames) == whole, place
                    assert (ended.status, ended.messages, ended.stderr) == (0, [], ""), place
                elif place:
                    ended.check_refusal(whole, " from Splunk ends after ", "run the search again")
                else:
                    ended.check_refusal(0, "the input from Splunk ended before its first chunk")

    @pytest.mark.parametrize("command", COMMANDS)
    @pytest.mark.parametrize("descriptor", [0, 1])
    def test_a_closed_descriptor_at_the_start_is_refused(
        self, packaged_app: Path, command: str, descriptor: int
    ) -> None:
        close = "import os, sys; os.close(int(sys.argv[1])); os.execv(sys.executable, [sys.executable, sys.argv[2]])"
        script = argv(packaged_app, command)[1]
        with started([sys.executable, "-c", close, str(descriptor), script]) as talk:
            ended = talk.end()
        assert ended.frames == []
        assert ended.status == 1
        assert ended.stderr.startswith(f"{command}: standard input or output is closed. ")
        assert ended.stderr.count("\n") == 1


class TestLengthsThatAreLies:
    """A chunk is announced as larger than all memory; the command gets no more than it has."""

    @contextmanager
    def bounded(self, app: Path, command: str) -> Iterator[Talk]:
        """Start a search that must do with little more memory than it has."""
        with started(argv(app, command)) as talk:
            talk.send(GETINFO)
            talk.take()
            pages = int(Path(f"/proc/{talk.pid}/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + (64 << 20)
            resource.prlimit(talk.pid, resource.RLIMIT_AS, (most, most))
            yield talk

    @pytest.mark.parametrize(
        ("command", "length"), [*((command, 3 << 30) for command in COMMANDS), (ENRICH, 10**17)]
    )
    def test_a_body_of_gigabytes_takes_no_memory(self, packaged_app: Path, command: str, length: int) -> None:
        with self.bounded(packaged_app, command) as talk:
            talk.send(b"chunked 1.0,%d,%d\n" % (len(EXECUTE), length), EXECUTE, events(0, 1_000))
            ended = talk.end()
        ended.check_refusal(0, "the chunk's body from Splunk ends after", f"of {length} bytes")

    @pytest.mark.parametrize("command", [ENRICH, RISK])
    def test_metadata_of_gigabytes_are_refused_at_once(self, packaged_app: Path, command: str) -> None:
        with self.bounded(packaged_app, command) as talk:
            talk.send(b"chunked 1.0,%d,2\n" % (3 << 30))
            # The input stays open: it does not wait for what will never come.
            talk.await_end().check_refusal(0, f"is announced as {3 << 30} bytes")

    def test_metadata_of_twenty_megabytes_are_read(self, packaged_app: Path) -> None:
        # A search with what its subsearches have found.
        with started(argv(packaged_app, ENRICH)) as talk:
            talk.send(getinfo(search="x" * 20_000_000))
            assert talk.take().metadata["type"] == "streaming"
            assert talk.end().status == 0


# More than a pipe holds, in few events.
LARGE_COUNT = 500
LARGE = execute(events(0, LARGE_COUNT, padding=1_000))


class TestReaderLeaves:
    """Splunk closes its end of the output, as it does when a search has seen enough: silence, and status 0."""

    @contextmanager
    def left(self, app: Path, command: str) -> Iterator[Talk]:
        with started(argv(app, command)) as talk:
            yield talk
            talk.stdout.close()
            with suppress(BrokenPipeError):
                talk.stdin.close()
            ended = talk.await_end()
            assert (ended.status, ended.stderr) == (0, "")

    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_command_whose_reader_left_before_getinfo_is_silent(
        self, packaged_app: Path, command: str
    ) -> None:
        with self.left(packaged_app, command) as talk:
            talk.stdout.close()
            talk.send(GETINFO)

    @pytest.mark.parametrize("command", [ENRICH, LOOKUP])
    def test_a_command_whose_reader_left_before_a_message_is_silent(
        self, packaged_app: Path, command: str
    ) -> None:
        with self.left(packaged_app, command) as talk:
            talk.stdout.close()
            talk.send(b"nonsense\n")

    @pytest.mark.parametrize("command", [ENRICH, LOOKUP])
    def test_a_command_whose_reader_left_before_the_refusal_of_an_option_is_silent(
        self, packaged_app: Path, command: str
    ) -> None:
        with self.left(packaged_app, command) as talk:
            talk.stdout.close()
            talk.send(getinfo(args=["option=unknown"]))

    @pytest.mark.parametrize("command", [ENRICH, RISK, LOOKUP])
    def test_a_command_whose_reader_left_after_getinfo_is_silent(
        self, packaged_app: Path, command: str
    ) -> None:
        with self.left(packaged_app, command) as talk:
            talk.send(GETINFO)
            talk.take()
            talk.stdout.close()
            talk.send(CHUNK)

    @pytest.mark.parametrize("command", STREAMING)
    def test_a_command_whose_reader_left_after_a_reply_is_silent(
        self, packaged_app: Path, command: str
    ) -> None:
        with self.left(packaged_app, command) as talk:
            talk.send(GETINFO, CHUNK)
            talk.take()
            talk.take()
            talk.stdout.close()
            talk.send(CHUNK)

    @pytest.mark.parametrize("command", STREAMING)
    def test_a_command_whose_reader_left_in_the_middle_of_a_reply_is_silent(
        self, packaged_app: Path, command: str
    ) -> None:
        with self.left(packaged_app, command) as talk:
            talk.send(GETINFO)
            talk.take()
            talk.send(LARGE)
            # Much more is to come than the pipe can hold.
            assert talk.stdout.read(100).startswith(b"chunked 1.0,")


class TestSignals:
    """Splunk, the system or somebody at the terminal ends a command: at once, without a word, with all it has."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_signal_ends_a_command_that_waits(
        self, packaged_app: Path, command: str, number: signal.Signals
    ) -> None:
        with started(argv(packaged_app, command)) as talk:
            talk.send(GETINFO)
            talk.take()
            talk.process.send_signal(number)
            assert talk.await_end() == Ended([], -number, "")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    @pytest.mark.parametrize("command", STREAMING)
    def test_a_signal_ends_a_command_that_reads(
        self, packaged_app: Path, command: str, number: signal.Signals
    ) -> None:
        with started(argv(packaged_app, command)) as talk:
            talk.send(GETINFO)
            talk.take()
            # More than the pipe holds: when all of it is written, the command has begun to read.
            talk.send(LARGE[:-100])
            talk.process.send_signal(number)
            assert talk.await_end() == Ended([], -number, "")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    @pytest.mark.parametrize("command", STREAMING)
    def test_a_signal_ends_a_command_that_writes(
        self, packaged_app: Path, command: str, number: signal.Signals
    ) -> None:
        with started(argv(packaged_app, command)) as talk:
            talk.send(GETINFO)
            talk.take()
            talk.send(LARGE)
            talk.stdout.read(1)
            talk.process.send_signal(number)
            assert talk.process.wait() == -number
            assert cast(BinaryIO, talk.process.stderr).read() == b""

    @pytest.mark.parametrize("command", STREAMING)
    def test_sigpipe_changes_nothing(self, packaged_app: Path, command: str) -> None:
        with started(argv(packaged_app, command)) as talk:
            talk.send(GETINFO)
            talk.take()
            frames = []
            for request in (LARGE, CHUNK):
                talk.send(request[:-10])
                talk.process.send_signal(signal.SIGPIPE)
                talk.send(request[-10:])
                talk.process.send_signal(signal.SIGPIPE)
                frames.append(talk.take())
            assert numbers(frames) == [*range(LARGE_COUNT), 0, 1, 2]
            assert talk.end() == Ended([], 0, "")


def many(count: int) -> bytes:
    """Return a body of so many events that bear numbers; every thousandth is licensing traffic."""
    others = b'%d,"203.0.113.5","https://www.example.com/"\n'
    lines = [others % number for number in range(count)]
    for number in range(999, count, 1_000):
        lines[number] = b'%d,"72.163.4.38","https://toos.cisco.com/"\n' % number
    return b"number,dest,url\n" + b"".join(lines)


class TestChunksOfAllSizes:
    """Every event comes back, once, in its place."""

    @pytest.mark.parametrize("command", STREAMING)
    def test_finished_is_repeated_in_each_reply(self, packaged_app: Path, command: str) -> None:
        saying = [False, True, True, False, True, False]
        data = [execute(events(3 * place, 3), finished=said) for place, said in enumerate(saying)]
        ended = converse(packaged_app, command, GETINFO + b"".join(data))
        assert numbers(ended.frames) == list(range(18))
        assert [frame.metadata["finished"] for frame in ended.frames[1:]] == saying
        assert (ended.status, ended.messages, ended.stderr) == (0, [], "")

    @pytest.mark.parametrize("command", STREAMING)
    def test_chunks_without_events_are_answered_without_events(
        self, packaged_app: Path, command: str
    ) -> None:
        header, no_end = events(0, 0), events(0, 0)[:-1]
        bodies = [b"", header, no_end, events(0, 1), b"", header, events(1, 2), b"", b"\n", events(3, 1)]
        ended = converse(packaged_app, command, GETINFO + b"".join(map(execute, bodies)))
        assert numbers(ended.frames) == [0, 1, 2, 3]
        assert len(ended.frames) == 1 + len(bodies)
        assert (ended.status, ended.messages, ended.stderr) == (0, [], "")

    def test_a_chunk_of_very_many_events_comes_back_whole(self, packaged_app: Path) -> None:
        count = 500_000
        with started(argv(packaged_app, ENRICH)) as talk:
            talk.send(GETINFO)
            talk.take()
            # All of it is written before anything is read, as splunkd does.
            talk.send(execute(many(count)), execute(events(0, 2), finished=True))
            reply, last = talk.take(), talk.take()
            assert talk.end() == Ended([], 0, "")
        lines = reply.body.split(b"\n")[1:-1]
        assert [line.partition(b",")[0] for line in lines] == [b"%d" % number for number in range(count)]
        found = [place for place, line in enumerate(lines) if b"aliased" in line]
        assert found == list(range(999, count, 1_000))
        assert reply.metadata["finished"] is False
        assert numbers([last]) == [0, 1]

    def test_a_chunk_of_very_many_rows_comes_back_whole_from_tsidrisk(self, packaged_app: Path) -> None:
        ended = converse(packaged_app, RISK, GETINFO + execute(many(50_000)) + FINISHED)
        lines = ended.frames[1].body.split(b"\n")[1:-1]
        assert [line.partition(b",")[0] for line in lines] == [b"%d" % number for number in range(50_000)]
        assert (ended.status, ended.messages, ended.stderr) == (0, [], "")


def unread(pipe: BinaryIO) -> int:
    """Return how many bytes in a pipe its reader has not taken yet."""
    (count,) = struct.unpack("i", fcntl.ioctl(pipe.fileno(), termios.FIONREAD, b"\0" * 4))
    return int(count)


class TestSlowness:
    """Whoever is slow is waited for."""

    @pytest.mark.parametrize("command", STREAMING)
    def test_a_command_waits_for_a_slow_writer(self, packaged_app: Path, command: str) -> None:
        with started(argv(packaged_app, command)) as talk:
            talk.send(GETINFO[:-1])
            frames = []
            for request in (GETINFO[-1:], CHUNK, execute(events(3, 2)), FINISHED):
                for place in range(len(request)):
                    talk.send(request[place : place + 1])
                    # Each byte comes alone.
                    while unread(talk.stdin):
                        os.sched_yield()
                frames.append(talk.take())
            assert numbers(frames) == [0, 1, 2, 3, 4]
            assert talk.end() == Ended([], 0, "")

    @pytest.mark.parametrize("command", STREAMING)
    def test_a_command_waits_for_a_slow_reader(self, packaged_app: Path, command: str) -> None:
        with started(argv(packaged_app, command)) as talk:
            talk.send(GETINFO)
            talk.take()
            talk.send(LARGE)
            received = bytearray()
            raw = talk.stdout.fileno()
            length: Optional[int] = None
            pause_at = 0
            while length is None or len(received) < length:
                if len(received) >= pause_at:
                    # Meanwhile the pipe is full, and the command cannot go on.
                    time.sleep(0.2)
                    pause_at += 500_000
                received += os.read(raw, 1_000)
                if length is None and b"\n" in received:
                    header = bytes(received[: received.index(b"\n") + 1])
                    length = len(header) + sum(map(int, header.split(b",")[1:]))
            assert numbers(decode_frames(bytes(received))) == list(range(LARGE_COUNT))
            assert talk.end() == Ended([], 0, "")
