"""Builds bin/lib: the app's libraries, without the files that it does not need.

Usage: `.venv/build/bin/python -m tools.vendor`, in an environment with pip and setuptools (`make vendor`)

pip chooses, verifies and unpacks the archives; this module deletes the files of LEFT_OUT and collects the
licences. bin/lib/VENDORED.txt is a copy of the requirements, with the versions and hashes of the archives.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.common import ROOT, ToolError, run

REQUIREMENTS = Path("requirements/vendor.txt")
LIB = Path("bin/lib")
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
            # Modular inputs, which the app does not have; results.py, which needs another library; six.py,
            # which nothing imports.
            r"splunklib/(modularinput/.*|(results|six)\.py)",
        )
    )
)
"""Files of the libraries that are not packaged, relative to bin/lib."""

SPLUNK_NOTICE = """Copyright © 2011-2024 Splunk, Inc.
Licensed under the Apache License, Version 2.0 (the "License"), whose text follows.

"""
"""splunk-sdk's archive does not contain its licence."""


def build(root: Path = ROOT) -> None:
    """Build bin/lib anew.

    Raises:
        ToolError: pip fails, or a library does not have a licence.
    """
    made = root / LIB.with_name("lib.tmp")
    shutil.rmtree(made, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Without build isolation: pip would fetch a setuptools without a hash to build splunk-sdk.
    exact = ["--no-deps", "--require-hashes", "--no-build-isolation", "--use-pep517", "--no-compile"]
    ran = subprocess.run([*pip, *exact, "--target", made, "-r", root / REQUIREMENTS], check=False)
    if ran.returncode:
        raise ToolError(f"pip could not install {REQUIREMENTS}", "read its message above")
    for metadata in sorted(made.glob("*.dist-info")):
        _keep_licence(metadata, made / LICENCES, root)
    for path in sorted(made.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif LEFT_OUT.fullmatch(path.relative_to(made).as_posix()):
            path.unlink()
    shutil.copyfile(root / REQUIREMENTS, made / RECORD)
    shutil.rmtree(root / LIB, ignore_errors=True)
    made.rename(root / LIB)


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


def files_of(root: Path = ROOT) -> list[str]:
    """Return the files of bin/lib, sorted, relative to it.

    Raises:
        ToolError: it does not exist, or was built from other requirements.
    """
    lib = root / LIB
    try:
        current = (lib / RECORD).read_bytes() == (root / REQUIREMENTS).read_bytes()
    except OSError:
        current = False
    if not current:
        raise ToolError(f"{LIB} was not built from {REQUIREMENTS}", "make vendor")
    found = (path for path in lib.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path.relative_to(lib).as_posix() for path in found)


if __name__ == "__main__":
    run(build)
