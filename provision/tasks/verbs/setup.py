"""`fab setup`: install a recipe and all that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.tasks import clustering
from provision.tasks.setting_up import JSON, OPTIONS, SetUp, uploads
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.tasks.context import Context


@verb(
    options={"recipe": "what to install; without it, what the host is for", **OPTIONS},
    argument="recipe",
    choices=True,
    json=JSON,
)
def setup(c: Context, *, recipe: str = "", fresh: bool = False, upload: list[str] | None = None) -> None:
    """Install a recipe and all that it needs, on every host."""
    setting_up = SetUp(c.config, c.choices, uploads=uploads(upload), fresh=fresh, json=c.json)
    ready = c.each(lambda host, out: setting_up.on(host, recipe or host.recipe, out))
    clustering.form(c, setting_up, recipe, ready)
