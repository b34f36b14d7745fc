"""The commands that are compared, each as an app in its own folder, and the interpreters for them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lab.bench.driver import Command
from lab.errors import UsageError

OURS, IDENTITY, TYPICAL, BYTECOPY = "tsidenrich", "SDK identity", "typical, LRU cache", "byte copy"
LARGE_TABLE = "tsidenrich, 100,000 endpoints"
SITE_ROWS, LARGE_ROWS = 200, 100_000
"""How many endpoints a site has added to those that are shipped."""

SPLUNK_PYTHONS = ("3.9", "3.13")
_COMPETITORS = Path(__file__).resolve().parent / "competitors"
_HOSTS = 1_000
_SHARE_OF_IPV6 = 0.2


class Subject(NamedTuple):
    """A command: its name, its script and its arguments."""

    name: str
    script: Path
    arguments: Sequence[str] = ()

    def start(self, python: str) -> Command:
        """Start it under an interpreter."""
        home = {"SPLUNK_HOME": str(self.script.parent.parent)}
        return Command([python, str(self.script)], self.arguments, home)


def find_pythons() -> dict[str, str]:
    """Return the path of each of Splunk's Pythons, on PATH or among pyenv's, by version.

    Raises:
        UsageError: this machine has none of a version.
    """
    found = {version: next(_pythons(version), "") for version in SPLUNK_PYTHONS}
    if missing := [version for version, path in found.items() if not path]:
        raise UsageError(
            f"no Python {' or '.join(missing)} on PATH or among pyenv's versions: use --python PATH"
        )
    return found


def version_of(python: str) -> str:
    """Return an interpreter's version, such as 3.9; empty if it does not start."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run(
            [python, "-c", program], check=True, capture_output=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _pythons(version: str) -> Iterator[str]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    paths = [
        shutil.which(f"python{version}"),
        *sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}")),
    ]
    # pyenv puts a stand-in on PATH for versions that are not chosen, which does not start.
    return (str(path) for path in paths if path and version_of(str(path)) == version)


def unpack(app: Path, folder: Path) -> Path:
    """Return an app's folder: the path itself, or what is in it if it is a package (.tgz).

    Raises:
        UsageError: it is neither.
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
    """Put copies of the app with 200 and 100,000 endpoints more, and its competitors, into a folder."""
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
    """Let a site add endpoints: small networks (/26 to /32, IPv6 /56 to /128) all over the public addresses.

    So hardly an ordinary event becomes licensing traffic by them, and the first octets rule nothing out.
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
        length = dice.choice((56, 64, 96, 128))
        value = (0x2 << 124 | dice.getrandbits(124)) >> (128 - length) << (128 - length)
        return ":".join(f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)) + f"/{length}"
    length = dice.randint(26, 32)
    first = dice.choice([octet for octet in range(1, 224) if octet not in (10, 127, 169, 172, 192)])
    value = (first << 24 | dice.getrandbits(24)) >> (32 - length) << (32 - length)
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{length}"
