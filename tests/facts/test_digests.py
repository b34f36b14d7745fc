"""Digests of the lookup files: of the app's own files only, and of those that cannot be read too."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Optional

import pytest

from tsid.facts.digests import SHIPPED, FileDigest, file_digests


def test_every_file_of_the_apps_lookups_is_listed_with_rows_and_hash(folder: Path) -> None:
    (folder / "tsid_aliases_local.csv").write_bytes(b"alias,host\nx.example,tools.cisco.com\n")
    found = {digest.file: digest for digest in file_digests(folder)}
    assert sorted(found) == sorted(path.name for path in folder.glob("*.csv"))
    data = (folder / "tsid_relays.csv").read_bytes()
    assert found["tsid_relays.csv"] == (
        "tsid_relays.csv",
        data.count(b"\n") - 1,
        hashlib.sha256(data).hexdigest(),
        "",
        "",
    )


def test_a_file_that_cannot_be_read_is_listed_as_not_readable(folder: Path) -> None:
    (folder / "tsid_aliases_local.csv").mkdir()
    (folder / "tsid_relays_local.csv").symlink_to(folder / "nowhere")
    found = {digest.file: digest for digest in file_digests(folder)}
    assert found["tsid_aliases_local.csv"] == FileDigest(
        "tsid_aliases_local.csv", None, "", "not readable (Is a directory)"
    )
    assert found["tsid_relays_local.csv"].problem == "not readable (No such file or directory)"


def shipped(folder: Path, *names: str) -> None:
    """Write what the package says about the tables of these names, as they are now."""
    (folder.parent / "bin").mkdir()
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  lookups/{name}\n" for name in names
    ]
    (folder.parent / "bin" / SHIPPED).write_text("".join(lines), encoding="ascii")


def test_a_shipped_table_of_another_version_or_an_edited_or_missing_one_is_noticed(folder: Path) -> None:
    tables = sorted(path.name for path in folder.glob("*.csv"))
    shipped(folder, *tables)
    (folder / "tsid_aliases_local.csv").write_bytes(b"alias,host\nx.example,tools.cisco.com\n")
    assert {(digest.file, digest.as_shipped, digest.problem) for digest in file_digests(folder)} == {
        *((name, "true", "") for name in tables),
        # A site's own file: nobody shipped it.
        ("tsid_aliases_local.csv", "", ""),
    }
    with (folder / "tsid_aliases.csv").open("ab") as file:
        file.write(b"\n")
    (folder / "tsid_relays.csv").unlink()
    found = {digest.file: digest for digest in file_digests(folder) if digest.as_shipped == "false"}
    assert sorted(found) == ["tsid_aliases.csv", "tsid_relays.csv"]
    assert "kept from another version, or edited" in found["tsid_aliases.csv"].problem
    assert "tsid_aliases_local.csv" in found["tsid_aliases.csv"].problem
    assert found["tsid_relays.csv"].problem.startswith("missing.")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"# nothing\n", None])
def test_without_the_packages_digests_it_is_not_known_what_was_shipped(
    folder: Path, content: Optional[bytes]
) -> None:
    (folder.parent / "bin").mkdir()
    if content is not None:
        (folder.parent / "bin" / SHIPPED).write_bytes(content)
    assert {(digest.as_shipped, digest.problem) for digest in file_digests(folder)} == {("", "")}


def test_nothing_is_shown_of_files_that_are_not_the_apps(folder: Path) -> None:
    before = list(file_digests(folder))
    (folder / "secrets.csv").write_text("user,password\n", encoding="utf-8")
    (folder / "odd.csv").mkdir()
    assert list(file_digests(folder)) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_named_pipe_is_listed_without_waiting_for_a_writer(folder: Path) -> None:
    os.mkfifo(folder / "tsid_aliases_local.csv")
    found = {digest.file: digest for digest in file_digests(folder)}
    assert found["tsid_aliases_local.csv"].problem == "not readable (not a regular file)"
