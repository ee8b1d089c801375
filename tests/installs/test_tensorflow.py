"""TensorFlow from its real wheels, on the CPU: installed once, found again, and a LeNet learns."""

from __future__ import annotations

from pathlib import Path

from provision.catalogue.catalogue import Catalogue
from tests.installs.box import Box, result

RECIPE = "tensorflow"
PYTHON = "/opt/gpurig/tensorflow/venv/bin/python"


def test_it_is_found_again(ready: Box) -> None:
    assert "nothing to do" in ready.fab("setup-tensorflow")


def test_without_a_gpu_nothing_of_nvidia_is_brought(ready: Box) -> None:
    installed = ready.packages(PYTHON)
    assert f"tensorflow=={Catalogue().recipes['tensorflow'].version}" in installed
    assert not [line for line in installed if "nvidia" in line]


def test_the_example_learns_and_its_results_come_home(ready: Box, tmp_path: Path) -> None:
    """As it is; the errors of five seeds were 0.019 to 0.058."""
    said = ready.fab("example-tensorflow", "--into", str(tmp_path))
    assert "[5/5] loss" in said
    results = result(tmp_path, "results.json")
    assert results["device"] == "cpu"
    assert results["epochs"][-1]["loss"] < results["epochs"][0]["loss"]
    assert results["accuracy"] > 0.9  # by chance: 0.1
    assert next(tmp_path.rglob("model.keras")).read_bytes().startswith(b"PK")  # a zip file, as Keras writes it


def test_a_gpu_that_is_not_there_is_refused_and_never_replaced_by_the_cpu(ready: Box) -> None:
    asked = f"cd /jobs/work/example-tensorflow && GPURIG_DEVICE=gpu {PYTHON} lenet.py 2>/dev/null; echo code $?"
    said = ready.ssh(asked).splitlines()
    assert said == ["GPURIG_DEVICE is gpu, and TensorFlow sees no GPU on this host", "code 3"]
