"""What is seen of a server's certificate: real handshakes on loopback, directly and through a proxy."""

from __future__ import annotations

import base64
import contextlib
import datetime
import re
import shutil
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509.oid import ExtensionOID

from lab.internet.cisco import TOOLS
from lab.internet.nameserver import LOOPBACK, free_port
from lab.internet.servers import Server, issue, proxy, silent_server, tls_server, write_authority
from tests.conftest import ROOT
from tsid.refresh.certificates import Certificate, _read, look_all
from tsid.refresh.settings import Proxy, Settings, SettingsError, load_settings
from tsid.text.addresses import Address

HOST = "tools.cisco.com"
# Seconds: for who answers, however busy the machine is, and for who never does.
PATIENT, SILENT = "30", "1"


class Trust(NamedTuple):
    """An authority, and settings that trust it."""

    app: Path
    authority: trustme.CA

    def settings(self, **given: str) -> Settings:
        bundle = str(self.app / "authority.pem")
        return load_settings(self.app, {"ca_bundle": bundle, "timeout": PATIENT, "attempts": "1", **given})


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    app, authority = tmp_path_factory.mktemp("app"), trustme.CA()
    shutil.copytree(ROOT / "default", app / "default")
    write_authority(authority, app / "authority.pem")
    return Trust(app, authority)


@pytest.mark.parametrize(
    ("common_names", "alternatives", "units", "reported"),
    [
        (["c.example", "d.example"], ["a.example"], ["Unit"], "c.example"),
        ([], [" a.example ", "b.example"], ["Unit"], "a.example"),
        ([], [], ["Unit", "Other"], "Unit"),
        ([" "], [""], ["Unit"], "Unit"),
        # Only the first of a kind counts.
        (["", "c.example"], [], ["Unit"], "Unit"),
        ([], [], [], ""),
    ],
)
def test_tsid_takes_the_common_name_else_the_first_alternative_else_the_unit(
    common_names: Sequence[str], alternatives: Sequence[str], units: Sequence[str], reported: str
) -> None:
    assert Certificate(common_names, alternatives, units).reported == reported


@pytest.mark.parametrize(
    ("names", "is_for"),
    [
        ([HOST], True),
        (["www.example", HOST.upper()], True),
        # Names are compared literally, never read as URLs.
        ([f" {HOST} "], False),
        ([f"{HOST}."], False),
        ([f"{HOST}#.evil.example"], False),
        ([f"{HOST}/.evil.example"], False),
        ([f"{HOST}?.evil.example"], False),
        ([f"{HOST}:443"], False),
        ([f"{HOST}\\.evil.example"], False),
        ([f"https://{HOST}"], False),
        ([f"evil.example@{HOST}"], False),
        ([f"//evil.example@{HOST}"], False),
        (["*.cisco.com#.evil.example"], False),
        ([HOST.replace("o", "%6f")], False),
        (["*.cisco.com"], True),
        (["*.tools.cisco.com"], False),
        (["*.com"], False),
        (["*"], False),
        (["t*.cisco.com"], False),
        (["cisco.com"], False),
        ([f"a.{HOST}"], False),
        (["*.cisco.com.example"], False),
        (["72.163.4.38", "", "not a host"], False),
        ([], False),
    ],
)
def test_a_certificate_is_for_the_hosts_of_its_names_and_wildcards(
    names: Sequence[str], is_for: bool
) -> None:
    assert Certificate([], names, []).is_for(HOST) is is_for
    assert Certificate(names, [], []).is_for(HOST) is is_for
    # With alternative names the common name does not count (RFC 6125).
    assert not Certificate(names, ["www.example"], []).is_for(HOST)
    assert Certificate(["www.example"], names, []).is_for(HOST) is is_for


LOOP = Address(4, 0x7F000001)


def look(trust: Trust, port: int, sni: str = "", **given: str) -> Any:
    """Look at a server on loopback without a proxy."""
    (sight,) = look_all([(LOOP, sni)], trust.settings(tls_port=str(port), proxy="none", **given))
    return sight


