"""The verbs of `fab`: a file each in `verbs`, and in `recipe_verbs` for those that each recipe has.

A file has its verb's name, and declares it by `provision.tasks.verb`. To import them all takes longer than many an
answer, and more with every verb. So where the command line names verbs, only their files are imported; a list and a
name that is mistyped have all of them.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import fabric.main
from invoke.collection import Collection

from provision.catalogue.catalogue import Catalogue
from provision.tasks import words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provision.tasks.verb import Verb


def collection(catalogue: Catalogue | None = None) -> Collection:
    """Return the tasks that this program's command line names; all of them where it names none."""
    kinds = _files("recipe_verbs")
    files = {_dashed(name): name for name in _files("verbs")}
    of_recipes = {
        _dashed(f"{kind}-{recipe.name}"): (kind, recipe)
        for recipe in (catalogue or Catalogue()).ordered()
        for kind in kinds
        if getattr(recipe, kind, True)  # all are set up; those that bring an example or a bench have these
    }
    names = {*files, *of_recipes}
    tasks = Collection()
    for name in _typed(names) or names:
        if name in files:
            tasks.add_task(load("verbs", files[name]))
        else:
            kind, recipe = of_recipes[name]
            tasks.add_task(load("recipe_verbs", kind).of(recipe))
    words.prepare(fabric.main.program, tasks, names)
    return tasks


def load(folder: str, name: str) -> Verb:
    """Return the verb that a file declares."""
    verb: Verb = getattr(importlib.import_module(f"provision.tasks.{folder}.{name}"), name)
    return verb


def _files(folder: str) -> list[str]:
    """Return the verbs that have a file in a folder, as Python names."""
    return [path.stem for path in Path(__file__).with_name(folder).glob("[!_]*.py")]


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _typed(names: Iterable[str]) -> list[str]:
    """Return those of the tasks that the command line of this program names; none where it asks for a list."""
    typed = getattr(fabric.main.program, "argv", [])[1:]
    if any(word.startswith(("-l", "--list")) for word in typed):
        return []
    values = {word.partition("=")[2] or word for word in typed}
    return [name for name in names if name in values]
