"""Whether a recipe, a machine and a disk fit together: everything that can be refused before anything is billed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from provision.bundle import cloud_init
from provision.bundle.render import render
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU, cheapest, gpus

if TYPE_CHECKING:
    from infra.settings import Settings
    from provision.model.platforms import InstanceType
    from provision.model.target import Target

SYSTEM_GIB = 10
"""What the operating system, its logs and its updates need beside the recipes."""
_SOME_VOLUME = "vol-0123456789abcdef0"
"""Stands for the id of the job volume, which is as long and not known before it is made."""


def problems(settings: Settings) -> list[str]:
    """Return every reason why the settings' recipes cannot work on their machine; an empty list when they can."""
    wanted = tuple(dict.fromkeys((settings.boot_recipe, settings.recipe)))
    target = settings.target(_SOME_VOLUME)
    found = _gpu_problems(settings, settings.machine) or settings.catalogue.problems(wanted, target)
    found += _unknown_recipes(settings) + _unknown_licences(settings) + _size_problems(settings, wanted)
    return found or _boot_problems(settings, target)


def _gpu_problems(settings: Settings, machine: InstanceType) -> list[str]:
    key = f'gpurig:instanceType: "{machine.name}"'
    if settings.gpu == NO_GPU:
        return []
    nearest = cheapest(frozenset(gpu.compute for gpu in gpus().values()))
    if machine.gpu == NO_GPU:
        return [f"{key} has no GPU; take {nearest}, or declare that there is none: pulumi config set gpurig:gpu none"]
    if machine.gpu not in gpus():
        known = ", ".join(gpus())
        return [f"{key} has the GPU {machine.gpu}, which no recipe knows ({known}); take {nearest}"]
    return []


def _unknown_recipes(settings: Settings) -> list[str]:
    recipes = settings.catalogue.recipes
    return [
        f'gpurig:unpinned: there is no recipe "{name}"; there are: {", ".join(sorted(recipes))}'
        for name in settings.unpinned
        if name not in recipes
    ]


def _unknown_licences(settings: Settings) -> list[str]:
    key, words = "gpurig:acceptLicences", settings.accept_licences
    unknown = settings.catalogue.unknown_licences(words)
    others = ",".join(word for word in words if word not in unknown)
    without = f"pulumi config set {key} {others}" if others else f"pulumi config rm {key}"
    return [f'{key}: "{word}": {reason}; to go on without it: {without}' for word, reason in unknown.items()]


def _size_problems(settings: Settings, wanted: tuple[str, ...]) -> list[str]:
    recipes = settings.catalogue.recipes
    closure = settings.catalogue.closure((name for name in wanted if name in recipes), settings.gpu)
    skipped = {name for name in closure if settings.gpu == NO_GPU and recipes[name].needs_gpu}
    needed = math.ceil(sum(recipes[name].disk_gib for name in closure - skipped)) + SYSTEM_GIB
    if settings.root_volume_gib >= needed:
        return []
    wrong = f'{settings.root_volume_gib} GiB is a volume too small for the recipe "{settings.recipe}"'
    return [f"gpurig:rootVolumeGib: {wrong}, which needs {needed}: pulumi config set gpurig:rootVolumeGib {needed}"]


def _boot_problems(settings: Settings, target: Target) -> list[str]:
    try:
        cloud_init.user_data(render((settings.boot_recipe,), target, settings.catalogue))
    except BadInput as error:
        return [f"gpurig:bootRecipe: {error}"]
    return []
