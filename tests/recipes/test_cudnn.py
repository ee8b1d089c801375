"""A cuDNN that lost something is made anew: what verify looks for decides, and not that there is a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.catalogue import compatibility
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target
from tests.recipes.again_lab import Again

# Python, as far as the recipe asks it: for an environment, for the wheel, and for the release of a library.
PYTHON = """
case "$*" in
  *" venv "*) mkdir -p "${@: -1}/bin"; cp "$0" "${@: -1}/bin/python" ;;
  *"--version") ;;
  *--target*)
    echo wheel >>"$GPURIG_HOME/wheels"
    while [[ "$1" != --target ]]; do shift; done
    mkdir -p "$2/nvidia/cudnn/include" "$2/nvidia/cudnn/lib"
    printf '#define CUDNN_%s\\n' "MAJOR 8" "MINOR 9" "PATCHLEVEL 6" >"$2/nvidia/cudnn/include/cudnn_version.h"
    for part in "" _{adv,cnn,ops}_{infer,train}; do echo 8.9.6 >"$2/nvidia/cudnn/lib/libcudnn$part.so.8"; done ;;
  *ctypes*) cat "${@: -1}" ;;
esac
"""
WHEEL = Target(gpu="none", licences=compatibility.licences(Catalogue()), sources={"cudnn": "wheel"})


def wheels(again: Again) -> int:
    """Install cuDNN; returns how often its wheel was fetched so far."""
    done = again.install("cudnn", WHEEL)
    assert done.returncode == 0, done.stdout + done.stderr
    return len((again.folder / "wheels").read_text().splitlines())


@pytest.mark.parametrize("lost", ["lib64/libcudnn.so.8", "lib64/libcudnn_cnn_infer.so.8", "include/cudnn_version.h"])
def test_a_file_that_was_lost_comes_back_and_what_is_whole_is_not_fetched_again(tmp_path: Path, lost: str) -> None:
    again = Again(tmp_path, programs={"python3": PYTHON, "ldconfig": ":"})
    for folder in ("include", "lib"):
        (tmp_path / "usr" / "local" / folder).mkdir(parents=True)
    assert [wheels(again), wheels(again)] == [1, 1]
    (again.opt / "cudnn/current" / lost).unlink()
    assert [wheels(again), wheels(again)] == [2, 2]
    assert (again.opt / "cudnn/current" / lost).read_text()
