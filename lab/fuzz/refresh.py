"""Fuzzes a refresh with bytes from resolvers and servers, up to the tables that it would write."""

from __future__ import annotations

import datetime
import ipaddress
import shutil
import ssl
from _ssl import _test_decode_cert  # type: ignore[attr-defined]
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, NamedTuple, Union
from unittest import mock

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset
import trustme

from lab import ROOT
from lab.fuzz.target import LOOKUPS, SEPARATOR, Target, scratch
from tsid.facts.lookups import Lookups, load_lookups
from tsid.refresh import certificates, report, resolving, rows, survey
from tsid.refresh.bounds import Bounds, load_bounds
from tsid.refresh.certificates import Certificate, Sight
from tsid.refresh.items import CHANGE, FAILURE, NOTE, REFUSAL
from tsid.refresh.plan import Plan, make_plan
from tsid.refresh.publish import as_csv, contents
from tsid.refresh.resolving import KINDS, MAX_ADDRESSES, DnsAnswer
from tsid.refresh.settings import Resolver, Settings, load_settings
from tsid.text.addresses import Address, parse_address
from tsid.text.names import ascii_host

_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

_TODAY = datetime.date(2026, 1, 1)
_RESOLVER = "192.0.2.53"
_HOST, _ALIAS, _OTHER = "tools.cisco.com", "toos.cisco.com", "smartreceiver.cisco.com"
_MINE, _MOVED, _THEIRS, _SIX = "72.163.4.38", "173.37.145.9", "146.112.59.81", "2001:420:1101:5::a"
_NEW = "new.cisco.com"
_NAMES = (_ALIAS, _HOST, _OTHER)
_SINKHOLE = "146.112.61.104"
#: The question or server of a part of an input, by its second byte.
_ASKED = [(name, kind) for name in (*_NAMES, _NEW) for kind in KINDS]
_SERVERS = [parse_address(text) for text in (_MINE, _MOVED, _THEIRS, _SIX)]
_ENDPOINTS = [
    {"network": f"{_MINE}/32", "host": _HOST, "status": "active", "last_seen": "2025-12-01"},
    {"network": f"{_SIX}/128", "host": _HOST, "status": "unconfirmed"},
    {"network": f"{_THEIRS}/32", "host": _OTHER, "status": "active", "last_seen": "2025-12-31"},
]
_ALIASES = [
    {"alias": _ALIAS, "host": _HOST},
    {"alias": "old.cisco.com", "host": _HOST, "origin": "certificate"},
]

_QUERY, _DER, _SUBJECT = b"Q", b"D", b"S"
_BETWEEN_NAMES = b"\x1f"


class _World(NamedTuple):
    folder: Path
    lookups: Lookups
    bounds: Bounds
    settings: Settings


@lru_cache(maxsize=1)
def _world() -> _World:
    folder = scratch() / "lookups"
    shutil.copytree(LOOKUPS, folder)
    (folder / "cisco_licensing_endpoints.csv").write_bytes(as_csv(rows.ENDPOINT_COLUMNS, _ENDPOINTS))
    (folder / "tsid_aliases.csv").write_bytes(as_csv(rows.ALIAS_COLUMNS, _ALIASES[:1]))
    (folder / "tsid_aliases_refreshed.csv").write_bytes(as_csv(rows.ALIAS_COLUMNS, _ALIASES[1:]))
    settings = load_settings(ROOT, {"resolvers": _RESOLVER, "tls": "true", "attempts": "1", "timeout": "1"})
    return _World(folder, load_lookups(folder), load_bounds(folder), settings)


def check(data: bytes) -> None:
    """Run a refresh over some answers and certificates, and check the tables that it would write.

    Args:
        data: parts; the first byte of each is its kind, the second its host or server, the rest an
            answer's bytes after its identifier, a certificate's DER, or the names of a certificate.
    """
    answers: dict[tuple[str, str], bytes] = {}
    seen: dict[Address, bytes] = {}
    for part in data.split(SEPARATOR):
        kind, number, content = part[:1], part[1:2] or b"\0", part[2:]
        address = _SERVERS[number[0] % len(_SERVERS)]
        if kind == _QUERY:
            answers[_ASKED[number[0] % len(_ASKED)]] = content
        elif address is not None and kind in (_DER, _SUBJECT):
            seen[address] = content if kind == _DER else certificate_of(content)
    world = _world()
    found = _look(world, answers, seen)
    for answer in found.answers:
        _check_answer(answer)
    made = make_plan(world.lookups, world.bounds, found, world.settings, _TODAY)
    _check_plan(world, made)
    _check_proofs(world, found, made)
    _check_tables(made)


