"""Where the project is that a command works for, and the folder there for what this machine keeps of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

HOSTS_FILE = "hosts.toml"
PROJECT_FILES = ("Pulumi.yaml", HOSTS_FILE, "fabfile.py")


def project_folder() -> Path:
    """Return the nearest folder, from the working folder upwards, with a project's file; else the working folder.

    The path is relative ("../.."): no folder's name with a space in it then gets into an option of `ssh`.
    """
    here = Path.cwd()
    for steps, folder in enumerate((here, *here.parents)):
        if any((folder / name).is_file() for name in PROJECT_FILES):
            return Path(*[".."] * steps)
    return Path()


def hosts_file() -> Path | None:
    """Return $GPURIG_HOSTS, there or not (reading it tells), else the project's `hosts.toml` if there is one."""
    if given := os.environ.get("GPURIG_HOSTS"):
        return Path(given)
    path = project_folder() / HOSTS_FILE
    return path if path.exists() else None


def project_name() -> str:
    """Return the name that the project's Pulumi.yaml gives, by which its things are tagged; "" where it gives none."""
    file = project_folder() / "Pulumi.yaml"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    found = re.search(r"""^name:[ \t]*["']?([^\s"'#]+)""", text, re.MULTILINE)
    return found[1] if found else ""


def local_folder() -> Path:
    """Return the folder, there or not, of what is kept on this machine only: pinned host keys, prices of the day."""
    return project_folder() / ".gpurig"
