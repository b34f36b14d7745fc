"""Finds an app's id and its commands' scripts, and makes writable copies of an app."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.errors import UsageError
from tsid.text import conf

_TRUE = ("true", "t", "yes", "y", "1")


def copy_app(app: Path, folder: Path) -> Path:
    """Copy the parts of an app that its searches use, so that they may write there."""
    # With its bytecode, or the first run of each command would have to compile all of it; but not with what
    # another process is just writing.
    for name in ("bin", "default", "lookups", "metadata"):
        shutil.copytree(app / name, folder / name, ignore=shutil.ignore_patterns("*.pyc.*"))
    return folder


def copy_data(app: Path, folder: Path) -> Path:
    """Copy the settings, the lookups and the commands' scripts, without the library."""
    for name in ("default", "lookups", "metadata"):
        shutil.copytree(app / name, folder / name)
    (folder / "bin").mkdir()
    for script in (app / "bin").glob("*.py"):
        shutil.copy(script, folder / "bin")
    return folder


def app_id(app: Path) -> str:
    """Return the folder name under which Splunk installs the app.

    It is ``[package] id`` in app.conf, else ``[id] name``, else the folder's own name.
    """
    path = app / "default" / "app.conf"
    stanzas = _read(path) if path.is_file() else {}
    return stanzas.get("package", {}).get("id") or stanzas.get("id", {}).get("name") or app.resolve().name


def find_script(app: Path, command: str) -> Path:
    """Return the script of a command of the app.

    Raises:
        UsageError: splunkd could not run the command, or would not speak the chunk protocol to it.
    """
    path = app / "default" / "commands.conf"
    stanzas = _read(path)
    if command not in stanzas:
        raise UsageError(f"{path} has no stanza [{command}]")
    settings = {**stanzas.get(conf.DEFAULT, {}), **stanzas[command]}
    where = f"{path}: [{command}]"
    if settings.get("chunked", "").lower() not in _TRUE:
        raise UsageError(f"{where} is not chunked, and no other protocol is spoken here")
    argument = next((name for name in settings if name.startswith("command.arg.")), None)
    if argument:
        raise UsageError(f"{where} has {argument}: given an argument, the SDK speaks protocol version 1")
    if not settings.get("filename"):
        raise UsageError(f"{where} has no filename")
    script = app / "bin" / settings["filename"]
    if not script.is_file():
        raise UsageError(f"{where} names {script}, which does not exist")
    return script


def _read(path: Path) -> conf.Conf:
    try:
        return conf.read(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except conf.ConfError as error:
        raise UsageError(f"{path.parent}: {error}") from None
