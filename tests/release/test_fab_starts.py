"""`fab` itself, from this checkout: what it imports before it does anything, and what of that still works."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

from tests.kit.fab import ROOT, clean_environment

PROGRAM = ROOT / "gpurig" / "fab.py"


def fab(cwd: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run this checkout's `fab`; the copy of it in .venv is as old as the last `make setup`."""
    command = [sys.executable, str(PROGRAM), "--search-root", str(ROOT), *words]
    return subprocess.run(command, cwd=cwd, env=clean_environment(**env), capture_output=True, text=True, check=False)


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"^import '([\w.]+)'", done.stderr, re.MULTILINE))


def test_nothing_is_imported_of_fabrics_packages_that_gpurig_does_not_use(tmp_path: Path) -> None:
    done = fab(tmp_path, "ps", "--help", PYTHONVERBOSE="1")
    assert done.returncode == 0
    assert "fabric.main" in imported(done)
    assert not imported(done) & {"unittest", "asyncio", "importlib.metadata", "email.message", "yaml", "jinja2", "rich"}


def test_the_versions_are_those_that_are_installed(tmp_path: Path) -> None:
    said = fab(tmp_path, "--version").stdout
    for package in ("fabric", "invoke", "paramiko"):
        assert f"{package.capitalize()} {importlib.metadata.version(package)}\n" in said


def test_fabrics_configuration_files_are_still_read(tmp_path: Path) -> None:
    (tmp_path / "fabric.yaml").write_text("tasks: [unclosed")
    done = fab(tmp_path, "--config", str(tmp_path / "fabric.yaml"), "ps")
    assert "while parsing a flow sequence" in done.stderr


def test_what_stands_for_a_module_is_gone_for_who_imports_it_later() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(PROGRAM.parent)!r})
import fab
fab.fabrics()
import unittest.mock, importlib.metadata
from invoke import Config, MockContext, Result
print(importlib.metadata.version("invoke"), importlib.metadata.distribution("invoke").name)
mocked = MockContext(Config(), run=Result("said"))
print(isinstance(mocked.run, unittest.mock.Mock), mocked.run("x").stdout, mocked.run.called)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{importlib.metadata.version('invoke')} invoke", "True said True"]
