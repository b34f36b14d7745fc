"""What many tests share: the app as Splunk would install it, and how hard Hypothesis tries."""

from __future__ import annotations

import compileall
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tools import package
from tsid.facts.lookups import Lookups, load_lookups

ROOT = Path(__file__).resolve().parent.parent
LOOKUPS = ROOT / "lookups"

settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=50, print_blob=True)
settings.register_profile("nightly", deadline=None, max_examples=300, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Compile the app's Python once, so that its copies need not be compiled each time that they are run."""
    compileall.compile_dir(ROOT / "bin", quiet=2)


@pytest.fixture(scope="session")
def package_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the app's package, made from the working tree."""
    return package.build(folder=tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def packaged_app(package_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the app, unpacked from its package. To be run, not to be changed."""
    app = package.unpack(package_file, tmp_path_factory.mktemp("packaged"))
    compileall.compile_dir(app / "bin", quiet=2)
    return app


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
