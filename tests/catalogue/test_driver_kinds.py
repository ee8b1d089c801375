"""Which driver a GPU gets, and what runs on the newest: a "no" where no driver there, or no code, knows the GPU."""

from __future__ import annotations

import re

import pytest

from provision.bundle.render import render
from provision.catalogue import compatibility
from provision.catalogue.catalogue import Catalogue
from provision.catalogue.cells import State, cell, cell_of_kind
from provision.model.target import Target


@pytest.mark.parametrize(
    ("compute", "source", "problem"),
    [
        ("12.0", "", ""),
        ("10.3", "", ""),
        ("9.0", "", ""),
        ("5.2", "", ""),
        ("9.0", "ubuntu-open", ""),
        ("7.5", "ubuntu-open", ""),
        ("12.0", "ubuntu", "want NVIDIA's open kernel modules"),
        ("7.0", "ubuntu-open", "open kernel modules begin with Turing"),
    ],
)
def test_the_kernel_modules_are_of_the_kind_that_drives_the_gpu(compute: str, source: str, problem: str) -> None:
    goal = Target(gpu="RTX 3090", compute=compute, sources={"nvidia-driver": source} if source else {})
    found = Catalogue().problems(["nvidia-driver"], goal)
    assert bool(found) == bool(problem), found
    assert problem in "".join(found)
    script = render(["nvidia-driver"], goal).steps[-1].install if not problem else ""
    is_open = re.search("^apt_install .*nvidia-headless-no-dkms-580-server-open", script, re.MULTILINE) is not None
    assert is_open == (not problem and (source == "ubuntu-open" or float(compute) >= 10))


@pytest.mark.parametrize(
    ("image", "gpu", "why"),
    [
        ("debian-12", "RTX 5090", "535, came before these GPUs"),
        ("dlami-base-22.04", "V100", "begins with compute 7.5"),
        ("dlami-pytorch-24.04", "GTX 960", "begins with compute 7.5"),
        ("dlami-base-22.04", "RTX 5090", ""),
        ("ubuntu-22.04", "RTX 5090", ""),
        ("ubuntu-22.04", "GTX 960", ""),
        ("debian-12", "H100", ""),
    ],
)
def test_a_driver_that_does_not_know_the_gpu_is_a_no(image: str, gpu: str, why: str) -> None:
    found = cell(Catalogue(), "nvidia-driver", image, gpu)
    assert (found.state is State.NO) == bool(why), found
    assert why in found.reason


@pytest.mark.parametrize("compute", ["10.0", "12.0"])
@pytest.mark.parametrize("image", ["ubuntu-22.04", "dlami-base-22.04"])
@pytest.mark.parametrize(
    ("name", "runs"),
    [
        *dict.fromkeys(("pytorch", "keras", "theano", "neural-style-pt", "ray"), True).items(),
        *dict.fromkeys(("tensorflow", "caffe", "torch7", "cuda", "cudnn", "digits", "cudamat"), False).items(),
    ],
)
def test_on_a_blackwell_runs_what_brings_code_for_it(name: str, image: str, compute: str, *, runs: bool) -> None:
    found = cell_of_kind(Catalogue(), name, image, compute)
    assert (found.state is not State.NO) == runs, found


def test_a_driver_of_ones_own_is_the_way_out_where_the_packages_are_too_old() -> None:
    goal = Target(image="debian-12", gpu="RTX 5090", compute="12.0")
    (problem,) = Catalogue().problems(["nvidia-driver"], goal)
    assert 'take source "present"' in problem


@pytest.mark.parametrize("image", ["ubuntu-22.04", "debian-12"])
@pytest.mark.parametrize("source", ["", "present"])
def test_a_kepler_is_refused_and_nothing_is_advised_that_cannot_help(image: str, source: str) -> None:
    catalogue = Catalogue()
    sources = {"nvidia-driver": source or ("debian" if image == "debian-12" else "ubuntu")}
    goal = Target(image=image, gpu="Tesla K80", compute="3.7", sources=sources)
    found = [
        *catalogue.problems(["nvidia-driver"], goal),
        *compatibility.driver_problems(catalogue, "nvidia-driver", goal, "470.256.02"),
    ]
    assert len(found) == 2
    for problem in found:
        assert "the last for Kepler is 470" in problem
        assert not [
            word
            for word in ("purge", "take it off", "up to date", "setup-", "source", "Blackwell")
            if word in problem.partition(": ")[2]
        ]
    maxwell = Target(image=image, gpu="Tesla M10", compute="5.0", sources=sources)
    assert catalogue.problems(["nvidia-driver"], maxwell) == []
