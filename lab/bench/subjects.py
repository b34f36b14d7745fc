"""The commands that are compared, each as an app in a folder of its own."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from lab.bench.driver import TIMEOUT, Command
from tools import package

OURS, IDENTITY = "tsidenrich", "identity"
TYPICAL, TYPICAL_LRU = "typical", "typical, LRU cache"
CSVCOPY, BYTECOPY, WIDECOPY = "csv module", "byte copy", "byte copy, wide pipes"

#: All of them, the fastest first.
NAMES = (WIDECOPY, BYTECOPY, OURS, CSVCOPY, IDENTITY, TYPICAL_LRU, TYPICAL)

_COMPETITORS = Path(__file__).resolve().parent / "competitors"
#: How many endpoints a site has added to those that are shipped, where commands are compared.
SITE_ROWS = 200

_HOSTS = 1_000
_SHARE_OF_IPV6 = 0.2


class Subject(NamedTuple):
    """A command: its name, its script, its arguments, what to add to its environment."""

    name: str
    script: Path
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = MappingProxyType({})

    def start(
        self, python: str, *, keep: bool = False, bytecode: bool = True, timeout: float = TIMEOUT
    ) -> Command:
        """Start it under an interpreter; without bytecode, none is written (or read, if there is none)."""
        environment = {"SPLUNK_HOME": str(self.script.parent.parent), **self.environment}
        if not bytecode:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        argv = [python, str(self.script)]
        return Command(argv, self.arguments, environment=environment, keep=keep, timeout=timeout)


def build(folder: Path) -> dict[str, Subject]:
    """Put this app, as it is packaged, and its competitors into a folder; return them by name."""
    app = package.unpack(package.build(folder=folder / "package"), folder)
    sources = {
        IDENTITY: ("identity.py",),
        TYPICAL: ("typical.py",),
        TYPICAL_LRU: ("typical.py", "cache=true"),
        CSVCOPY: ("bare.py", "csv"),
        BYTECOPY: ("bare.py", "copy"),
        WIDECOPY: ("bare.py", "copy", "wide"),
    }
    subjects = {OURS: Subject(OURS, app / "bin" / "tsidenrich.py")}
    for name, (source, *arguments) in sources.items():
        home = folder / Path(source).stem
        if not home.exists():
            shutil.copytree(app / "bin" / "lib", home / "bin" / "lib")
            shutil.copytree(app / "lookups", home / "lookups")
            shutil.copy(_COMPETITORS / source, home / "bin" / source)
        subjects[name] = Subject(name, home / "bin" / source, arguments)
    return subjects


def with_table(subject: Subject, rows: int, folder: Path) -> Subject:
    """Return a copy of a command whose site has added that many endpoints.

    The networks are small (/26 to /32, IPv6 /56 to /128) and spread over the public addresses. So hardly an
    ordinary event becomes licensing traffic by them, and no filter on the first octets can pass events over.
    """
    home = subject.script.parent.parent
    app = folder / f"{home.name}-table-{rows}"
    shutil.copytree(home, app, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    dice = random.Random(rows)  # noqa: S311 - nothing secret
    networks: set[str] = set()
    while len(networks) < rows:
        networks.add(_network(dice))
    lines = [f"{network},licence-{number % _HOSTS}.corp.example" for number, network in enumerate(networks)]
    text = "\n".join(["network,host", *sorted(lines), ""])
    (app / "lookups" / "cisco_licensing_endpoints_local.csv").write_text(text, encoding="ascii")
    return subject._replace(name=f"{subject.name}, {rows} rows", script=app / "bin" / subject.script.name)


def without_bytecode(subject: Subject, folder: Path) -> Subject:
    """Return a copy as an indexer gets it in a knowledge bundle: without .pyc files."""
    home = subject.script.parent.parent
    app = folder / f"{home.name}-without-bytecode"
    if not app.exists():
        shutil.copytree(home, app, ignore=shutil.ignore_patterns("__pycache__"))
    return subject._replace(script=app / "bin" / subject.script.name)


def _network(dice: random.Random) -> str:
    if dice.random() < _SHARE_OF_IPV6:
        length = dice.choice((56, 64, 96, 128))
        value = (0x2 << 124 | dice.getrandbits(124)) >> (128 - length) << (128 - length)
        groups = [f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
        return f"{':'.join(groups)}/{length}"
    length = dice.randint(26, 32)
    first = dice.choice([octet for octet in range(1, 224) if octet not in (10, 127, 169, 172, 192)])
    value = (first << 24 | dice.getrandbits(24)) >> (32 - length) << (32 - length)
    return f"{'.'.join(str(value >> shift & 255) for shift in (24, 16, 8, 0))}/{length}"
