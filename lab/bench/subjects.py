"""The compared commands, started and measured."""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

from lab import ROOT
from lab.bench.datasets import Chunk
from lab.errors import ProtocolError, UsageError
from lab.host.host import CommandHost

OURS, IDENTITY, TYPICAL, BYTECOPY = "tsidenrich", "SDK identity", "typical, LRU cache", "byte copy"
LARGE_TABLE = "tsidenrich, 100,000 endpoints"
SITE_ROWS, LARGE_ROWS = 200, 100_000
"""The numbers of endpoints that a site has added to the shipped ones."""

SLOW = (IDENTITY, TYPICAL)
"""The commands that get the first chunk only."""

_SOURCES = Path(__file__).resolve().parent / "competitors"
_COMPETITORS = {IDENTITY: "identity", TYPICAL: "typical", BYTECOPY: "bytecopy"}
_HOSTS = 1_000
_SHARE_OF_IPV6 = 0.2
_FIRST_OCTETS = [octet for octet in range(1, 224) if octet not in (10, 127, 169, 172, 192)]


class Figures(NamedTuple):
    """The events that a command got, its seconds for them, and its resources.

    These are processor seconds with the start, bytes of peak memory, and seconds up to the getinfo reply.
    """

    events: int
    seconds: float
    processor: float
    peak: int
    startup: float

    @property
    def speed(self) -> float:
        """Events a second."""
        return self.events / self.seconds


class Subject(NamedTuple):
    """A command of an app."""

    app: Path
    command: str

    def host(self, python: str) -> CommandHost:
        """Return what starts it under an interpreter."""
        return CommandHost(self.app, self.command, python=python, timeout=600.0)

    def measure(self, python: str, chunks: Iterable[Chunk]) -> Figures:
        """Exchange chunks with it in lock-step, as splunkd does; encoding requests does not count.

        Raises:
            LabError: it fails, violates the protocol, or does not answer in time.
        """
        events = 0
        with self.host(python).start() as search:
            for chunk in chunks:
                events += chunk.events
                if not search.exchange(chunk.body, finished=False):
                    raise ProtocolError(f"{self.command}: {chunk.events} events came back as none")
            search.exchange(b"", finished=True)
            processor, peak = usage(search.pid)
            search.finish()
        timings = search.result([]).timings
        return Figures(events, timings.execute, processor, peak, timings.startup)


def usage(pid: int) -> tuple[float, int]:
    """Return the processor seconds and the peak memory in bytes of a running process since its start."""
    process = Path("/proc", str(pid))
    _, _, stat = (process / "stat").read_text("utf-8").rpartition(") ")
    ticks = sum(map(int, stat.split()[11:13]))
    peak = re.findall(r"VmHWM:\s+(\d+) kB", (process / "status").read_text("utf-8"))
    return ticks / os.sysconf("SC_CLK_TCK"), int(peak[0]) * 1024


def run_options(kinds: Iterable[str]) -> argparse.ArgumentParser:
    """Return the parent of a parser: the options for the app, the interpreters, and the events."""
    parser = argparse.ArgumentParser(add_help=False)
    add = parser.add_argument
    add("--app", type=Path, default=ROOT, help="the app's package or folder (default: this one)")
    add("--python", nargs="+", default=[sys.executable], help="interpreters (default: this one)")
    add("--data", choices=kinds, action="append", help="only these events")
    return parser


def version_of(python: str) -> str:
    """Return the version of an interpreter, such as 3.9.18; ``OSError`` if it does not start."""
    said = subprocess.run([python, "--version"], check=True, capture_output=True, text=True)
    return said.stdout.split()[1]


def unpack(app: Path, folder: Path) -> Path:
    """Return an app's folder: the path itself, or the content of a package (.tgz).

    Raises:
        UsageError: the path is neither of them.
    """
    if app.is_file():
        with tarfile.open(app) as package:
            package.extraction_filter = getattr(
                tarfile, "data_filter", None
            )  # not in 3.11.2, which Debian has
            package.extractall(folder)  # noqa: S202 - our own package
        return folder / OURS
    if not (app / "bin" / "tsidenrich.py").is_file():
        raise UsageError(f"{app} is neither the app's package nor its folder: run `make package`")
    return app


def build(app: Path, folder: Path) -> dict[str, Subject]:
    """Copy the app into a folder, with 200 and 100,000 more endpoints; the competitors join the former."""
    subjects = {OURS: Subject(folder / "site", OURS), LARGE_TABLE: Subject(folder / "large", OURS)}
    for (copy, _), rows in zip(subjects.values(), (SITE_ROWS, LARGE_ROWS)):
        shutil.copytree(app, copy, ignore=shutil.ignore_patterns("__pycache__", ".*", "build", "docs"))
        _add_endpoints(copy / "lookups", rows)
    with (folder / "site" / "default" / "commands.conf").open("a", encoding="utf-8") as conf:
        for name, command in _COMPETITORS.items():
            shutil.copy(_SOURCES / f"{command}.py", folder / "site" / "bin")
            conf.write(f"\n[{command}]\nchunked = true\nfilename = {command}.py\n")
            subjects[name] = Subject(folder / "site", command)
    return subjects


def _add_endpoints(lookups: Path, rows: int) -> None:
    """Add endpoints of a site: small networks (/26 to /32, IPv6 /56 to /128) all over the public addresses.

    So few ordinary events become licensing traffic, and the first octets exclude none of them.
    """
    dice = random.Random(rows)  # noqa: S311 - nothing secret
    networks: set[str] = set()
    while len(networks) < rows:
        if dice.random() < _SHARE_OF_IPV6:
            network = 0x2 << 124 | dice.getrandbits(124), dice.choice((56, 64, 96, 128))
        else:
            network = dice.choice(_FIRST_OCTETS) << 24 | dice.getrandbits(24), dice.randint(26, 32)
        networks.add(str(ip_network(network, strict=False)))
    lines = (f"{network},licence-{n % _HOSTS}.corp.example\n" for n, network in enumerate(sorted(networks)))
    table = "".join(["network,host\n", *lines])
    (lookups / "cisco_licensing_endpoints_local.csv").write_text(table, encoding="ascii")
