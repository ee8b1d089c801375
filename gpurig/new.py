"""`gpurig new FOLDER`: a project, whose files say how boxes are to be and take all else from what is installed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.errors import BadInput, GpurigError
from provision.model.files import FILES, INSTALLED

if TYPE_CHECKING:
    from collections.abc import Sequence

COPIED = ("__main__.py", "fabfile.py", "Pulumi.yaml", "Pulumi.dev.yaml")
"""They import what they do, or are settings: they are the checkout's own."""
_OPTIONS = re.compile(r"^  options:\n(    .*\n)+", re.MULTILINE)
_WRITTEN = {
    ".gitignore": ".venv\n.gpurig/\n__pycache__/\nresults/\nuser-data.gz\n",
    "hosts.toml.example": """\
# Boxes of your own, without Pulumi: as hosts.toml, this file stands before the stack. docs/add-a-recipe.md of gpurig
# and its README say more.
licences = ["nvidia-cuda", "nvidia-cudnn"]

[host.desk]
address = "192.0.2.7"
user    = "me"
image   = "ubuntu-22.04"
gpu     = "auto"        # what it shows; or a card's name, or "none": never assumed
""",
}


def project(words: Sequence[str]) -> str:
    """Make the project that the words after `gpurig new` name; returns what comes next.

    Raises `BadInput` for anything but one folder that is not there or empty; `GpurigError` where it cannot be written.
    """
    if not INSTALLED:
        hint = (
            "this folder is a project already; gpurig new is for an installed gpurig: make dist; pip install dist/*.whl"
        )
        raise BadInput(["this is a checkout, from which no other folder can import"], hint=hint)
    if len(words) != 1 or words[0].startswith("-"):
        raise BadInput(["gpurig new takes the name of one folder, which it makes"], hint="gpurig new my-boxes")
    folder = Path(words[0]).expanduser()
    try:
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise BadInput(
                [f"{folder} is there already, and not an empty folder"], hint="name one that is not there yet"
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in _files(folder).items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise GpurigError(f"{folder} cannot be written: {error.strerror}", hint="name another folder") from error
    return _next(folder)


def _files(folder: Path) -> dict[str, str]:
    """Return name → text of what a project begins with."""
    copied = {name: (FILES / "project" / name).read_text(encoding="utf-8") for name in COPIED}
    copied["Pulumi.yaml"] = _OPTIONS.sub(_interpreter(folder), copied["Pulumi.yaml"], count=1)
    return {**copied, **_WRITTEN}


def _interpreter(folder: Path) -> str:
    """Return the lines of Pulumi.yaml that say in which environment gpurig is; none where it is in no virtual one."""
    if sys.prefix == sys.base_prefix:
        return ""
    here = Path(sys.prefix)
    place = str(here.relative_to(folder.resolve())) if here.is_relative_to(folder.resolve()) else str(here)
    return (
        "  options:\n    toolchain: pip\n"
        "    # Where gpurig is installed; on another machine its path there.\n"
        f"    virtualenv: {json.dumps(place, ensure_ascii=False)}\n"
    )


def _next(folder: Path) -> str:
    """Return what to do in a new project."""
    return f"""\
{folder}: a project of gpurig
next: cd "{folder}"
      pulumi stack select dev --create     after a look through Pulumi.dev.yaml
      fab doctor                           what is missing, before anything is billed
      pulumi up && fab setup-digits
or:   a box of your own in hosts.toml, as hosts.toml.example has it, and fab setup-base"""
