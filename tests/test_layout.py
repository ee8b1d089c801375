"""Where the tests' own code lies: what tests share is in the kit or beside them, and no test imports a test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


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
