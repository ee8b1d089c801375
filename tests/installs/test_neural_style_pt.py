"""neural-style on real PyTorch: a network of random weights in Caffe's format is converted, and pictures appear."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from tests.installs.box import Box

FOLDER, NAME = Catalogue().recipes["vgg19"].sources["oxford"]["url"].rsplit("/", 1)
HOST = f"""\
unpinned = ["vgg19"]
[mirrors.download]
"{FOLDER}" = "http://127.0.0.1:8000"
"""
HOME = "/opt/gpurig/neural-style-pt"
PYTHON = "/opt/gpurig/pytorch/venv/bin/python"
SMALL = "-image_size 64 -num_iterations 20 -save_iter 5 -print_iter 10"


@pytest.fixture(scope="module")
def style(box: Box) -> Box:
    """The box with neural-style and a small network."""
    box.serve()
    box.serve_network(NAME)
    assert re.search(r"neural-style-pt +installed in", box.fab("setup-neural-style-pt"))
    return box


@pytest.fixture(scope="module")
def results(style: Box, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the example said, and the folder of what came home."""
    into = tmp_path_factory.mktemp("results")
    return style.fab("example-neural-style-pt", "--args", SMALL, "--into", str(into)), into


def test_it_is_found_again_and_weighs_little_beside_pytorch(style: Box) -> None:
    assert "nothing to do" in style.fab("setup-neural-style-pt")
    assert int(style.ssh(f"du -sm {HOME}").split()[0]) < 100


def test_the_converted_network_is_caffes_number_by_number(style: Box) -> None:
    """The last bytes of a convolution's weights in Caffe's file are its last filter: found there, as they are."""
    look = (
        "import sys, torch\n"
        f"state = torch.load('{HOME}/vgg19.pth')\n"
        "caffe = open('/opt/gpurig/vgg19/vgg19.caffemodel', 'rb').read()\n"
        "for name in ('features.0.weight', 'features.19.weight', 'features.34.weight'):\n"
        "    print(name, *state[name].shape, state[name].numpy().tobytes() in caffe)\n"
    )
    assert style.ssh(f"{PYTHON} - <<'END'\n{look}END").splitlines() == [
        "features.0.weight 64 3 3 3 True",
        "features.19.weight 512 256 3 3 True",
        "features.34.weight 512 512 3 3 True",
    ]


def test_pictures_appear_and_differ(results: tuple[str, Path]) -> None:
    said, folder = results
    assert "VGG-19 Architecture Detected" in said
    assert [f"Iteration {t} / 20" in said for t in (10, 20)] == [True, True]
    pictures = {path.name: path.read_bytes() for path in folder.rglob("out*.png")}
    assert set(pictures) == {"out_5.png", "out_10.png", "out_15.png", "out.png"}
    assert all(
        picture.startswith(b"\x89PNG\r\n\x1a\n") and picture.endswith(b"IEND\xae\x42\x60\x82")
        for picture in pictures.values()
    )
    assert {picture[16:24] for picture in pictures.values()} == {
        bytes((0, 0, 0, 64, 0, 0, 0, 48))
    }  # of 512 x 384 pixels
    assert len(set(pictures.values())) == 4


def test_the_loss_falls(results: tuple[str, Path]) -> None:
    first, last = (float(loss) for loss in re.findall(r"Total loss: (\S+)", results[0]))
    assert last < first


def test_the_users_own_picture_takes_the_place_of_ours(style: Box, results: tuple[str, Path], tmp_path: Path) -> None:
    before = next(results[1].rglob("out_5.png"))
    words = ("--file", f"content.png={before}", "--args", "-image_size 32 -num_iterations 2 -save_iter 0")
    style.fab("example-neural-style-pt", *words, "--into", str(tmp_path))
    (picture,) = tmp_path.rglob("out*.png")
    assert picture.read_bytes()[16:24] == bytes((0, 0, 0, 32, 0, 0, 0, 24))


def test_the_bench_times_the_cpu_half(style: Box, tmp_path: Path) -> None:
    style.fab("bench-neural-style-pt", "--into", str(tmp_path))
    half = json.loads(next(tmp_path.rglob("cpu/bench.json")).read_text(encoding="utf-8"))
    assert (half["unit"], half["device"], half["measure"]) == ("iteration", "cpu", "final loss")
    assert len(half["seconds"]) == 19  # the first iteration pays for what is made once
    assert min(half["seconds"]) > 0
    assert 0 < half["error"] < half["nothing_learnt"]
    assert not list(tmp_path.rglob("gpu/*"))


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize(
    "program", ["bash run.sh -style_image style.png -content_image content.png", "python bench.py"]
)
def test_a_gpu_that_is_not_there_is_refused_and_never_replaced_by_the_cpu(style: Box, program: str) -> None:
    env = f"PATH={HOME}/bin:/opt/gpurig/pytorch/venv/bin:$PATH GPURIG_DEVICE=gpu GPURIG_RESULTS=/tmp/asked/results"
    asked = f"mkdir -p /tmp/asked/results && cd /jobs/work/example-neural-style-pt && {env} {program}"
    said = style.ssh(f"{asked} 2>&1; echo code $?; ls -A /tmp/asked").splitlines()
    assert said == ["neural-style: it was to compute on a GPU, and there is none", "code 3", "results"]


def test_a_file_that_is_no_network_is_refused(style: Box) -> None:
    convert = f"{PYTHON} {HOME}/convert.py"
    said = style.ssh(
        f"cd /tmp; printf abcdefgh >short; for f in short {PYTHON}; do {convert} $f out.pth 2>&1 || echo code $?; done"
    )
    lines = said.splitlines()
    assert [line for line in lines if line.startswith("code")] == ["code 1", "code 1"]
    assert lines[0].startswith("short is no VGG-19 of Caffe's: ")
    assert "Traceback" not in said
