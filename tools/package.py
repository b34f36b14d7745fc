"""Makes dist/tsidenrich-<version>.tgz: the app as Splunk installs it, the same bytes wherever it is made.

Usage: `python3 -m tools.package [--unpack FOLDER]`
"""

from __future__ import annotations

import argparse
import gzip
import io
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tools import appcheck, conf, vendor
from tools.common import ROOT, ToolError, run, sha256

APP = "tsidenrich"
YEAR = range(1_767_225_600, 1_767_225_600 + 365 * 86_400)
"""The seconds of 2026 (UTC)."""

LINK = Path("default/app.conf")
"""The one link of the repository; the package gets the file that it points to."""

FOLDERS = ("README", "bin", "default", "docs", "lookups", "metadata", "static")
"""Folders of the app: whatever lies in them is packaged, known to be left out, or an error."""

PACKAGED = (
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "README/tsidrefresh.conf.spec",
    "app.manifest",
    "bin/tsidchunks.py",
    "bin/tsidcommand.py",
    "bin/tsidenrich.py",
    "bin/tsidlookup.py",
    "bin/tsidrefresh.py",
    "bin/tsidrefreshcommand.py",
    "bin/tsidrisk.py",
    "bin/tsidwire.py",
    "bin/tsid/__init__.py",
    "bin/tsid/actions.py",
    "bin/tsid/addresses.py",
    "bin/tsid/candidates.py",
    "bin/tsid/clocks.py",
    "bin/tsid/csvbytes.py",
    "bin/tsid/enrich.py",
    "bin/tsid/errors.py",
    "bin/tsid/fields.py",
    "bin/tsid/files.py",
    "bin/tsid/harmless.py",
    "bin/tsid/lookups.py",
    "bin/tsid/names.py",
    "bin/tsid/rawlines.py",
    "bin/tsid/reader.py",
    "bin/tsid/refresh/__init__.py",
    "bin/tsid/refresh/bounds.py",
    "bin/tsid/refresh/certificates.py",
    "bin/tsid/refresh/items.py",
    "bin/tsid/refresh/plan.py",
    "bin/tsid/refresh/publish.py",
    "bin/tsid/refresh/report.py",
    "bin/tsid/refresh/resolving.py",
    "bin/tsid/refresh/script.py",
    "bin/tsid/refresh/settings.py",
    "bin/tsid/refresh/survey.py",
    "bin/tsid/risk.py",
    "bin/tsid/rowevents.py",
    "bin/tsid/rowpattern.py",
    "bin/tsid/rows.py",
    "bin/tsid/suspicion.py",
    "bin/tsid/tables.py",
    "bin/tsid/verdict.py",
    "bin/tsid/verdicts.py",
    "bin/tsid/versions.py",
    "bin/tsid/wording.py",
    "default/app.conf",
    "default/collections.conf",
    "default/commands.conf",
    "default/macros.conf",
    "default/savedsearches.conf",
    "default/searchbnf.conf",
    "default/server.conf",
    "default/transforms.conf",
    "default/tsidrefresh.conf",
    "default/data/ui/nav/default.xml",
    "default/data/ui/views/device.xml",
    "default/data/ui/views/health.xml",
    "default/data/ui/views/overview.xml",
    "docs/administrator.md",
    "docs/analyst.md",
    "docs/commands.md",
    "docs/dashboards.md",
    "docs/fields.md",
    "docs/lookups.md",
    "docs/refresh.md",
    "docs/searches.md",
    "docs/security.md",
    "docs/upgrade.md",
    "docs/verdicts.md",
    "lookups/cisco_domains.csv",
    "lookups/cisco_licensing_endpoints.csv",
    "lookups/cisco_networks.csv",
    "lookups/license_clocks.csv",
    "lookups/tsid_actions.csv",
    "lookups/tsid_aliases.csv",
    "lookups/tsid_fields.csv",
    "lookups/tsid_relays.csv",
    "lookups/tsid_sinkholes.csv",
    "metadata/default.meta",
    "static/appIcon.png",
    "static/appIconAlt.png",
    "static/appIconAlt_2x.png",
    "static/appIcon_2x.png",
    "static/appLogo.png",
    "static/appLogo_2x.png",
)
"""What is packaged, beside the files of bin/lib that tools/vendor.py names."""

