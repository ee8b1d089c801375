"""A step is never worse off for being run again, whatever cannot be had or built this time: the whole catalogue."""

from __future__ import annotations

import dataclasses
import subprocess
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
    before = again.seen(recipe)
    done = again.install(recipe, CARD)
    assert done.returncode in (1, REFUSED), done.stdout + done.stderr
    assert "gpurig: " in done.stderr, "it says what it could not have"
    assert again.seen(recipe).items() >= before.items()


@pytest.mark.parametrize("recipe", sorted({"caffe", "torch7", "cudamat", "digits"}))
def test_what_there_is_stays_where_the_source_comes_and_does_not_build(again: Again, recipe: str) -> None:
    url = next(iter(CATALOGUE.recipes[recipe].sources.values()))["url"]
    origin = again.folder / url.removeprefix("https://")
    origin.mkdir(parents=True)
    (origin / "install.sh").write_text("exit 1")
    git = ["git", "-C", str(origin), "-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    for words in (("init", "-q", "-b", "master"), ("add", "."), ("commit", "-qm", "one")):
        subprocess.run([*git, *words], check=True)
    for name in ("cuda10", "v0.17.4"):
        subprocess.run([*git, "tag", name], check=True)
    again.lay(recipe, CARD, earlier=False)
    before = again.seen(recipe)
    mirrored = dataclasses.replace(CARD, unpinned=(recipe,), mirrors={"git": {"https://": f"file://{again.folder}/"}})
    done = again.install(recipe, mirrored)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "fetching" in done.stdout or recipe == "digits"
    # CUDAMat is built from a copy: its source may be the new one.
    kept = {path: what for path, what in before.items() if "/source/" not in path}
    assert again.seen(recipe).items() >= kept.items()
