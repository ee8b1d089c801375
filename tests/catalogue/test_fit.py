"""What runs for what was asked, in which order, and every reason why it cannot work on a host."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from provision.catalogue.catalogue import Catalogue
from provision.catalogue.compatibility import capabilities
from provision.model.errors import BadInput
from provision.model.platforms import gpus, instance_types
from provision.model.target import Target
from tests.kit.recipes import write_recipe


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """Base, driver, CUDA, and two things on top of it that cannot stand beside each other."""
    recipes = {
        "base": "",
        "driver": 'needs = ["base"]\nneeds_gpu = true',
        "cuda": (
            'needs = ["base", "driver"]\nsources.vendor = { licences = ["vendor-licence"] }\n'
            'sources.distribution = {}\nsources.old = { images = ["debian-12"] }\nsources.present = {}'
        ),
        "caffe": 'needs = ["cuda"]\nsupports = { compute = ["7.5", "8.6", "8.9"], images = ["ubuntu-22.04"] }',
        "torch": 'needs = ["cuda"]\nconflicts = ["caffe"]',
        "wheels": 'needs = ["base"]\ngpu_licences = ["vendor-licence", "wheel-licence"]',
    }
    for name, toml in recipes.items():
        write_recipe(tmp_path / name, toml)
    return Catalogue(tmp_path)


T4: dict[str, Any] = {"gpu": "T4", "compute": "7.5", "licences": ("vendor-licence",)}


def test_each_recipe_comes_after_what_it_needs(catalogue: Catalogue) -> None:
    assert [r.name for r in catalogue.order(["caffe"], Target(**T4))] == ["base", "driver", "cuda", "caffe"]


def test_order_holds_in_every_graph_that_chance_makes(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - graphs, not secrets
    for number in range(30):
        recipes = [f"r{i}" for i in range(chance.randint(1, 9))]
        chance.shuffle(recipes)
        needs = {name: chance.sample(recipes[:i], chance.randint(0, i)) for i, name in enumerate(recipes)}
        for name, names in needs.items():
            write_recipe(tmp_path / str(number) / name, f"needs = {names}".replace("'", '"'))
        catalogue = Catalogue(tmp_path / str(number))
        asked = chance.sample(recipes, chance.randint(1, len(recipes)))
        order = [recipe.name for recipe in catalogue.order(asked, Target())]
        assert len(order) == len(set(order))
        assert set(asked) <= set(order)
        for name in order:
            assert set(needs[name]) <= set(order[: order.index(name)])
        wanted = set(asked)
        while more := {n for name in wanted for n in needs[name]} - wanted:
            wanted |= more
        assert set(order) == wanted
        assert order == [r.name for r in catalogue.order(reversed(asked), Target())], "asked in another order"


def test_without_a_gpu_what_needs_one_is_skipped_where_nobody_asked_for_it(catalogue: Catalogue) -> None:
    target = Target(licences=("vendor-licence",))
    assert [r.name for r in catalogue.order(["cuda"], target)] == ["base", "cuda"]


def test_without_a_gpu_what_needs_one_is_refused_where_it_was_asked_for(catalogue: Catalogue) -> None:
    (problem,) = catalogue.problems(["driver"], Target())
    assert 'recipe "driver" needs a GPU' in problem
    assert 'declared to have none (gpu = "none")' in problem
    (problem,) = catalogue.problems(["driver"], Target(volume_id="vol-1"))
    assert "declared to have none (gpurig:gpu none)" in problem


def test_a_gpu_that_is_not_supported_is_refused_with_the_nearest_type_where_gpurig_makes_the_box(
    catalogue: Catalogue,
) -> None:
    old = {**T4, "gpu": "GTX 1080", "compute": "6.1"}
    for goal in (Target(**old), Target(**old, volume_id="vol-1")):
        (problem,) = catalogue.problems(["caffe"], goal)
        assert "GTX 1080, compute 6.1" in problem
        assert "it supports compute 7.5, 8.6, 8.9" in problem
        assert problem.endswith(f"take {instance_types()['g4dn.xlarge']}") == goal.ours
        assert any(name in problem for name in instance_types()) == goal.ours
        assert ('take gpu "none": then the CPU computes' in problem) != goal.ours


def test_what_needs_a_gpu_is_not_sent_to_the_cpu(tmp_path: Path) -> None:
    write_recipe(tmp_path / "kernels", 'needs_gpu = true\nsupports = { compute = ["7.5"] }')
    (problem,) = Catalogue(tmp_path).problems(["kernels"], Target(gpu="GTX 1080", compute="6.1"))
    assert problem.endswith("cannot run on GTX 1080, compute 6.1: it supports compute 7.5")


def test_the_compute_capability_counts_without_a_gpu_too(catalogue: Catalogue) -> None:
    (problem,) = catalogue.problems(["caffe"], Target(compute="9.0", licences=("vendor-licence",)))
    assert "cannot run on compute 9.0" in problem


def test_an_image_that_is_not_supported_is_refused_with_one_that_is(catalogue: Catalogue) -> None:
    (problem,) = catalogue.problems(["caffe"], Target(**T4, image="debian-12"))
    assert "does not support image debian-12; take ubuntu-22.04" in problem


def test_a_licence_has_to_be_accepted_by_name(catalogue: Catalogue) -> None:
    (problem,) = catalogue.problems(["cuda"], Target(**{**T4, "licences": ("another",)}))
    assert '"vendor-licence"' in problem
    assert "acceptLicences" in problem


def test_what_comes_with_a_gpu_alone_has_licences_there_alone(catalogue: Catalogue) -> None:
    assert catalogue.problems(["wheels"], Target(gpu="none")) == []
    (problem,) = catalogue.problems(["wheels"], Target(**T4))
    assert '"wheels" comes under the licence "wheel-licence"' in problem


def test_another_source_has_another_licence(catalogue: Catalogue) -> None:
    target = Target(gpu="T4", sources={"cuda": "distribution"})
    assert catalogue.problems(["cuda"], target) == []


def test_what_the_image_brings_is_taken_as_present_unless_told_otherwise(catalogue: Catalogue) -> None:
    cuda = catalogue.recipes["cuda"]
    assert cuda.source_for(Target(image="dlami-pytorch-24.04")) == "present"
    assert cuda.source_for(Target(image="dlami-pytorch-24.04", sources={"cuda": "vendor"})) == "vendor"
    assert cuda.source_for(Target()) == "vendor"
    assert catalogue.recipes["base"].source_for(Target()) == ""


def test_a_source_that_a_recipe_has_not_is_refused_with_those_it_has(catalogue: Catalogue) -> None:
    (problem,) = catalogue.problems(["cuda"], Target(**T4, sources={"cuda": "tarball"}))
    assert 'has no source "tarball"; it has: vendor, distribution, old, present' in problem


def test_a_source_may_support_fewer_images_than_the_recipe(catalogue: Catalogue) -> None:
    (problem,) = catalogue.problems(["cuda"], Target(gpu="T4", sources={"cuda": "old"}))
    assert problem.startswith('recipe "cuda" does not support image ubuntu-22.04; take source "vendor" or source "dist')
    assert catalogue.problems(["cuda"], Target(gpu="T4", image="debian-12", sources={"cuda": "old"})) == []


def test_conflicts_are_refused(catalogue: Catalogue) -> None:
    (problem,) = catalogue.problems(["caffe", "torch"], Target(**T4))
    assert problem == 'recipe "torch" cannot stand beside "caffe"'


def test_unknown_names_are_named_all_at_once(catalogue: Catalogue) -> None:
    target = Target(image="beos", sources={"cudda": "x"}, unpinned=("cafe",))
    problems = catalogue.problems(["digitz", "base", "tourch"], target)
    assert len(problems) == 5
    for word in ("digitz", "tourch", "cudda", "cafe", "beos"):
        assert any(f'"{word}"; there are: ' in problem for problem in problems)


def test_every_reason_comes_at_once(catalogue: Catalogue) -> None:
    target = Target(gpu="H100", compute="9.0", image="debian-12")
    with pytest.raises(BadInput) as caught:
        catalogue.order(["caffe", "torch"], target)
    assert len(caught.value.problems) == 4  # licence, image, compute, conflict


def test_closure_is_what_is_needed_at_any_depth(catalogue: Catalogue) -> None:
    for size in range(4):
        for asked in itertools.combinations(catalogue.recipes, size):
            expected = set(asked)
            for name in asked:
                expected |= {"base": set(), "driver": {"base"}, "wheels": {"base"}, "cuda": {"base", "driver"}}.get(
                    name, {"base", "driver", "cuda"}
                )
            assert catalogue.closure(asked) == expected


def test_what_goes_with_a_recipe_comes_too_and_does_not_hold_it_up(tmp_path: Path) -> None:
    recipes = {"base": "", "tool": 'needs = ["base"]', "files": 'needs = ["base"]\ngoes_with = ["tool"]'}
    for name, toml in {**recipes, "top": 'needs = ["files"]'}.items():
        write_recipe(tmp_path / name, toml)
    catalogue = Catalogue(tmp_path)
    assert [recipe.name for recipe in catalogue.order(["top"], Target())] == ["base", "tool", "files", "top"]
    assert catalogue.before("files") == {"base"}
    assert catalogue.before("top") == {"base", "files"}


def test_what_goes_with_a_recipe_is_there_and_leads_back_to_none(tmp_path: Path) -> None:
    write_recipe(tmp_path / "one", 'goes_with = ["twq"]')
    with pytest.raises(BadInput, match='goes_with "twq", which is no recipe'):
        Catalogue(tmp_path)
    write_recipe(tmp_path / "one", 'goes_with = ["two"]')
    write_recipe(tmp_path / "two", 'needs = ["one"]')
    with pytest.raises(BadInput, match="goes round in a circle"):
        Catalogue(tmp_path)


def test_capabilities_come_in_the_order_of_their_numbers() -> None:
    order = [tuple(int(part) for part in compute.split(".")) for compute in capabilities()]
    assert order == sorted(order)
    assert {m for models in capabilities().values() for m in models} == set(gpus())
