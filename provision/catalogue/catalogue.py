"""The catalogue: what has to run for what is asked for, and why it cannot, before anything is billed."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from provision.catalogue import compatibility
from provision.catalogue.recipes import Recipes
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU, images

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provision.catalogue.recipe import Recipe
    from provision.model.target import Target


class Catalogue(Recipes):
    """All recipes, and what they mean for a target."""

    def unknown_licences(self, words: Iterable[str]) -> dict[str, str]:
        """Return what there is to say, by word, of those that are no licence which some recipe comes under."""
        known = compatibility.licences(self)
        said: dict[str, str] = {}
        for word in words:
            if word not in known:
                near = difflib.get_close_matches(word.lower(), known)
                hint = f"; near it: {', '.join(near)}" if near else ""
                said[word] = f"there is no licence of that name{hint}; there are: {', '.join(known)}"
        return said

    def order(self, names: Iterable[str], target: Target) -> tuple[Recipe, ...]:
        """Return what has to run for `names` on `target`, each recipe after what it needs.

        Raises `BadInput` with every reason why it cannot work there.
        """
        names = tuple(names)
        if problems := self.problems(names, target):
            raise BadInput(problems)
        wanted = self.closure(names, target.gpu)
        return tuple(r for r in self.ordered() if r.name in wanted and not (r.needs_gpu and target.gpu == NO_GPU))

    def problems(self, names: Iterable[str], target: Target) -> list[str]:
        """Return every reason why `names` cannot be installed on `target`; an empty list when they can."""
        names = tuple(names)
        known = ", ".join(sorted(self.recipes))
        problems = [f'there is no recipe "{name}"; there are: {known}' for name in names if name not in self.recipes]
        problems += [
            f'{key}: there is no recipe "{name}"; there are: {known}'
            for key in ("sources", "unpinned")
            for name in getattr(target, key)
            if name not in self.recipes
        ]
        if target.image not in images():
            problems.append(f'there is no image "{target.image}"; there are: {", ".join(sorted(images()))}')
        return problems or compatibility.problems(self, names, target)
