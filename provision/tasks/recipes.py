"""`fab recipes`: the catalogue as a table."""

from __future__ import annotations

from typing import Any

from provision.recipe import Catalogue
from provision.tasks.base import task


@task()
def recipes(_c: Any) -> None:
    """List what can be installed, in the order in which it would be."""
    from rich.box import SIMPLE  # noqa: PLC0415 - only this task draws a table
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("recipe", "version", "what it is", "needs", "minutes", "compute", "sources", box=SIMPLE)
    for recipe in Catalogue().ordered():
        table.add_row(
            recipe.name,
            recipe.version,
            recipe.summary,
            ", ".join(recipe.needs),
            f"{recipe.minutes:g}",
            " ".join(recipe.compute) or "any",
            ", ".join(recipe.sources),
        )
    console = Console()
    # A pipe has no width: keep every row on one line there.
    (console if console.is_terminal else Console(width=200)).print(table)
