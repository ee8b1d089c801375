"""PyTensor, which Theano lives on as, from the package registry: it computes on the CPU in three ways and says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from tests.installs.box import Box

RECIPE = "theano"
PYTHON = "/opt/gpurig/theano/venv/bin/python"
VERSION = Catalogue().recipes["theano"].version
FOLDER = "/jobs/work/example-theano"


@pytest.fixture(scope="module")
def checked(ready: Box, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the example said, and its result."""
    into = tmp_path_factory.mktemp("results")
    said = ready.fab("example-theano", "--into", str(into))
    (result,) = into.rglob("which_device.json")
    return said, result


def test_it_is_found_again_and_brought_nothing_of_nvidia(ready: Box) -> None:
    assert "nothing to do" in ready.fab("setup-theano")
    installed = ready.packages(PYTHON)
    assert f"pytensor=={VERSION}" in installed
    assert not [line for line in installed if "nvidia" in line or "cuda" in line]


def test_the_check_names_the_device_of_every_way_to_compute(checked: tuple[str, Path]) -> None:
    said, result = checked
    document = json.loads(result.read_text(encoding="utf-8"))
    assert [(row["backend"], row["device"]) for row in document["runs"]] == [
        ("C", "cpu"),
        ("Numba", "cpu"),
        ("JAX", "cpu"),
    ]
    assert all(row["relative_error"] < 1e-6 for row in document["runs"])  # of single precision: 6e-8
    assert document["iterations"] == 1000
    assert document["versions"]["pytensor"] == VERSION
    assert len(re.findall(r"50 times in [\d.]+ s on cpu\. Used the cpu", said)) == 3


@pytest.mark.usefixtures("checked")
def test_a_gpu_that_is_not_there_is_refused_and_never_replaced_by_the_cpu(ready: Box) -> None:
    said = ready.ssh(f"cd {FOLDER} && GPURIG_DEVICE=gpu {PYTHON} which_device.py 2>&1; echo code $?").splitlines()
    assert said == ["which_device.py: a GPU was asked for, and JAX sees none on this host", "code 3"]


@pytest.mark.usefixtures("checked")
def test_bad_input_is_refused(ready: Box) -> None:
    said = ready.ssh(f"cd {FOLDER} && {PYTHON} which_device.py --length 0 2>&1; echo code $?")
    assert "--length and --iterations have to be 1 or more" in said
    assert said.endswith("code 2\n")


def test_a_script_of_ones_own_takes_gradients_as_theano_did(ready: Box) -> None:
    script = "import pytensor as t; x = t.tensor.dscalar(); print(float(t.function([x], t.grad(x**3, x))(2.0)))"
    ready.fab("run", "--with", "theano", "--name", "grad", "--", f"python -c '{script}'")
    assert "12.0" in ready.fab("logs", "grad", "--follow")  # 3 x^2 at 2
