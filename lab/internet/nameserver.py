"""Runs an authoritative DNS server, NSD of NLnet Labs, on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from lab.errors import LabError, UsageError

LOOPBACK = "127.0.0.1"
_READY_WITHIN = 10.0

_CONFIGURATION = """\
server:
  ip-address: {address}
  port: {port}
  server-count: 1
  username: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: ""
  zonelistfile: "{folder}/zone.list"
  xfrdfile: ""
  xfrdir: "{folder}"
  logfile: "{folder}/nsd.log"
remote-control:
  control-enable: no
"""

_ZONE = """\
$ORIGIN {zone}.
$TTL {ttl}
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A {address}
"""


def _find_nsd() -> str | None:
    return shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin:/usr/local/sbin")


def has_nsd() -> bool:
    """Return whether the server is installed."""
    return _find_nsd() is not None


def free_port() -> int:
    """Return a port of loopback that is free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind((LOOPBACK, 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


@contextmanager
def nameserver(
    folder: Path, zones: Mapping[str, Iterable[str]], *, broken: Iterable[str] = (), ttl: int = 300
) -> Iterator[int]:
    """Run a DNS server as long as the context lasts; yield its port.

    Args:
        folder: for its files; it must not exist.
        zones: the records of each zone, as lines of a zone file without its SOA and NS.
        broken: zones whose data it lacks, so that it answers SERVFAIL.
        ttl: of every record, in seconds.

    Raises:
        UsageError: the server is not installed.
        LabError: it does not start.
    """
    program = _find_nsd()
    if program is None:
        raise UsageError("the DNS server NSD is missing: apt install nsd")
    folder.mkdir()
    port = free_port()
    configuration = [_CONFIGURATION.format(address=LOOPBACK, port=port, folder=folder)]
    for zone, records in zones.items():
        text = _ZONE.format(zone=zone, ttl=ttl, address=LOOPBACK) + "\n".join([*records, ""])
        (folder / f"{zone}.zone").write_text(text, encoding="ascii")
    for zone in (*zones, *broken):
        configuration.append(f'zone:\n  name: "{zone}"\n  zonefile: "{zone}.zone"\n')
    path = folder / "nsd.conf"
    path.write_text("".join(configuration), encoding="ascii")
    with subprocess.Popen([program, "-d", "-c", str(path)], stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_ready(process, port, folder / "nsd.log")
            yield port
        finally:
            process.terminate()
            try:
                process.wait(_READY_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    question = dns.message.make_query("ready.invalid.", "A")
    end = time.monotonic() + _READY_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            dns.query.udp(question, LOOPBACK, port=port, timeout=0.05)
        except (dns.exception.Timeout, OSError):
            time.sleep(0.02)
        else:
            return
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    raise LabError(f"the DNS server does not start: {text[-500:]}")
