"""What was rendered before, taken as it is where nothing has changed that it was made from.

To render five recipes takes longer than all else that `fab` does for a box with nothing to do.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.bundle.step import Bundle, Step
from provision.catalogue import recipes
from provision.model import cache
from provision.model.files import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provision.catalogue.catalogue import Catalogue
    from provision.model.target import Target

KIND = "bundles"
CODE = Path(__file__).parents[1]
"""All of `provision` counts as what a bundle is made from: nobody has to know what of it does."""
SETTLED_SECONDS = 2
"""A file that was written so short a time ago may be written again, and show the same time."""


def bundle(recipe: str, target: Target, catalogue: Callable[[], Catalogue]) -> Bundle:
    """Return what `render` does for a recipe; `catalogue`: asked only where it has to be rendered. Raises `BadInput`.

    Taken from before where every file of the recipes and of gpurig is the one that it was, by size, times and number.
    """
    name = hashlib.sha256(repr((recipe, target)).encode("utf-8", "surrogatepass")).hexdigest()
    stamp, settled = _stamp()
    kept = _read(name, stamp) if stamp else None
    if kept is None:
        from provision.bundle.render import render  # noqa: PLC0415 - mostly there is nothing to render

        kept = render([recipe], target, catalogue())
        if stamp and settled:
            text = json.dumps({"stamp": stamp, "bundle": dataclasses.asdict(kept)})
            cache.keep(KIND, name, text)
    return kept


def _read(name: str, stamp: str) -> Bundle | None:
    """Return a bundle that was kept with this stamp."""
    try:
        found: Any = json.loads(cache.read(KIND, name) or "{}")
        if found.get("stamp") != stamp:
            return None
        row = found["bundle"]
        return Bundle(**{**row, "steps": tuple(_step(step) for step in row["steps"])})
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _step(row: dict[str, Any]) -> Step:
    """Return a step that was written as JSON, which knows no tuples."""
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Step(**fields)


def _stamp() -> tuple[str, bool]:
    """Return a digest of how all is that a bundle is made from, and whether none of it was written just now.

    "" where that cannot be told: nothing is taken from before then, and nothing kept.
    """
    jinja = find_spec("jinja2")
    folders = (recipes.TEMPLATES, *recipes.all_folders(), CODE, FILES / "docs" / "tried")
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
