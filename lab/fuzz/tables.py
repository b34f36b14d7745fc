"""Fuzzes the lookup files: each loads, or is refused with file, line and cure."""

from __future__ import annotations

import csv
import io
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Callable
from unittest import mock

from lab.fuzz.target import LOOKUPS, SEPARATOR, Target, scratch
from tsid.decision.enrich import Enricher, Options
from tsid.decision.judge import Judge
from tsid.facts import tables
from tsid.facts.candidates import candidate_search
from tsid.facts.clocks import CLOCKS, load_clocks
from tsid.facts.errors import LookupTableError
from tsid.facts.lookups import DOMAINS, SERVICES, Lookups, load_lookups
from tsid.facts.lookups import TABLES as ALL_TABLES
from tsid.facts.messages import FAILURES, MESSAGES, load_failures, load_messages
from tsid.facts.tables import COUNT_COLUMN, LAYERS, LOCAL, TableFormat, read_csv
from tsid.hotpath import prefilter
from tsid.hotpath.csvbytes import quote
from tsid.hotpath.prefilter import Prefilter
from tsid.refresh.bounds import load_bounds
from tsid.refresh.publish import as_csv
from tsid.refresh.rows import counted
from tsid.text.addresses import Address, is_host_address, parse_address
from tsid.text.names import parse_name

# Only searches read the services.
TABLES = [table for table in ALL_TABLES if table is not SERVICES]
#: Every file, by its byte in an input.
FILES = [f"{table.name}{layer}.csv" for table in TABLES for layer in LAYERS]
_LOADERS: Mapping[str, Callable[[Path], object]] = {
    CLOCKS.name: load_clocks,
    DOMAINS.name: load_bounds,
    MESSAGES.name: load_messages,
    FAILURES.name: load_failures,
}
# Rows of each shipped table: few, so that most of the time is for the fuzzed ones.
_ROWS = 2
# So that a network as large as half of the Internet does not become millions of keys.
_MAX_KEYS = 3_000
# How many cuts of a file of each kind are tried.
_CUTS = 12
# A column with fewer letters has nothing that is similar to it.
_MIN_SIMILAR = 4
# The shortest prefixes, and the networks of IPv6 that are exempt: site-local, link-local and unique local.
_SHORTEST = {4: 8, 6: 16}
_EXEMPT = [ipaddress.ip_network(text) for text in ("fc00::/7", "fe80::/10", "fec0::/10")]


@lru_cache(maxsize=1)
def _folder() -> Path:
    folder = scratch() / "lookups"
    folder.mkdir()
    for name, content in _shipped().items():
        (folder / name).write_bytes(content)
    return folder


@lru_cache(maxsize=1)
def _shipped() -> Mapping[str, bytes]:
    return {f"{table.name}.csv": _start_of(LOOKUPS / f"{table.name}.csv") for table in TABLES}


