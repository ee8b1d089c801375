"""Fixtures of the recipes' tests: `lib.sh`, called by a real bash; a web server to fetch data sets from."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from provision.bundle import render
from provision.recipe import Catalogue
from provision.target import Target
from tests.provision.lab import write_recipe
from tests.recipes.build_lab import Workshop
from tests.recipes.web_lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Shell:
    """A bash in a folder of its own, with the library and with programs that stand before the machine's own."""

    folder: Path
    target: Target = dataclasses.field(default_factory=Target)

    def program(self, name: str, body: str) -> None:
        """Put a program of this test on PATH."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def run(self, script: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run lines as the install script of a recipe; returns exit code and what was said."""
        recipe = self.folder.parent / "recipes" / "lines"
        write_recipe(recipe, install=f"{{% raw %}}{script}{{% endraw %}}")
        lib = self.folder / "lib.sh"
        lib.write_text(render(["lines"], self.target, Catalogue(recipe.parent)).lib, encoding="utf-8")
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        own = {"GPURIG_HOME": str(self.folder), "HOME": str(self.folder), "PATH": path, **env}
        return subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n. '{lib}'\n{script}"],
            env={**{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}, **own},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder = tmp_path / "host"
    folder.mkdir()
    return Shell(folder)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A job volume without data sets, and the program that builds them."""
    (tmp_path / "datasets").mkdir()
    return Workshop(tmp_path)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A web server that misbehaves, and the program that fetches from it."""
    lab = Lab(tmp_path)
    yield lab
    lab.close()