def issue_with_bytes(authority: trustme.CA, names: bytes, path: Path) -> ssl.SSLContext:
    """Return a server's side of TLS with a certificate whose alternative names are these bytes, in DER."""
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    extension = x509.UnrecognizedExtension(
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes([0x30, len(names)]) + names
    )
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(extension, critical=True)
        # Python 3.13 asks for it.
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(authority.private_key_pem.bytes() + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class TestCertificates:
    """What is seen of a server, directly."""

    @pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    @pytest.mark.parametrize(
        ("names", "common_name", "unit", "reported"),
        [
            (TOOLS, None, None, "toos.cisco.com"),
            (TOOLS, HOST, "Unit", HOST),
            (["72.163.4.38"], None, "Licensing", "Licensing"),
            (["72.163.4.38"], HOST, "Licensing", HOST),
        ],
    )
    def test_the_name_that_a_firewall_reports(
        self,
        trust: Trust,
        newest: ssl.TLSVersion,
        names: Sequence[str],
        common_name: Optional[str],
        unit: Optional[str],
        reported: str,
    ) -> None:
        context = issue(trust.authority, names, common_name=common_name, unit=unit, newest=newest)
        with tls_server(context) as port:
            sight = look(trust, port)
        assert sight.problem == ""
        assert sight.certificate.reported == reported
        assert sight.certificate.alternatives == [name for name in names if name[-1].isalpha()]

    def test_no_sni_is_sent_unless_asked_for(self, trust: Trust) -> None:
        heard: list[Optional[str]] = []
        context = issue(trust.authority, TOOLS)
        context.sni_callback = lambda _, name, __: heard.append(name)
        with tls_server(context) as port:
            look(trust, port)
            look(trust, port, HOST)
        assert heard == [None, HOST]

    def test_a_name_in_a_bit_string_is_ignored(self) -> None:
        # This is what the standard library makes of a certificate with one.
        names = ((("commonName", b"\0\2"),), (("commonName", HOST),), (("organizationalUnitName", b""),))
        assert _read({"subject": names}) == (["tools.cisco.com"], [], [])

    def test_a_certificate_with_a_name_that_is_not_valid_text_is_unverified(
        self, trust: Trust, tmp_path: Path
    ) -> None:
        name = b"\xffools.cisco.com"
        context = issue_with_bytes(
            trust.authority, b"\x82" + bytes([len(name)]) + name, tmp_path / "server.pem"
        )
        with tls_server(context) as port:
            sight = look(trust, port)
        assert (sight.certificate, sight.unverified) == (None, True)
        assert sight.problem == "its certificate has a name that is not valid text"

    @pytest.mark.parametrize(
        ("wrong", "problem"),
        [("expired", "expired"), ("stranger", "local issuer"), ("self-signed", "self")],
    )
    def test_a_certificate_that_does_not_verify_is_reported_with_the_reason(
        self, trust: Trust, wrong: str, problem: str
    ) -> None:
        context = issue(
            trustme.CA() if wrong == "stranger" else trust.authority, TOOLS, expired=wrong == "expired"
        )
        if wrong == "self-signed":
            authority = trustme.CA()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with authority.cert_pem.tempfile() as own, authority.private_key_pem.tempfile() as key:
                context.load_cert_chain(own, key)
        with tls_server(context) as port:
            sight = look(trust, port)
        assert (sight.certificate, sight.unverified) == (None, True)
        assert problem in sight.problem

    @pytest.mark.parametrize(
        ("trickle", "problem"),
        [
            pytest.param(b"", "no answer within 1 seconds", id="silence"),
            pytest.param(
                b"\x16\x03\x03\x40\x00", "no answer within 1 seconds", id="a record that does not end"
            ),
            pytest.param(b"HTTP/1.1 200 OK", "the TLS handshake fails: [a-z ]+", id="another protocol"),
        ],
    )
    def test_a_server_without_a_handshake_is_given_up_in_time(
        self, trust: Trust, trickle: bytes, problem: str
    ) -> None:
        with silent_server(trickle) as port:
            sight = look(trust, port, timeout=PATIENT if trickle.startswith(b"HTTP") else SILENT)
        assert (sight.certificate, sight.unverified) == (None, False)
        assert re.fullmatch(problem, sight.problem)

    def test_a_closed_port_is_reported_as_no_connection(self, trust: Trust) -> None:
        sight = look(trust, free_port())
        assert "refused" in sight.problem


class TestProxies:
    """The way through a proxy."""

    @pytest.mark.parametrize("version", [4, 6])
    def test_the_proxy_gets_the_address_in_its_right_form(self, trust: Trust, version: int) -> None:
        address = (
            Address(4, 0x48A30426) if version == 4 else Address(6, 0x20010420_11010005_00000000_0000000A)
        )
        with tls_server(issue(trust.authority, TOOLS)) as port, proxy({(str(address), 443): port}) as gate:
            settings = trust.settings(proxy=f"http://{LOOPBACK}:{gate}")
            (sight,) = look_all([(address, "")], settings)
        assert sight.certificate is not None

    def test_a_refusal_of_the_proxy_is_reported(self, trust: Trust) -> None:
        with proxy({}) as gate:
            (sight,) = look_all([(LOOP, "")], trust.settings(proxy=f"{LOOPBACK}:{gate}"))
        assert "502" in sight.problem

    def test_the_environment_names_it_and_who_asks(
        self, trust: Trust, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = "Basic " + base64.b64encode(b"me:se:cret").decode("ascii")
        with (
            tls_server(issue(trust.authority, TOOLS)) as port,
            proxy({(str(LOOP), 443): port}, authorization=wanted) as gate,
        ):
            for user, seen in (("me:se%3Acret@", True), ("", False)):
                monkeypatch.setenv("https_proxy", f"http://{user}{LOOPBACK}:{gate}")
                (sight,) = look_all([(LOOP, "")], trust.settings(proxy="system"))
                assert (sight.certificate is not None) == seen

    def test_a_missing_proxy_is_reported(self, trust: Trust) -> None:
        (sight,) = look_all([(LOOP, "")], trust.settings(proxy=f"{LOOPBACK}:{free_port()}"))
        assert sight.problem == "no connection: Connection refused"
        assert not sight.unreachable

    def test_a_proxy_that_does_not_speak_http_is_reported(self, trust: Trust) -> None:
        def answer(connection: socket.socket) -> None:
            # Who hangs up on a request that has not been read may meet it with a broken pipe.
            connection.recv(4096)
            connection.sendall(b"nonsense\r\n")

        with Server(answer) as server:
            (sight,) = look_all([(LOOP, "")], trust.settings(proxy=f"{LOOPBACK}:{server.port}"))
        assert sight.problem.rstrip() == "no connection: nonsense"
        assert not sight.unreachable

    @pytest.mark.parametrize("setting", ["proxy", "tls_port"])
    def test_who_takes_no_connection_is_not_waited_for(self, trust: Trust, setting: str) -> None:
        with contextlib.ExitStack() as open_ones:
            # Its queue holds one connection, which it never takes; the next ones get no answer.
            busy = open_ones.enter_context(socket.create_server((LOOPBACK, 0), backlog=0))
            for _ in range(4):
                waiting = open_ones.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(busy.getsockname())
            port = busy.getsockname()[1]
            given = (
                {"proxy": f"{LOOPBACK}:{port}"}
                if setting == "proxy"
                else {"proxy": "none", setting: str(port)}
            )
            (sight,) = look_all([(LOOP, "")], trust.settings(timeout=SILENT, **given))
        assert sight.problem == "no answer within 1 seconds"

    @pytest.mark.parametrize(
        "trickle",
        [b"", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000, b"HTTP/1.1 200 OK\r\n\r\n", b"\x16\x03\x03"],
        ids=["silent", "drips a header", "drips a greeting", "drips something else"],
    )
    def test_a_silent_or_dripping_proxy_is_given_up_in_time(self, trust: Trust, trickle: bytes) -> None:
        started = time.monotonic()
        with silent_server(trickle) as port:
            (sight,) = look_all([(LOOP, "")], trust.settings(proxy=f"{LOOPBACK}:{port}", timeout=SILENT))
        assert sight.problem == "no answer within 1 seconds" or (
            "no connection" in sight.problem and trickle.startswith(b"\x16")
        )
        # One deadline for the whole exchange, with room for a busy machine.
        assert time.monotonic() - started < 8

    def test_a_server_that_drips_through_a_proxy_is_given_up_in_time(self, trust: Trust) -> None:
        """The tunnel is there at once; then the handshake never ends."""
        started = time.monotonic()
        dripped = b"\x16\x03\x03\x40\x00" + b"x" * 1000
        with silent_server(dripped) as port, proxy({(str(LOOP), 443): port}) as gate:
            settings = trust.settings(proxy=f"{LOOPBACK}:{gate}", timeout=SILENT)
            (sight,) = look_all([(LOOP, "")], settings)
        assert (sight.certificate, sight.problem) == (None, "no answer within 1 seconds")
        assert time.monotonic() - started < 8

    @pytest.mark.parametrize(
        ("exceptions", "direct"),
        [
            ("", False),
            ("*", True),
            (str(LOOP), True),
            ("127.0.0.0/8", True),
            ("192.0.2.0/24, 10.0.0.1", False),
            ("cisco.com", True),
            (" .cisco.com,x", True),
            (HOST, True),
            (f"{HOST}:443", True),
            (f"{LOOP}:443", True),
            ("*.cisco.com", True),
            ("cisco.com.", True),
            ("o.com", False),
            ("example.com", False),
        ],
    )
    def test_no_proxy_is_honoured_by_address_network_and_name(
        self, trust: Trust, monkeypatch: pytest.MonkeyPatch, exceptions: str, direct: bool
    ) -> None:
        """A server is reached in the same way with and without SNI."""
        with tls_server(issue(trust.authority, TOOLS)) as port, proxy({}) as gate:
            monkeypatch.setenv("https_proxy", f"http://{LOOPBACK}:{gate}")
            monkeypatch.setenv("no_proxy", exceptions)
            settings = trust.settings(proxy="system", tls_port=str(port))
            sights = look_all([(LOOP, ""), (LOOP, HOST)], settings)
        assert [sight.certificate is not None for sight in sights] == [direct, direct]

    def test_a_proxy_whose_name_cannot_be_looked_up_is_reported(self, trust: Trust) -> None:
        settings = trust.settings(proxy="none")._replace(proxy=Proxy("a" * 70 + ".example", 80, {}))
        (sight,) = look_all([(LOOP, "")], settings)
        assert sight.problem.startswith("no connection: ")


@contextlib.contextmanager
def server_that_hangs_up(context: ssl.SSLContext, times: int, heard: list[float]) -> Iterator[int]:
    """Run a TLS server that hangs up on the first connections; yield its port, and note when one comes."""

    def serve(connection: socket.socket) -> None:
        heard.append(time.monotonic())
        if len(heard) > times:
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(1)

    with Server(serve) as server:
        yield server.port


@pytest.mark.parametrize(("attempts", "times", "seen"), [("3", 2, True), ("2", 2, False), ("3", 0, True)])
def test_a_server_is_tried_as_often_as_the_setting_says(
    trust: Trust, attempts: str, times: int, seen: bool
) -> None:
    heard: list[float] = []
    with server_that_hangs_up(issue(trust.authority, TOOLS), times, heard) as port:
        sight = look(trust, port, attempts=attempts)
    assert (sight.certificate is not None, sight.problem == "") == (seen, seen)
    assert len(heard) == min(int(attempts), times + 1)


def test_a_certificate_that_does_not_verify_is_not_asked_for_again(trust: Trust) -> None:
    heard: list[float] = []
    with server_that_hangs_up(issue(trustme.CA(), TOOLS), 0, heard) as port:
        sight = look(trust, port, attempts="3")
    assert sight.problem.startswith("its certificate does not verify: ")
    assert len(heard) == 1


def test_many_are_looked_at_in_their_order(trust: Trust) -> None:
    address = Address(4, 0x7F000002)
    with tls_server(issue(trust.authority, TOOLS)) as port:
        asked = [(LOOP, ""), (address, HOST), (LOOP, HOST)]
        sights = look_all(asked, trust.settings(tls_port=str(port), proxy="none"))
    assert [(sight.address, sight.sni) for sight in sights] == asked
    # Nobody listens on the other address.
    assert [sight.certificate is not None for sight in sights] == [True, False, True]


def test_an_address_to_which_there_is_no_way_is_told_from_one_where_nobody_is(trust: Trust) -> None:
    # No connection leads to the broadcast address of loopback.
    asked = [(Address(4, 0x7FFFFFFF), ""), (LOOP, "")]
    sights = look_all(asked, trust.settings(proxy="none", tls_port=str(free_port())))
    assert [(sight.unreachable, sight.problem) for sight in sights] == [
        (True, "no connection: Network is unreachable"),
        (False, "no connection: Connection refused"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"), [("nothing", "[X509"), ("", "[X509"), (None, "No such file or directory. Give")]
)
def test_authorities_that_cannot_be_read_are_refused_with_a_cure(
    trust: Trust, tmp_path: Path, text: Optional[str], reason: str
) -> None:
    bundle = tmp_path / "bundle.pem"
    if text is not None:
        bundle.write_text(text, encoding="ascii")
    settings = trust.settings()._replace(ca_bundle=bundle)
    with pytest.raises(SettingsError) as error:
        look_all([], settings)
    found = str(error.value)
    assert found.startswith(f"ca_bundle = {bundle} cannot be used: {reason}")
    assert found.endswith(". Give a file of certificates in PEM form.")


def test_without_a_bundle_the_authorities_of_the_system_count(trust: Trust) -> None:
    settings = trust.settings(ca_bundle="")
    assert look_all([], settings) == []
    with tls_server(issue(trust.authority, TOOLS)) as port:
        (sight,) = look_all([(LOOP, "")], settings._replace(tls_port=port, proxy=None))
    assert sight.unverified
