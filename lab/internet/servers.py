"""Runs TLS servers on loopback with certificates of a test authority, and a proxy to them."""

from __future__ import annotations

import contextlib
import datetime
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import trustme

from lab.internet.nameserver import LOOPBACK

_TIMEOUT_SECONDS = 20.0


def issue(
    authority: trustme.CA,
    names: Sequence[str],
    *,
    common_name: Optional[str] = None,
    unit: Optional[str] = None,
    expired: bool = False,
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> ssl.SSLContext:
    """Return a server's side of TLS with a new certificate.

    Args:
        authority: issues the certificate.
        names: its subject alternative names in order.
        common_name: in its subject.
        unit: the organisational unit in its subject.
        expired: it was valid until yesterday.
        newest: the newest version of TLS that the server speaks.
    """
    until = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1) if expired else None
    certificate = authority.issue_cert(
        *names, common_name=common_name, organization_unit_name=unit, not_after=until
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    certificate.configure_cert(context)
    return context


def write_authority(authority: trustme.CA, path: Path) -> Path:
    """Write an authority's certificate as a bundle to trust; return the path."""
    authority.cert_pem.write_to_path(str(path))
    return path


class Server(socketserver.ThreadingTCPServer):
    """A TCP server on a free port of loopback, for as long as the context lasts.

    Args:
        handle: called with each connection.
    """

    daemon_threads = True
    # Without a place in the queue a client would retry a second later.
    request_queue_size = 64

    def __init__(self, handle: Callable[[socket.socket], None]) -> None:
        self._handle = handle
        super().__init__((LOOPBACK, 0), socketserver.BaseRequestHandler)
        self.port: int = self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the signature
        """Serve one connection."""
        request.settimeout(_TIMEOUT_SECONDS)
        # The peer may go at any time.
        with contextlib.suppress(OSError):
            self._handle(request)

    def __enter__(self) -> Server:
        """Start to serve."""
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        """Stop."""
        self.shutdown()
        self.server_close()


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """Run a TLS server that ends every connection after the handshake; yield its port."""

    def greet(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            # The client hangs up when it has the certificate.
            secure.recv(1)

    with Server(greet) as server:
        yield server.port


@contextmanager
def silent_server(trickle: bytes = b"") -> Iterator[int]:
    """Run a server that takes connections and never does a handshake; yield its port.

    Args:
        trickle: the bytes to send, slowly and one by one, followed by zeros; empty: it sends nothing.
    """
    over = threading.Event()

    def ignore(connection: socket.socket) -> None:
        rest = trickle
        while not over.wait(0.1):
            if trickle:
                connection.sendall(rest[:1] or b"\0")
                rest = rest[1:]

    with Server(ignore) as server:
        try:
            yield server.port
        finally:
            over.set()


@contextmanager
def proxy(routes: Mapping[tuple[str, int], int], *, authorization: str = "") -> Iterator[int]:
    """Run an HTTP proxy that takes CONNECT; yield its port.

    Args:
        routes: the port of loopback for an address and port; it refuses all others.
        authorization: the value of Proxy-Authorization without which it refuses.
    """

    def connect(connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            _, target, _ = lines.readline().decode("ascii").split(" ", 2)
            headers = [line.rstrip(b"\r\n").lower() for line in iter(lines.readline, b"\r\n")]
        host, _, port = target.rpartition(":")
        # IPv6 is written in brackets (RFC 9110, section 9.3.6, with RFC 3986).
        in_form = (":" in host) == host.startswith("[")
        known = routes.get((host.strip("[]"), int(port))) if in_form else None
        wanted = f"proxy-authorization: {authorization}".lower().encode("ascii")
        if authorization and wanted not in headers:
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        elif known is None:
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        else:
            with socket.create_connection((LOOPBACK, known), _TIMEOUT_SECONDS) as onward:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(onward, connection), daemon=True)
                back.start()
                _pump(connection, onward)
                back.join()

    with Server(connect) as server:
        yield server.port


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
