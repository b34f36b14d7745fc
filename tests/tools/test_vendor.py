"""The libraries that the app carries: complete, untouched, and enough by themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.interpreters import PYTHONS
from tools import vendor
from tools.common import ROOT, ToolError, sha256
from tools.requirements import read_pins

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import cachetools, cachetools.func
import dns.rdata, dns.resolver
import filelock
import netaddr
from splunklib.searchcommands import (
    Configuration, EventingCommand, GeneratingCommand, Option, ReportingCommand, StreamingCommand, dispatch,
    validators,
)
from splunklib import binding, client, data
assert netaddr.IPAddress("2001:db8::1") in netaddr.IPNetwork("2001:db8::/32")
assert netaddr.IPSet(["192.0.2.0/25", "192.0.2.128/25"]).iter_cidrs() == [netaddr.IPNetwork("192.0.2.0/24")]
assert cachetools.LRUCache(maxsize=1).maxsize == 1
for kind, text in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1"), ("CNAME", "example."), ("SOA", "a. b. 1 2 3 4 5")):
    assert dns.rdata.from_text("IN", kind, text).to_text() == text
for name in ("cachetools", "dns", "filelock", "netaddr", "splunklib"):
    assert sys.modules[name].__file__.startswith(sys.argv[1]), name
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return what of the repository is looked at, to be broken."""
    for name in (vendor.REQUIREMENTS, Path("LICENSE")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / vendor.LIB, tmp_path / vendor.LIB)
    return tmp_path


@pytest.mark.parametrize("python", PYTHONS)
def test_the_libraries_need_nothing_but_python(python: str) -> None:
    lib = str(ROOT / vendor.LIB)
    ran = subprocess.run(
        [python, "-S", "-E", "-s", "-B", "-W", "error", "-c", PROGRAM, lib],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_bin_lib_is_up_to_date() -> None:
    assert vendor.problems() == []


def test_it_holds_modules_and_licences_only() -> None:
    assert {Path(name).suffix for name in vendor.files_of()} == {".py", ".txt"}


def test_every_library_has_its_licence() -> None:
    pins = read_pins(ROOT / vendor.REQUIREMENTS)
    words = {
        "cachetools": ("Copyright", "Permission is hereby granted"),
        "dnspython": ("Copyright", "Permission to use, copy, modify"),
        # It has no copyright to name.
        "filelock": ("released into the public domain",),
        "netaddr": ("Copyright", "Redistribution"),
        "splunk-sdk": ("Copyright", "Apache License"),
    }
    assert set(vendor.LIBRARIES) == set(pins) == set(words)
    for project, phrases in words.items():
        text = (ROOT / vendor.LIB / f"licenses/{project}-{pins[project].version}.txt").read_text(
            encoding="utf-8"
        )
        for phrase in phrases:
            assert phrase in text


def test_the_record_names_every_archive_by_a_pinned_hash() -> None:
    text = (ROOT / vendor.LIB / vendor.RECORD).read_text(encoding="utf-8")
    recorded = set(re.findall(r"^([0-9a-f]{64})  \S+\.(?:whl|tar\.gz)$", text, re.MULTILINE))
    pins = read_pins(ROOT / vendor.REQUIREMENTS).values()
    assert len(recorded) == len(pins)
    assert all(pin.hashes & recorded for pin in pins)


def test_it_is_not_built_twice(tree: Path) -> None:
    before = (tree / vendor.LIB / vendor.RECORD).stat().st_mtime_ns
    vendor.ensure(tree)
    assert (tree / vendor.LIB / vendor.RECORD).stat().st_mtime_ns == before


def test_what_is_built_is_the_same_every_time(tree: Path) -> None:
    shutil.rmtree(tree / vendor.LIB)
    vendor.ensure(tree)
    for name in vendor.files_of():
        assert sha256(tree / vendor.LIB / name) == sha256(ROOT / vendor.LIB / name), name


def test_a_change_is_noticed_and_undone(tree: Path) -> None:
    lib = tree / vendor.LIB
    (lib / "netaddr/core.py").write_text("patched", encoding="utf-8")
    (lib / "cachetools/keys.py").unlink()
    (lib / "splunklib/six.py").touch()
    assert vendor.problems(tree) == [
        "bin/lib/cachetools/keys.py is missing",
        "bin/lib/splunklib/six.py does not belong there",
        "bin/lib/netaddr/core.py was changed",
    ]
    vendor.ensure(tree)
    assert vendor.problems(tree) == []


def test_another_version_in_the_requirements_is_noticed(tree: Path) -> None:
    path = tree / vendor.REQUIREMENTS
    path.write_text(
        path.read_text(encoding="utf-8").replace("netaddr==1.3.0", "netaddr==1.2.1"), encoding="utf-8"
    )
    assert vendor.problems(tree) == ["bin/lib/VENDORED.txt is of other versions than requirements/vendor.txt"]


def test_a_file_that_a_library_no_longer_has_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = vendor.LIBRARIES["netaddr"]._replace(modules=("gone.py",))
    monkeypatch.setattr(vendor, "LIBRARIES", {"netaddr": library})
    with pytest.raises(ToolError, match=r"netaddr-1.3.0-py3-none-any.whl has no netaddr/gone.py"):
        vendor.ensure(tree)
