"""Looks at a server's certificate as TLS Server Identity Discovery (TSID) does, and verifies it."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import ssl
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Optional

from tsid.refresh.settings import Settings, SettingsError
from tsid.text.addresses import Address
from tsid.text.names import parse_name

_MAX_CONNECTIONS = 32
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Certificate(NamedTuple):
    """The names in a certificate, in its order and spelling.

    Attributes:
        common_names: of its subject.
        alternatives: the DNS names among its subject alternative names (SAN).
        units: the organisational units (OU) of its subject.
    """

    common_names: Sequence[str]
    alternatives: Sequence[str]
    units: Sequence[str]

    @property
    def reported(self) -> str:
        """The name that a firewall reports for a client without SNI; empty if there is none.

        TSID takes the common name, else the first alternative name, else the organisational unit (Cisco KB
        226091).
        """
        for names in (self.common_names, self.alternatives, self.units):
            for name in names[:1]:
                if name.strip():
                    return name.strip()
        return ""

    def is_for(self, host: str) -> bool:
        """Return whether it is a host's certificate (RFC 6125); the common name counts only without a SAN."""
        names = self.alternatives or self.common_names
        return any(_covers(name, host) for name in names)


class Sight(NamedTuple):
    """What the server at an address showed.

    Attributes:
        address: of the server.
        sni: the server name in the ClientHello; empty without one.
        certificate: verified against the trusted authorities; None without a verified one.
        unverified: there was a certificate, and it did not verify.
        unreachable: this machine has no route to the address.
        problem: why there is no certificate; empty if there is one.
    """

    address: Address
    sni: str
    certificate: Optional[Certificate] = None
    unverified: bool = False
    unreachable: bool = False
    problem: str = ""


def reported(certificate: Certificate) -> str:
    """Return the name that a firewall reports for a certificate, as lookups write it; empty without one."""
    text = certificate.reported
    name = parse_name(text)
    if name is None or name.is_address:
        return ""
    # A certificate has names in ASCII, not URLs: the host before a path, port or user, or after percent
    # signs or other letters, is not what it says.
    literal = name.end - name.start == len(text) and text.isascii() and "%" not in text
    return name.key if literal else text.lower()


def look_all(targets: Iterable[tuple[Address, str]], settings: Settings) -> list[Sight]:
    """Look at servers, several at once.

    Args:
        targets: address, and the name for the SNI, empty for none.
        settings: port, proxy, trusted authorities, time limits.

    Raises:
        SettingsError: the file of trusted authorities cannot be used.
    """
    context, targets, proxy = _context(settings), list(targets), settings.proxy
    # A server without SNI is the same machine as with one, so it is reached in the same way.
    direct = {address for address, host in targets if proxy is None or proxy.is_bypassed(address, host)}

    def look(target: tuple[Address, str]) -> Sight:
        address, sni = target
        return _look(address, sni, context, settings._replace(proxy=None if address in direct else proxy))

    with ThreadPoolExecutor(_MAX_CONNECTIONS) as pool:
        return list(pool.map(look, targets))


def _context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_bundle and str(settings.ca_bundle))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"ca_bundle = {settings.ca_bundle} cannot be used: {error.strerror or error}. Give a file of "
            "certificates in PEM form."
        ) from None
    # The server is known by its address; the refresh wants to learn the names in its certificate.
    context.check_hostname = False
    return context


def _look(address: Address, sni: str, context: ssl.SSLContext, settings: Settings) -> Sight:
    failed = Sight(address, sni)
    for _ in range(settings.attempts):
        try:
            with (
                _Deadline(settings.timeout) as deadline,
                _connect(address, settings, deadline) as plain,
                context.wrap_socket(plain, server_hostname=sni or None) as secure,
            ):
                return Sight(address, sni, _read(secure.getpeercert()))
        except ssl.SSLCertVerificationError as error:
            problem = f"its certificate does not verify: {error.verify_message}"
            return failed._replace(unverified=True, problem=problem)
        except ssl.SSLError as error:
            problem = f"the TLS handshake fails: {(error.reason or str(error)).lower().replace('_', ' ')}"
            failed = failed._replace(problem=problem)
        except UnicodeDecodeError:
            return failed._replace(
                unverified=True, problem="its certificate has a name that is not valid text"
            )
        except UnicodeError as error:
            return failed._replace(problem=f"no connection: the proxy's name is not valid ({error})")
        except (socket.timeout, TimeoutError):
            failed = failed._replace(problem=f"no answer within {settings.timeout:g} seconds")
        except (OSError, http.client.HTTPException) as error:
            problem = f"no connection: {getattr(error, 'strerror', None) or error}"
            unreachable = getattr(error, "errno", None) in _UNREACHABLE
            failed = failed._replace(problem=problem, unreachable=unreachable)
    return failed


class _Deadline:
    """Aborts an exchange that takes longer than this, even if the other side keeps sending a few bytes.

    `guard` each socket as soon as it exists. When the time is up the guarded socket is shut down, and leaving
    the context with an OSError raises TimeoutError instead.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._abort)
        self._lock = threading.Lock()
        self._expired = False
        self._duplicate: Optional[socket.socket] = None

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, kind: object, error: Optional[BaseException], trace: object) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._duplicate is not None:
            self._duplicate.close()
        if self._expired and isinstance(error, (OSError, http.client.HTTPException)):
            raise TimeoutError from None

    def guard(self, connection: socket.socket) -> None:
        with self._lock:
            # The TLS layer takes over the socket; the duplicate is the same connection.
            self._duplicate = connection.dup()
            if self._expired:
                self._shut_down()

    def _abort(self) -> None:
        with self._lock:
            self._expired = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._duplicate is not None:
            with contextlib.suppress(OSError):
                self._duplicate.shutdown(socket.SHUT_RDWR)


class _Tunnel(http.client.HTTPConnection):
    """A connection through a proxy, whose answer has to come before the deadline too."""

    def __init__(self, host: str, port: int, seconds: float, deadline: _Deadline) -> None:
        super().__init__(host, port, timeout=seconds)

        def create(*arguments: Any, **named: Any) -> socket.socket:
            connection = socket.create_connection(*arguments, **named)
            deadline.guard(connection)
            return connection

        self._create_connection = create


def _connect(address: Address, settings: Settings, deadline: _Deadline) -> socket.socket:
    proxy = settings.proxy
    if proxy is None:
        connection = socket.create_connection((str(address), settings.tls_port), settings.timeout)
        deadline.guard(connection)
        return connection
    tunnel = _Tunnel(proxy.host, proxy.port, settings.timeout, deadline)
    # Only the request needs the brackets.
    host = f"[{address}]" if address.version == 6 else str(address)
    tunnel.set_tunnel(host, settings.tls_port, proxy.headers)
    try:
        tunnel.connect()
    except BaseException:
        tunnel.close()
        raise
    return tunnel.sock


def _read(found: Any) -> Certificate:
    subject = [pair for names in found.get("subject", ()) for pair in names]

    def of_subject(kind: str) -> list[str]:
        # A bit string arrives as bytes; no name is of this type.
        return [value for name, value in subject if name == kind and isinstance(value, str)]

    return Certificate(
        of_subject("commonName"),
        [value for kind, value in found.get("subjectAltName", ()) if kind == "DNS"],
        of_subject("organizationalUnitName"),
    )


def _covers(name: str, host: str) -> bool:
    """Compare a name in a certificate with a host: literally but for case (RFC 6125, section 6.4)."""
    name = name.lower()
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return name == host
