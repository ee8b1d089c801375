"""TensorFlow from its real wheels, on the CPU: installed once, found again, and a LeNet learns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from provision.catalogue.catalogue import Catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installs.box import Box

PYTHON = "/opt/gpurig/tensorflow/venv/bin/python"


@pytest.fixture(scope="module")
def tensorflow(box: Box) -> Box:
    """The box with TensorFlow."""
    return box.with_recipe("tensorflow")


def test_without_a_gpu_nothing_of_nvidia_is_brought(tensorflow: Box) -> None:
    installed = tensorflow.packages(PYTHON)
    assert f"tensorflow=={Catalogue().recipes['tensorflow'].version}" in installed
    assert not [line for line in installed if "nvidia" in line]


def test_the_example_learns_and_its_results_come_home(tensorflow: Box, tmp_path: Path) -> None:
    said = tensorflow.fab("example-tensorflow", "--args", "--epochs 2", "--into", str(tmp_path))
    assert "[2/2] loss" in said
    (path,) = tmp_path.rglob("results.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["device"] == "cpu"
    assert results["epochs"][1]["loss"] < results["epochs"][0]["loss"]
    assert results["accuracy"] > 0.9  # by chance: 0.1
    assert next(tmp_path.rglob("model.keras")).read_bytes().startswith(b"PK")  # a zip file, as Keras writes it


def test_a_gpu_that_is_not_there_is_refused_and_never_replaced_by_the_cpu(tensorflow: Box) -> None:
    asked = f"cd /jobs/work/example-tensorflow && GPURIG_DEVICE=gpu {PYTHON} lenet.py 2>/dev/null; echo code $?"
    said = tensorflow.ssh(asked).splitlines()
    assert said == ["GPURIG_DEVICE is gpu, and TensorFlow sees no GPU on this host", "code 3"]
