"""Which recipe works on which image, GPU, driver and CUDA: one answer for the refusals, `fab recipes` and the docs.

What a cell says comes from `[supports]` of a recipe and of all that it needs: a recipe works where those do.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import TYPE_CHECKING

from provision.model.platforms import NO_GPU, cheapest, gpus, images
from provision.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provision.catalogue.recipe import Recipe
    from provision.catalogue.recipes import Recipes

CUDA = "cuda"
DRIVER = "nvidia-driver"
PRESENT = "present"
"""The source of what an image, or the user, has installed already."""


class State(enum.StrEnum):
    """Whether a recipe works somewhere."""

    TRIED = "tried"
    """It was seen to install and verify there."""
    EXPECTED = "expected"
    """Nothing speaks against it; nobody has seen it."""
    NO = "no"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """What there is to say about one recipe on one image with one GPU."""

    state: State
    reason: str = ""
    """Why not; "" where it works."""
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Recipe → source: what has to be chosen there, beside the defaults."""
    tried_from: str = ""
    """The source with which it was tried, where that is not the one that is taken there; "" else."""
    cuda: str = ""
    """Release of the CUDA that it uses there ("11.8"); "" for none."""

    def __str__(self) -> str:
        """Return the cell as a table shows it: "tried (wheel)"."""
        return f"{self.state} ({self.tried_from})" if self.tried_from else str(self.state)


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
        return [Misfit(recipe.name, 'needs a GPU, and this host is declared to have none ("gpu: none")')]
    found = []
    fits = _images(recipe, recipe.source_for(target))
    if target.image not in fits:
        others = [f'source "{name}"' for name in recipe.sources if target.image in _images(recipe, name)]
        # What another source mends is no fault of the image.
        why = "" if others else recipe.no.get(target.image, "")
        way_out = " or ".join([*others, *fits])
        found.append(Misfit(recipe.name, f"does not support image {target.image}", why, way_out))
    if target.compute in recipe.no or (recipe.compute and target.compute not in recipe.compute):
        computes = [compute for compute in recipe.compute or capabilities() if compute not in recipe.no]
        gpu = "compute" if target.gpu == NO_GPU else f"{target.gpu}, compute"
        why = recipe.no.get(target.compute) or f"it supports compute {', '.join(computes)}"
        way_out = str(cheapest(frozenset(computes)) or "")
        found.append(Misfit(recipe.name, f"cannot run on {gpu} {target.compute}", why, way_out))
    return found


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
            found += [*_source_problems(recipe, target), *map(str, _driver_misfits(catalogue, recipe, target))]
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


def cell(catalogue: Recipes, name: str, image: str, gpu: str = NO_GPU) -> Cell:
    """Return how a recipe fares on an image with a GPU model (or "none"), from the sources that fit best there."""
    goal = best_target(catalogue, name, image, gpu)
    recipe = catalogue.recipes[name]
    for step in (recipe, *_needed(catalogue, recipe, gpu)):
        for misfit in (*misfits(step, goal), *_driver_misfits(catalogue, step, goal)):
            return Cell(state=State.NO, reason=_reason(misfit, recipe))
    taken = recipe.source_for(goal)
    seen = [entry.get("source", taken) for entry in recipe.tried if (entry["image"], entry["gpu"]) == (image, gpu)]
    return Cell(
        state=State.TRIED if seen else State.EXPECTED,
        sources=goal.sources,
        tried_from="" if taken in seen else ", ".join(seen),
        cuda=_cuda_release(catalogue, name, goal),
    )


def row(catalogue: Recipes, name: str, image: str) -> dict[str, Cell]:
    """Return how a recipe fares on an image, by compute capability and, under "none", without a GPU.

    A capability was tried when one of its models was.
    """
    recipe = catalogue.recipes[name]
    seen = {entry["gpu"] for entry in recipe.tried if entry["image"] == image}
    models = {compute: next((m for m in those if m in seen), those[0]) for compute, those in capabilities().items()}
    return {column: cell(catalogue, name, image, gpu) for column, gpu in {NO_GPU: NO_GPU, **models}.items()}


def _reason(misfit: Misfit, recipe: Recipe) -> str:
    """Return a misfit as a table says it: of the recipe itself, or of something that it needs."""
    what = misfit.what.partition(",")[0]
    if misfit.recipe == recipe.name:
        return misfit.why or what
    return f"it needs {misfit.recipe}{f': {misfit.why}' if misfit.why else f', which {what}'}"


