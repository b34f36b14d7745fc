"""The compared commands, each as an app in its own folder."""

from __future__ import annotations

import ipaddress
import random
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from lab.bench.driver import Command
from lab.errors import UsageError

OURS, IDENTITY, TYPICAL, BYTECOPY = "tsidenrich", "SDK identity", "typical, LRU cache", "byte copy"
LARGE_TABLE = "tsidenrich, 100,000 endpoints"
SITE_ROWS, LARGE_ROWS = 200, 100_000
"""The numbers of endpoints that a site has added to the shipped ones."""

_COMPETITORS = Path(__file__).resolve().parent / "competitors"
_HOSTS = 1_000
_SHARE_OF_IPV6 = 0.2


class Subject(NamedTuple):
    """A command: its name and its script."""

    name: str
    script: Path

    def start(self, python: str) -> Command:
        """Start it under an interpreter."""
        home = {"SPLUNK_HOME": str(self.script.parent.parent)}
        return Command([python, str(self.script)], home)


def version_of(python: str) -> str:
    """Return the version of an interpreter, such as 3.9.

    Raises:
        UsageError: it does not start.
    """
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise UsageError(f"cannot start {python}: {error}") from None


def unpack(app: Path, folder: Path) -> Path:
    """Return an app's folder: the path itself, or the content of a package (.tgz).

    Raises:
        UsageError: the path is neither of them.
    """
    if not app.is_file():
        if (app / "bin" / "tsidenrich.py").is_file():
            return app
        raise UsageError(f"{app} is neither the app's package nor its folder: run `make package`")
    with tarfile.open(app) as package:
        package.extraction_filter = getattr(tarfile, "data_filter", None)  # early releases of 3.9 have none
        package.extractall(folder)  # noqa: S202 - our own package
    return next(path.parent.parent for path in folder.glob("*/bin/tsidenrich.py"))


def build(app: Path, folder: Path) -> dict[str, Subject]:
    """Make copies of the app with 200 and 100,000 more endpoints, and its competitors, in a folder."""
    ours = {OURS: folder / "tsidenrich", LARGE_TABLE: folder / "tsidenrich-large"}
    for home, rows in zip(ours.values(), (SITE_ROWS, LARGE_ROWS)):
        shutil.copytree(app, home, ignore=shutil.ignore_patterns("__pycache__", ".*", "build", "docs"))
        _add_endpoints(home / "lookups", rows)
    subjects = {name: Subject(name, home / "bin" / "tsidenrich.py") for name, home in ours.items()}
    for name, source in ((IDENTITY, "identity"), (TYPICAL, "typical"), (BYTECOPY, "bytecopy")):
        home = folder / source
        shutil.copytree(ours[OURS] / "bin" / "lib", home / "bin" / "lib")
        shutil.copytree(ours[OURS] / "lookups", home / "lookups")
        script = shutil.copy(_COMPETITORS / f"{source}.py", home / "bin")
        subjects[name] = Subject(name, Path(script))
    return subjects


def _add_endpoints(lookups: Path, rows: int) -> None:
    """Add endpoints of a site: small networks (/26 to /32, IPv6 /56 to /128) all over the public addresses.

    So few ordinary events become licensing traffic, and the first octets exclude none of them.
    """
    dice = random.Random(rows)  # noqa: S311 - nothing secret
    networks: set[str] = set()
    while len(networks) < rows:
        networks.add(_network(dice))
    lines = [
        f"{network},licence-{number % _HOSTS}.corp.example" for number, network in enumerate(sorted(networks))
    ]
    text = "\n".join(["network,host", *lines, ""])
    (lookups / "cisco_licensing_endpoints_local.csv").write_text(text, encoding="ascii")


def _network(dice: random.Random) -> str:
    if dice.random() < _SHARE_OF_IPV6:
        value, length = 0x2 << 124 | dice.getrandbits(124), dice.choice((56, 64, 96, 128))
        return str(ipaddress.IPv6Network((value, length), strict=False))
    first = dice.choice([octet for octet in range(1, 224) if octet not in (10, 127, 169, 172, 192)])
    value, length = first << 24 | dice.getrandbits(24), dice.randint(26, 32)
    return str(ipaddress.IPv4Network((value, length), strict=False))
