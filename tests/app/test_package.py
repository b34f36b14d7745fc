"""The package: its content, and the same bytes on every machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.interpreters import FLAVOUR
from tools import package, vendor
from tools.common import ROOT, ToolError, sha256
from tools.package import version_of
from tsid.text import conf


def copy_of_the_tree(folder: Path) -> Path:
    """Copy the files that the package is made from."""
    for name in (*package.FOLDERS, "requirements"):
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name,
                folder / name,
                symlinks=True,
                ignore=shutil.ignore_patterns("__pycache__"),
                dirs_exist_ok=True,
            )
    for name in (".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "app.conf", "app.manifest"):
        shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "-q", folder], check=True)  # noqa: S607
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy_of_the_tree(tmp_path)


@pytest.fixture
def app(package_file: Path, tmp_path: Path) -> Path:
    return package.unpack(package_file, tmp_path)


@pytest.fixture
def members(package_file: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(package_file) as archive:
        return archive.getmembers()


def test_two_copies_of_the_tree_make_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for number, (mask, name) in enumerate(((0o022, "here"), (0o077, "a much longer name, elsewhere"))):
        before = os.umask(mask)
        try:
            folder = tmp_path / name
            folder.mkdir()
            tree = copy_of_the_tree(folder)
            for path in tree.rglob("*"):
                os.utime(path, (number * 86400.0, number * 86400.0), follow_symlinks=False)
                if path.is_file() and not path.is_symlink():
                    path.chmod(0o600 if number else 0o755)
            made.append(package.build(tree, tree / "dist"))
        finally:
            os.umask(before)
    assert made[0].read_bytes() == made[1].read_bytes()


def test_the_package_comes_with_its_sha256(package_file: Path) -> None:
    text = package_file.with_name(f"{package_file.name}.sha256").read_text(encoding="ascii")
    assert text == f"{sha256(package_file)}  {package_file.name}\n"


def test_the_file_name_contains_the_version(package_file: Path) -> None:
    assert package_file.name == f"tsidenrich-{version_of()}{FLAVOUR.suffix}.tgz"


def test_the_package_has_one_top_folder_and_sorted_members(members: list[tarfile.TarInfo]) -> None:
    names = [member.name for member in members]
    assert names == sorted(set(names))
    assert names[0] == "tsidenrich"
    assert all(name.startswith("tsidenrich/") for name in names[1:])


def test_members_have_no_owner_and_the_time_of_the_version(
    members: list[tarfile.TarInfo],
) -> None:
    assert {(member.isdir(), member.isreg(), member.mode) for member in members} == {
        (True, False, 0o755),
        (False, True, 0o644),
    }
    time = package.mtime_of(version_of() + FLAVOUR.suffix)
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", time)}


def test_every_version_has_a_time_of_its_own() -> None:
    versions = [
        f"{major}.{minor}.{patch}" for major in range(3) for minor in range(20) for patch in range(10)
    ]
    times = {package.mtime_of(version) for version in versions}
    assert len(times) == len(versions)
    assert all(time in package.YEAR for time in times)


def test_default_app_conf_is_a_file(app: Path) -> None:
    assert (ROOT / package.LINK).is_symlink()
    assert (app / package.LINK).read_bytes() == (ROOT / "app.conf").read_bytes()
    assert not (app / "app.conf").exists()


def test_the_libraries_are_in_it_with_their_licences(app: Path) -> None:
    lib = app / vendor.LIB
    assert sorted(
        path.relative_to(lib).as_posix() for path in lib.rglob("*") if path.is_file()
    ) == vendor.files_of(flavour=FLAVOUR)


def test_the_digests_in_it_are_those_of_its_tables(app: Path) -> None:
    listed = dict(line.split("  ")[::-1] for line in (app / package.SHIPPED).read_text("ascii").splitlines())
    assert listed == {f"lookups/{path.name}": sha256(path) for path in (app / "lookups").iterdir()}


def test_the_flavours_differ_in_the_libraries_and_what_they_run_on_only(tree: Path) -> None:
    other = vendor.FLAVOURS["3"]
    shutil.copytree(tree / vendor.LIB, tree / other.lib)
    shutil.copy(tree / other.requirements, tree / other.lib / vendor.RECORD)
    flavours = (vendor.DEFAULT, other)
    packages = [package.build(tree, tree / "dist", flavour) for flavour in flavours]
    apps = [package.unpack(path, tree / "build" / path.stem) for path in packages]
    files = [
        {path.relative_to(app).as_posix(): path.read_bytes() for path in app.rglob("*") if path.is_file()}
        for app in apps
    ]
    assert files[0].keys() == files[1].keys()
    assert {name for name in files[0] if files[0][name] != files[1][name]} == {
        "app.manifest",
        "bin/lib/VENDORED.txt",
        "default/commands.conf",
    }
    for flavour, app in zip(flavours, apps):
        commands = conf.read(app / "default" / "commands.conf").values()
        assert {command["python.required"] for command in commands} == {flavour.pythons}
        manifest = json.loads((app / "app.manifest").read_bytes())
        assert manifest["platformRequirements"]["splunk"]["Enterprise"] == flavour.splunk
    # Python must not take the bytecode of the one for that of the other.
    with tarfile.open(packages[0]) as first, tarfile.open(packages[1]) as second:
        assert first.getmembers()[0].mtime != second.getmembers()[0].mtime


STRAYS = (
    "bin/notes.txt",
    "bin/.hidden.py",
    "bin/tsid/data.json",
    "default/data/models/a.json",
    "default/data/ui/views/.a.xml",
    "lookups/a.json",
    "lookups/.a.csv",
    "metadata/other.meta",
    "static/a.svg",
    "README/a.txt",
)


@pytest.mark.parametrize("name", STRAYS)
def test_a_file_of_unknown_kind_is_named_and_stops_it(tree: Path, name: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).touch()
    with pytest.raises(ToolError, match=f"not known whether to package {name}\n"):
        package.build(tree, tree / "dist")


LEFT_OUT = (
    "bin/tsid/__pycache__/a.pyc",
    "bin/lib/netaddr/__pycache__/a.pyc",
    "lookups/a_local.csv",
    "lookups/a_refreshed.csv",
    "lookups/a.csv.bak",
    "default/local.bak",
    "lookups/a.csv.1.tmp",
    "metadata/local.meta",
    "local/app.conf",
)


def test_files_that_an_installation_leaves_behind_are_not_packaged(tree: Path) -> None:
    before = sha256(package.build(tree, tree / "dist"))
    for name in LEFT_OUT:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    assert sha256(package.build(tree, tree / "dist")) == before


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link": (
        lambda tree: (tree / "lookups/a.csv").symlink_to("../LICENSE"),
        "not known whether to package lookups/a.csv",
    ),
    "a link to a folder": (
        lambda tree: (tree / "lookups/a").symlink_to("../bin"),
        "not known .* lookups/a\n",
    ),
    "no manifest": (lambda tree: (tree / "app.manifest").unlink(), "the app lacks app.manifest"),
    "no rights": (
        lambda tree: (tree / "metadata/default.meta").unlink(),
        "the app lacks metadata/default.meta",
    ),
    "no libraries": (
        lambda tree: shutil.rmtree(tree / vendor.LIB),
        "bin/lib was not built from .*\n.*make vendor",
    ),
    "no version": (
        lambda tree: (tree / "app.conf").write_bytes(b"[id]\n"),
        "app.conf does not contain the version",
    ),
}


@pytest.mark.parametrize(("break_it", "message"), BREAKS.values(), ids=BREAKS)
def test_no_package_is_made_from_a_broken_tree(
    tree: Path, break_it: Callable[[Path], object], message: str
) -> None:
    break_it(tree)
    with pytest.raises(ToolError, match=message):
        package.build(tree, tree / "dist")
    assert not (tree / "dist").exists()
