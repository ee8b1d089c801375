"""Where recipes are, and how all is that they are made from, by size, times and number of each file: none is read."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.files import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATES = FILES / "templates"
OURS = TEMPLATES / "recipes"
CODE = Path(__file__).parents[1]
"""All of `provision` counts as what recipes mean: nobody has to know what of it does."""
SETTLED_SECONDS = 2
"""A file that was written so short a time ago may be written again, and show the same time."""


def all_folders() -> tuple[Path, ...]:
    """Return gpurig's own folder of recipes, then those that $GPURIG_RECIPES names, separated as in $PATH."""
    others = os.environ.get("GPURIG_RECIPES", "").split(os.pathsep)
    return (OURS, *(Path(word).expanduser() for word in others if word))


def stamp() -> tuple[str, bool]:
    """Return a digest of how all recipes and gpurig itself are, and whether nothing of it was written just now.

    "" where that cannot be told: then nothing that was kept with a stamp counts, and nothing is to be kept.
    """
    jinja = find_spec("jinja2")
    folders = (TEMPLATES, *all_folders(), CODE, FILES / "docs" / "tried")
    try:
        rows = [row for folder in folders for row in _files(str(folder))]
        rows.append(_row(str(jinja and jinja.origin)))
    except OSError:
        return "", False
    latest = max(max(row[2:4]) for row in rows) / 1e9
    about = [sys.version, *map(str, folders), rows]
    digest = hashlib.sha256(repr(about).encode("utf-8", "surrogatepass")).hexdigest()
    return digest, latest + SETTLED_SECONDS < time.time()


def _files(folder: str) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield the rows of all files below a folder, compiled Python left out. Raises `OSError`."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _files(entry.path)
            else:
                yield _row(entry.path)


def _row(path: str) -> tuple[str, int, int, int, int]:
    found = os.stat(path)  # noqa: PTH116 - hundreds of them
    return path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