def best_target(catalogue: Recipes, name: str, image: str, gpu: str = NO_GPU) -> Target:
    """Return a target for a recipe there: of what its default source does not fit, the first source that does.

    All licences count as accepted.
    """
    compute = gpus()[gpu].compute if gpu != NO_GPU else Target.compute
    goal = Target(image=image, gpu=gpu, compute=compute, user=images()[image].user, licences=licences(catalogue))
    recipe = catalogue.recipes[name]
    sources = {}
    for step in (*_needed(catalogue, recipe, gpu), recipe):
        if image not in _images(step, step.source_for(goal)):
            other = next((source for source in step.sources if image in _images(step, source)), None)
            sources.update({step.name: other} if other else {})
    return dataclasses.replace(goal, sources=sources)


def oldest_driver(catalogue: Recipes, name: str) -> int:
    """Return the oldest branch of NVIDIA's driver that a recipe, or something that it needs, asks for; 0: any."""
    return max(catalogue.recipes[other].driver for other in catalogue.closure([name]))


def driver_problems(catalogue: Recipes, name: str, target: Target, driver: str) -> list[str]:
    """Return why a recipe cannot work with the driver that a host has ("535.183.01"); "" is a host without one.

    One that is there stays, also where the same setup would bring one.
    """
    oldest, recipe = oldest_driver(catalogue, name), catalogue.recipes.get(DRIVER)
    if target.gpu == NO_GPU or not 0 < _branch(driver) < oldest:
        return []
    what = f'recipe "{name}" needs NVIDIA\'s driver {oldest} or newer, and this host has {driver}'
    if target.ours:
        return [f"{what}; take a newer image, or one on which gpurig installs the driver: ubuntu-22.04"]
    # One that is there already stays: the recipe alone would change nothing.
    way_out = "bring it up to date the way it came, and reboot"
    for source in [s for s in recipe.sources if s != PRESENT and target.image in _images(recipe, s)] if recipe else []:
        way_out += f"; or take it off: then `fab setup-{DRIVER} --source {DRIVER}={source}` brings another"
    return [f"{what}; {way_out}"]


def _driver_misfits(catalogue: Recipes, recipe: Recipe, target: Target) -> list[Misfit]:
    """Return that a recipe needs a newer driver than the driver's recipe brings to a target, where that is so."""
    if target.gpu == NO_GPU or DRIVER not in catalogue.closure([recipe.name], target.gpu):
        return []
    driver = catalogue.recipes[DRIVER]
    branch = _branch(driver.sources.get(driver.source_for(target), {}).get("branch", ""))
    if not 0 < branch < recipe.driver:
        return []
    why = f"it needs NVIDIA's driver {recipe.driver} or newer, and the packages there bring {branch}"
    way_out = f'source "{PRESENT}" of "{DRIVER}", with a newer one that you install yourself'
    return [Misfit(recipe.name, f"cannot run with the driver of image {target.image}", why, way_out)]


def _branch(driver: str) -> int:
    """Return the branch of a driver's version or package ("535.183.01", "580-server"); 0 where it names none."""
    return int((re.match(r"\d+", driver) or ["0"])[0])


def capabilities() -> dict[str, tuple[str, ...]]:
    """Return the GPU models of each compute capability, the oldest capability first."""
    models = sorted(gpus().values(), key=lambda gpu: [int(part) for part in gpu.compute.split(".")])
    return {gpu.compute: tuple(g.model for g in models if g.compute == gpu.compute) for gpu in models}


def licences(catalogue: Recipes) -> tuple[str, ...]:
    """Return the names of all licences that some recipe, or one of its sources, asks to accept."""
    recipes = catalogue.recipes.values()
    asked: set[str] = set()
    for recipe in recipes:
        for keys in recipe.sources.values() or [{}]:
            asked.update(keys.get("licences", recipe.licences), keys.get("gpu_licences", recipe.gpu_licences))
    return tuple(sorted(asked))


def _needed(catalogue: Recipes, recipe: Recipe, gpu: str) -> list[Recipe]:
    """Return what a recipe needs on a host with that GPU, in order, itself left out."""
    wanted = catalogue.closure([recipe.name], gpu) - {recipe.name}
    return [r for r in catalogue.ordered() if r.name in wanted and not (r.needs_gpu and gpu == NO_GPU)]


def _images(recipe: Recipe, source: str) -> list[str]:
    """Return the images on which a recipe works when it is taken from `source`."""
    return [image for image in recipe.images_from(source) if image not in recipe.no]


def _cuda_release(catalogue: Recipes, name: str, target: Target) -> str:
    """Return the release of the CUDA that a recipe uses there: its own, or what the CUDA recipe brings."""
    recipe = catalogue.recipes[name]
    bundled = recipe.sources.get(recipe.source_for(target), {}).get(CUDA)
    if bundled or CUDA not in catalogue.closure([name], target.gpu):
        return str(bundled or "")
    cuda = catalogue.recipes[CUDA]
    table = cuda.sources.get(cuda.source_for(target), {})
    return str(table.get("release", cuda.version)) or "as found"
