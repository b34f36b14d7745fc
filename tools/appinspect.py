"""Runs Splunk's AppInspect over the package, and accepts only the unavoidable warnings.

Usage: `.venv/inspect/bin/python -m tools.appinspect [--sdk 3] [PACKAGE]` (`make inspect [SDK=3]`)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

from tools import package, vendor
from tools.common import ToolError, run

EXPECTED: Mapping[str, str] = {
    "check_python_sdk_version": (
        "asks for splunk-sdk 3.0.0 or later, which needs Python 3.13; Splunk 9.3 to 10.0 run 3.9"
    ),
    "check_for_python_script_existence": "warns that there are Python files at all; a search command is one",
    "check_collections_conf": (
        "reports every KV store collection, and adds that no action is required; the ledger is one"
    ),
}
"""The expected warnings, and why they are unavoidable."""

EXPECTED_SDK3: Mapping[str, str] = {
    **{check: reason for check, reason in EXPECTED.items() if check != "check_python_sdk_version"},
    "check_for_possible_threading": (
        "reports subprocess in a file of splunk-sdk 3 that nothing calls; it knows that of older versions"
    ),
}
"""The same for the package with splunk-sdk 3."""

BAD = ("error", "failure", "future_failure")


class Finding(NamedTuple):
    """A message of one of AppInspect's checks; it names file and line where it has them."""

    check: str
    result: str
    message: str


def inspect(path: Path, kept: Optional[Path] = None) -> list[Finding]:
    """Run AppInspect over a package; return every warning, failure and error.

    Args:
        path: the package.
        kept: the file for AppInspect's own report in JSON; None: not kept.

    Raises:
        ToolError: AppInspect cannot run here.
    """
    magic = [sys.executable, "-c", "import magic"]
    if subprocess.run(magic, check=False, stderr=subprocess.DEVNULL).returncode:
        raise ToolError("AppInspect needs the C library libmagic", "Debian: apt install libmagic1")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        program = Path(sys.executable).with_name("splunk-appinspect")
        options = ["--mode", "precert", "--ci", "--skip-trusted-libraries-update"]
        ran = subprocess.run(
            [program, "inspect", path, *options, "--data-format", "json", "--output-file", report],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if not report.is_file():
            raise ToolError(f"AppInspect wrote no report (exit code {ran.returncode}):\n{ran.stdout}")
        data = report.read_bytes()
        if kept is not None:
            kept.write_bytes(data)
        return list(findings(json.loads(data)))


def findings(report: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield everything in AppInspect's JSON report that is not a success."""
    for app in report["reports"]:
        for group in app["groups"]:
            for check in group["checks"]:
                if check["result"] in (*BAD, "warning"):
                    for message in check["messages"]:
                        yield Finding(check["name"], check["result"], " ".join(message["message"].split()))


def expected(flavour: vendor.Flavour = vendor.DEFAULT) -> Mapping[str, str]:
    """Return the expected warnings about a flavour of the package, and why they are unavoidable."""
    return EXPECTED if flavour is vendor.DEFAULT else EXPECTED_SDK3


def complaints(found: list[Finding], flavour: vendor.Flavour = vendor.DEFAULT) -> list[str]:
    """Return the problems of a report: unexpected findings, and expected ones that are missing."""
    known = expected(flavour)
    unexpected = [one for one in found if one.result in BAD or one.check not in known]
    absent = known.keys() - {one.check for one in found}
    return [
        *(f"{one.result} of {one.check}: {one.message}" for one in unexpected),
        *(
            f"{check} no longer warns: take it off EXPECTED in tools/appinspect.py"
            for check in sorted(absent)
        ),
    ]


def main() -> None:
    """Inspect one package."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.appinspect", description="Run AppInspect over a package."
    )
    parser.add_argument(
        "package", type=Path, nargs="?", help=f"default: the flavour's in {package.path_of().parent}"
    )
    vendor.add_option(parser)
    options = parser.parse_args()
    flavour = vendor.FLAVOURS[options.sdk]
    path = options.package or package.path_of(flavour=flavour)
    if not path.is_file():
        raise ToolError(f"{path} does not exist", "make package")
    wrong = complaints(inspect(path), flavour)
    if wrong:
        raise ToolError("AppInspect:\n" + "\n".join(f"  {complaint}" for complaint in wrong))
    known = expected(flavour)
    print(f"AppInspect: no error, failure or future failure; {len(known)} warnings, which cannot be avoided:")
    for check, reason in known.items():
        print(f"  {check}: {reason}")


if __name__ == "__main__":
    run(main)
