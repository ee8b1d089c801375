"""What a baked image is known by: the tags that `fab bake` puts on it, and by which `pulumi up` finds it again."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from provision.bundle.render import render
from provision.model.busy import BUSY

if TYPE_CHECKING:
    from provision.catalogue.catalogue import Catalogue
    from provision.model.target import Target


def digest(recipe: str, target: Target, catalogue: Catalogue | None = None) -> str:
    """Return the SHA-256 over all that a recipe installs, the same for every box of these settings.

    Volume and limits do not count: each box has its own, and gets them at its first boot. The compute capability does:
    what a step compiles follows it, and its text may not.
    """
    alike = dataclasses.replace(
        target,
        volume_id="",
        idle_stop_minutes=0,
        lifetime_hours=0,
        busy=BUSY,
        busy_probe="",
        before_stop="",
        spot=False,
    )
    steps = render([recipe], alike, catalogue).steps
    return hashlib.sha256(
        " ".join([target.image, target.compute, *(s.digest for s in steps)]).encode("ascii")
    ).hexdigest()