def _look(
    world: _World, answers: Mapping[tuple[str, str], bytes], seen: Mapping[Address, bytes]
) -> survey.Survey:
    """Run the survey of a refresh with these bytes instead of the network."""
    resolve, look = resolving._resolve, certificates._look

    def resolved(host: str, kind: str, of: Resolver, settings: Settings) -> DnsAnswer:
        wire = answers.get((host, kind))
        if wire is None:
            return DnsAnswer(host, kind, of.name, _usual(host, kind), 300, "")
        with mock.patch.object(dns.query, "socket_factory", lambda family, _: _Socket(family, wire)):
            return resolve(host, kind, of, settings)

    def looked(address: Address, sni: str, _: object, settings: Settings) -> Sight:
        der = seen.get(address)
        if der is None:
            # It proves every name, so only the bounds limit the plan.
            return Sight(address, sni, Certificate([], _NAMES, []))
        server: Any = _Server(der)
        return look(address, sni, server, settings)

    with ExitStack() as stack:
        for module, name, stand_in in (
            (resolving, "_resolve", resolved),
            (resolving, "ThreadPoolExecutor", _OneByOne),
            (certificates, "_context", lambda _: None),
            (certificates, "_look", looked),
            (certificates, "_connect", lambda *_: nullcontext()),
            (certificates, "_Deadline", lambda *_: nullcontext()),
            (certificates, "ThreadPoolExecutor", _OneByOne),
        ):
            stack.enter_context(mock.patch.object(module, name, stand_in))
        return survey.look(world.lookups, world.bounds, world.settings, lambda _: None)


def _usual(host: str, kind: str) -> list[Address]:
    """Return a host's addresses in the lookups."""
    networks = (prefix for prefix, endpoint in _world().lookups.endpoint_rows if endpoint.host == host)
    version = 4 if kind == "A" else 6
    return [Address(prefix.version, prefix.first) for prefix in networks if prefix.version == version]


class _Socket:
    """A socket whose peer answers with some bytes, after the identifier of the question."""

    def __init__(self, family: int, wire: bytes) -> None:
        self.family = family
        self._wire = wire
        self._stream = b""
        self._datagrams: list[bytes] = []

    def __enter__(self) -> _Socket:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def setblocking(self, _: bool) -> None:
        """Do nothing: it never blocks."""

    def close(self) -> None:
        """Do nothing."""

    def connect_ex(self, _: object) -> int:
        """Report success."""
        return 0

    def sendto(self, data: bytes, _: object) -> int:
        """Take a question."""
        self._datagrams.append(data[:2] + self._wire)
        return len(data)

    def send(self, data: bytes) -> int:
        """Take a question after its length."""
        answer = data[2:4] + self._wire
        self._stream = len(answer).to_bytes(2, "big") + answer
        return len(data)

    def recvfrom(self, _: int) -> tuple[bytes, tuple[str, int]]:
        """Return the answer once: after an invalid one, the client would wait for another."""
        if not self._datagrams:
            raise ConnectionResetError
        return self._datagrams.pop(), (_RESOLVER, 53)

    def recv(self, size: int) -> bytes:
        """Return some bytes of the answer."""
        data, self._stream = self._stream[:size], self._stream[size:]
        return data


class _Server:
    """The client's side of a TLS connection to a server with a certificate that verifies."""

    def __init__(self, der: bytes) -> None:
        self._der = der

    def wrap_socket(self, _: object, server_hostname: object) -> AbstractContextManager[_Server]:  # noqa: ARG002
        """Do the handshake."""
        return nullcontext(self)

    def getpeercert(self) -> object:
        """Return the certificate as the standard library reads it."""
        path = _world().folder.parent / "certificate.pem"
        path.write_text(ssl.DER_cert_to_PEM_cert(self._der), "ascii")
        try:
            return _test_decode_cert(str(path))
        except ssl.SSLError as error:
            # A handshake's errors have a reason.
            error.reason = "ASN1_LIB"
            raise


