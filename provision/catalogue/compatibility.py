"""What speaks against a recipe on an image, a GPU and a driver: one answer for the refusals and for the tables."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from provision.catalogue.recipe import number
from provision.model.platforms import NO_GPU, cheapest, gpus, images

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provision.catalogue.recipe import Recipe
    from provision.catalogue.recipes import Recipes
    from provision.model.target import Target

CUDA = "cuda"
DRIVER = "nvidia-driver"
PRESENT = "present"
"""The source of what an image, or the user, has installed already."""


@dataclasses.dataclass(frozen=True)
class Misfit:
    """One reason why a recipe does not work on a target."""

    recipe: str
    what: str
    why: str = ""
    way_out: str = ""

    def __str__(self) -> str:
        """Return the refusal, with the nearest thing that works."""
        why = f": {self.why}" if self.why else ""
        return f'recipe "{self.recipe}" {self.what}{why}{f"; take {self.way_out}" if self.way_out else ""}'


def misfits(recipe: Recipe, target: Target) -> list[Misfit]:
    """Return why one recipe, what it needs left aside, does not work on a target, the licence aside."""
    if recipe.needs_gpu and target.gpu == NO_GPU:
        declared = f"gpurig:gpu {NO_GPU}" if target.ours else f'gpu = "{NO_GPU}"'
        return [Misfit(recipe.name, f"needs a GPU, and this host is declared to have none ({declared})")]
    found = []
    source = recipe.source_for(target)
    fits = fitting_images(recipe, source)
    others = [f'source "{name}"' for name in _offered(recipe, target)]
    if target.image not in fits:
        # What another source mends is no fault of the image.
        why = "" if others else recipe.no.get(target.image, "")
        way_out = " or ".join([*others, *fits])
        found.append(Misfit(recipe.name, f"does not support image {target.image}", why, way_out))
    elif why := recipe.outside(source, target):
        what = f'cannot run from source "{source}" on {_gpu(target)}'
        found.append(Misfit(recipe.name, what, why, " or ".join(others)))
    elif recipe.name == DRIVER and source == PRESENT and number(target.compute) < number(images()[target.image].since):
        why = f"the driver in it begins with compute {images()[target.image].since}"
        found.append(Misfit(recipe.name, f"of image {target.image} cannot run on {_gpu(target)}", why, fits[0]))
    if target.compute in recipe.no or (recipe.compute and target.compute not in recipe.compute):
        computes = [compute for compute in recipe.compute or capabilities() if compute not in recipe.no]
        why = recipe.no.get(target.compute) or f"it supports compute {', '.join(computes)}"
        found.append(Misfit(recipe.name, f"cannot run on {_gpu(target)}", why, _another_gpu(recipe, computes, target)))
    return found


def _another_gpu(recipe: Recipe, computes: Iterable[str], target: Target) -> str:
    """Return what to take in place of a GPU that a recipe cannot run on; a machine of one's own has no other."""
    if target.ours:
        return str(cheapest(frozenset(computes)) or "")
    return "" if recipe.needs_gpu or target.gpu == NO_GPU else f'gpu "{NO_GPU}": then the CPU computes'


def _offered(recipe: Recipe, target: Target) -> list[str]:
    """Return the sources of a recipe that are for a target's image and GPU.

    On a box that gpurig makes, nothing is present but what its image brings.
    """
    spanning = [name for name in recipe.sources if not recipe.outside(name, target)]
    if target.ours and recipe.name not in images()[target.image].has:
        spanning = [name for name in spanning if name != PRESENT]
    return [name for name in spanning if target.image in fitting_images(recipe, name)]


def _gpu(target: Target) -> str:
    """Return a target's GPU as a refusal names it: "H100, compute 9.0"."""
    return ("" if target.gpu == NO_GPU else f"{target.gpu}, ") + f"compute {target.compute}"


def problems(catalogue: Recipes, names: Iterable[str], target: Target) -> list[str]:
    """Return every reason why these recipes, which are all known, cannot be installed on `target` together."""
    names = tuple(names)
    wanted = catalogue.closure(names, target.gpu)
    found: list[str] = []
    for recipe in (recipe for recipe in catalogue.ordered() if recipe.name in wanted):
        skipped = recipe.needs_gpu and target.gpu == NO_GPU
        if not skipped or recipe.name in names:
            found += [str(misfit) for misfit in misfits(recipe, target)]
        if not skipped:
            found += [*_source_problems(recipe, target), *map(str, driver_misfits(catalogue, recipe, target))]
        found += [
            f'recipe "{recipe.name}" cannot stand beside "{other}"' for other in recipe.conflicts if other in wanted
        ]
    return found


