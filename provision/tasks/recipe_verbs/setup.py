"""`fab setup-<recipe>`: install a recipe and all that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.tasks import clustering
from provision.tasks.setting_up import JSON, OPTIONS, SetUp, uploads
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.catalogue.outline import Outline
    from provision.tasks.context import Context


@verb(about=lambda recipe: f"Install {recipe.summary}", options=OPTIONS, choices=True, json=JSON)
def setup(c: Context, recipe: Outline, *, fresh: bool = False, upload: list[str] | None = None) -> None:
    """Install a recipe and all that it needs."""
    setting_up = SetUp(c.config, c.choices, uploads=uploads(upload), fresh=fresh, json=c.json)
    ready = c.each(lambda host, out: setting_up.on(host, recipe.name, out))
    clustering.form(c, setting_up, recipe.name, ready)
