"""Builds the app's libraries, without the files that it does not need: bin/lib, or those of another flavour.

Usage: `.venv/build/bin/python -m tools.vendor [--sdk 3]`, in an environment with pip and setuptools
(`make vendor`, `make vendor SDK=3`)

pip chooses, verifies and unpacks the archives; this module deletes the files of LEFT_OUT and collects the
licences. VENDORED.txt among them is a copy of the requirements, with the versions and hashes of the archives.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tools.common import ROOT, ToolError, run

REQUIREMENTS = Path("requirements/vendor.txt")
LIB = Path("bin/lib")


class Flavour(NamedTuple):
    """A package of the app for some of Splunk's Pythons; the flavours differ in nothing but this.

    Attributes:
        sdk: the series of splunk-sdk, as in `make package SDK=3`.
        suffix: of the package's name.
        requirements: the libraries with their hashes, relative to the root.
        lib: where `make vendor` builds them, relative to the root; in the package they are in LIB.
        pythons: the value of `python.required` in commands.conf.
        splunk: the oldest Splunk Enterprise that runs one of them, for app.manifest.
    """

    sdk: str
    suffix: str
    requirements: Path
    lib: Path
    pythons: str
    splunk: str


DEFAULT = Flavour("2", "", REQUIREMENTS, LIB, "3.9, 3.13", ">=9.3")
FLAVOURS: Mapping[str, Flavour] = {
    flavour.sdk: flavour
    for flavour in (
        DEFAULT,
        # splunk-sdk 3 needs Python 3.13, which Splunk has had since 10.2.
        Flavour("3", "-sdk3", Path("requirements/vendor-sdk3.txt"), Path("build/sdk3/lib"), "3.13", ">=10.2"),
    )
}
RECORD = "VENDORED.txt"
LICENCES = "licenses"

LEFT_OUT = re.compile(
    "|".join(
        (
            # Programs, metadata, markers for type checkers, compiled code.
            r"bin/.*",
            r"[\w.-]+\.dist-info/.*",
            r".*(\.pyi|\.so|\.pyd|/py\.typed)",
            # The tables of IANA and IEEE (9 MB, with addresses that AppInspect warns about) and their
            # readers, which netaddr imports late; its shell; its tests.
            r"netaddr/(ip|eui)/.*\.(xml|idx|txt)",
            r"netaddr/(ip/iana|eui/ieee|cli)\.py",
            r"netaddr/tests/.*",
            # Record types that no answer about an address contains (dnspython keeps them as bytes).
            r"dns/rdtypes/(ANY/(?!(__init__|CNAME|DNAME|NS|OPT|SOA|TSIG|ZONEMD)\.)|IN/(?!(__init__|A|AAAA)\.)|CH/).*",
            r"dns/rdtypes/(dnskeybase|dsbase|euibase|mxbase|tlsabase|txtbase)\.py",
            # DNSSEC, DNS over QUIC, trio and asyncio, dynamic updates.
            r"dns/(dnssec|dnssecalgs/.*|dnssectypes|_asyncio_backend|_trio_backend|asyncresolver)(\.py)?",
            r"dns/(quic/_[a-z]+|update|versioned|namedict|e164|tsigkeyring)\.py",
            # Modular inputs and agents, which the app does not have; results.py, which needs another library
            # (splunk-sdk 2); six.py, which nothing imports.
            r"splunklib/((modularinput|ai)/.*|(results|six)\.py)",
        )
    )
)
"""Files of the libraries that are not packaged, relative to their folder."""

SPLUNK_NOTICE = """Copyright © 2011-2024 Splunk, Inc.
Licensed under the Apache License, Version 2.0 (the "License"), whose text follows.

"""
"""The archive of splunk-sdk 2 does not contain its licence."""


def build(root: Path = ROOT, flavour: Flavour = DEFAULT) -> None:
    """Build the libraries of a flavour anew.

    Raises:
        ToolError: pip fails, or a library does not have a licence.
    """
    lib, requirements = root / flavour.lib, root / flavour.requirements
    made = lib.with_name("lib.tmp")
    shutil.rmtree(made, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Without build isolation: pip would fetch a setuptools without a hash to build splunk-sdk.
    exact = ["--no-deps", "--require-hashes", "--no-build-isolation", "--use-pep517", "--no-compile"]
    if flavour is not DEFAULT:
        # The Python of this build need not be able to run the libraries.
        exact += ["--only-binary", ":all:", "--python-version", flavour.pythons]
    ran = subprocess.run([*pip, *exact, "--target", made, "-r", requirements], check=False)
    if ran.returncode:
        raise ToolError(f"pip could not install {flavour.requirements}", "read its message above")
    for metadata in sorted(made.glob("*.dist-info")):
        _keep_licence(metadata, made / LICENCES, root)
    for path in sorted(made.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif LEFT_OUT.fullmatch(path.relative_to(made).as_posix()):
            path.unlink()
    shutil.copyfile(requirements, made / RECORD)
    shutil.rmtree(lib, ignore_errors=True)
    made.rename(lib)


def _keep_licence(metadata: Path, folder: Path, root: Path) -> None:
    project = metadata.name[: -len(".dist-info")].replace("_", "-")
    found = sorted([*metadata.glob("licenses/LICENSE*"), *metadata.glob("LICENSE*")])
    if found:
        text = found[0].read_bytes()
    elif project.startswith("splunk-sdk-"):
        text = SPLUNK_NOTICE.encode("utf-8") + (root / "LICENSE").read_bytes()
    else:
        raise ToolError(f"{project} does not have a licence file", "add its licence to tools/vendor.py")
    folder.mkdir(exist_ok=True)
    (folder / f"{project}.txt").write_bytes(text)


def files_of(root: Path = ROOT, flavour: Flavour = DEFAULT) -> list[str]:
    """Return the files of a flavour's libraries, sorted, relative to their folder.

    Raises:
        ToolError: it does not exist, or was built from other requirements.
    """
    lib = root / flavour.lib
    try:
        current = (lib / RECORD).read_bytes() == (root / flavour.requirements).read_bytes()
    except OSError:
        current = False
    if not current:
        cure = "make vendor" if flavour is DEFAULT else f"make vendor SDK={flavour.sdk}"
        raise ToolError(f"{flavour.lib} was not built from {flavour.requirements}", cure)
    found = (path for path in lib.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path.relative_to(lib).as_posix() for path in found)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses a flavour."""
    parser.add_argument(
        "--sdk",
        choices=FLAVOURS,
        default=DEFAULT.sdk,
        help="the series of splunk-sdk in the package; 3 is for Splunk 10.2 or later (default: %(default)s)",
    )


def main() -> None:
    """Build the libraries."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.vendor", description="Build the app's libraries.")
    add_option(parser)
    build(flavour=FLAVOURS[parser.parse_args().sdk])


if __name__ == "__main__":
    run(main)
