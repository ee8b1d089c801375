"""Recipes: load the catalogue, order what is asked for, say what cannot work on a host before anything is billed."""

from __future__ import annotations

import dataclasses
import graphlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.errors import BadInput
from provision.platforms import NO_GPU, cheapest, images

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provision.target import Target

TEMPLATES = Path(__file__).parents[1] / "templates"


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A file that a recipe puts on the host: rendered from `template` in the recipe's folder."""

    path: str
    template: str
    mode: str = "0644"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One unit of software: what it needs, where it comes from, what it supports. Read from `recipe.toml`."""

    name: str
    folder: Path
    summary: str
    version: str
    needs: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    minutes: float = 1
    """How long the install takes on a fresh box of the smallest type; the runner allows ten times as much."""
    disk_gib: float = 0
    """Free space on the root file system that the install needs."""
    needs_gpu: bool = False
    """Skipped, when only needed by another recipe, on a host that is declared to have no GPU."""
    reboot: bool = False
    """The install may end with exit code 100: reboot, then verify."""
    licence: str = ""
    """Licence that the user has to accept by this name."""
    ports: tuple[int, ...] = ()
    unit: str = ""
    """The systemd service that it runs as."""
    health: str = ""
    """URL on the host that answers 200 when the service is up."""
    undo: str = ""
    """How to take it off by hand; shown when the install fails."""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Environment that it gives to recipes after it and to login shells; values may use `$PATH` and the like."""
    files: tuple[File, ...] = ()
    images: tuple[str, ...] = ()
    """Images that it supports; empty: all."""
    compute: tuple[str, ...] = ()
    """Compute capabilities that it supports; empty: all."""
    sources: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """Where it can be taken from, the default first; the install script reads the chosen table as `source`."""

    def source_for(self, target: Target) -> str:
        """Return the name of the source that `target` takes this recipe from ("" where there is no choice)."""
        if self.name in images()[target.image].has and "present" in self.sources:
            return target.sources.get(self.name, "present")
        return target.sources.get(self.name, next(iter(self.sources), ""))

    def licence_for(self, target: Target) -> str:
        """Return the licence to accept for the chosen source, or ""."""
        return str(self.sources.get(self.source_for(target), {}).get("licence", self.licence))


_SUPPORTS = ("compute", "images")
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("summary", "version", "licence", "unit", "health", "undo"), (str,)),
    **dict.fromkeys(("needs", "conflicts", "ports"), (list,)),
    **dict.fromkeys(("minutes", "disk_gib"), (int, float)),
    **dict.fromkeys(("needs_gpu", "reboot"), (bool,)),
    **dict.fromkeys(("env", "files", "sources", "supports"), (dict,)),
}


def _problems(folder: Path, table: dict[str, Any]) -> list[str]:
    """Return everything that is wrong with a recipe's folder and keys."""
    path = folder / "recipe.toml"
    supports = table.get("supports", {})
    return [
        *(f'{path}: unknown key "{key}"; allowed: {", ".join(sorted(_TYPES))}' for key in table if key not in _TYPES),
        *(f'{path}: unknown key "supports.{k}"; allowed: compute, images' for k in supports if k not in _SUPPORTS),
        *(f'{path}: "{key}" is missing' for key in ("summary", "version") if not table.get(key)),
        *(
            f'{path}: "{key}" has to be a {" or ".join(kind.__name__ for kind in kinds)}'
            for key, kinds in _TYPES.items()
            if key in table and not isinstance(table[key], kinds)
        ),
        *(f"{folder / name}: missing" for name in ("install.sh.j2", "verify.sh.j2") if not (folder / name).exists()),
    ]


def _load(folder: Path) -> Recipe:
    """Read a recipe's folder. Raises `BadInput` with everything that is wrong in it."""
    path = folder / "recipe.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput([f"{path}: {error}"]) from error
    if problems := _problems(folder, table):
        raise BadInput(problems)
    supports = table.pop("supports", {})
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in {**table, **supports}.items()}
    fields["files"] = tuple(File(path=target, **row) for target, row in table.get("files", {}).items())
    return Recipe(name=folder.name, folder=folder, **fields)


