"""Mutation testing knows all of the library; `make mutate` runs it."""

from __future__ import annotations

import ast

import pytest

from tools.common import ROOT
from tools.mutation import CONSTANTS, LIBRARY, TESTS

MODULES = sorted(
    path.relative_to(ROOT / LIBRARY).with_suffix("").as_posix()
    for path in (ROOT / LIBRARY).rglob("*.py")
    if path.name != "__init__.py"
)


def functions(path: str) -> set[str]:
    """Return the names of a file's functions, those of classes included, and of its classes."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def test_every_module_has_tests_or_nothing_to_change() -> None:
    assert sorted([*TESTS, *CONSTANTS]) == MODULES


@pytest.mark.parametrize("module", CONSTANTS)
def test_a_module_of_constants_has_no_function(module: str) -> None:
    tree = ast.parse((ROOT / LIBRARY / f"{module}.py").read_text(encoding="utf-8"))
    assert not any(isinstance(node, (ast.FunctionDef, ast.Lambda)) for node in ast.walk(tree))


@pytest.mark.parametrize("module", TESTS)
def test_the_tests_of_a_module_are_there(module: str) -> None:
    selected = [text.partition("=")[2] or text for text in TESTS[module] if "tests/" in text]
    assert selected
    for node in selected:
        path, *names = node.partition("[")[0].split("::")
        assert set(names) <= functions(path), node
