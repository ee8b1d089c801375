"""The verbs of `fab`: a file each in `verbs`, and in `recipe_verbs` for those that each recipe has.

A file has its verb's name, and declares it by `provision.tasks.verb`. To import them all takes longer than many an
answer, and more with every verb. So where the command line names verbs, only their files are imported; a list and a
name that is mistyped have all of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import fabric.main
from invoke.collection import Collection

from provision.tasks import words
from provision.tasks.names import SETUP, Names

if TYPE_CHECKING:
    from provision.catalogue.catalogue import Catalogue
    from provision.tasks.verb import Verb


def collection(catalogue: Catalogue | None = None) -> Collection:
    """Return the tasks that this program's command line names; all of them where it names none."""
    names = Names(catalogue)
    tasks = Collection()
    for name in _typed(names) or names:
        if name in names.files:
            tasks.add_task(load("verbs", names.files[name]))
        else:
            kind, recipe = names.of_recipes[name]
            whole = recipe if kind == SETUP else names.catalogue.recipes[recipe.name]
            tasks.add_task(load("recipe_verbs", kind).of(whole))
    words.prepare(fabric.main.program, tasks, names)
    return tasks


def load(folder: str, name: str) -> Verb:
    """Return the verb that a file declares."""
    verb: Verb = getattr(importlib.import_module(f"provision.tasks.{folder}.{name}"), name)
    return verb


def _typed(names: Names) -> list[str]:
    """Return those of the tasks that the command line of this program names; none where it asks for a list."""
    typed = getattr(fabric.main.program, "argv", [])[1:]
    if any(word.startswith(("-l", "--list")) for word in typed):
        return []
    values = dict.fromkeys(word.partition("=")[2] or word for word in typed)
    return [value for value in values if value in names]
