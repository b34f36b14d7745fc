"""Finds out whether commands leave anything behind: a process, a temporary file, a file in the app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.bench.subjects import Subject
from lab.errors import LabError


class LoadError(LabError):
    """The command did not stand the load."""


@contextmanager
def nothing_left(subject: Subject, temporary: Path) -> Iterator[Subject]:
    """Yield the command with an empty folder of its own for temporary files.

    Raises:
        LoadError: in the end something is there that was not before.
    """
    app = subject.script.parent.parent
    before = _files(app)
    yield subject._replace(environment={"TMPDIR": str(temporary)})
    left = [str(path) for path in sorted(_files(app) - before) + sorted(temporary.iterdir())]
    left += [f"process {number}" for number in _processes(str(app / "bin"))]
    if left:
        raise LoadError(f"left behind: {', '.join(left)}")


def _files(app: Path) -> set[Path]:
    """Return the files of an app, but for Python's own and those that a refresh keeps."""
    files = (path.relative_to(app) for path in app.rglob("*"))
    return {
        path
        for path in files
        if "__pycache__" not in path.parts
        and not path.name.endswith(("_refreshed.csv", "_refreshed.csv.bak", ".lock.tmp"))
    }


def _processes(folder: str) -> Iterator[str]:
    """Yield the processes that were started with a path in a folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            # It has ended in between.
            continue
        if any(word.startswith(folder.encode()) for word in words.split(b"\0")):
            yield process.name
