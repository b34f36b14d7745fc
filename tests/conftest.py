"""What many tests share: the app as Splunk would install it, and how hard Hypothesis tries."""

from __future__ import annotations

import compileall
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.tools.interpreters import FLAVOUR
from tools import package
from tsid.facts.lookups import Lookups, load_lookups

ROOT = Path(__file__).resolve().parent.parent
LOOKUPS = ROOT / "lookups"

settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=30, print_blob=True)
settings.register_profile("nightly", deadline=None, max_examples=300, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all workers of this run of pytest-xdist have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def once(shared: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder, filled by the first worker that needs it; the others wait for it."""
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session", autouse=True)
def compiled(shared: Path) -> None:
    """Compile the app's Python once, so that its copies need not be compiled each time that they are run."""
    once(shared, "compiled", lambda _: compileall.compile_dir(ROOT / "bin", quiet=2))


@pytest.fixture(scope="session")
def package_file(shared: Path) -> Path:
    """Return the path of the app's package, made from the working tree. To be read, not to be changed."""
    folder = once(shared, "package", lambda folder: package.build(folder=folder, flavour=FLAVOUR))
    return folder / package.path_of(flavour=FLAVOUR).name


@pytest.fixture(scope="session")
def packaged_app(package_file: Path, shared: Path) -> Path:
    """Return the folder of the app, unpacked from its package. To be run, not to be changed."""

    def unpack(folder: Path) -> None:
        compileall.compile_dir(package.unpack(package_file, folder) / "bin", quiet=2)

    return once(shared, "packaged", unpack) / package.APP


@pytest.fixture(scope="session")
def lookups() -> Lookups:
    """Return the shipped lookups."""
    return load_lookups(LOOKUPS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the shipped lookups to change."""
    copy = tmp_path / "lookups"
    copy.mkdir()
    for path in LOOKUPS.glob("*.csv"):
        if not path.stem.endswith(("_local", "_refreshed")):
            shutil.copy(path, copy)
    return copy


def pytest_make_parametrize_id(val: object) -> str | None:
    """Keep backslashes out of the names of tests: mutmut cannot select a test by a name with one."""
    return val.replace("\\", "/") if isinstance(val, str) and "\\" in val else None
