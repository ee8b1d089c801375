"""The compatibility table: what a cell says, where it comes from, and that refusals say the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provision.catalogue import compatibility
from provision.catalogue.catalogue import Catalogue
from provision.catalogue.cells import State, best_target, cell, cell_of_kind, row
from provision.model.platforms import NO_GPU, images
from provision.model.target import Target
from tests.kit.recipes import write_recipe

RECIPES = {
    "base": "",
    "nvidia-driver": """
        summary = "The driver"
        version = "580"
        needs = ["base"]
        needs_gpu = true
        sources = { shop = {}, present = {} }
        supports = { images = ["ubuntu-22.04", "dlami-base-22.04"] }
        """,
    "cuda": """
        needs = ["nvidia-driver"]
        [supports]
        images = ["ubuntu-22.04", "debian-12"]
        compute = ["7.5", "8.6"]
        driver = 520
        no = { "9.0" = "its compiler is older than Hopper" }
        tried = [
            { image = "ubuntu-22.04", gpu = "none", source = "own" },
            { image = "ubuntu-22.04", gpu = "RTX 3060" },
        ]
        [sources.shop]
        images = ["ubuntu-22.04"]
        release = "11.8"
        licences = ["shop-licence"]
        [sources.own]
        release = "11.5"
        """,
    "caffe": """
        needs = ["cuda"]
        supports = { no = { "debian-12" = "its protobuf is newer than Caffe" } }
        """,
    "torch": """
        needs_on_gpu = ["cuda"]
        supports = { driver = 550 }
        """,
    "kernels": """
        needs_on_gpu = ["cuda"]
        [supports]
        known = { "8.6" = "a user wrote that it runs", "dlami-base-22.04" = "its notes name another CUDA" }
        built = [
            { image = "ubuntu-22.04", compute = "7.5", cuda = "11.5", date = "2026-11-28" },
            { image = "ubuntu-22.04", compute = "8.6", cuda = "11.8.1", date = "2026-11-28" },
            { image = "ubuntu-22.04", compute = "9.0", cuda = "11.8", date = "2026-11-28" },
        ]
        tried = [{ image = "ubuntu-22.04", gpu = "A10G" }]
        """,
    "wheels": 'sources = { pip = { cuda = "13.0" } }',
}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    for name, toml in RECIPES.items():
        write_recipe(tmp_path / name, toml)
    return Catalogue(tmp_path)


@pytest.mark.parametrize(
    ("name", "image", "gpu", "said"),
    [
        ("base", "debian-12", "H100", "expected"),
        ("cuda", "ubuntu-22.04", "T4", "expected"),
        ("cuda", "ubuntu-22.04", "RTX 3060", "tried"),
        ("cuda", "ubuntu-22.04", "A10G", "expected"),
        ("cuda", "ubuntu-22.04", NO_GPU, "tried (own)"),
        ("cuda", "debian-12", NO_GPU, "expected"),
        ("kernels", "ubuntu-22.04", "T4", "built (CUDA 11.5)"),
        ("kernels", "ubuntu-22.04", "RTX 3060", "built"),
        ("kernels", "ubuntu-22.04", "A10G", "tried"),
        ("kernels", "ubuntu-22.04", NO_GPU, "expected"),
        ("kernels", "ubuntu-22.04", "H100", "no"),
        ("torch", "debian-12", NO_GPU, "expected"),
        ("cuda", "ubuntu-22.04", "H100", "no"),
        ("cuda", "dlami-base-22.04", NO_GPU, "no"),
        ("nvidia-driver", "ubuntu-22.04", NO_GPU, "no"),
    ],
)
def test_a_cell_says_tried_expected_or_no(catalogue: Catalogue, name: str, image: str, gpu: str, said: str) -> None:
    assert str(cell(catalogue, name, image, gpu)) == said


@pytest.mark.parametrize(
    ("name", "image", "gpu", "why"),
    [
        ("cuda", "ubuntu-22.04", "H100", "its compiler is older than Hopper"),
        ("cuda", "ubuntu-22.04", "L4", "it supports compute 7.5, 8.6"),
        ("cuda", "dlami-base-22.04", NO_GPU, "does not support image dlami-base-22.04"),
        ("caffe", "debian-12", NO_GPU, "its protobuf is newer than Caffe"),
        ("caffe", "ubuntu-22.04", "H100", "it needs cuda: its compiler is older than Hopper"),
        ("caffe", "debian-12", "T4", "its protobuf is newer than Caffe"),
        ("cuda", "debian-12", "T4", "it needs nvidia-driver, which does not support image debian-12"),
        ("torch", "debian-12", "T4", "it needs nvidia-driver, which does not support image debian-12"),
        ("nvidia-driver", "ubuntu-22.04", NO_GPU, "needs a GPU"),
    ],
)
def test_a_no_gives_its_reason_also_when_it_is_of_something_needed(
    catalogue: Catalogue, name: str, image: str, gpu: str, why: str
) -> None:
    assert why in cell(catalogue, name, image, gpu).reason


def test_a_cell_says_which_sources_have_to_be_chosen_there(catalogue: Catalogue) -> None:
    assert dict(cell(catalogue, "caffe", "ubuntu-22.04", NO_GPU).sources) == {}
    assert dict(cell(catalogue, "cuda", "debian-12", NO_GPU).sources) == {"cuda": "own"}


def test_refusals_and_cells_agree_everywhere(catalogue: Catalogue) -> None:
    for name in catalogue.recipes:
        for image in images():
            for gpu in (NO_GPU, *(models[0] for models in compatibility.capabilities().values())):
                goal = best_target(catalogue, name, image, gpu)
                found, problems = cell(catalogue, name, image, gpu), catalogue.problems([name], goal)
                assert (found.state is State.NO) == bool(problems), (name, image, gpu, problems)
                assert found.state is not State.NO or found.reason


def test_a_refusal_gives_the_reason_of_the_recipe_and_the_nearest_way_out(catalogue: Catalogue) -> None:
    stack = Target(gpu="H100", compute="9.0", licences=("shop-licence",), volume_id="vol-1")
    (problem,) = catalogue.problems(["cuda"], stack)
    assert problem.startswith(
        'recipe "cuda" cannot run on H100, compute 9.0: its compiler is older than Hopper; take g4dn'
    )
    (problem,) = catalogue.problems(["caffe"], Target(image="debian-12", sources={"cuda": "own"}))
    assert 'recipe "caffe" does not support image debian-12: its protobuf is newer than Caffe; take ubuntu' in problem


@pytest.mark.parametrize(
    ("name", "image", "gpu", "release"),
    [
        ("cuda", "ubuntu-22.04", "T4", "11.8"),
        ("caffe", "ubuntu-22.04", "T4", "11.8"),
        ("cuda", "debian-12", NO_GPU, "11.5"),
        ("torch", "ubuntu-22.04", "T4", "11.8"),
        ("torch", "ubuntu-22.04", NO_GPU, ""),
        ("wheels", "ubuntu-22.04", "T4", "13.0"),
        ("base", "ubuntu-22.04", "T4", ""),
    ],
)
def test_the_cuda_of_a_cell_is_its_own_or_the_cuda_recipes(
    catalogue: Catalogue, name: str, image: str, gpu: str, release: str
) -> None:
    assert cell(catalogue, name, image, gpu).cuda == release


def test_the_driver_is_the_newest_that_anything_needed_asks_for(catalogue: Catalogue) -> None:
    assert {name: compatibility.oldest_driver(catalogue, name) for name in ("base", "caffe", "torch")} == {
        "base": 0,
        "caffe": 520,
        "torch": 550,
    }


def test_a_driver_that_is_there_stays_and_is_refused_where_it_is_too_old(catalogue: Catalogue) -> None:
    old, new = "535.183.01", "580.65.06"
    brought = Target(gpu="T4")
    kept = Target(gpu="T4", sources={"nvidia-driver": "present"})
    for target in (kept, brought):
        (problem,) = compatibility.driver_problems(catalogue, "torch", target, old)
        assert "needs NVIDIA's driver 550 or newer, and this host has 535.183.01" in problem
        assert "fab setup-nvidia-driver --source nvidia-driver=shop` brings another" in problem
    ours = dataclasses.replace(kept, volume_id="vol-1")
    (problem,) = compatibility.driver_problems(catalogue, "torch", ours, old)
    assert problem.endswith(
        "has 535.183.01; take it off: then `fab setup-nvidia-driver --source nvidia-driver=shop` brings another"
    )
    elsewhere = dataclasses.replace(ours, image="debian-12")
    (problem,) = compatibility.driver_problems(catalogue, "torch", elsewhere, old)
    assert problem.endswith("take a newer image, or one on which gpurig installs the driver: ubuntu-22.04")
    for target, driver in ((brought, ""), (kept, new), (kept, ""), (Target(), old)):
        assert compatibility.driver_problems(catalogue, "torch", target, driver) == [], driver
    assert compatibility.driver_problems(catalogue, "caffe", kept, old) == []


def test_packages_that_bring_a_driver_that_is_too_old_as_well_are_no_way_out(tmp_path: Path) -> None:
    write_recipe(tmp_path / "nvidia-driver", 'needs_gpu = true\nsources = { old = { branch = "535" }, present = {} }')
    write_recipe(tmp_path / "new", 'needs = ["nvidia-driver"]\nsupports = { driver = 580 }')
    for volume, way in (("", "bring it up to date the way it came, and reboot"), ("vol-1", "ubuntu-22.04")):
        goal = Target(gpu="T4", sources={"nvidia-driver": "present"}, volume_id=volume, image="debian-12")
        (problem,) = compatibility.driver_problems(Catalogue(tmp_path), "new", goal, "470.256.02")
        assert problem.endswith(way)
        assert "fab setup-nvidia-driver" not in problem


def test_a_driver_that_the_images_packages_bring_too_old_is_refused_before_anything_is_installed(
    tmp_path: Path,
) -> None:
    write_recipe(tmp_path / "nvidia-driver", 'needs_gpu = true\nsources = { old = { branch = "535" }, present = {} }')
    write_recipe(tmp_path / "new", 'needs = ["nvidia-driver"]\nsupports = { driver = 580 }')
    catalogue = Catalogue(tmp_path)
    (problem,) = catalogue.problems(["new"], Target(gpu="T4"))
    assert "needs NVIDIA's driver 580 or newer, and the packages there bring 535" in problem
    assert cell(catalogue, "new", "ubuntu-22.04", "T4").state is State.NO
    # Without a GPU it takes no driver, and the user's own may be newer.
    for target in (Target(), Target(gpu="T4", sources={"nvidia-driver": "present"})):
        assert catalogue.problems(["new"], target) == []


@pytest.mark.parametrize(
    ("image", "compute", "source", "refused"),
    [
        ("ubuntu-22.04", "9.0", "distribution", True),
        ("ubuntu-22.04", "8.9", "distribution", False),
        ("ubuntu-22.04", "9.0", "nvidia", False),
        ("debian-12", "9.0", "distribution", False),
    ],
)
def test_a_cuda_that_came_before_the_gpu_is_refused_before_anything_is_installed(
    image: str, compute: str, source: str, *, refused: bool
) -> None:
    catalogue = Catalogue()
    sources = {"nvidia-driver": "present", "cuda": source, "cudnn": "wheel"}
    desk = Target(image=image, gpu="some", compute=compute, sources=sources, licences=compatibility.licences(catalogue))
    for target in (desk, dataclasses.replace(desk, gpu=NO_GPU)):
        found = catalogue.problems(["caffe"], target)
        assert len(found) == refused, found
        if found:
            assert 'Ubuntu 22.04\'s own CUDA, 11.5, came before these GPUs; take source "nvidia"' in found[0]


def test_a_card_that_is_no_known_model_fares_by_its_capability(catalogue: Catalogue) -> None:
    assert "10.0" not in compatibility.capabilities()
    cells = {compute: cell_of_kind(catalogue, "cuda", "ubuntu-22.04", compute) for compute in ("8.6", "9.0", "10.0")}
    assert cells["8.6"] == row(catalogue, "cuda", "ubuntu-22.04")["8.6"]
    assert cells["9.0"].reason == "its compiler is older than Hopper"
    assert (cells["10.0"].state, cells["10.0"].reason) == (State.NO, "it supports compute 7.5, 8.6")
    assert cell_of_kind(catalogue, "base", "ubuntu-22.04", "10.0").state is State.EXPECTED


def test_a_cell_says_what_others_know_of_it(catalogue: Catalogue) -> None:
    assert cell(catalogue, "kernels", "ubuntu-22.04", "RTX 3060").known == "a user wrote that it runs"
    assert cell(catalogue, "kernels", "ubuntu-22.04", "T4").known == ""
    assert cell(catalogue, "kernels", "ubuntu-22.04", NO_GPU).known == ""
