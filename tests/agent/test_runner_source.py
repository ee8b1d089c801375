"""The runner travels as text and runs on the host's own Python: 3.8, standard library only."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.kit.host import RUNNER, names

if TYPE_CHECKING:
    from tests.kit.host import Lab

SOURCE = RUNNER.read_text(encoding="utf-8")


def test_it_is_python_3_8() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 8))
    assert any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)


def test_it_imports_the_standard_library_only() -> None:
    imported = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).partition(".")[0])
    assert "json" in imported
    assert imported <= set(sys.stdlib_module_names)


def test_no_function_is_longer_than_the_house_allows() -> None:
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.FunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno < 40, node.name


@pytest.mark.parametrize("version", [f"3.{minor}" for minor in range(8, 14)])
def test_it_runs_on(lab: Lab, version: str) -> None:
    program = shutil.which(f"python{version}")
    if not program or subprocess.run([program, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip(f"there is no python{version} here")
    lab.python = program
    lab.recipe("base", body="echo hello")
    lab.recipe("top", 'needs = ["base"]\nenv = { A = "b" }')
    bundle = lab.bundle("top")
    assert names(lab.ask("apply", bundle))[-1] == "ready"
    assert names(lab.ask("apply", bundle)) == ["unchanged"]
    assert names(lab.ask("plan", bundle)) == ["plan"]
    assert names(lab.ask("status")) == ["status"]
