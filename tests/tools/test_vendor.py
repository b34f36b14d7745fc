"""The vendored libraries: complete, with their licences, and independent of other packages."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.interpreters import PYTHONS
from tools import vendor
from tools.common import ROOT, ToolError

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import cachetools, cachetools.func
import dns.rdata, dns.resolver
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
for name in ("cachetools", "dns", "netaddr", "splunklib"):
    assert sys.modules[name].__file__.startswith(sys.argv[1]), name
"""


@pytest.mark.parametrize("python", PYTHONS)
def test_the_libraries_need_only_python(python: str) -> None:
    lib = str(ROOT / vendor.LIB)
    ran = subprocess.run(
        [python, "-S", "-E", "-s", "-B", "-W", "error", "-c", PROGRAM, lib],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_bin_lib_contains_only_modules_and_licences() -> None:
    assert {Path(name).suffix for name in vendor.files_of()} == {".py", ".txt"}


def test_every_library_has_its_licence() -> None:
    words = {
        "cachetools": ("Copyright", "Permission is hereby granted"),
        "dnspython": ("Copyright", "Permission to use, copy, modify"),
        # It does not name a copyright.
        "netaddr": ("Copyright", "Redistribution"),
        "splunk-sdk": ("Copyright", "Apache License"),
    }
    pins = dict(re.findall(r"(?m)^([\w-]+)==(\S+)", (ROOT / vendor.REQUIREMENTS).read_text(encoding="utf-8")))
    assert set(pins) == set(words)
    folder = ROOT / vendor.LIB / vendor.LICENCES
    assert {path.stem for path in folder.iterdir()} == {f"{name}-{version}" for name, version in pins.items()}
    for project, phrases in words.items():
        text = (folder / f"{project}-{pins[project]}.txt").read_text(encoding="utf-8")
        for phrase in phrases:
            assert phrase in text


@pytest.mark.parametrize(
    "name",
    [
        "dns/rdtypes/ANY/MX.py",
        "dns/dnssecalgs/rsa.py",
        "netaddr/eui/oui.txt",
        "netaddr/cli.py",
        "splunklib/six.py",
        "a/b.so",
    ],
)
def test_files_that_the_app_does_not_need_are_left_out(name: str) -> None:
    assert vendor.LEFT_OUT.fullmatch(name)
    assert not (ROOT / vendor.LIB / name).exists()


def test_libraries_built_from_other_requirements_are_refused(tmp_path: Path) -> None:
    for name in (vendor.REQUIREMENTS, vendor.LIB / vendor.RECORD):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert vendor.files_of(tmp_path) == [vendor.RECORD]
    with (tmp_path / vendor.REQUIREMENTS).open("a", encoding="utf-8") as file:
        file.write("another==1.0\n")
    with pytest.raises(ToolError, match=r"bin/lib was not built from .*\n.*make vendor"):
        vendor.files_of(tmp_path)
