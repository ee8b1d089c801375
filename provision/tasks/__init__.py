"""The tasks that `fab` offers: one file per verb, and one `setup-<recipe>` per recipe of the catalogue."""

from __future__ import annotations

from invoke.collection import Collection

from provision.recipe import Catalogue
from provision.tasks.plan import plan
from provision.tasks.recipes import recipes
from provision.tasks.render import render
from provision.tasks.setup import setup, setup_task
from provision.tasks.shell import ssh, tunnel
from provision.tasks.status import status


def collection() -> Collection:
    """Return all tasks, those of the catalogue included."""
    tasks = Collection(setup, plan, status, tunnel, ssh, recipes, render)
    for recipe in Catalogue().ordered():
        tasks.add_task(setup_task(recipe))
    return tasks
