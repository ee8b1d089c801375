"""The program on the box: Python 3.8, the standard library, nothing imported but itself; it runs on every Python."""

from __future__ import annotations

import ast
import importlib
import inspect
import shutil
import subprocess
import sys

import pytest

from provision.agent.serve import ACCOUNT_VERBS, SETUP_VERBS
from provision.agent.verbs import Verb
from provision.bundle import program
from tests.kit.host import Lab, names

FILES = program.files()


@pytest.mark.parametrize("path", sorted(FILES))
def test_it_is_python_3_8_and_needs_nothing(path: str) -> None:
    tree = ast.parse(FILES[path], feature_version=(3, 8))
    # What type checkers read is not there on a box.
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == TYPES)]
    froms = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    ours = {name for name in froms | imports if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {f"{name.replace('.', '/')}.py" for name in ours - {"provision.agent"}} <= FILES.keys()


TYPES = "TYPE_CHECKING"


def test_every_verb_has_its_answer() -> None:
    assert SETUP_VERBS.keys() | ACCOUNT_VERBS.keys() == set(Verb)
    for verb, module in {**SETUP_VERBS, **ACCOUNT_VERBS}.items():
        answer = getattr(importlib.import_module(f"provision.agent.{module}"), verb.value)
        assert len(inspect.signature(answer).parameters) == (2 if verb in ACCOUNT_VERBS else 1)


@pytest.mark.parametrize("version", [f"3.{minor}" for minor in range(8, 14)])
def test_it_runs_on(lab: Lab, version: str) -> None:
    python = shutil.which(f"python{version}")
    if not python or subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip(f"there is no python{version} here")
    lab.python = python
    lab.recipe("base", body="echo hello")
    lab.recipe("top", 'needs = ["base"]\nenv = { A = "b" }')
    bundle = lab.bundle("top")
    assert names(lab.ask("apply", bundle))[-1] == "ready"
    assert names(lab.ask("apply", bundle)) == ["unchanged"]
    assert names(lab.ask("plan", bundle)) == ["plan"]
    assert names(lab.ask("status")) == ["status"]
