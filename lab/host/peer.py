"""Installs an app as on an indexer: the knowledge bundle's part of it, read-only, in splunkd's place."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import UsageError
from lab.host.app import app_id

BUNDLE = "sh1-1700000000"

_CARRIED = ("bin", "default", "lookups", "metadata")
_BYTECODE = shutil.ignore_patterns("__pycache__", "*.pyc")


def install_on_peer(app: Path, root: Path) -> Path:
    """Copy the app, read-only, to ``<root>/var/run/searchpeers/<bundle>/apps/<app id>``; return that path.

    ``root`` is SPLUNK_HOME. Only what the bundle carries is copied: bin, default, lookups, metadata,
    but no bytecode; a link becomes what it points to. Everything from the bundle's folder down loses its
    write permission. Root may write all the same, so compare ``tree_digest`` before and after.
    ``make_writable`` undoes it.

    Raises:
        UsageError: the folder is not an app with commands.
    """
    if not (app / "bin").is_dir():
        raise UsageError(f"{app} is not an app with commands: it has no bin")
    bundle = root / "var" / "run" / "searchpeers" / BUNDLE
    installed = bundle / "apps" / app_id(app)
    for name in _CARRIED:
        if (app / name).is_dir():
            shutil.copytree(app / name, installed / name, ignore=_BYTECODE)
    for path in _tree(bundle):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    return installed


@contextmanager
def installed_on_peer(app: Path, root: Path) -> Iterator[Path]:
    """Install the app as ``install_on_peer`` does; at the end make it writable, to be removed."""
    installed = install_on_peer(app, root)
    try:
        yield installed
    finally:
        make_writable(installed.parent.parent)


def make_writable(path: Path) -> None:
    """Give the owner write permission on the path and everything below it."""
    for entry in _tree(path):
        entry.chmod(stat.S_IMODE(entry.stat().st_mode) | stat.S_IWUSR)


def tree_digest(path: Path) -> str:
    """Return a hash of the names and contents of everything below, which changes with any write.

    Python's own bytecode cache is left out: the interpreter writes it wherever it can, whatever the command
    does.
    """
    digest = hashlib.sha256()
    for entry in sorted(_tree(path)):
        if "__pycache__" in entry.parts:
            continue
        name = entry.relative_to(path).as_posix()
        content = b"" if entry.is_dir() else entry.read_bytes()
        title = f"{'folder' if entry.is_dir() else 'file'} {len(name)} {len(content)} {name}"
        digest.update(title.encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()


def _tree(path: Path) -> Iterator[Path]:
    yield path
    for folder, subfolders, files in os.walk(path):
        for name in subfolders + files:
            yield Path(folder, name)
