"""Builds bin/lib: of every library that the app carries, the files that a command needs, and its licence.

Usage: `python3 -m tools.vendor`

What bin/lib holds is written down in bin/lib/VENDORED.txt: every library's version, the SHA-256 of the
archive that it came from, and the SHA-256 of every file. The files are the library's own, never patched.
"""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Optional

from tools import bootstrap, pip
from tools.common import CACHE, ROOT, ToolError, run, sha256
from tools.requirements import Pin, read_pins

REQUIREMENTS = Path("requirements/vendor.txt")
LIB = Path("bin/lib")
RECORD = "VENDORED.txt"


class Library(NamedTuple):
    """What the app takes from a library.

    Attributes:
        package: folder of its modules inside the archive.
        modules: files to take, below that folder.
        licence: its licence inside the archive, with {version} to fill in; None where the archive has none.
        notice: who holds the copyright, where the licence's text does not say so.
    """

    package: str
    modules: tuple[str, ...]
    licence: Optional[str]
    notice: str = ""


LIBRARIES: Mapping[str, Library] = {
    "cachetools": Library(
        package="cachetools",
        modules=("__init__.py", "_cached.py", "_cachedmethod.py", "func.py", "keys.py"),
        licence="cachetools-{version}.dist-info/licenses/LICENSE",
    ),
    # Left out: the record types that no answer about an address holds (others are kept as bytes), DNSSEC, and
    # what runs DNS over QUIC, trio and asyncio; what is taken needs none of it.
    "dnspython": Library(
        package="dns",
        modules=(
            "__init__.py",
            "_asyncbackend.py",
            "_ddr.py",
            "_features.py",
            "_immutable_ctx.py",
            "asyncbackend.py",
            "asyncquery.py",
            "edns.py",
            "entropy.py",
            "enum.py",
            "exception.py",
            "flags.py",
            "grange.py",
            "immutable.py",
            "inet.py",
            "ipv4.py",
            "ipv6.py",
            "message.py",
            "name.py",
            "nameserver.py",
            "node.py",
            "opcode.py",
            "query.py",
            "quic/__init__.py",
            "rcode.py",
            "rdata.py",
            "rdataclass.py",
            "rdataset.py",
            "rdatatype.py",
            "rdtypes/__init__.py",
            "rdtypes/ANY/__init__.py",
            "rdtypes/ANY/CNAME.py",
            "rdtypes/ANY/DNAME.py",
            "rdtypes/ANY/NS.py",
            "rdtypes/ANY/OPT.py",
            "rdtypes/ANY/SOA.py",
            "rdtypes/ANY/TSIG.py",
            "rdtypes/ANY/ZONEMD.py",
            "rdtypes/IN/__init__.py",
            "rdtypes/IN/A.py",
            "rdtypes/IN/AAAA.py",
            "rdtypes/nsbase.py",
            "rdtypes/svcbbase.py",
            "rdtypes/util.py",
            "renderer.py",
            "resolver.py",
            "reversename.py",
            "rrset.py",
            "serial.py",
            "set.py",
            "tokenizer.py",
            "transaction.py",
            "tsig.py",
            "ttl.py",
            "version.py",
            "win32util.py",
            "wire.py",
            "xfr.py",
            "zone.py",
            "zonefile.py",
            "zonetypes.py",
        ),
        licence="dnspython-{version}.dist-info/licenses/LICENSE",
    ),
    "filelock": Library(
        package="filelock",
        modules=(
            "__init__.py",
            "_api.py",
            "_error.py",
            "_soft.py",
            "_unix.py",
            "_util.py",
            "_windows.py",
            "asyncio.py",
            "version.py",
        ),
        licence="filelock-{version}.dist-info/licenses/LICENSE",
    ),
    # Left out: the tables of IANA and IEEE (2.2 MB, full of addresses that AppInspect warns of) with
    # ip/iana.py and eui/ieee.py, which only read them and are imported late; the shell; the tests.
    "netaddr": Library(
        package="netaddr",
        modules=(
            "__init__.py",
            "compat.py",
            "contrib/__init__.py",
            "contrib/subnet_splitter.py",
            "core.py",
            "eui/__init__.py",
            "fbsocket.py",
            "ip/__init__.py",
            "ip/glob.py",
            "ip/nmap.py",
            "ip/rfc1924.py",
            "ip/sets.py",
            "strategy/__init__.py",
            "strategy/eui48.py",
            "strategy/eui64.py",
            "strategy/ipv4.py",
            "strategy/ipv6.py",
        ),
        licence="netaddr-{version}.dist-info/LICENSE.rst",
    ),
    # Left out: modularinput, which the app has none of; results.py, which needs one more library; six.py,
    # which nothing imports.
    "splunk-sdk": Library(
        package="splunklib",
        modules=(
            "__init__.py",
            "binding.py",
            "client.py",
            "data.py",
            "searchcommands/__init__.py",
            "searchcommands/decorators.py",
            "searchcommands/environment.py",
            "searchcommands/eventing_command.py",
            "searchcommands/external_search_command.py",
            "searchcommands/generating_command.py",
            "searchcommands/internals.py",
            "searchcommands/reporting_command.py",
            "searchcommands/search_command.py",
            "searchcommands/streaming_command.py",
            "searchcommands/validators.py",
            "utils.py",
        ),
        licence=None,
        notice="Copyright © 2011-2024 Splunk, Inc.\n"
        'Licensed under the Apache License, Version 2.0 (the "License"), whose text follows.\n\n',
    ),
}


