"""A step is never worse off for being run again, whatever cannot be had or built this time: the whole catalogue."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provision.agent.steps import REFUSED
from provision.catalogue import compatibility
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target
from tests.recipes.again_lab import Again

CATALOGUE = Catalogue()
MAKES = ("fetch_git", "download", "pip_install", "new_venv", "-m pip", "made_beside")


def _makes_something(recipe: str) -> bool:
    text = (CATALOGUE.recipes[recipe].folder / "install.sh.j2").read_text(encoding="utf-8")
    return any(word in text for word in MAKES)


MAKERS = sorted(name for name in CATALOGUE.recipes if _makes_something(name))
CARD = Target(
    gpu="T4",
    compute="7.5",
    licences=compatibility.licences(CATALOGUE),
    sources={"cuda": "distribution", "cudnn": "tarball"},
    mirrors={"git": {"https://": "file:///nowhere/"}},
)


@pytest.fixture
def again(tmp_path: Path) -> Again:
    return Again(tmp_path)


def test_every_recipe_that_keeps_a_folder_is_among_them() -> None:
    assert {name for name, recipe in CATALOGUE.recipes.items() if recipe.keeps} <= set(MAKERS)


@pytest.mark.parametrize("earlier", [False, True], ids=["today's places", "an earlier version's"])
@pytest.mark.parametrize("recipe", MAKERS)
def test_what_there_is_stays_where_nothing_can_be_had(again: Again, recipe: str, *, earlier: bool) -> None:
    again.lay(recipe, CARD, earlier=earlier)
    before = again.seen()
    done = again.install(recipe, CARD)
    assert done.returncode in (1, REFUSED), done.stdout + done.stderr
    assert "gpurig: " in done.stderr, "it says what it could not have"
    assert again.seen().items() >= before.items()


@pytest.mark.parametrize("recipe", ["caffe", "cudamat", "digits", "loadcaffe", "torch7"])
def test_what_there_is_stays_where_the_source_comes_and_does_not_build(again: Again, recipe: str) -> None:
    mirrors = again.origin(recipe, {"install.sh": "exit 1"}, "cuda10", "v0.17.4")
    again.lay(recipe, CARD, earlier=False)
    before = again.seen()
    mirrored = dataclasses.replace(CARD, unpinned=(recipe,), mirrors=mirrors)
    done = again.install(recipe, mirrored)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "fetching" in done.stdout or recipe == "digits"
    # CUDAMat is built from a copy: its source may be the new one.
    kept = {path: what for path, what in before.items() if "/source/" not in path}
    assert again.seen().items() >= kept.items()


def test_what_apt_offers_is_changed_on_that_host_alone(again: Again) -> None:
    sources = again.folder / "etc" / "apt" / "sources.list"
    sources.parent.mkdir(parents=True)
    sources.write_text("deb http://archive.example/ jammy main\n")
    again.install("python2", Target(image="ubuntu-22.04"))
    assert sources.read_text() == "deb http://archive.example/ jammy main universe\n"
