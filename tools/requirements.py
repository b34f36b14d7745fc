"""Reads the locked requirement files: which version of a project is pinned, and by which hashes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tools.common import ToolError

_PIN = re.compile(r"^(?P<project>[A-Za-z0-9._-]+(?:\[[a-z0-9,._-]+\])?)==(?P<version>[^\s;\\]+)(?P<rest>.*)$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Pin(NamedTuple):
    """One pinned project; hashes are SHA-256 in hexadecimal, one for every archive of that version."""

    project: str
    version: str
    hashes: frozenset[str]


def read_pins(path: Path) -> dict[str, Pin]:
    """Return the pins of a file that `make lock` wrote, by project, with its extras in brackets.

    Raises:
        ToolError: the file cannot be read, or a pin in it has no hash.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {error.strerror}", "make lock") from error
    pins = {}
    for line in text.replace("\\\n", " ").splitlines():
        found = _PIN.match(line)
        if not found:
            continue
        hashes = frozenset(_HASH.findall(found["rest"]))
        if not hashes:
            raise ToolError(f"{path.name}: {found['project']} is pinned without a hash", "make lock")
        pins[found["project"]] = Pin(found["project"], found["version"], hashes)
    return pins
