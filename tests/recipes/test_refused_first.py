"""What does not fit the machine is refused before anything is installed: there is nothing to take off again."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.agent.steps import REFUSED
from provision.catalogue import compatibility
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target
from tests.recipes import again_lab

CARD = Target(
    gpu="T4",
    compute="7.5",
    licences=compatibility.licences(Catalogue()),
    sources={"cuda": "distribution", "cudnn": "tarball"},
)
NVCC = 'case "$*" in *--list-gpu-code) printf "sm_%s\\n" {} ;; *) echo "Cuda compilation tools, release {}" ;; esac'
TOO_NEW = {"nvcc": NVCC.format("75 90", "12.4")}
WITHOUT_TURING = {"nvcc": NVCC.format("90 100", "11.9")}


@pytest.mark.parametrize(
    ("recipe", "programs", "said"),
    [
        ("caffe", TOO_NEW, "compiles with CUDA 11, and nvcc here is 12.4"),
        ("caffe", WITHOUT_TURING, "does not know compute capability 7.5"),
        ("torch7", WITHOUT_TURING, "does not know compute capability 7.5"),
        ("cudamat", WITHOUT_TURING, "does not know compute capability 7.5"),
        ("cudamat", {"nvcc": "exit 1"}, "nvcc does not run"),
        ("cudnn", {}, "there is no cuDNN tarball"),
        ("tensorflow", {"nvidia-smi": "echo 470.256.02"}, "driver here is 470.256.02"),
        ("datasets", {"python3": "exit 1"}, "there is no python3 that runs"),
        ("datasets", {"python3": "echo 3.14"}, "python3 here is 3.14"),
    ],
)
def test_a_machine_that_does_not_fit_is_refused_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, programs: dict[str, str], said: str
) -> None:
    # No package is there, and none can be had: who asks for one before the refusal fails.
    for name, body in {"dpkg-query": ":", **programs}.items():
        monkeypatch.setitem(again_lab.PROGRAMS, name, body)
    done = again_lab.Again(tmp_path).install(recipe, CARD)
    assert done.returncode == REFUSED, done.stdout + done.stderr
    assert said in done.stderr
