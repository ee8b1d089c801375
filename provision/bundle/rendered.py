"""What was rendered before, taken as it is where nothing has changed that it was made from.

To render five recipes takes longer than all else that `fab` does for a box with nothing to do.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

from provision.bundle.step import Bundle, Step
from provision.catalogue.folders import stamp
from provision.model import cache

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.catalogue.catalogue import Catalogue
    from provision.model.target import Target

KIND = "bundles"


def bundle(recipe: str, target: Target, catalogue: Callable[[], Catalogue]) -> Bundle:
    """Return what `render` does for a recipe; `catalogue`: asked only where it has to be rendered. Raises `BadInput`.

    Taken from before where every file of the recipes and of gpurig is the one that it was, by size, times and number.
    """
    name = hashlib.sha256(repr((recipe, target)).encode("utf-8", "surrogatepass")).hexdigest()
    now, settled = stamp()
    kept = _read(name, now) if now else None
    if kept is None:
        from provision.bundle.render import render  # noqa: PLC0415 - mostly there is nothing to render

        kept = render([recipe], target, catalogue())
        if now and settled:
            text = json.dumps({"stamp": now, "bundle": dataclasses.asdict(kept)})
            cache.keep(KIND, name, text)
    return kept


def _read(name: str, now: str) -> Bundle | None:
    """Return a bundle that was kept with this stamp."""
    try:
        found: Any = json.loads(cache.read(KIND, name) or "{}")
        if found.get("stamp") != now:
            return None
        row = found["bundle"]
        return Bundle(**{**row, "steps": tuple(_step(step) for step in row["steps"])})
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _step(row: dict[str, Any]) -> Step:
    """Return a step that was written as JSON, which knows no tuples."""
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Step(**fields)