def _source_problems(recipe: Recipe, target: Target) -> list[str]:
    """Return what is wrong with the source that `target` takes a recipe from: there is none, or its licence is open."""
    source = recipe.source_for(target)
    if source and source not in recipe.sources:
        return [f'sources: recipe "{recipe.name}" has no source "{source}"; it has: {", ".join(recipe.sources)}']
    places = "acceptLicences in the Pulumi configuration, licences in hosts.toml, or --accept"
    return [
        f'recipe "{recipe.name}" comes under the licence "{licence}"; read it, then accept it by that name: {places}'
        for licence in recipe.licences_for(target)
        if licence not in target.licences
    ]


def oldest_driver(catalogue: Recipes, name: str) -> int:
    """Return the oldest branch of NVIDIA's driver that a recipe, or something that it needs, asks for; 0: any."""
    return max(catalogue.recipes[other].driver for other in catalogue.closure([name]))


def driver_problems(catalogue: Recipes, name: str, target: Target, driver: str) -> list[str]:
    """Return why a recipe cannot work with the driver that a host has ("535.183.01"); "" is a host without one.

    One that is there stays, also where the same setup would bring one: the recipe alone would change nothing.
    """
    oldest, recipe = oldest_driver(catalogue, name), catalogue.recipes.get(DRIVER)
    if target.gpu == NO_GPU or not 0 < _branch(driver) < oldest:
        return []
    what = f'recipe "{name}" needs NVIDIA\'s driver {oldest} or newer, and this host has {driver}'
    if recipe and (why := recipe.outside(PRESENT, target)):
        return [f"{what}: {why}"]
    others = recipe.others(target) if recipe else []
    new = [source for source in others if recipe and not 0 < _brought(recipe, source) < oldest]
    ways = [f"take it off: then `fab setup-{DRIVER} --source {DRIVER}={source}` brings another" for source in new]
    if not target.ours:
        ways.insert(0, "bring it up to date the way it came, and reboot")
    elif not ways:
        ways.append("take a newer image, or one on which gpurig installs the driver: ubuntu-22.04")
    return [f"{what}; {'; or '.join(ways)}"]


def driver_misfits(catalogue: Recipes, recipe: Recipe, target: Target) -> list[Misfit]:
    """Return that a recipe needs a newer driver than the driver's recipe brings to a target, where that is so."""
    if target.gpu == NO_GPU or DRIVER not in catalogue.closure([recipe.name], target.gpu):
        return []
    driver = catalogue.recipes[DRIVER]
    branch = _brought(driver, driver.source_for(target))
    if not 0 < branch < recipe.driver:
        return []
    why = f"it needs NVIDIA's driver {recipe.driver} or newer, and the packages there bring {branch}"
    way_out = f'source "{PRESENT}" of "{DRIVER}", with a newer one that you install yourself'
    return [Misfit(recipe.name, f"cannot run with the driver of image {target.image}", why, way_out)]


def _brought(recipe: Recipe, source: str) -> int:
    """Return the branch of the driver that a source of its recipe brings; 0 where it does not say."""
    return _branch(recipe.sources.get(source, {}).get("branch", ""))


def _branch(driver: str) -> int:
    """Return the branch of a driver's version or package ("535.183.01", "580-server"); 0 where it names none."""
    return int((re.match(r"\d+", driver) or ["0"])[0])


def capabilities() -> dict[str, tuple[str, ...]]:
    """Return the GPU models of each compute capability, the oldest capability first."""
    models = sorted(gpus().values(), key=lambda gpu: [int(part) for part in gpu.compute.split(".")])
    return {gpu.compute: tuple(g.model for g in models if g.compute == gpu.compute) for gpu in models}


def licences(catalogue: Recipes) -> tuple[str, ...]:
    """Return the names of all licences that some recipe, or one of its sources, asks to accept."""
    return tuple(sorted({name for recipe in catalogue.recipes.values() for name in licences_of(recipe)}))


def licences_of(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of all licences that a recipe, or one of its sources, asks to accept."""
    asked: set[str] = set()
    for keys in recipe.sources.values() or [{}]:
        asked.update(keys.get("licences", recipe.licences), keys.get("gpu_licences", recipe.gpu_licences))
    return tuple(sorted(asked))


def needed(catalogue: Recipes, recipe: Recipe, gpu: str) -> list[Recipe]:
    """Return what a recipe needs on a host with that GPU, in order, itself left out."""
    wanted = catalogue.closure([recipe.name], gpu) - {recipe.name}
    return [r for r in catalogue.ordered() if r.name in wanted and not (r.needs_gpu and gpu == NO_GPU)]


def fitting_images(recipe: Recipe, source: str) -> list[str]:
    """Return the images on which a recipe works when it is taken from `source`."""
    return [image for image in recipe.images_from(source) if image not in recipe.no]