class _Done(NamedTuple):
    value: Any

    def result(self) -> Any:
        return self.value


class _OneByOne:
    """Stands in for a pool of threads."""

    def __init__(self, _: int) -> None:
        pass

    def __enter__(self) -> _OneByOne:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *arguments: Any) -> _Done:
        """Call a function."""
        return _Done(function(*arguments))

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Call it for each item."""
        return map(function, items)


def certificate_of(data: bytes) -> bytes:
    """Return a certificate, in DER, with names in whatever bytes and types.

    Args:
        data: the names; the first byte of each selects subject or alternative names, the second is its ASN.1
            tag, the rest its content.
    """
    subject, alternatives = [], []
    for name in data.split(_BETWEEN_NAMES):
        where, tag, content = name[:1], name[1:2] or b"\x0c", name[2:]
        if where == b"A":
            alternatives.append(_der(tag[0], content))
        else:
            kind = _OU if where == b"O" else _CN
            subject.append(_der(0x31, _der(0x30, _der(6, kind), _der(tag[0], content))))
    san = _der(0x30, _der(6, _SAN), _der(4, _der(0x30, *alternatives)))
    signed = _der(
        0x30,
        _der(0xA0, _der(2, b"\2")),
        _der(2, b"\1"),
        _ED25519,
        _der(0x30),
        _der(0x30, _der(0x17, b"250101000000Z"), _der(0x17, b"350101000000Z")),
        _der(0x30, *subject),
        _der(0x30, _ED25519, _der(3, b"\0" + bytes(32))),
        _der(0xA3, _der(0x30, san)),
    )
    return _der(0x30, signed, _ED25519, _der(3, b"\0" + bytes(64)))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


_CN, _OU, _SAN = b"\x55\4\3", b"\x55\4\x0b", b"\x55\x1d\x11"
_ED25519 = _der(0x30, _der(6, b"\x2b\x65\x70"))


def _check_answer(answer: DnsAnswer) -> None:
    assert len(answer.addresses) <= MAX_ADDRESSES
    assert list(answer.addresses) == sorted(set(answer.addresses))
    assert not (answer.problem and answer.addresses), "the answer has addresses and a problem"
    if answer.kind == "A":
        assert all(address.version == 4 for address in answer.addresses)
    if answer.addresses:
        assert answer.ttl is not None
        assert 0 <= answer.ttl < 1 << 31


def _check_plan(world: _World, made: Plan) -> None:
    """Check that the plan is within the bounds."""
    known = {(row.values["network"], row.values["host"]) for row in world.lookups.tables["endpoints"]}
    for row in made.endpoints:
        assert row["host"] in world.lookups.canonical
        assert row["status"] in ("active", "unconfirmed", "retired")
        if (row["network"], row["host"]) in known:
            continue
        network = ipaddress.ip_network(row["network"])
        assert network.num_addresses == 1, "more than one address is planned"
        assert _is_within(network, world, "networks"), "an address that is not Cisco's is planned"
        assert not _is_within(network, world, "relays"), "a private address is planned"
        sinkhole = world.lookups.sinkholes.longest(Address(network.version, int(network[0])))
        assert sinkhole is None, "a sinkhole is planned"
    for values in made.aliases:
        alias = values["alias"]
        assert values["host"] in world.lookups.canonical
        if alias in world.lookups.aliases:
            continue
        assert ascii_host(alias) == alias, "an alias that is not a hostname is planned"
        assert alias.endswith(".cisco.com"), "an alias outside of Cisco's domains is planned"
        assert "*" not in alias, "an alias for several hosts is planned"
        assert alias not in world.lookups.canonical
    for item in made.items:
        assert item.kind in (CHANGE, REFUSAL, FAILURE, NOTE)
        assert all(text.isprintable() for text in item), "a terminal might obey this"
    active = [endpoint for _, endpoint in world.lookups.endpoint_rows if endpoint.status == "active"]
    retired = [item for item in made.items if item.what == "retired"]
    assert 2 * len(retired) <= len(active), "too many endpoints are retired"


def _check_proofs(world: _World, found: survey.Survey, made: Plan) -> None:
    """Check that a new row has its proof: a name as the certificate has it, an answer to each question."""
    seen = [(sight.address, sight.certificate) for sight in found.sights.values() if sight.certificate]
    known = {(row.values["network"], row.values["host"]) for row in world.lookups.tables["endpoints"]}
    for row in made.endpoints:
        if (row["network"], row["host"]) not in known:
            names = (row["host"], "*." + row["host"].partition(".")[2])
            address = row["network"].partition("/")[0]
            assert any(
                name.lower() in names
                for where, certificate in seen
                if str(where) == address
                for name in certificate.alternatives or certificate.common_names
            ), "an endpoint is planned that no certificate names"
    literal = {
        ascii_host(name.strip())
        for _, certificate in seen
        for name in (*certificate.common_names[:1], *certificate.alternatives[:1], *certificate.units[:1])
    }
    for values in made.aliases:
        alias = values["alias"]
        if alias in world.lookups.aliases:
            continue
        assert alias in literal, "an alias is planned that no certificate has as it is"
        answers = [answer for answer in found.named if answer.host == alias]
        assert {answer.kind for answer in answers} == {*KINDS}, (
            "an alias is planned that DNS was not asked for"
        )
        assert not any(answer.problem for answer in answers), "no answer counts as the answer no"


def _is_within(network: _Network, world: _World, table: str) -> bool:
    others = (ipaddress.ip_network(row.values["network"]) for row in world.lookups.tables[table])
    return any(other.version == network.version and network[0] in other for other in others)


def _check_tables(made: Plan) -> None:
    """Check that the search command can load the planned tables, with all their rows."""
    lookups = _loaded(tuple(contents(made).items()))
    networks = {endpoint.network for _, endpoint in lookups.endpoint_rows}
    assert networks.issuperset(row["network"] for row in made.endpoints), "an endpoint gets lost"
    assert set(lookups.aliases).issuperset(row["alias"] for row in made.aliases), "an alias gets lost"
    list(report.rows_of(made.items))
    report.as_text(made)


# Most plans are equal.
@lru_cache(maxsize=100)
def _loaded(contents: Sequence[tuple[str, bytes]]) -> Lookups:
    folder = _world().folder
    files = {name: folder.parent / name for name, _ in contents}
    for name, content in contents:
        files[name].write_bytes(content)
    return load_lookups(folder, instead=files)


def seeds() -> Iterator[bytes]:
    """Yield answers and certificates, good and bad, alone and together."""
    answers = [
        *(_answer(_HOST, "A", [text]) for text in (_MINE, _MOVED, "10.1.2.3", "192.0.2.66")),
        _answer(_HOST, "A", [_MINE, _MOVED]),
        _answer(_HOST, "A", [f"173.37.145.{number}" for number in range(70)]),
        _answer(_HOST, "AAAA", [_SIX, f"::ffff:{_MOVED}"]),
        _answer(_HOST, "A", [], cname="a.example."),
        _answer(_HOST, "A", [_MOVED], cname=f"{_ALIAS}."),
        _answer(_OTHER, "A", []),
        _answer(_HOST, "A", [], code=dns.rcode.NXDOMAIN),
        _answer(_HOST, "A", [], code=dns.rcode.SERVFAIL),
        _answer(_HOST, "A", [_MOVED], flags=dns.flags.TC),
    ]
    names = [
        [b"C\x0ctool.cisco.com", b"A\x82tools.cisco.com"],
        [b"C\x13*.cisco.com", b"A\x82tools.cisco.com", b"A\x82*.cisco.com"],
        [b"O\x0cCisco Systems, Inc.", b"A\x82tools.cisco.com"],
        [
            b"C\x1e\0t\0o\0o\0l\0.\0c\0i\0s\0c\0o\0.\0c\0o\0m",
            b"A\x82tools.cisco.com",
            b"A\x87\x01\x02\x03\x04",
        ],
        [b"A\x82new.cisco.com", b"A\x82tools.cisco.com", b"A\x81a@cisco.com", b"A\x86https://cisco.com"],
        [b"C\x16www.example.com"],
        [b"A\x82new.cisco.com#.evil.example", b"A\x82tools.cisco.com"],
        [b"A\x82https://new.cisco.com/", b"A\x82tools.cisco.com"],
        [b"A\x82x@new.cisco.com", b"A\x82tools.cisco.com"],
        [b"A\x82new%2ecisco.com", b"A\x82tools.cisco.com"],
        [b"A\x82new.cisco.com:443", b"A\x82tools.cisco.com#.evil.example"],
        [b""],
    ]
    subjects = [_SUBJECT + b"\1" + _BETWEEN_NAMES.join(those) for those in names]
    yield from answers
    yield from subjects
    new = _SUBJECT + b"\0" + _BETWEEN_NAMES.join([b"A\x82new.cisco.com", b"A\x82tools.cisco.com"])
    elsewhere = [
        _answer(_NEW, "A", [], code=dns.rcode.SERVFAIL),
        _answer(_NEW, "AAAA", [], code=dns.rcode.REFUSED),
        _answer(_NEW, "A", [], flags=dns.flags.TC),
        _answer(_NEW, "A", [f"173.37.145.{number}" for number in range(70)]),
        _answer(_NEW, "A", [], cname="a.example."),
        _answer(_NEW, "A", [_THEIRS]),
        _answer(_NEW, "A", [], code=dns.rcode.NXDOMAIN),
    ]
    yield from (SEPARATOR.join([new, answer]) for answer in elsewhere)
    yield from (_answer(_HOST, "A", [f"146.112.61.{number}"]) for number in (104, 105, 108, 110))
    yield from (SEPARATOR.join([answers[1], subject]) for subject in subjects)
    leaf = trustme.CA().issue_cert(_ALIAS, _HOST, common_name="x.cisco.com", organization_unit_name="Cisco")
    yield _DER + b"\0" + ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode("ascii"))


def _answer(
    host: str,
    kind: str,
    addresses: Sequence[str],
    *,
    cname: str = "",
    code: dns.rcode.Rcode = dns.rcode.NOERROR,
    flags: int = 0,
) -> bytes:
    answer = dns.message.make_response(dns.message.make_query(f"{host}.", kind))
    answer.set_rcode(code)
    answer.flags |= flags
    if cname:
        answer.answer.append(dns.rrset.from_text(f"{host}.", 300, "IN", "CNAME", cname))
    if addresses:
        answer.answer.append(dns.rrset.from_text(cname or f"{host}.", 300, "IN", kind, *addresses))
    return _QUERY + bytes([_ASKED.index((host, kind))]) + answer.to_wire()[2:]


def plant() -> AbstractContextManager[object]:
    """Let a refresh assume that an error has a text."""

    def text_of(error: object) -> str:
        return error.args[0] if isinstance(error, Exception) else str(error)

    return mock.patch.object(resolving, "_plain", text_of)


_WORDS = (
    SEPARATOR,
    _BETWEEN_NAMES,
    *(kind + bytes([number]) for kind in (_QUERY, _DER, _SUBJECT) for number in range(len(_ASKED))),
    *(b"C\x0c", b"C\x13", b"C\x16", b"C\x1e", b"C\x14", b"O\x0c", b"A\x82", b"A\x81", b"A\x86", b"A\x87"),
    *b"tools.cisco.com toos.cisco.com new.cisco.com .cisco.com cisco.com www.example.com * *. , =".split(),
    *(ipaddress.ip_address(text).packed for text in (_MINE, _MOVED, _THEIRS, _SIX, _SINKHOLE, "10.1.2.3")),
    *b"new.cisco.com# new.cisco.com/ https:// x@ %2e :443 .evil.example".split(),
    *(ipaddress.ip_address(f"146.112.61.{number}").packed for number in (105, 106, 107, 108, 110)),
    *(b"\xc0\x0c", b"\0\1\0\1", b"\0\x1c\0\1", b"\0\5\0\1", b"\0\4", b"\0\x10", b"\x81\x80", b"\x1b[0m"),
    *"\u202e \u2028 \u00df \uff54 \u3002".encode().split(),
)

TARGET = Target(check, seeds, _WORDS, 1_200, plant, _QUERY + b"\0\xff")
