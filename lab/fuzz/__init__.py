"""Fuzzing: feeds unusual bytes to all code that reads untrusted input.

* ``target``: the parts of a target; ``names``, ``raw``, ``chunks``, ``tables``, ``refresh``: the targets
* ``oracle``: the plain SDK implementation, with which answers are compared
* ``python -m lab.fuzz``: runs targets under atheris
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.fuzz.target import Target

ABOUT = {
    "names": "hostnames, URLs and addresses, and the cells in which the fast path looks for them",
    "raw": "raw lines, read alone, through an event, and through the fast path",
    "chunks": "the frames and the bodies of chunks, compared with the plain SDK implementation",
    "tables": "the lookup files of all layers",
    "refresh": "DNS answers and certificates, up to the plan and the tables that it would write",
}
"""The input of each target, by name."""


def load(name: str) -> Target:
    """Return the target of a name in `ABOUT`. It is imported here, so that atheris can watch its code."""
    target: Target = import_module(f"lab.fuzz.{name}").TARGET
    return target
