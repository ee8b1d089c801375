"""The shape of the tree: the sizes that the house keeps, and no test that imports a test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
OURS = [
    path
    for path in TESTS.parent.rglob("*.py")
    if not any(part[0] == "." for part in path.relative_to(TESTS.parent).parts)
]
LINES, FUNCTION = 250, 40
"""Lines of a file, and of a function, at most: one that passes them holds two things."""


def imported(path: Path) -> set[str]:
    """Return what a module imports, also for types alone: modules, and names in them that may be modules."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", sorted(str(path.relative_to(TESTS)) for path in TESTS.rglob("*.py")))
def test_no_test_is_imported(module: str) -> None:
    parts = {name: name.split(".")[1:] for name in imported(TESTS / module) if name.startswith("tests.")}
    assert not [name for name in parts if any(part.startswith(("test_", "conftest")) for part in parts[name])]


def test_no_file_and_no_function_is_longer_than_the_house_keeps() -> None:
    long = []
    for path in OURS:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LINES:
            long.append(f"{path}: {text.count(chr(10))} lines")
        functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
        long += [f"{path}:{f.lineno} {f.name}" for f in functions if (f.end_lineno or 0) - f.lineno >= FUNCTION]
    assert not long
