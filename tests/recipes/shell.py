"""`lib.sh`, called by a real bash."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

from provision.bundle.render import render
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target
from tests.kit.programs import write_program
from tests.kit.recipes import write_recipe


@dataclasses.dataclass(frozen=True)
class Shell:
    """A bash in a folder of its own, with the library and with programs that stand before the machine's own."""

    folder: Path
    target: Target = dataclasses.field(default_factory=Target)

    def program(self, name: str, body: str) -> None:
        """Put a program of this test on PATH."""
        write_program(self.folder / "bin" / name, body)

    def run(self, script: str, *, code: int | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """Run lines as the install script of a recipe, which have to end with `code` unless that is None."""
        recipe = self.folder.parent / "recipes" / "lines"
        write_recipe(recipe, install=f"{{% raw %}}{script}{{% endraw %}}")
        lib = self.folder / "lib.sh"
        lib.write_text(render(["lines"], self.target, Catalogue(recipe.parent)).lib, encoding="utf-8")
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        own = {"GPURIG_HOME": str(self.folder), "HOME": str(self.folder), "PATH": path, **env}
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n. '{lib}'\n{script}"],
            env={**{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}, **own},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        assert code in (None, done.returncode), done.stderr
        return done
