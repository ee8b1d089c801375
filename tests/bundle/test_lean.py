"""Python made small: it does the same, and lacks only what nothing names."""

from __future__ import annotations

import ast
import re

import pytest

from provision.bundle import lean, program

SOURCE = """#!/usr/bin/python3 -IS
from __future__ import annotations
X: dict[str, int] = {"a": 1}  # why
def f(a: int, b: Callable[[int], None] = lambda _: None, *c: str, d: str = "x:,=") -> tuple[int, str]:
    "Say."
    self.x: list[int] = [a if a else 0, 1,]
    y: int
    z = f"{X['a']:>{a}} {'#'}" "b"; return (a,), z[1:2], not(a)or b
"""


class _Untyped(ast.NodeTransformer):
    """Takes annotations off."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns = None
        return node


def without_texts(source: str) -> ast.Module:
    """Return a module without docstrings, annotations, and what only type checkers read."""
    tree = ast.parse(source)
    typing = ("typing", "__future__")
    tree.body = [s for s in tree.body if not (isinstance(s, ast.If) and ast.unparse(s.test) == "TYPE_CHECKING")]
    tree.body = [s for s in tree.body if not (isinstance(s, ast.ImportFrom) and s.module in typing)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            texts = [s for s in node.body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)]
            node.body = [statement for statement in node.body if statement not in texts]
            if not (node.body or isinstance(node, ast.Module)):
                node.body = [ast.Pass()]
    untyped: ast.Module = _Untyped().visit(tree)
    return untyped


def defined(statement: ast.stmt) -> set[str]:
    """Return the names that a statement on top of a module gives; members of an enum with the dot before them."""
    if isinstance(statement, ast.ClassDef):
        return {statement.name, *(f".{name}" for inner in statement.body for name in defined(inner))}
    if isinstance(statement, ast.FunctionDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("path", sorted(program.files()))
def test_a_module_does_what_its_file_says(path: str) -> None:
    source = program.files()[path]
    small = ast.parse(lean.module(source), feature_version=(3, 8))
    assert ast.dump(without_texts(source)) == ast.dump(small)


def test_all_that_python_may_hold_stays_whole() -> None:
    text = lean.module(SOURCE)
    assert text.startswith("#!/usr/bin/python3 -IS\n")
    assert ast.dump(ast.parse(text)) == ast.dump(without_texts(SOURCE))
    assert "int" not in text.replace("y:int", "")


def test_user_data_lacks_only_what_nothing_there_names() -> None:
    dropped: set[str] = set()
    for path, text in program.boot_files().items():
        there = ast.parse(text).body
        same = {ast.dump(statement) for statement in there}
        for statement in without_texts(program.files()[path]).body:
            if ast.dump(statement) not in same:
                assert isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Assign), ast.dump(statement)
                dropped |= defined(statement) - {name for other in there for name in defined(other)}
    used = {word for text in program.boot_files().values() for word in re.findall(r"\w+|(?<=\w)\.\w+", text)}
    assert {"run_unit", "RunState", ".OVERVIEW", ".REFUSED"} <= dropped
    assert not dropped & used
