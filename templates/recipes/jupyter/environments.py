"""The Python environments of the box, each as a kernel: the system's, the recipes', conda's."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PREFIX = HERE.parent
SYSTEM = Path("/usr/bin/python3")
OLDEST = 3, 10
"""The oldest Python that a kernel is there for."""


def found() -> dict[str, dict[str, Any]]:
    """Return the kernels by name, each as Jupyter describes one."""
    kernels = {"python3": _kernel(SYSTEM, "system")}
    for file in sorted(PREFIX.glob("*/activate.sh")):
        name = file.parent.name
        kernels[name] = _kernel(_python_of(file), name, str(file))
    activate = PREFIX / "conda/current/bin/activate"
    for folder in _conda():
        kernels[f"conda-{_plain(folder.name)}"] = _kernel(
            folder / "bin/python", f"conda {folder.name}", str(activate), str(folder)
        )
    return {name: kernel for name, kernel in kernels.items() if kernel}


def _kernel(python: Path | None, title: str, *activate: str) -> dict[str, Any]:
    """Return what starts a Python's kernel; nothing of one that is not there or too old."""
    release = python and re.fullmatch(r"python(\d+)\.(\d+)", python.resolve().name)
    if not release or (int(release[1]), int(release[2])) < OLDEST or not os.access(python, os.X_OK):
        return {}
    return {
        "argv": [str(HERE / "start-kernel"), str(python), "{connection_file}", *activate],
        "display_name": f"{title} (Python {release[1]}.{release[2]})",
        "language": "python",
        "metadata": {"debugger": True},
    }


def _python_of(activate: Path) -> Path | None:
    """Return the Python that a recipe's activation puts first, where it is of that recipe itself."""
    path = re.search(r'^export PATH="([^"]*)"$', activate.read_text(encoding="utf-8"), re.MULTILINE)
    folders = [Path(word) for word in path[1].split(":")] if path else []
    pythons = [folder / "python" for folder in folders if activate.parent in folder.parents]
    return next(filter(Path.exists, pythons), None)


def _conda() -> list[Path]:
    """Return the environments that conda has noted for the account, but its own."""
    noted = Path.home() / ".conda/environments.txt"
    folders = [Path(line) for line in noted.read_text(encoding="utf-8").split("\n") if line] if noted.exists() else []
    return [folder for folder in folders if PREFIX / "conda" not in folder.parents and folder.is_dir()]


def _plain(name: str) -> str:
    """Return a name with nothing in it that a kernel's may not have."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower())
