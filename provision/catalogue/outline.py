"""What is to be known of recipes before they are read: 25 files of TOML take longer than many an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from provision.catalogue.folders import stamp
from provision.model import cache

if TYPE_CHECKING:
    from provision.catalogue.recipes import Recipes

KIND, NAME = "recipes", "outlines"


class Outline(NamedTuple):
    """A recipe, in short."""

    name: str
    summary: str
    trials: list[str]
    """Which it has of an example and a bench."""
    joins: bool
    """Whether a host that has it is one of a cluster by that."""


def outlines() -> dict[str, Outline]:
    """Return all recipes in short, each after what it needs. Raises `BadInput` where one of them is wrong.

    They are read only where a file of them, or of gpurig, is not the one that it was when they were last.
    """
    now, settled = stamp()
    known = _read(now) if now else None
    if known is None:
        from provision.catalogue.recipes import Recipes  # noqa: PLC0415 - mostly they have not changed

        known = outlined(Recipes())
        if now and settled:
            cache.keep(KIND, NAME, json.dumps({"stamp": now, "recipes": list(known.values())}))
    return known


def outlined(recipes: Recipes) -> dict[str, Outline]:
    """Return recipes in short."""
    return {
        recipe.name: Outline(
            recipe.name,
            recipe.summary,
            [kind for kind in ("example", "bench") if getattr(recipe, kind)],
            any(recipes.recipes[name].cluster for name in recipes.closure([recipe.name])),
        )
        for recipe in recipes.ordered()
    }


def _read(now: str) -> dict[str, Outline] | None:
    try:
        found = json.loads(cache.read(KIND, NAME) or "{}")
        return {row[0]: Outline(*row) for row in found["recipes"]} if found["stamp"] == now else None
    except (ValueError, LookupError, TypeError):
        return None
