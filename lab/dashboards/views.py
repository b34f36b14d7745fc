"""Reads the app's Dashboard Studio views."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from lab.errors import LabError

_TOKEN = re.compile(r"\$([\w.]+)(\|s)?\$")


class View(NamedTuple):
    """A view: its theme and its definition."""

    theme: str
    definition: dict[str, Any]


def read_view(path: Path) -> View:
    """Read a view.

    Raises:
        LabError: it is not a Dashboard Studio view.
    """
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314, the app's own file
    if root.tag != "dashboard" or root.get("version") != "2":
        raise LabError(f'{path}: no <dashboard version="2">')
    return View(root.get("theme") or "light", json.loads(root.findtext("definition") or ""))


def fill(search: str, tokens: Mapping[str, str]) -> str:
    """Put tokens' values into a search, with the filter ``|s`` in quotes.

    Raises:
        LabError: a token has no value.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in tokens:
            raise LabError(f"token {found[1]} has no value")
        given = tokens[found[1]]
        return '"' + given.replace("\\", "\\\\").replace('"', '\\"') + '"' if found[2] else given

    return _TOKEN.sub(value, search)