class Catalogue:
    """All recipes by name, from one or more folders of recipe folders."""

    def __init__(self, *folders: Path) -> None:
        self.recipes: dict[str, Recipe] = {}
        for parent in folders or (TEMPLATES / "recipes",):
            for path in sorted(parent.glob("*/recipe.toml")):
                self.recipes[path.parent.name] = _load(path.parent)
        unknown = [
            f'{recipe.folder / "recipe.toml"}: {key} "{name}", which is no recipe'
            for recipe in self.recipes.values()
            for key in ("needs", "conflicts")
            for name in getattr(recipe, key)
            if name not in self.recipes
        ]
        if unknown:
            raise BadInput(unknown)
        try:
            self._order = tuple(
                graphlib.TopologicalSorter({r.name: r.needs for r in self.recipes.values()}).static_order()
            )
        except graphlib.CycleError as error:
            raise BadInput([f"recipes need each other in a circle: {' → '.join(error.args[1])}"]) from error

    def ordered(self) -> tuple[Recipe, ...]:
        """Return all recipes, each after what it needs."""
        return tuple(self.recipes[name] for name in self._order)

    def closure(self, names: Iterable[str]) -> set[str]:
        """Return these recipes and all that they need, at any depth."""
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo.extend(self.recipes[name].needs)
        return found

    def order(self, names: Iterable[str], target: Target) -> tuple[Recipe, ...]:
        """Return what has to run for `names` on `target`, each recipe after what it needs.

        Raises `BadInput` with every reason why it cannot work there.
        """
        names = tuple(names)
        if problems := self.problems(names, target):
            raise BadInput(problems)
        wanted = self.closure(names)
        return tuple(r for r in self.ordered() if r.name in wanted and not (r.needs_gpu and target.gpu == NO_GPU))

    def problems(self, names: Iterable[str], target: Target) -> list[str]:
        """Return every reason why `names` cannot be installed on `target`; an empty list when they can."""
        names = tuple(names)
        known = ", ".join(sorted(self.recipes))
        problems = [f'there is no recipe "{name}"; there are: {known}' for name in names if name not in self.recipes]
        problems += [
            f'sources: there is no recipe "{n}"; there are: {known}' for n in target.sources if n not in self.recipes
        ]
        if target.image not in images():
            problems.append(f'there is no image "{target.image}"; there are: {", ".join(sorted(images()))}')
        if problems:
            return problems
        wanted = self.closure(names)
        for recipe in (recipe for recipe in self.ordered() if recipe.name in wanted):
            problems += self._unfit(recipe, target, asked=recipe.name in names)
            problems += [
                f'recipe "{recipe.name}" cannot stand beside "{other}"' for other in recipe.conflicts if other in wanted
            ]
        return problems

    def _unfit(self, recipe: Recipe, target: Target, *, asked: bool) -> list[str]:
        """Return why one recipe cannot work on `target`, each with the nearest thing that does."""
        name = f'recipe "{recipe.name}"'
        if recipe.needs_gpu and target.gpu == NO_GPU:
            return [f'{name} needs a GPU, and this host is declared to have none ("gpu: none")'] if asked else []
        problems = []
        if recipe.images and target.image not in recipe.images:
            problems.append(f"{name} does not support image {target.image}; take {' or '.join(recipe.images)}")
        if recipe.compute and target.compute not in recipe.compute:
            nearest = cheapest(frozenset(recipe.compute))
            way_out = f"; take {nearest}" if nearest else ""
            gpu = "compute" if target.gpu == NO_GPU else f"{target.gpu}, compute"
            ceiling = ", ".join(recipe.compute)
            problems.append(f"{name} cannot run on {gpu} {target.compute}: it supports {ceiling}{way_out}")
        source = recipe.source_for(target)
        if source and source not in recipe.sources:
            problems.append(f'sources: {name} has no source "{source}"; it has: {", ".join(recipe.sources)}')
        elif (licence := recipe.licence_for(target)) and licence not in target.licences:
            problems.append(
                f'{name} comes under the licence "{licence}"; read it, then add that name to acceptLicences'
            )
        return problems