def _start_of(path: Path) -> bytes:
    """Return the first rows of a shipped table, as a whole table: with their number."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = [name for name in reader.fieldnames or () if name != COUNT_COLUMN]
        rows = [row for row, _ in zip(reader, range(_ROWS))]
    return as_csv([*columns, COUNT_COLUMN], list(counted(columns, rows)))


def check(data: bytes) -> None:
    """Load the tables with some files replaced, and use them.

    Args:
        data: parts; the first byte of each is the number of the file, the rest its content.
    """
    files = {FILES[part[0] % len(FILES)]: part[1:] for part in data.split(SEPARATOR) if part}
    folder = _folder()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    changed = {next(table.name for table in TABLES if name.startswith(table.name)) for name in files}
    try:
        for load in {_LOADERS.get(name, load_lookups) for name in changed}:
            try:
                loaded = load(folder)
            except LookupTableError as error:
                _check_refusal(error, files)
            else:
                if isinstance(loaded, Lookups):
                    _check_use(loaded)
                for name, content in files.items():
                    if _LOADERS.get(_table_of(name).name, load_lookups) is load:
                        _check_columns(name, content)
                        _check_cuts(folder / name, content)
    finally:
        for name in files:
            if name in _shipped():
                (folder / name).write_bytes(_shipped()[name])
            else:
                (folder / name).unlink()


def _check_columns(name: str, content: bytes) -> None:
    """Check that a column of a loaded file is not a misspelt one."""
    table = _table_of(name)
    known = [*table.required, *table.optional, COUNT_COLUMN]
    for column in _header_of(content) - {*known}:
        assert column.lower() not in known, "a column in other letter case is ignored"
        for other in known:
            shorter = {other[:number] + other[number + 1 :] for number in range(len(other))}
            assert len(other) < _MIN_SIMILAR or column not in shorter, "a misspelt column is ignored"


def _check_cuts(path: Path, content: bytes) -> None:
    """Check that a table that a program wrote is refused if it is cut off, or says the same."""
    table = _table_of(path.name)
    if path.name.endswith(f"{LOCAL}.csv"):
        return
    try:
        whole = [row.values for row in read_csv(path, table, whole=True)]
        counts = [row.values.get(COUNT_COLUMN, "") for row in read_csv(path, table)]
    except LookupTableError:
        return
    if counts and counts[0] != str(len(counts)):
        return
    assert counts or COUNT_COLUMN not in _header_of(content), "a table without its rows counts as empty"
    if not counts:
        return
    for place in _cuts_of(content):
        path.write_bytes(content[:place])
        try:
            rows = [row.values for row in read_csv(path, table, whole=True)]
        except LookupTableError as error:
            assert error.cure
        else:
            assert rows == whole, "a table that is cut off is read"
    path.write_bytes(content)


def _header_of(content: bytes) -> set[str]:
    reader = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    return {column.strip() for column in next((row for row in reader if row and row != [""]), [])}


def _cuts_of(content: bytes) -> Sequence[int]:
    """Return where to cut: after the first lines, and at some bytes."""
    lines = [place + 1 for place, byte in enumerate(content) if byte in b"\r\n"]
    return (*lines[:_CUTS], *range(1, len(content), 1 + len(content) // _CUTS))


def _table_of(name: str) -> TableFormat:
    return next(table for table in TABLES if name in {f"{table.name}{layer}.csv" for layer in LAYERS})


def _check_refusal(error: LookupTableError, files: Mapping[str, bytes]) -> None:
    name = error.file.removeprefix("lookups/")
    # Another file may remove the host of an alias.
    assert name in files or (name in _shipped() and "host" in error.problem), "the wrong file is blamed"
    if error.line is None:
        assert "no rows" in error.problem
    else:
        content = files[name] if name in files else _shipped()[name]
        lines = content.count(b"\n") + content.count(b"\r") + 1
        assert 1 <= error.line <= lines, "the error names a line that the file does not have"
    assert error.cure.endswith("."), "the cure is missing"
    text = str(error)
    assert error.file in text
    assert error.cure in text


def _check_use(lookups: Lookups) -> None:
    """Check that names and addresses of the loaded tables are found, and that no network is too wide."""
    for rows in map(lookups.tables.__getitem__, ("endpoints", "networks", "relays")):
        for row in rows:
            network = ipaddress.ip_network(row.values["network"])
            assert network.prefixlen >= _SHORTEST[network.version] or network in _EXEMPT, "it is too wide"
    with mock.patch.object(prefilter, "MAX_KEYS", _MAX_KEYS):
        suspects = Prefilter(lookups)
    written = {alias.row.values["alias"]: alias.alias for alias in lookups.aliases.values()}
    # A site's server without a name has its address as host.
    written.update((host, host) for host in lookups.canonical if parse_address(host) is None)
    for text, known in written.items():
        name = parse_name(text)
        assert name is not None, "a firewall cannot report this name"
        assert (name.host or name.observed) == known, "a firewall cannot report this name"
        assert not name.is_address, "an address counts as a name"
        assert suspects.name(quote(text)), "the prefilter misses a name"
    judge = Judge(lookups)
    for prefix, endpoint in lookups.endpoint_rows:
        address = Address(prefix.version, prefix.first)
        # A time at which the row is valid: before its end, or none.
        time = endpoint.valid_until and endpoint.valid_until - 1.0
        assert suspects.endpoint[quote(str(address))], "the prefilter misses an endpoint"
        if is_host_address(address) and endpoint.covers(time):
            assert judge.is_endpoint(str(address), time), "an endpoint is not found"
    assert candidate_search(lookups).startswith("(")
    enricher = Enricher(lookups, Options(raw=True))
    enricher.enrich(dict.fromkeys(enricher.required_fields, "72.163.4.38"))


def seeds() -> Iterator[bytes]:
    """Yield the start of each shipped file, in each layer, and broken files."""
    for number, name in enumerate(FILES):
        base = next(table.name for table in TABLES if name.startswith(table.name))
        yield bytes([number]) + _shipped()[f"{base}.csv"]
    yield from (bytes([FILES.index(name)]) + content for name, content in _ODD)
    hosts = bytes([FILES.index(_HOSTS)]) + b"network,host\n10.0.0.1/32,a.example\n"
    aliases = bytes([FILES.index(_ALIASES)]) + b"alias,host\nb.example,a.example\n"
    yield SEPARATOR.join([hosts, aliases])
    for name, content in _CUT:
        yield bytes([FILES.index(name)]) + content


_HOSTS, _ALIASES = "cisco_licensing_endpoints_local.csv", "tsid_aliases_local.csv"
_ODD = (
    (_HOSTS, b"network,host,status,valid_until\n10.0.0.1/32,a.b,retired,2025-01-01\n"),
    ("tsid_fields_local.csv", b"role,rank,field\nname," + b"9" * 5_000 + b",url\n"),
    ("license_clocks_local.csv", b"model,renew_days,warn_days,expire_days\nx,1,1," + b"9" * 5_000 + b"\n"),
    (_ALIASES, b'alias,host\n"Cisco Systems, Inc.",tools.cisco.com\n'),
    ("tsid_relays_local.csv", b'network,owner\r\n"10.0.0.0/8","a""b\n"\r\n\r\n::/0,\r\n'),
)
_CUT = (
    ("cisco_licensing_endpoints_refreshed.csv", b"network,host,rows\n72.163.4.38/32,tools.cisco.com,2\n"),
    ("tsid_aliases_refreshed.csv", b"alias,host,rows\nnew.cisco.com,tools.cisco.com,1\nold.cisco.com,t"),
    ("tsid_aliases_refreshed.csv", b"alias,host,rows\n"),
    ("tsid_aliases_refreshed.csv", b"alias,host\n"),
    ("cisco_networks_local.csv", b"network,ownr\n0.0.0.0/0,x\n"),
    ("cisco_networks_local.csv", b"Network,network\n::/0,8000::/1\n"),
    ("tsid_relays_local.csv", b"network,owner\nfc00::/7,site\n128.0.0.0/1,x\n"),
)


def plant() -> AbstractContextManager[object]:
    """Let the loader assume that a file is UTF-8."""
    return mock.patch.object(tables, "_decode", lambda data, _: data.decode("utf-8"))


_WORDS = (
    SEPARATOR,
    *(bytes([number]) for number in range(len(FILES))),
    *(b",", b'"', b'""', b"\n", b"\r\n", b" ", b"\0", b"\xef\xbb\xbf", b"\xff"),
    *(column.encode() for table in TABLES for column in (*table.required, *table.optional)),
    *b"rows ,rows 1\n 2\n Status staus Network ownr hots aliass 128.0.0.0/1 8000::/1 fc00::/7 /7 /15".split(
        b" "
    ),
    *b"10.0.0.0/8 0.0.0.0/0 ::/0 2001:db8::/32 72.163.4.38/32 /32 a.example tools.cisco.com retired".split(),
    *b"active unconfirmed 2025-01-01 9999-12-31 0001-01-01 destination exact word blocked * -".split(),
    *"\u00b2 \u0663 \uff11 \u3002 \u00df \u2028 \u0130".encode().split(),
)

TARGET = Target(check, seeds, _WORDS, 6_000, plant, bytes([FILES.index(_ALIASES)]) + b"alias,host\n\xff,x\n")
