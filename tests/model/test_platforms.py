"""The table of GPUs, instance types and images holds together."""

from __future__ import annotations

import re

import pytest

from provision.model.platforms import NO_GPU, cheapest, gpus, images, instance_types


def test_every_instance_type_has_a_known_gpu() -> None:
    assert instance_types()
    for instance in instance_types().values():
        assert instance.gpu == NO_GPU or instance.gpu in gpus()
        assert (instance.gpus == 0) == (instance.gpu == NO_GPU)
        assert instance.vcpus > 0
        assert instance.memory_gib > 0
        assert instance.usd_per_hour is None or instance.usd_per_hour > 0


def test_every_gpu_has_a_compute_capability() -> None:
    assert gpus()
    for gpu in gpus().values():
        assert re.fullmatch(r"\d{1,2}\.\d", gpu.compute)
        assert gpu.memory_gib > 0


def test_every_image_is_found_in_one_way_and_names_its_user() -> None:
    assert "ubuntu-22.04" in images()
    for image in images().values():
        assert image.user
        assert bool(image.parameter) != bool(image.owner)
        assert bool(image.owner) == bool(image.pattern)


@pytest.mark.parametrize("compute", sorted({gpu.compute for gpu in gpus().values()}))
def test_cheapest_is_the_least_of_those_that_fit(compute: str) -> None:
    fits = [t for t in instance_types().values() if t.gpu != NO_GPU and gpus()[t.gpu].compute == compute]
    found = cheapest(frozenset({compute}))
    if found is None:
        assert not fits
    else:
        assert found in fits
        assert found.usd_per_hour == min(t.usd_per_hour for t in fits if t.usd_per_hour is not None)


def test_cheapest_of_nothing_is_none() -> None:
    assert cheapest(frozenset()) is None
    assert cheapest(frozenset({"1.0"})) is None


def test_an_instance_type_is_told_as_a_person_would_choose_it() -> None:
    assert str(instance_types()["g6.xlarge"]) == "g6.xlarge (L4, compute 8.9, $0.80/h)"
