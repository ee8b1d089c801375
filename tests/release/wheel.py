"""The wheel of this tree, and an environment that has it installed and nothing of the checkout on its path."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.kit.fab import clean_environment


def built(tree: Path, folder: Path, *kinds: str) -> list[Path]:
    """Build in a tree what `make dist` builds, both or one of `wheel` and `sdist`, and return the files."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    targets = [word for kind in kinds for word in ("--target", kind)]
    subprocess.run([*command, *targets], cwd=tree, stdout=subprocess.DEVNULL, check=True)
    return sorted(folder.iterdir())


class Installed:
    """A virtual environment with the wheel; what the wheel needs comes from the environment of the tests."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.wheel = folder, wheel
        self.bin = folder / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        library = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        (library / "needs.pth").write_text(sysconfig.get_path("purelib"))
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(folder)]
        subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True)

    def run(self, cwd: Path, *words: str, code: int = 0, **env: str) -> str:
        """Run a program of the environment in a folder; returns what it says, standard error with it."""
        path = f"{self.bin}:/usr/bin:/bin"
        command = [str(self.bin / words[0]), *words[1:]]
        environment = clean_environment(**{"PATH": path, **env})
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr
