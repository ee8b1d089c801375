"""The deep belief network on Python 2.7 trains for real on the CPU; a real nvcc compiles CUDAMat, a stand-in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from tests.installs.box import Box

HOST = 'unpinned = ["cudamat"]\n[sources]\ncuda = "distribution"'
HOME = "/opt/gpurig/nolearn-dbn"
PYTHON = f"{HOME}/venv/bin/python"
CUDAMAT = "/opt/gpurig/cudamat"
FOLDER = "/jobs/work/example-nolearn-dbn"


@pytest.fixture(scope="module")
def nolearn(box: Box) -> Box:
    """The box with the network's environment."""
    said = box.fab("setup-nolearn-dbn")
    assert re.search(r"python2 +installed in", said)
    assert re.search(r"nolearn-dbn +installed in", said)
    return box


@pytest.fixture(scope="module")
def trained(nolearn: Box, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the example said, and the folder of its results."""
    into = tmp_path_factory.mktemp("results")
    said = nolearn.fab("example-nolearn-dbn", "--into", str(into))
    (report,) = into.rglob("report.txt")
    return said, report.parent


@pytest.fixture(scope="module")
def compiled(nolearn: Box) -> Box:
    """The box with CUDA's compiler and what it made of CUDAMat's stand-in."""
    assert re.search(r"cudamat +installed in", nolearn.fab("setup-cudamat"))
    return nolearn


def test_a_box_without_a_gpu_gets_neither_cuda_nor_cudamat_and_nothing_twice(nolearn: Box) -> None:
    assert "nothing to do" in nolearn.fab("setup-nolearn-dbn")
    assert nolearn.ssh(f"command -v nvcc || ls {CUDAMAT} || true").strip().endswith("No such file or directory")


def test_python_2_has_the_pinned_packages(nolearn: Box) -> None:
    lines = (Catalogue().recipes["nolearn-dbn"].folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split()[0] for line in lines if "==" in line}
    assert pinned == set(nolearn.ssh(f"{PYTHON} -m pip freeze 2>/dev/null").split())
    assert nolearn.ssh(f"{PYTHON} --version").startswith("Python 2.7.")


def test_ten_epochs_are_shown_and_come_home_with_a_report(trained: tuple[str, Path]) -> None:
    said, folder = trained
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    assert [len(history[name]) for name in ("seconds", "loss", "error")] == [10] * 3
    assert [f"Epoch {n}:" in said for n in range(1, 11)] == [True] * 10
    assert history["loss"][-1] < history["loss"][0]
    assert sum(history["seconds"]) < history["total"]
    report = (folder / "report.txt").read_text(encoding="utf-8")
    assert "precision    recall  f1-score   support" in report
    assert "avg / total" in report
    assert report.strip() in said.replace("\r", "")


def test_it_tells_digits_apart_that_it_has_not_seen(trained: tuple[str, Path]) -> None:
    bench = json.loads((trained[1] / "bench.json").read_text(encoding="utf-8"))
    assert bench["error"] < 0.05  # by chance: 0.9
    assert (bench["device"], bench["unit"], bench["measure"]) == ("cpu", "epoch", "validation error")
    assert bench["versions"]["python"].startswith("2.7.")


def test_the_bench_learns_as_the_document_did(nolearn: Box, tmp_path: Path) -> None:
    """The document's classes were told apart with a precision of 0.95 or more, on the CPU."""
    nolearn.fab("bench-nolearn-dbn", "--into", str(tmp_path))
    half = json.loads(next(tmp_path.rglob("cpu/bench.json")).read_text(encoding="utf-8"))
    assert half["data"].startswith("46900 pictures")
    assert len(half["losses"]) == 10
    assert half["error"] < 0.05  # by chance: 0.9


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ("--pictures 5", 2, "--pictures 5: there are 1203 already"),
        ("--epochs 0", 2, "--epochs has to be 1 or more"),
        ("--mnist dbn.py", 2, "--mnist dbn.py: not a file that NumPy wrote"),
        ("--mnist nowhere.npz", 2, "No such file or directory"),
        ("--mnist other.npz", 2, "it has no arrays x_train, y_train, x_test, y_test"),
        ("--mnist mnist.npz --pictures 9000", 2, "leave it out beside --mnist"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(nolearn: Box, words: str, code: int, why: str) -> None:
    nolearn.ssh(f"cd {FOLDER} && {PYTHON} -c 'import numpy; numpy.savez(\"other.npz\", x=1)'")
    said = nolearn.ssh(f"cd {FOLDER} && {PYTHON} dbn.py {words} 2>&1; echo code $?")
    assert why in said
    assert said.endswith(f"code {code}\n")
    assert "Epoch" not in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("trained")
def test_mnist_comes_from_a_file(nolearn: Box) -> None:
    make = (
        "import dbn, numpy; made = dbn.made(0, 0); grey = lambda rows: (255 * rows).astype(numpy.uint8); "
        'numpy.savez("mnist.npz", x_train=grey(made.train).reshape(-1, 28, 28), y_train=made.train_labels, '
        "x_test=grey(made.test).reshape(-1, 28, 28), y_test=made.test_labels)"
    )
    nolearn.ssh(f"cd {FOLDER} && {PYTHON} -c '{make}'")
    said = nolearn.ssh(f"cd {FOLDER} && GPURIG_RESULTS=/tmp/mnist {PYTHON} dbn.py --epochs 5 --mnist mnist.npz 2>&1")
    assert "fitting X.shape=(1203, 784)" in said  # two thirds of 1797
    assert "1203 pictures of mnist.npz" in nolearn.ssh("cat /tmp/mnist/bench.json")


def test_cudamat_is_compiled_for_the_gpu_that_is_meant(compiled: Box) -> None:
    assert "nothing to do" in compiled.fab("setup-cudamat")
    for name in ("libcudamat", "libcudalearn"):
        assert "sm_75" in compiled.ssh(f"cuobjdump --list-elf {CUDAMAT}/current/cudamat/{name}.so")


@pytest.mark.usefixtures("trained")
def test_the_network_finds_cudamat_and_falls_back_where_there_is_no_gpu(compiled: Box) -> None:
    assert compiled.ssh(f"{PYTHON} -c 'import cudamat; print cudamat.__file__'").startswith(f"{CUDAMAT}/current/")
    run = f"cd {FOLDER} && GPURIG_RESULTS=/tmp/both GPURIG_DEVICE=%s {PYTHON} dbn.py --epochs 1 2>&1; echo code $?"
    said = compiled.ssh(run % "auto")
    assert "computing on the CPU: CUDAMat finds no GPU (CUDA error: " in said
    assert said.endswith("code 0\n")
    refused = compiled.ssh(run % "gpu").splitlines()
    assert refused[0].startswith("dbn.py: a GPU was asked for, and there is none to compute on: CUDAMat finds no GPU")
    assert refused[-1] == "code 3"
    assert len(refused) == 2


def test_a_build_that_makes_no_library_is_said_at_once_and_leaves_what_was_there(compiled: Box) -> None:
    compiled.ssh("sudo mv /usr/bin/nvcc /usr/bin/nvcc.real")
    links_nothing = '#!/bin/sh\ncase "$*" in *--shared*) exit 0;; esac\nexec nvcc.real "$@"\n'
    compiled.ssh(f"printf '%s' '{links_nothing}' | sudo tee /usr/bin/nvcc; sudo chmod +x /usr/bin/nvcc")
    compiled.ssh(f"echo by an older nvcc | sudo tee {CUDAMAT}/current/gpurig")
    said = compiled.fab("setup-cudamat", "--fresh", code=6)
    assert "CUDAMat's build ended well and made no libcudamat.so" in said
    assert "ELF" in compiled.ssh(f"head -c 4 {CUDAMAT}/current/cudamat/libcudamat.so")
    compiled.ssh("sudo mv /usr/bin/nvcc.real /usr/bin/nvcc")
    assert re.search(r"cudamat +installed in", compiled.fab("setup-cudamat", "--fresh"))
    assert "by an older nvcc" not in compiled.ssh(f"cat {CUDAMAT}/current/gpurig")
    assert compiled.ssh(f"ls {CUDAMAT}").split() == sorted(["activate.sh", "current", _built(compiled), "source"])


def _built(box: Box) -> str:
    return box.ssh(f"readlink {CUDAMAT}/current").strip()
