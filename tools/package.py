"""Makes dist/tsidenrich-<version>.tgz, the app as Splunk installs it; the bytes depend on the commit only.

Usage: `python3 -m tools.package [--sdk 3] [--unpack FOLDER]`
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import re
import subprocess
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from tools import vendor
from tools.common import ROOT, ToolError, run, sha256
from tools.vendor import DEFAULT, FLAVOURS, LIB, Flavour
from tsid.text import conf

APP = "tsidenrich"
YEAR = range(1_767_225_600, 1_767_225_600 + 365 * 86_400)
"""The seconds of 2026 (UTC)."""

LINK = Path("default/app.conf")
"""The repository's only link; the package contains the file that it points to."""

FOLDERS: Mapping[str, tuple[str, ...]] = {
    "README": (".spec",),
    "bin": (".py",),
    "default": (".conf", ".xml"),
    "docs": (".md",),
    "lookups": (".csv",),
    "metadata": ("/default.meta",),
    "static": (".png",),
}
"""The app's folders, and the endings of their packaged files; a file with another ending is an error."""

TOP = ("CHANGELOG.md", "LICENSE", "README.md", "app.manifest")
"""The packaged files at the repository's root."""

LEFT_OUT = (
    "docs/images/",
    # These pages are about the repository.
    "docs/architecture.md",
    "docs/developer.md",
    "docs/development.md",
    "docs/lab.md",
    "docs/measurements.md",
    "docs/performance.md",
    "docs/reliability.md",
)
"""Files in the app's folders that are not packaged, by the start of their paths."""


SHIPPED = "bin/lookups.sha256"
"""The digests of the shipped tables, by which `| tsidlookup table=files` knows them; it is not in git."""


def build(root: Path = ROOT, folder: Path = ROOT / "dist", flavour: Flavour = DEFAULT) -> Path:
    """Make the package of the app whose repository is at root, and a file with its SHA-256 next to it.

    Returns:
        Its path, in the folder given.

    Raises:
        ToolError: a file is missing, or it is unknown whether to package it.
    """
    content = {name: (root / name).read_bytes() for name in _names(root)}
    content.update(
        (f"{LIB.as_posix()}/{name}", (root / flavour.lib / name).read_bytes())
        for name in vendor.files_of(root, flavour)
    )
    if flavour is not DEFAULT:
        _turn(content, "default/commands.conf", r"(?m)^(python\.required = ).*$", rf"\g<1>{flavour.pythons}")
        _turn(content, "app.manifest", r'("Enterprise": )".*"', rf'\g<1>"{flavour.splunk}"')
    content[SHIPPED] = "".join(
        f"{hashlib.sha256(content[name]).hexdigest()}  {name}\n"
        for name in sorted(content)
        if name.startswith("lookups/")
    ).encode("ascii")
    path = path_of(root, folder, flavour)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_gzip(_tar(content, mtime_of(version_of(root) + flavour.suffix))))
    path.with_name(f"{path.name}.sha256").write_bytes(f"{sha256(path)}  {path.name}\n".encode("ascii"))
    return path


def _turn(content: dict[str, bytes], name: str, pattern: str, new: str) -> None:
    """Change each place of a file that differs between flavours."""
    text, found = re.subn(pattern, new, content[name].decode("utf-8"))
    if not found:
        raise ToolError(f"{name} contains nothing like {pattern}", "adapt tools/package.py")
    content[name] = text.encode("utf-8")


def path_of(root: Path = ROOT, folder: Path = ROOT / "dist", flavour: Flavour = DEFAULT) -> Path:
    """Return where build() puts the package.

    Raises:
        ToolError: app.conf has no version.
    """
    return folder / f"{APP}-{version_of(root)}{flavour.suffix}.tgz"


def mtime_of(version: str) -> int:
    """Return the modification time of everything in the package of a version.

    Python runs a module's bytecode as long as time and size of the source have not changed. So
    each version, with the suffix of its flavour, has its own time: a second of `YEAR`.
    """
    return YEAR[zlib.crc32(version.encode("ascii")) % len(YEAR)]


def version_of(root: Path = ROOT) -> str:
    """Return the version that app.conf names.

    Raises:
        ToolError: it does not name a version.
    """
    try:
        return conf.read(root / LINK)["id"]["version"]
    except (OSError, conf.ConfError, KeyError) as error:
        raise ToolError(f"{LINK} does not contain the version: {error}") from error


def unpack(package: Path, folder: Path) -> Path:
    """Unpack a package of build() into a folder; return the app's folder in it."""
    with tarfile.open(package) as archive:
        for member in archive:
            path = folder / member.name
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            else:
                stream = archive.extractfile(member)
                assert stream is not None, "build() packs folders and plain files only"
                path.write_bytes(stream.read())
            path.chmod(member.mode)
    return folder / APP


def _names(root: Path) -> list[str]:
    """Return the app's own files to package, sorted, relative to the repository's root."""
    names = packaged_names(root)
    missing = {*TOP, LINK.as_posix(), "metadata/default.meta"} - set(names)
    if missing:
        raise ToolError(f"the app lacks {', '.join(sorted(missing))}")
    return sorted(names)


def packaged_names(root: Path = ROOT) -> list[str]:
    """Return the app's own files to package, relative to the root: all that git does not ignore.

    Raises:
        ToolError: the root is not a git repository, or a file in a folder of the app has another ending.
    """
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *TOP, *FOLDERS],  # noqa: S607
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToolError(
            f"git cannot list the files of {root}: {error}", "install git, and use a clone"
        ) from None
    there = [name for name in dict.fromkeys(listed) if name and os.path.lexists(root / name)]
    names = [name for name in there if not name.startswith(LEFT_OUT)]
    strays = [name for name in names if not _belongs(root, name)]
    if strays:
        raise ToolError(
            f"not known whether to package {', '.join(strays)}",
            "remove it, or name it or its ending in tools/package.py",
        )
    return names


def _belongs(root: Path, name: str) -> bool:
    if (root / name).is_symlink():
        return name == LINK.as_posix()
    hidden = Path(name).name.startswith(".")
    return name in TOP or (not hidden and name.endswith(FOLDERS.get(name.partition("/")[0], ())))


def _tar(content: dict[str, bytes], mtime: int) -> bytes:
    """Return a tar archive that depends only on names, bytes and the given time."""
    folders = {f"{APP}/{parent.as_posix()}" for name in content for parent in Path(name).parents}
    entries: dict[str, bytes | None] = {folder.removesuffix("/."): None for folder in folders}
    entries.update({f"{APP}/{name}": data for name, data in content.items()})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(entries.items()):
            member = tarfile.TarInfo(name)
            member.mtime = mtime
            if data is None:
                member.type = tarfile.DIRTYPE
                member.mode = 0o755
                archive.addfile(member)
            else:
                member.size = len(data)
                member.mode = 0o644
                archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _gzip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as stream:
        stream.write(data)
    return buffer.getvalue()


def main() -> None:
    """Build the package."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.package", description="Make the app's package.")
    parser.add_argument("--unpack", type=Path, metavar="FOLDER", help="also unpack it into this folder")
    vendor.add_option(parser)
    options = parser.parse_args()
    package = build(flavour=FLAVOURS[options.sdk])
    if options.unpack:
        unpack(package, options.unpack)
    print(f"{sha256(package)}  {package.relative_to(ROOT)}")


if __name__ == "__main__":
    run(main)
