"""The cells of the compatibility table, for `fab recipes` and the docs: how a recipe fares on an image with a GPU.

What a cell says comes from `[supports]` of a recipe and of all that it needs: a recipe works where those do.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from provision.catalogue.compatibility import (
    CUDA,
    capabilities,
    driver_misfits,
    fitting_images,
    licences,
    misfits,
    needed,
)
from provision.model.platforms import NO_GPU, gpus, images
from provision.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.catalogue.compatibility import Misfit
    from provision.catalogue.recipe import Recipe
    from provision.catalogue.recipes import Recipes


class State(enum.StrEnum):
    """Whether a recipe works somewhere."""

    TRIED = "tried"
    """It was seen to install and verify there."""
    BUILT = "built"
    """It was compiled there from its pinned sources, the code is in it, and no card has run it."""
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
    built_with: str = ""
    """Release of the CUDA that it was built with, where that is not the one that is used there; "" else."""
    cuda: str = ""
    """Release of the CUDA that it uses there ("11.8"); "" for none."""
    licences: tuple[str, ...] = ()
    """What a setup there asks to accept, for all that it needs too."""
    known: str = ""
    """What is said of it there by others, in words; "" for nothing."""

    def __str__(self) -> str:
        """Return the cell as a table shows it: "tried (wheel)", "built (CUDA 11.5)"."""
        note = self.tried_from or (self.built_with and f"CUDA {self.built_with}")
        return f"{self.state} ({note})" if note else str(self.state)


def cell(catalogue: Recipes, name: str, image: str, gpu: str = NO_GPU) -> Cell:
    """Return how a recipe fares on an image, from the sources that fit best there.

    `gpu`: a model, "none", or the compute capability of a card that is no known model.
    """
    goal = best_target(catalogue, name, image, gpu)
    recipe = catalogue.recipes[name]
    steps = (recipe, *needed(catalogue, recipe, gpu))
    for step in steps:
        for misfit in (*misfits(step, goal), *driver_misfits(catalogue, step, goal)):
            return Cell(state=State.NO, reason=_reason(misfit, recipe))
    taken = recipe.source_for(goal)
    seen = [entry.get("source", taken) for entry in recipe.tried if (entry["image"], entry["gpu"]) == (image, gpu)]
    built = _built(recipe, goal)
    cuda = _cuda_release(catalogue, name, goal)
    return Cell(
        state=State.TRIED if seen else State.BUILT if built else State.EXPECTED,
        sources=goal.sources,
        tried_from="" if taken in seen else ", ".join(seen),
        built_with="" if seen or any(_is_of(release, cuda) for release in built) else ", ".join(built),
        cuda=cuda,
        licences=tuple(sorted({name for step in steps for name in step.licences_for(goal)})),
        known=_known(recipe, goal),
    )


def _built(recipe: Recipe, goal: Target) -> list[str]:
    """Return the releases of CUDA with which a recipe was compiled for a target's image and GPU."""
    if goal.gpu == NO_GPU:
        return []
    return [row["cuda"] for row in recipe.built if (row["image"], row["compute"]) == (goal.image, goal.compute)]


def _known(recipe: Recipe, goal: Target) -> str:
    """Return what others say of a recipe on a target's image, or with its GPU."""
    return recipe.known.get(goal.image) or ("" if goal.gpu == NO_GPU else recipe.known.get(goal.compute, ""))


def _is_of(release: str, branch: str) -> bool:
    """Return whether a release of CUDA ("11.8") is of a branch ("11") or is that release."""
    return f"{release}.".startswith(f"{branch}.")


def row(catalogue: Recipes, name: str, image: str) -> dict[str, Cell]:
    """Return how a recipe fares on an image, by compute capability and, under "none", without a GPU."""
    return {column: cell_of_kind(catalogue, name, image, column) for column in (NO_GPU, *capabilities())}


def cell_of_kind(catalogue: Recipes, name: str, image: str, kind: str) -> Cell:
    """Return how a recipe fares on an image with a kind of GPU: a compute capability, or else what `cell` takes.

    A capability was tried when one of its models was.
    """
    seen = {entry["gpu"] for entry in catalogue.recipes[name].tried if entry["image"] == image}
    models = capabilities().get(kind, (kind,))
    return cell(catalogue, name, image, next((model for model in models if model in seen), models[0]))


def _reason(misfit: Misfit, recipe: Recipe) -> str:
    """Return a misfit as a table says it: of the recipe itself, or of something that it needs."""
    what = misfit.what.partition(",")[0]
    if misfit.recipe == recipe.name:
        return misfit.why or what
    return f"it needs {misfit.recipe}{f': {misfit.why}' if misfit.why else f', which {what}'}"


def best_target(catalogue: Recipes, name: str, image: str, gpu: str = NO_GPU) -> Target:
    """Return a target for a recipe there: of what its default source does not fit, the first source that does.

    `gpu` as `cell` takes it. All licences count as accepted.
    """
    compute = gpus()[gpu].compute if gpu in gpus() else Target.compute if gpu == NO_GPU else gpu
    goal = Target(image=image, gpu=gpu, compute=compute, user=images()[image].user, licences=licences(catalogue))
    recipe = catalogue.recipes[name]
    sources = {}
    for step in (*needed(catalogue, recipe, gpu), recipe):
        if image not in fitting_images(step, step.source_for(goal)):
            other = next((source for source in step.sources if image in fitting_images(step, source)), None)
            sources.update({step.name: other} if other else {})
    return dataclasses.replace(goal, sources=sources)


def _cuda_release(catalogue: Recipes, name: str, target: Target) -> str:
    """Return the release of the CUDA that a recipe uses there: its own, or what the CUDA recipe brings."""
    recipe = catalogue.recipes[name]
    bundled = recipe.sources.get(recipe.source_for(target), {}).get(CUDA)
    if bundled or CUDA not in catalogue.closure([name], target.gpu):
        return str(bundled or "")
    cuda = catalogue.recipes[CUDA]
    table = cuda.sources.get(cuda.source_for(target), {})
    return str(table.get("release", cuda.version)) or "as found"
