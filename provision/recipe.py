"""Recipes: load the catalogue, order what is asked for, say what cannot work on a host before anything is billed."""

from __future__ import annotations

import dataclasses
import graphlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.errors import BadInput
from provision.platforms import NO_GPU, cheapest, images
from provision.schema import ANY, FLAG, MODE, NUMBER, PORTS, STRING, STRINGS, mismatches

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

    def images_from(self, source: str) -> tuple[str, ...]:
        """Return the images that this recipe supports when it is taken from `source`."""
        return tuple(self.sources.get(source, {}).get("images", self.images) or images())

    def licence_for(self, target: Target) -> str:
        """Return the licence to accept for the chosen source, or ""."""
        return str(self.sources.get(self.source_for(target), {}).get("licence", self.licence))


_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("summary", "version", "licence", "unit", "health", "undo"), STRING),
    **dict.fromkeys(("needs", "conflicts"), STRINGS),
    **dict.fromkeys(("minutes", "disk_gib"), NUMBER),
    **dict.fromkeys(("needs_gpu", "reboot"), FLAG),
    "ports": PORTS,
    "env": {"*": STRING},
    "files": {"*": {"template": STRING, "mode": MODE}},
    "sources": {"*": {"licence": STRING, "images": STRINGS, "*": ANY}},
    "supports": {"images": STRINGS, "compute": STRINGS},
}


def _problems(folder: Path, table: dict[str, Any]) -> list[str]:
    """Return everything that is wrong with a recipe's folder and keys."""
    path = folder / "recipe.toml"
    needed = [f'"{key}" is missing' for key in ("summary", "version") if table.get(key, "") == ""]
    if problems := needed + mismatches(table, _SCHEMA):
        return [f"{path}: {problem}" for problem in problems]
    files: dict[str, dict[str, str]] = table.get("files", {})
    templates = ("install.sh.j2", "verify.sh.j2", *(row.get("template", "") for row in files.values()))
    return [
        *(f'{path}: "files.{target}" has to be an absolute path' for target in files if not target.startswith("/")),
        *(f'{path}: "files.{target}.template" is missing' for target, row in files.items() if "template" not in row),
        *(f"{folder / name}: missing" for name in templates if name and not (folder / name).is_file()),
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
    """All recipes by name, from one or more folders of recipe folders; a later folder's recipe wins."""

    def __init__(self, *folders: Path) -> None:
        self.recipes: dict[str, Recipe] = {}
        problems: list[str] = []
        for parent in folders or (TEMPLATES / "recipes",):
            if not parent.is_dir():
                problems.append(f"{parent}: there is no such folder of recipes")
            for path in sorted(parent.glob("*/recipe.toml")):
                try:
                    self.recipes[path.parent.name] = _load(path.parent)
                except BadInput as error:
                    problems += error.problems
        if problems:
            raise BadInput(problems)
        self._order = self._sorted()

    def ordered(self) -> tuple[Recipe, ...]:
        """Return all recipes, each after what it needs."""
        return tuple(self.recipes[name] for name in self._order)

    def _sorted(self) -> tuple[str, ...]:
        """Return all names, each after what it needs. Raises `BadInput` where that cannot be."""
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
            sorter = graphlib.TopologicalSorter({r.name: r.needs for r in self.recipes.values()})
            return tuple(sorter.static_order())
        except graphlib.CycleError as error:
            names = error.args[1][::-1]  # graphlib goes from what is needed to what needs it
            path = self.recipes[names[0]].folder / "recipe.toml"
            raise BadInput([f"{path}: needs goes round in a circle: {' → '.join(names)}"]) from error

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
            f'{key}: there is no recipe "{name}"; there are: {known}'
            for key in ("sources", "unpinned")
            for name in getattr(target, key)
            if name not in self.recipes
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
        source = recipe.source_for(target)
        fits = recipe.images_from(source)
        if target.image not in fits:
            others = [f'source "{other}"' for other in recipe.sources if target.image in recipe.images_from(other)]
            problems.append(f"{name} does not support image {target.image}; take {' or '.join([*others, *fits])}")
        if recipe.compute and target.compute not in recipe.compute:
            nearest = cheapest(frozenset(recipe.compute))
            way_out = f"; take {nearest}" if nearest else ""
            gpu = "compute" if target.gpu == NO_GPU else f"{target.gpu}, compute"
            ceiling = ", ".join(recipe.compute)
            problems.append(f"{name} cannot run on {gpu} {target.compute}: it supports {ceiling}{way_out}")
        if source and source not in recipe.sources:
            problems.append(f'sources: {name} has no source "{source}"; it has: {", ".join(recipe.sources)}')
        elif (licence := recipe.licence_for(target)) and licence not in target.licences:
            problems.append(
                f'{name} comes under the licence "{licence}"; read it, then accept it by that name: acceptLicences in '
                "the Pulumi configuration, licences in hosts.toml, or --accept"
            )
        return problems
