"""The tasks that `fab` offers: the verbs, and those of each recipe of the catalogue.

To import all that they need takes longer than many an answer, and more with every verb. So where the command line names
tasks, only their modules are imported; a list and a name that is mistyped have all of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import fabric.main
from invoke.collection import Collection

from provision.catalogue.recipe import Catalogue
from provision.tasks import words

if TYPE_CHECKING:
    from types import ModuleType

VERBS = (
    *("setup", "plan", "status", "timeline", "tunnel", "ssh", "recipes", "render", "bake"),
    *("sync", "run", "logs", "ps", "stop", "fetch"),
    *("dataset-get", "dataset-put", "dataset-build"),
    *("volume-status", "volume-snapshot", "volume-restore", "volume-grow"),
)
TOGETHER = {
    **dict.fromkeys(("ssh", "tunnel"), "shell"),
    **dict.fromkeys(("volume-status", "volume-snapshot", "volume-restore"), "volume"),
}
"""Verb → its module, where that has not the verb's name."""
OPTIONAL = {
    **dict.fromkeys(("setup", "plan", "render"), "recipe"),
    **dict.fromkeys(("logs", "recipes"), "name"),
    "sync": "folder",
    "dataset-get": f"url{words.MANY}",
}
"""Task → the option that a word right after it is for."""


def collection() -> Collection:
    """Return the tasks that this program's command line names; all of them where it names none."""
    of_recipes = {
        f"{kind}-{recipe.name}".replace("_", "-"): (kind, recipe)
        for recipe in Catalogue().ordered()
        for kind, there in (("setup", True), ("example", recipe.example), ("bench", recipe.bench))
        if there
    }
    names = [*VERBS, *of_recipes]
    words.prepare(fabric.main.program, set(names), OPTIONAL)
    tasks = Collection()
    for name in _named(names) or names:
        if name in VERBS:
            verb = name.replace("-", "_")
            tasks.add_task(getattr(_module(TOGETHER.get(name, verb)), verb))
        else:
            kind, recipe = of_recipes[name]
            tasks.add_task(getattr(_module(kind), f"{kind}_task")(recipe))
    return tasks


def _named(names: list[str]) -> list[str]:
    """Return those of the tasks that the command line of this program names; none where it asks for a list."""
    typed = getattr(fabric.main.program, "argv", [])[1:]
    if any(word.startswith(("-l", "--list")) for word in typed):
        return []
    values = {word.partition("=")[2] or word for word in typed}
    return [name for name in names if name in values]


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"provision.tasks.{name}")
