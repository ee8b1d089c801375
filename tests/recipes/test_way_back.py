"""How to take a recipe off again goes by where it came from and whose machine it is: nothing of the user's own goes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from provision.bundle.render import render
from provision.catalogue import cells, compatibility
from provision.catalogue.catalogue import Catalogue
from provision.model.platforms import images
from provision.model.target import Target

CATALOGUE = Catalogue()
ALL = Target(licences=compatibility.licences(CATALOGUE))


def undo(name: str, image: str = "ubuntu-22.04", source: str = "", volume: str = "") -> str:
    """Return how to take a recipe off a host."""
    best = cells.best_target(CATALOGUE, name, image, "T4").sources
    sources = {**best, name: source} if source else best
    target = Target(image=image, gpu="T4", volume_id=volume, licences=ALL.licences, sources=sources)
    return render([name], target, CATALOGUE).steps[-1].undo


def _cases() -> Iterator[tuple[str, str, str]]:
    for name, recipe in CATALOGUE.recipes.items():
        for source in [*recipe.sources] or [""]:
            image = next((i for i in images() if i in recipe.images_from(source) and i not in recipe.no), "")
            if image:
                yield name, source, image


@pytest.mark.parametrize(("name", "source", "image"), list(_cases()))
def test_on_a_desk_only_what_gpurig_puts_there_is_purged(name: str, source: str, image: str) -> None:
    text = undo(name, image, source)
    assert "{" not in text
    wide = [word for found in re.findall(r"purge ([^;]*)", text) for word in found.split() if word.strip("'")[0] == "*"]
    assert not wide, "a pattern that takes packages of the user's own along"
    assert "prune" not in text
    for path in re.findall(r"rm -rf ([^;]*)", text):
        assert all(word.startswith(("/opt/gpurig/", "/var/lib/gpurig-", "/etc/profile.d/")) for word in path.split())


@pytest.mark.parametrize("name", ["nvidia-driver", "cuda", "cudnn"])
def test_what_was_there_before_has_no_way_back(name: str) -> None:
    assert undo(name, source="present") == ""
    assert undo(name) != ""


def test_only_a_box_that_is_gpurigs_loses_its_python() -> None:
    assert "purge" not in undo("python2")
    assert "apt-get purge python2.7" in undo("python2", volume="vol-1")


def test_the_driver_goes_by_the_packages_that_it_came_in() -> None:
    ubuntu, debian = undo("nvidia-driver"), undo("nvidia-driver", "debian-12", "debian")
    assert "nvidia-headless-no-dkms-580-server" in ubuntu
    assert "nvidia-kernel-dkms" in debian
    assert "linux-headers" not in debian


@pytest.mark.parametrize("name", ["cuda", "cudnn"])
def test_a_source_that_is_advised_is_one_that_works_there(name: str) -> None:
    for image in ("ubuntu-22.04", "debian-12"):
        sources = dict.fromkeys(("nvidia-driver", "cuda", "cudnn"), "present")
        target = Target(image=image, gpu="T4", licences=ALL.licences, sources=sources)
        script = render([name], target, CATALOGUE).steps[-1].install
        (advised,) = re.findall(r'the source of \\"\w+\\" to ([a-z ]+)"', script)
        assert set(advised.split(" or ")) == set(CATALOGUE.recipes[name].others(target))
        assert all(image in CATALOGUE.recipes[name].images_from(source) for source in advised.split(" or "))


@pytest.mark.parametrize(
    ("image", "compute", "advised"),
    [
        ("ubuntu-22.04", "9.0", "nvidia"),
        ("ubuntu-22.04", "8.9", "nvidia or distribution"),
        ("debian-12", "9.0", "distribution"),
    ],
)
def test_where_nvcc_is_too_old_a_source_is_advised_whose_nvcc_is_not(image: str, compute: str, advised: str) -> None:
    sources = {"nvidia-driver": "present", "cuda": "present", "cudnn": "wheel"}
    target = Target(image=image, gpu="some", compute=compute, licences=ALL.licences, sources=sources)
    assert f'"set the source of \\"cuda\\" to {advised}"' in render(["caffe"], target, CATALOGUE).lib
