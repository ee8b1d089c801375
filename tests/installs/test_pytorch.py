"""PyTorch from its real wheels: installed once, found again, a LeNet learns on the CPU, and Keras computes with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from tests.installs.box import Box, result

RECIPE = "pytorch"
PYTHON = "/opt/gpurig/pytorch/venv/bin/python"
SITE = "/opt/gpurig/pytorch/venv/lib/python3.10/site-packages"
VERSION = Catalogue().recipes["pytorch"].version


def test_it_is_found_again(ready: Box) -> None:
    assert "nothing to do" in ready.fab("setup-pytorch")


def test_wheels_that_are_gone_come_back_from_the_job_volume(ready: Box) -> None:
    made = (
        f"find {SITE} -type f -not -name '*.pyc' -printf '%P %s %Ts\\n' | sort | sha256sum;"
        f" sha256sum <{SITE}/torch/lib/libtorch_cpu.so"
    )
    before = ready.ssh(made)
    ready.ssh("sudo rm -r /opt/gpurig/pytorch")
    said = ready.fab("setup-pytorch")
    assert re.search(r"pytorch +installed in .*, what it builds taken from the job volume", said)
    # Installed once more, their files would be of another time.
    assert ready.ssh(made) == before


def test_it_is_the_pinned_version_and_computes(ready: Box) -> None:
    script = "import torch, torchvision; print(torch.__version__, (torch.eye(3) @ torch.ones(3, 3)).sum().item())"
    version, total = ready.ssh(f"{PYTHON} -c '{script}'").split()
    assert version.split("+")[0] == VERSION
    assert float(total) == 9


def test_the_example_learns_and_its_results_come_home(ready: Box, tmp_path: Path) -> None:
    """As it is; the errors of five seeds were 0.012 to 0.039."""
    said = ready.fab("example-pytorch", "--into", str(tmp_path))
    assert "[10/10] loss" in said
    results = result(tmp_path, "results.json")
    assert results["device"] == "cpu"
    losses = [epoch["loss"] for epoch in results["epochs"]]
    assert len(losses) == 10
    assert losses[-1] < losses[0] / 5
    assert results["accuracy"] > 0.92  # by chance: 0.1
    assert next(tmp_path.rglob("model.pt")).stat().st_size > 4 * 61_000  # its 61,000 weights, 4 bytes each


def test_mnist_itself_is_read_from_its_own_files(ready: Box, tmp_path: Path) -> None:
    write = (
        "import gzip, pathlib, numpy as np; folder = pathlib.Path('/tmp/mnist'); folder.mkdir(exist_ok=True)\n"
        "for name, count in (('train', 200), ('t10k', 50)):\n"
        "    head = lambda *shape: bytes([0, 0, 8, len(shape)]) + np.array(shape, '>u4').tobytes()\n"
        "    pixels, labels = np.zeros((count, 28, 28), np.uint8), np.arange(count).astype(np.uint8) % 2\n"
        "    pixels[labels == 1] = 255\n"
        "    images = head(count, 28, 28) + pixels.tobytes()\n"
        "    (folder / f'{name}-images-idx3-ubyte.gz').write_bytes(gzip.compress(images))\n"
        "    (folder / f'{name}-labels-idx1-ubyte').write_bytes(head(count) + labels.tobytes())\n"
    )
    ready.ssh(f'{PYTHON} -c "{write}"')
    ready.fab("example-pytorch", "--args", "--mnist /tmp/mnist --epochs 5 --batch 20", "--into", str(tmp_path))
    results = result(tmp_path, "results.json")
    assert results["data"] == "MNIST, 200 pictures"
    assert results["accuracy"] == 1  # all black or all white


def test_a_gpu_that_is_not_there_is_refused_and_never_replaced_by_the_cpu(ready: Box) -> None:
    folder = "/jobs/work/example-pytorch"
    asked = f"cd {folder} && GPURIG_DEVICE=gpu {PYTHON} lenet.py; echo code $?"
    said = ready.ssh(asked).splitlines()
    assert said == ["GPURIG_DEVICE is gpu, and PyTorch sees no GPU on this host", "code 3"]


def test_the_bench_times_the_cpu_half_and_says_that_there_is_no_other(ready: Box, tmp_path: Path) -> None:
    """As it is; the errors of five seeds were 0.007 to 0.023, those of the document's batches 0.008 to 0.017."""
    said = ready.fab("bench-pytorch", "--into", str(tmp_path))
    assert "CPU" in said
    half = json.loads(next(tmp_path.rglob("cpu/bench.json")).read_text(encoding="utf-8"))
    assert half["unit"] == "epoch"
    assert half["device"] == "cpu"
    assert half["data"].endswith("60000 pictures")
    (document,) = half["others"]
    assert document["setting"].endswith("as in document 004")
    for setting in (half, document):
        assert len(setting["seconds"]) == 5
        assert min(setting["seconds"]) > 0
        assert setting["error"] < 0.05  # by chance: 0.9
    assert half["versions"]["torch"].split("+")[0] == VERSION
    assert not list(tmp_path.rglob("gpu/*"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--document --rate 1e30 --epochs 3 --pictures 6000", r"epoch 1: the loss is nan, and nothing more is learnt"),
        (
            "--rate 1e-9 --epochs 1 --pictures 6000",
            r"error 0\.\d+, and from 0\.\d+ on it is guessing: it has learnt nothing",
        ),
    ],
)
def test_an_example_that_learns_nothing_fails_with_what_was_seen(ready: Box, words: str, why: str) -> None:
    said = ready.fab("example-pytorch", "--args", words, code=1)
    assert re.search(why, said)
    assert "--rate" in said
    assert not ready.ssh("ls -t /jobs/runs | head -1 | xargs -I{} find /jobs/runs/{}/results -name bench.json")


def test_keras_computes_with_the_pytorch_that_is_there(ready: Box, tmp_path: Path) -> None:
    """As on a Deep Learning AMI, whose PyTorch stays as it is."""
    before = ready.packages(PYTHON)
    assert "from torch" in ready.fab("setup-keras", "--source", "keras=torch")
    words = ("--source", "keras=torch", "--args", "--epochs 1 --pictures 3000", "--into", str(tmp_path))
    assert "with torch on cpu" in ready.fab("example-keras", *words)
    assert result(tmp_path, "bench.json")["versions"]["torch"].split("+")[0] == VERSION
    assert ready.packages(PYTHON) == before
