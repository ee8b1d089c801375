"""What verifies under new settings is taken as it is: so a verify script sees what settings change in an install."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from provision.bundle.render import render
from provision.bundle.step import Step
from provision.catalogue import cells, compatibility
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target

CATALOGUE = Catalogue()
THERE = {"https://": "https://mirror.example/", "http://": "http://mirror.example/", "nvcr.io": "mirror.example"}
MIRRORS = dict.fromkeys(("git", "download", "oci", "conda"), THERE)
CHECKED = "where it came from makes no difference to what came: that is checked by commit or checksum"
COMPUTED = "its packages are the same, and it computes something with them once, when it installs them"
UNSEEN = {
    ("firewall", "host"): "a word of a refusal",
    ("nvidia-driver", "host"): "words of refusals",
    ("cuda", "gpu"): "it looks at the driver before it begins, and the driver's own step verifies that",
    ("nolearn-dbn", "gpu"): COMPUTED,
    ("pytorch", "gpu"): COMPUTED,
    **{(name, "mirrors"): CHECKED for name in ("caffe", "cuda", "cudamat", "cudnn", "digits", "loadcaffe")},
    **{(name, "mirrors"): CHECKED for name in ("neural-style", "torch7", "vgg19")},
}
"""Recipe and setting → why its verify script need not see that."""


def _targets(name: str) -> Iterator[tuple[str, Target]]:
    """Yield targets that a recipe fits, each with one setting that differs from the first one's."""
    recipe = CATALOGUE.recipes[name]
    image = recipe.images_from(recipe.source_for(Target()))[0]
    sources = cells.best_target(CATALOGUE, name, image, "T4").sources
    base = Target(image=image, gpu="T4", licences=compatibility.licences(CATALOGUE), sources=sources)
    changes = {
        "": {},
        "gpu": {"gpu": "none"},
        "compute": {"gpu": "A10G", "compute": "8.6"},
        "host": {"user": "ada", "mount_point": "/data", "volume_id": "vol-1", "idle_stop_minutes": 30},
        "mirrors": {"mirrors": MIRRORS},
        "apt mirrors": {"mirrors": {"apt": {"http://archive.example/": "http://mirror.example/"}}},
        **{f"source {source}": {"sources": {**sources, name: source}} for source in [*recipe.sources][1:]},
    }
    for what, change in changes.items():
        target = dataclasses.replace(base, **change)  # type: ignore[arg-type]
        if not CATALOGUE.problems([name], target):
            yield what, target


def _body(script: str) -> str:
    """Return a script without the environment of what its recipe needs."""
    return script.partition("set -euo pipefail")[2]


def _sees(step: Step) -> tuple[str, object]:
    return _body(step.verify), step.files


@pytest.mark.parametrize("name", CATALOGUE.recipes)
def test_a_verify_script_sees_what_settings_change_in_the_install(name: str) -> None:
    steps = {what: render([name], target, CATALOGUE).steps[-1] for what, target in _targets(name)}
    first = steps[""] if "" in steps else steps["gpu"]
    unseen = {
        (name, what)
        for what, step in steps.items()
        if _body(step.install) != _body(first.install) and _sees(step) == _sees(first)
    }
    assert unseen == {pair for pair in UNSEEN if pair[0] == name}