LEFT_OUT = (
    "docs/architecture.md",  # about the repository
    "docs/developer.md",
    "docs/development.md",
    "docs/images/device.png",
    "docs/images/health.png",
    "docs/images/overview.png",
    "docs/lab.md",
    "docs/performance.md",
    "docs/reliability.md",
    "bin/**/__pycache__/*",  # made by Python
    "lookups/*_local.csv",  # a site's own rows
    "lookups/*_refreshed.csv",  # what a refresh has learned here
    "lookups/*.bak",
    "lookups/*.tmp",
    "metadata/local.meta",  # made by a Splunk that runs the app from this folder
)
"""What may lie in the app's folders and never gets into the package."""


def build(root: Path = ROOT, folder: Path = ROOT / "dist") -> Path:
    """Make the package of the app whose repository is at root, and a file with its SHA-256 beside it.

    Returns:
        Its path, in the folder given.

    Raises:
        ToolError: something is missing, or neither to be packaged nor known to be left out.
    """
    content = {name: (root / name).read_bytes() for name in _names(root)}
    path = path_of(root, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_gzip(_tar(content, mtime_of(_version(root)))))
    path.with_name(f"{path.name}.sha256").write_bytes(f"{sha256(path)}  {path.name}\n".encode("ascii"))
    return path


def build_checked(root: Path = ROOT, folder: Path = ROOT / "dist") -> Path:
    """Make the package as build() does, and keep it only if it obeys the app's own rules.

    Raises:
        ToolError: it breaks one, or cannot be made.
    """
    package = build(root, folder)
    with tempfile.TemporaryDirectory() as elsewhere:
        problems = appcheck.check(unpack(package, Path(elsewhere)))
    if problems:
        package.unlink()
        package.with_name(f"{package.name}.sha256").unlink()
        raise ToolError(
            "the package breaks these rules:\n" + "\n".join(f"  {problem}" for problem in problems)
        )
    return package


def path_of(root: Path = ROOT, folder: Path = ROOT / "dist") -> Path:
    """Return where build() puts the package.

    Raises:
        ToolError: app.conf has no version.
    """
    return folder / f"{APP}-{_version(root)}.tgz"


def mtime_of(version: str) -> int:
    """Return the modification time of everything in the package of a version.

    Python runs a module's bytecode as long as the source has the time and the size that it was made from. So
    each version has a time of its own: some second of `YEAR`.
    """
    return YEAR[zlib.crc32(version.encode("ascii")) % len(YEAR)]


def _version(root: Path) -> str:
    try:
        return conf.read(root / LINK)["id"]["version"]
    except (OSError, conf.ConfError, KeyError) as error:
        raise ToolError(f"{LINK} does not tell the version: {error}") from error


def unpack(package: Path, folder: Path) -> Path:
    """Unpack a package that build() made into a folder; return the app's own folder therein."""
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
    """Return the files to package, sorted, relative to the repository's root."""
    stale = vendor.problems(root)
    if stale:
        raise ToolError("; ".join(stale), "make vendor")
    vendored = {root / vendor.LIB / name for name in vendor.files_of(root)}
    left_out = _matching(root, LEFT_OUT)
    packaged = (_matching(root, PACKAGED) | vendored) - left_out
    known = packaged | left_out
    strays = [path for path in _everything(root) if path not in known or path.name.startswith(".")]
    strays += [path for path in packaged if path.is_symlink() and path != root / LINK]
    if strays:
        raise ToolError(
            "not known whether to package "
            + ", ".join(sorted(path.relative_to(root).as_posix() for path in strays)),
            "remove it, or name it in PACKAGED or LEFT_OUT of tools/package.py",
        )
    names = {path.relative_to(root).as_posix() for path in packaged}
    missing = {"LICENSE", "README.md", "app.manifest", LINK.as_posix(), "metadata/default.meta"} - names
    if missing:
        raise ToolError(f"the app lacks {', '.join(sorted(missing))}")
    return sorted(names)


def _matching(root: Path, patterns: tuple[str, ...]) -> set[Path]:
    return {path for pattern in patterns for path in root.glob(pattern) if not path.is_dir()}


def _everything(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (path for path in (root / folder).rglob("*") if not path.is_dir() or path.is_symlink())


def _tar(content: dict[str, bytes], mtime: int) -> bytes:
    """Return a tar archive that depends on nothing but names, bytes and the one time."""
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
    """Build the package and keep it, if it obeys the app's own rules."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.package", description="Make the app's package.")
    parser.add_argument("--unpack", type=Path, metavar="FOLDER", help="also unpack it into this folder")
    options = parser.parse_args()
    package = build_checked()
    if options.unpack:
        unpack(package, options.unpack)
    print(f"{sha256(package)}  {package.relative_to(ROOT)}")


if __name__ == "__main__":
    run(main)
