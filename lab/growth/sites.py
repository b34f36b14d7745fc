"""Finds every regular expression of the app: by its source, so that none is overlooked."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.errors import LabError

BIN = Path(__file__).resolve().parent.parent.parent / "bin"

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def sites(folder: Path = BIN) -> Iterator[str]:
    """Yield where the modules of a folder, its libraries aside, use `re`.

    As ``module.NAME`` or ``module.Class.NAME`` for an expression that is assigned there, ``module.function``
    for one that is made when that runs.

    Raises:
        LabError: `re` comes under another name, which would not be found.
    """
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).with_suffix("")
        if name.parts[0] != "lib":
            yield from dict.fromkeys(_in_module(".".join(name.parts), path))


def _in_module(module: str, path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        renamed = isinstance(node, ast.Import) and any(a.name == "re" and a.asname for a in node.names)
        if renamed or (isinstance(node, ast.ImportFrom) and node.module == "re"):
            raise LabError(f"{path}: use import re, not {', '.join(names)} of it")
    yield from _in(tree, [module])


def _in(node: ast.AST, scope: list[str]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*_FUNCTIONS, ast.ClassDef)):
            yield from _in(child, [*scope, child.name])
        elif _uses_re(child):
            targets = child.targets if isinstance(child, ast.Assign) else []
            target = [t.id for t in targets if isinstance(t, ast.Name)]
            assigned = bool(target) and not isinstance(node, _FUNCTIONS)
            yield ".".join([*scope, *target] if assigned else scope)
        else:
            yield from _in(child, scope)


def _uses_re(node: ast.AST) -> bool:
    """Tell whether a node that holds no statements calls a function of `re`."""
    if any(isinstance(child, (ast.stmt, ast.ExceptHandler)) for child in ast.iter_child_nodes(node)):
        return False
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        for node in ast.walk(node)
    )


def expression(site: str) -> re.Pattern[Any]:
    """Return the expression that is assigned at a site."""
    parts = site.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            found = getattr(found, name)
        pattern = getattr(found, "__self__", found)
        if not isinstance(pattern, re.Pattern):
            raise LabError(f"{site} is no regular expression")
        return pattern
    raise LabError(f"there is no module for {site}")
