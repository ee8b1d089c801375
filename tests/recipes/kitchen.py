"""Every way to render the catalogue: each recipe, from each source, on each image and kind of GPU that it fits."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

from provision.bundle import render
from provision.platforms import NO_GPU, gpus, images
from provision.recipe import Catalogue
from provision.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.bundle import Bundle
    from provision.recipe import Recipe

CATALOGUE = Catalogue()
LICENCES = ("nvidia-cuda", "nvidia-cudnn")
VOLUME = "vol-0123456789abcdef0"
MIRRORS = {
    "git": {"https://github.com/": "http://mirror.example/git/"},
    "apt": {"http://archive.example/": "http://mirror.example/ubuntu?a&b/"},
    "pip": {"https://index.example/simple": "http://mirror.example/simple"},
}
GPUS = ((NO_GPU, "7.5"), *((name, gpus()[name].compute) for name in ("T4", "L4", "H100")))


def target(image: str, gpu: tuple[str, str], sources: dict[str, str], *, full: bool) -> Target:
    """Return a target; a full one has everything that can be set, a bare one nothing."""
    more = {"volume_id": VOLUME, "mirrors": MIRRORS, "idle_stop_minutes": 30, "lifetime_hours": 8}
    user = images()[image].user
    model, compute = gpu
    return Target(
        image=image,
        gpu=model,
        compute=compute,
        user=user,
        sources=sources,
        licences=LICENCES,
        unpinned=("caffe", "digits") if full else (),
        **(more if full else {}),  # type: ignore[arg-type]
    )


def choices(recipe: Recipe, image: str) -> Iterator[dict[str, str]]:
    """Yield one choice of sources for each source of `recipe`; what it needs comes from the first that fits."""
    needed = CATALOGUE.closure([recipe.name]) - {recipe.name}
    others = {
        name: next((s for s in table if not (fits := CATALOGUE.recipes[name].images_from(s)) or image in fits), "")
        for name in needed
        if (table := CATALOGUE.recipes[name].sources)
    }
    for source in recipe.sources or [""]:
        yield {**{n: s for n, s in others.items() if s}, **({recipe.name: source} if source else {})}


@functools.cache
def bundles() -> tuple[tuple[str, Target, Bundle], ...]:
    """Return recipe, target and bundle of everything that fits."""
    every = itertools.product(CATALOGUE.recipes.values(), images(), GPUS, (False, True))
    fits = [
        (recipe.name, goal)
        for recipe, image, gpu, full in every
        for sources in choices(recipe, image)
        if not CATALOGUE.problems([recipe.name], goal := target(image, gpu, sources, full=full))
    ]
    return tuple((name, goal, render([name], goal, CATALOGUE)) for name, goal in fits)
