"""What many tests share: the app as Splunk would install it, and how hard Hypothesis tries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tools import package
from tsid.lookups import Lookups, load_lookups

settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=300, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def package_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the app's package, made from the working tree."""
    return package.build(folder=tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def packaged_app(package_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the app, unpacked from its package. To be run, not to be changed."""
    return package.unpack(package_file, tmp_path_factory.mktemp("packaged"))


@pytest.fixture(scope="session")
def lookups() -> Lookups:
    """Return the shipped lookups."""
    return load_lookups(Path(__file__).resolve().parent.parent / "lookups")
