"""The names of the tasks that there are."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.catalogue.catalogue import Catalogue
    from provision.catalogue.outline import Outline


SETUP = "setup"
"""The verb that every recipe has; those that bring an example or a bench have these, too."""


class Names:
    """The names of all tasks. The recipes are read only where a word may name a task of theirs, or for a list."""

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        self.files = {_dashed(name): name for name in _files("verbs")}
        self.kinds = _files("recipe_verbs")
        self._catalogue = catalogue

    @functools.cached_property
    def of_recipes(self) -> dict[str, tuple[str, Outline]]:
        """Name → kind and recipe."""
        from provision.catalogue.outline import outlined, outlines  # noqa: PLC0415 - many an answer takes no longer

        return {
            _dashed(f"{kind}-{recipe.name}"): (kind, recipe)
            for recipe in (outlined(self._catalogue) if self._catalogue else outlines()).values()
            for kind in self.kinds
            if kind == SETUP or kind in recipe.trials
        }

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """The recipes themselves."""
        from provision.catalogue.catalogue import Catalogue  # noqa: PLC0415

        return self._catalogue or Catalogue()

    def __contains__(self, name: object) -> bool:
        begins = str(name).startswith(tuple(f"{kind}-" for kind in self.kinds))
        return name in self.files or (begins and name in self.of_recipes)

    def __iter__(self) -> Iterator[str]:
        yield from sorted({*self.files, *self.of_recipes})


def _files(folder: str) -> list[str]:
    """Return the verbs that have a file in a folder, as Python names."""
    return [path.stem for path in Path(__file__).with_name(folder).glob("[!_]*.py")]


def _dashed(name: str) -> str:
    return name.replace("_", "-")
