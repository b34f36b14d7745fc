"""What many tests share: the app as Splunk would install it, and how hard Hypothesis tries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from tsid.lookups import Lookups, load_lookups

from tools import package

settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=300, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def packaged_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the app, packaged from the working tree and unpacked. To be read only."""
    folder = tmp_path_factory.mktemp("packaged")
    return package.unpack(package.build(folder=folder), folder)


@pytest.fixture(scope="session")
def lookups() -> Lookups:
    """Return the shipped lookups."""
    return load_lookups(Path(__file__).resolve().parent.parent / "lookups")
