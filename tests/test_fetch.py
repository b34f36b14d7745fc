"""Bringing one file from a package index, with everything that an index can do wrong."""

from __future__ import annotations

import hashlib
import http.server
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import fetch
from tools.common import ToolError

CONTENT = b"a wheel"
HASH = hashlib.sha256(CONTENT).hexdigest()
PAGE = json.dumps({"files": [{"filename": "x-1.whl", "url": "../../files/x-1.whl"}]}).encode()


class Index:
    """A package index on this machine: what it answers next for a path, and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes]]] = {
            "/simple/x/": [(200, PAGE)],
            "/files/x-1.whl": [(200, CONTENT)],
        }
        self.asked: list[str] = []

    def answer(self, path: str) -> tuple[int, bytes]:
        """Return status and body; the last answer is repeated."""
        self.asked.append(path)
        answers = self.answers.get(path, [(404, b"")])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    served = Index()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = served.answer(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_address[1]}/simple/")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(fetch, "PAUSES", (0.0, 0.0))
        yield served
        server.shutdown()
        thread.join()


def test_the_file_is_brought_once(index: Index, tmp_path: Path) -> None:
    for _ in range(2):
        assert fetch.fetch("x", "x-1.whl", {HASH}, tmp_path / "cache").read_bytes() == CONTENT
    assert index.asked == ["/simple/x/", "/files/x-1.whl"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["x-1.whl"]


def test_a_damaged_file_in_the_cache_is_brought_anew(index: Index, tmp_path: Path) -> None:
    (tmp_path / "x-1.whl").write_bytes(b"half a whe")
    assert fetch.fetch("x", "x-1.whl", {HASH}, tmp_path).read_bytes() == CONTENT
    assert index.asked


def test_a_server_that_stumbles_is_asked_again(index: Index, tmp_path: Path) -> None:
    index.answers["/simple/x/"] = [(503, b""), (500, b""), (200, PAGE)]
    assert fetch.fetch("x", "x-1.whl", {HASH}, tmp_path).read_bytes() == CONTENT


def test_another_file_than_the_pinned_one_is_not_kept(index: Index, tmp_path: Path) -> None:
    index.answers["/files/x-1.whl"] = [(200, b"another wheel")]
    with pytest.raises(ToolError, match=r"sent a x-1.whl that is not the pinned one"):
        fetch.fetch("x", "x-1.whl", {HASH}, tmp_path)
    assert list(tmp_path.iterdir()) == []


REFUSALS = {
    "an absent project": ([(404, b"")], "answered 404 Not Found\n.*PIP_INDEX_URL"),
    "an index that has only HTML": (
        [(200, b"<html>")],
        "does not speak the simple JSON API\n.*apt install python3-venv",
    ),
    "an absent file": ([(200, b'{"files": []}')], "does not have x-1.whl"),
    "a server that is down": ([(502, b"")], "cannot be reached: 502 Bad Gateway\n.*HTTPS_PROXY"),
}


@pytest.mark.parametrize(("answers", "message"), REFUSALS.values(), ids=REFUSALS)
def test_says_what_to_do_about(
    index: Index, tmp_path: Path, answers: list[tuple[int, bytes]], message: str
) -> None:
    index.answers["/simple/x/"] = answers
    with pytest.raises(ToolError, match=message):
        fetch.fetch("x", "x-1.whl", {HASH}, tmp_path)


def test_says_what_to_do_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetch, "PAUSES", ())
    with pytest.raises(ToolError, match=r"127.0.0.1 cannot be reached: .*refused\n.*HTTPS_PROXY"):
        fetch.fetch("x", "x-1.whl", {HASH}, tmp_path)


def test_says_what_to_do_without_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        error = ssl.SSLCertVerificationError()
        error.verify_message = "unable to get local issuer certificate"
        raise urllib.error.URLError(error)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(
        ToolError, match=r"cannot be verified: unable to get local .*\n.*apt install ca-certificates"
    ):
        fetch.fetch("x", "x-1.whl", {HASH}, tmp_path)


def test_never_shows_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:secret@127.0.0.1/simple")
    with pytest.raises(ToolError, match="holds a user name") as raised:
        fetch.fetch("x", "x-1.whl", {HASH}, tmp_path)
    assert "secret" not in str(raised.value)