def ensure(root: Path = ROOT) -> None:
    """Build bin/lib unless it already is what the requirements and the list above ask for.

    Raises:
        ToolError: an archive cannot be had, or lacks a file.
    """
    if not problems(root):
        return
    pins = read_pins(root / REQUIREMENTS)
    lib = root / LIB
    partial = lib.with_name("lib.tmp")
    shutil.rmtree(partial, ignore_errors=True)
    archives = []
    for project, archive in _archives(root, pins).items():
        for name, content in _content(root, pins[project], archive):
            target = partial / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        archives.append(f"{sha256(archive)}  {archive.name}\n")
    files = [f"{sha256(partial / name)}  {name}\n" for name in files_of(root) if name != RECORD]
    text = f"{_heading(root)}\nArchives\n{''.join(archives)}\nFiles\n{''.join(files)}"
    (partial / RECORD).write_bytes(text.encode("utf-8"))
    shutil.rmtree(lib, ignore_errors=True)
    partial.rename(lib)


def files_of(root: Path = ROOT) -> list[str]:
    """Return what bin/lib has to hold, sorted, relative to it."""
    pins = read_pins(root / REQUIREMENTS)
    modules = [f"{library.package}/{name}" for library in LIBRARIES.values() for name in library.modules]
    return sorted([RECORD, *(_licence_name(pins[project]) for project in LIBRARIES), *modules])


def problems(root: Path = ROOT) -> list[str]:
    """Tell what keeps bin/lib from being up to date and untouched; empty if nothing does."""
    lib = root / LIB
    record = lib / RECORD
    if not record.is_file():
        return [f"{LIB}/{RECORD} does not exist"]
    text = record.read_text(encoding="utf-8")
    if not text.startswith(_heading(root)):
        return [f"{LIB}/{RECORD} is of other versions than {REQUIREMENTS}"]
    lines = text.partition("\nFiles\n")[2].splitlines()
    recorded = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    wanted = set(files_of(root)) - {RECORD}
    found = {
        path.relative_to(lib).as_posix()
        for path in lib.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path != record
    }
    return [
        *(f"{LIB}/{name} is missing" for name in sorted(wanted - found)),
        *(f"{LIB}/{name} does not belong there" for name in sorted(found - wanted)),
        *(
            f"{LIB}/{name} was changed"
            for name in sorted(wanted & found)
            if recorded.get(name) != sha256(lib / name)
        ),
    ]


def _heading(root: Path) -> str:
    pins = read_pins(root / REQUIREMENTS)
    lines = "".join(f"{project} {pins[project].version}\n" for project in LIBRARIES)
    return f"Libraries that this app carries, unchanged; their licences are in licenses/.\n\n{lines}"


def _licence_name(pin: Pin) -> str:
    return f"licenses/{pin.project}-{pin.version}.txt"


def _archives(root: Path, pins: Mapping[str, Pin]) -> dict[str, Path]:
    """Return every library's archive, by project, from the cache or else by pip."""
    if not all(_cached(pins[project]) for project in LIBRARIES):
        CACHE.mkdir(parents=True, exist_ok=True)
        pip.run(
            # pip asks a source archive for its name and version, which takes setuptools.
            bootstrap.ensure(ROOT / ".venv" / "build", [ROOT / "requirements" / "build.txt"]),
            # Without dependencies: what is taken from the libraries needs none, which the tests prove.
            ["download", "--no-deps", "--no-build-isolation", "--require-hashes"]
            + ["--dest", str(CACHE), "-r", str(root / REQUIREMENTS)],
            problem=f"the archives of {REQUIREMENTS} could not be had",
        )
    archives = {}
    for project in LIBRARIES:
        archive = _cached(pins[project])
        if archive is None:
            raise ToolError(f"pip brought no archive of {project} that has a pinned hash", "make lock")
        archives[project] = archive
    return archives


def _cached(pin: Pin) -> Optional[Path]:
    """Find the archive in the cache by its hash, whatever its name's spelling."""
    if not CACHE.is_dir():
        return None
    return next((path for path in sorted(CACHE.iterdir()) if sha256(path) in pin.hashes), None)


def _content(root: Path, pin: Pin, archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name below bin/lib and the bytes of every file that is taken from an archive."""
    library = LIBRARIES[pin.project]
    members = _members(archive)
    for name in library.modules:
        member = f"{library.package}/{name}"
        if member not in members:
            raise ToolError(
                f"{archive.name} has no {member}", f"mend the list of {pin.project} in tools/vendor.py"
            )
        yield member, members[member]
    if library.licence is None:
        licence = (root / "LICENSE").read_bytes()
    else:
        licence = members[library.licence.format(version=pin.version)]
    yield _licence_name(pin), library.notice.encode("utf-8") + licence


def _members(archive: Path) -> dict[str, bytes]:
    """Return an archive's files by name; a source archive's outermost folder is left off."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    found = {}
    with tarfile.open(archive) as source:
        for member in source:
            stream = source.extractfile(member)
            if stream is not None:
                found[member.name.partition("/")[2]] = stream.read()
    return found


if __name__ == "__main__":
    run(ensure)
