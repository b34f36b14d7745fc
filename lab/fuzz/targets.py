"""Finds the targets by name; they are imported when asked for, because the engine has to watch that."""

from __future__ import annotations

from importlib import import_module

from lab.fuzz.target import Target

#: What each target feeds, by name.
ABOUT = {
    "names": "host names, URLs and addresses, and the cells in which the fast path looks for them",
    "raw": "raw lines, read alone, through an event, and through the fast path",
    "chunks": "the frames and the bodies of chunks, beside the plain SDK implementation",
    "tables": "the lookup files of all layers",
    "refresh": "DNS answers and certificates, up to the plan and the tables that it would write",
}


def load(name: str) -> Target:
    """Return the target of a name in `ABOUT`."""
    target: Target = import_module(f"lab.fuzz.{name}").TARGET
    return target
