"""The tasks that `fab` offers: one file per verb, and those of each recipe of the catalogue."""

from __future__ import annotations

import fabric.main
from invoke.collection import Collection

from provision.recipe import Catalogue
from provision.tasks import words
from provision.tasks.bake import bake
from provision.tasks.bench import bench_task
from provision.tasks.dataset_build import dataset_build
from provision.tasks.dataset_get import dataset_get
from provision.tasks.dataset_put import dataset_put
from provision.tasks.example import example_task
from provision.tasks.fetch import fetch
from provision.tasks.logs import logs
from provision.tasks.plan import plan
from provision.tasks.ps import ps
from provision.tasks.recipes import recipes
from provision.tasks.render import render
from provision.tasks.run import run
from provision.tasks.setup import setup, setup_task
from provision.tasks.shell import ssh, tunnel
from provision.tasks.status import status
from provision.tasks.stop import stop
from provision.tasks.sync import sync
from provision.tasks.timeline import timeline
from provision.tasks.volume import volume_restore, volume_snapshot, volume_status
from provision.tasks.volume_grow import volume_grow

VERBS = (
    *(setup, plan, status, timeline, tunnel, ssh, recipes, render, bake),
    *(sync, run, logs, ps, stop, fetch),
    *(dataset_get, dataset_put, dataset_build),
    *(volume_status, volume_snapshot, volume_restore, volume_grow),
)
OPTIONAL = {
    **dict.fromkeys(("setup", "plan", "render"), "recipe"),
    **dict.fromkeys(("logs", "recipes"), "name"),
    "sync": "folder",
    "dataset-get": f"url{words.MANY}",
}
"""Task → the option that a word right after it is for."""


def collection() -> Collection:
    """Return all tasks, those of the catalogue included."""
    tasks = Collection(*VERBS)
    for recipe in Catalogue().ordered():
        tasks.add_task(setup_task(recipe))
        if recipe.example:
            tasks.add_task(example_task(recipe))
        if recipe.bench:
            tasks.add_task(bench_task(recipe))
    words.prepare(fabric.main.program, tasks, OPTIONAL)
    return tasks
