"""All recipes of one or more folders, each after what it needs."""

from __future__ import annotations

import graphlib
from typing import TYPE_CHECKING

from provision.catalogue import tried as seen
from provision.catalogue.folders import OURS, all_folders
from provision.catalogue.recipe import load_recipe
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from provision.catalogue.recipe import Recipe


class Recipes:
    """All recipes by name, from one or more folders of recipe folders; a later folder's recipe wins."""

    def __init__(self, *folders: Path, tried: Path | None = None) -> None:
        """Read them; `tried` has the files of checks of these recipes, None: gpurig's own have theirs."""
        self.recipes: dict[str, Recipe] = {}
        problems: list[str] = []
        folders = folders or all_folders()
        for parent in folders:
            if not parent.is_dir():
                problems.append(f"{parent}: there is no such folder of recipes")
            for path in sorted(parent.glob("*/recipe.toml")):
                try:
                    self.recipes[path.parent.name] = load_recipe(path.parent)
                except BadInput as error:
                    problems += error.problems
        if problems:
            raise BadInput(problems)
        self.checks = seen.checks(tried or seen.FOLDER) if tried or OURS in folders else []
        for name, recipe in self.recipes.items():
            if tried or recipe.folder.parent == OURS:
                self.recipes[name] = seen.marked(recipe, self.checks)
        self._order = self._sorted()

    def ordered(self) -> tuple[Recipe, ...]:
        """Return all recipes, each after what it needs."""
        return tuple(self.recipes[name] for name in self._order)

    def _sorted(self) -> tuple[str, ...]:
        """Return all names, each after what it needs. Raises `BadInput` where that cannot be."""
        unknown = [
            f'{recipe.folder / "recipe.toml"}: {key} "{name}", which is no recipe'
            for recipe in self.recipes.values()
            for key in ("needs", "needs_on_gpu", "goes_with", "conflicts")
            for name in getattr(recipe, key)
            if name not in self.recipes
        ]
        unknown += [
            f'{recipe.folder / "recipe.toml"}: {kind}.needs "{name}", which is no recipe'
            for recipe in self.recipes.values()
            for kind, trial in (("example", recipe.example), ("bench", recipe.bench))
            for name in (trial.needs if trial else ())
            if name not in self.recipes
        ]
        if unknown:
            raise BadInput(unknown)
        try:
            needs = {r.name: r.needs + r.needs_on_gpu + r.goes_with for r in self.recipes.values()}
            return tuple(graphlib.TopologicalSorter(needs).static_order())
        except graphlib.CycleError as error:
            names = error.args[1][::-1]  # graphlib goes from what is needed to what needs it
            path = self.recipes[names[0]].folder / "recipe.toml"
            raise BadInput([f"{path}: needs goes round in a circle: {' → '.join(names)}"]) from error

    def closure(self, names: Iterable[str], gpu: str = "") -> set[str]:
        """Return these recipes and all that they need, at any depth; `gpu` is the host's ("none"), "" one unknown."""
        return self._with(names, lambda name: self._needs(name, gpu) + self.recipes[name].goes_with)

    def before(self, name: str, gpu: str = "") -> set[str]:
        """Return what has to be done before a recipe's install begins, at any depth."""
        return self._with(self._needs(name, gpu), lambda other: self._needs(other, gpu))

    def _needs(self, name: str, gpu: str) -> tuple[str, ...]:
        recipe = self.recipes[name]
        return recipe.needs if gpu == NO_GPU else recipe.needs + recipe.needs_on_gpu

    @staticmethod
    def _with(names: Iterable[str], more: Callable[[str], Iterable[str]]) -> set[str]:
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += more(name)
        return found
