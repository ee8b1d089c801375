"""Kept builds: what they are kept under, and what the box has to know to keep them (`provision.agent.keeper`)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import TYPE_CHECKING

from provision.agent.words import KEPT_KINDS, kept_name
from provision.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from provision.agent.wire.documents import KeptAbout
    from provision.bundle.step import Bundle, Step
    from provision.catalogue.recipe import Recipe
    from provision.model.target import Target

BASE = "base"
"""The recipe that brings the job volume up: it comes before what is kept there, and knows the volume by its id."""


def folders(recipe: Recipe, paths: Collection[str]) -> tuple[str, ...]:
    """Return the folders that a recipe wants kept. Raises `BadInput` for what is no folder of its own."""
    wrong = [path for path in paths if not re.fullmatch(r"(/[\w.+-]*[\w+-]){3,}", path)]
    if wrong:
        raise BadInput([f'{recipe.folder / "recipe.toml"}: keeps "{wrong[0]}", which is no path like /opt/gpurig/name'])
    return tuple(paths)


def keyed(step: Step, upon: Iterable[Step], target: Target) -> Step:
    """Return a step with the key of what is kept of it: what it does, for what machine, and upon what other steps.

    A step that ends in a reboot has none: what it does to a machine is more than files.
    """
    machine = [target.image, target.compute, target.user]
    parts = [step.digest, *machine, *(other.digest for other in upon if other.name != BASE)]
    key = hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()
    return dataclasses.replace(step, key="" if step.reboot or step.name == BASE else key)


def keeper_settings(steps: Collection[Step], target: Target) -> KeptAbout | None:
    """Return where the builds of these steps are kept; None where nothing of any of them is."""
    if not any(step.key for step in steps):
        return None
    return {"mount": target.mount_point, "volume": target.volume_id}


def names_of(bundle: Bundle) -> set[str]:
    """Return the names of all builds that there can be of a bundle."""
    return {kept_name(step.name, kind, step.key) for step in bundle.steps if step.key for kind in KEPT_KINDS}
