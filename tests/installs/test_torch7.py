"""Document 000's chain: stand-ins of Torch 7, loadcaffe and neural-style through their real recipes, and a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from tests.installs.box import Box

URL = Catalogue().recipes["vgg19"].sources["oxford"]["url"]
FOLDER, NAME = URL.rsplit("/", 1)
HOST = f"""\
unpinned = ["loadcaffe", "neural-style", "torch7"]
[mirrors.download]
"{FOLDER}" = "http://127.0.0.1:8000"
"""
TH = "/opt/gpurig/torch7/current/install/bin/th"
LOADS = 'bash -lc "th -e \'require \\"loadcaffe\\"\'"'
MADE = f"stat -c %Y {TH} && sha256sum <{TH}"
NETWORK = "/opt/gpurig/vgg19/vgg19.caffemodel"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def torch(box: Box) -> Box:
    """The box with Torch's stand-in, loadcaffe's on it, and a server of networks that holds none yet."""
    said = box.fab("setup-loadcaffe")
    assert re.search(r"torch7 +installed in", said)
    assert re.search(r"loadcaffe +installed in", said)
    box.serve()
    return box


@pytest.fixture(scope="module")
def style(torch: Box) -> Box:
    """The box with neural-style and a network of random weights, which the mirror's own checksum vouches for."""
    torch.serve_network(NAME)
    hosts = torch.folder / "hosts.toml"
    hosts.write_text(hosts.read_text().replace('"torch7"]', '"torch7", "vgg19"]'))
    # The others may have been installed beside a network that was refused.
    said = torch.fab("setup-neural-style")
    assert re.search(r"vgg19 +installed in", said)
    assert re.search(r"neural-style +(installed in|present)", said)
    return torch


def test_a_box_without_a_gpu_gets_torch_without_cuda(torch: Box) -> None:
    assert "nothing to do" in torch.fab("setup-loadcaffe")
    assert torch.ssh("bash -lc \"th -e 'io.write(torch.Tensor(5):fill(3):sum())'\"") == "15"
    assert torch.ssh("command -v nvcc || true") == ""


def test_the_installer_of_a_box_without_a_gpu_is_told_of_no_nvcc(torch: Box) -> None:
    torch.ssh("sudo install /bin/true /usr/local/bin/nvcc; sudo rm /opt/gpurig/torch7/current")
    torch.fab("setup-torch7")
    log = torch.ssh("sudo cat /opt/gpurig/torch7/current/install.log")
    torch.ssh("sudo rm /usr/local/bin/nvcc")
    assert "CUDA: none" in log


def test_a_package_that_was_lost_is_built_again(torch: Box) -> None:
    torch.ssh("sudo rm -r /opt/gpurig/loadcaffe/current/tree/share/lua/5.1/loadcaffe")
    assert re.search(r"loadcaffe +installed in", torch.fab("setup-loadcaffe"))
    torch.ssh(LOADS)


def test_a_torch_that_is_built_anew_by_itself_finds_the_package(torch: Box) -> None:
    before = torch.ssh("readlink /opt/gpurig/torch7/current")
    torch.ssh(f"sudo rm {TH}")
    assert re.search(r"torch7 +installed in", torch.fab("setup-torch7"))
    assert torch.ssh("readlink /opt/gpurig/torch7/current") != before
    torch.ssh(LOADS)
    assert "nothing to do" in torch.fab("setup-loadcaffe")


def test_trees_that_are_gone_come_back_from_the_job_volume_and_compute(torch: Box) -> None:
    made = []
    for _ in range(2):
        torch.ssh("sudo rm -rf /opt/gpurig/torch7 /opt/gpurig/loadcaffe")
        said = torch.fab("setup-torch7")
        assert re.search(r"torch7 +installed in .*, what it builds taken from the job volume", said)
        made.append(torch.ssh(MADE))
    assert made[0] == made[1], "compiled once more it would be of another time"
    said = torch.fab("setup-loadcaffe")
    assert re.search(r"torch7 +present", said)
    assert re.search(r"loadcaffe +installed in .* taken from the job volume", said)
    torch.ssh(LOADS)
    assert torch.ssh(f"{TH} -e 'io.write(torch.Tensor(5):fill(3):sum())'") == "15"


@pytest.mark.parametrize("content", ["not a network", ""], ids=["another", "empty"])
def test_a_network_that_is_not_the_pinned_one_is_refused(torch: Box, content: str) -> None:
    torch.ssh(f"printf '{content}' >~/networks/{NAME}")
    said = torch.fab("setup-neural-style", code=6)
    assert f"{NAME} is not the file that the recipe pins" in said
    assert torch.ssh("ls /opt/gpurig/vgg19 || true").strip() == ""


def test_an_unpinned_network_has_to_be_the_one_that_its_mirror_speaks_of(style: Box) -> None:
    assert "nothing to do" in style.fab("setup-neural-style")
    whole = style.ssh(f"sudo sha256sum <{NETWORK}")
    # Also what the job volume keeps of it: else it would come from there.
    style.ssh(
        f"sudo rm -r {NETWORK} /jobs/.gpurig/kept; cd ~/networks; mv {NAME} whole; head -c 70000000 whole >{NAME}"
    )
    assert "is not the file" in style.fab("setup-neural-style", code=6)
    style.ssh(f"mv ~/networks/whole ~/networks/{NAME}")
    assert re.search(r"vgg19 +installed in", style.fab("setup-neural-style"))
    assert style.ssh(f"sudo sha256sum <{NETWORK}") == whole


def test_the_example_brings_its_pictures_home_one_after_the_other(style: Box, tmp_path: Path) -> None:
    words = "-num_iterations 20 -save_iter 5 -print_iter 10 -image_size 64"
    said = style.fab("example-neural-style", "--args", words, "--into", str(tmp_path))
    assert f"{NETWORK}: 36 layers" in said  # 16 convolutions, as many ReLUs, 4 times pooling
    assert [f"Iteration {t} / 20" in said for t in (10, 20)] == [True, True]
    pictures = {path.name: path.read_bytes() for path in tmp_path.rglob("out*.png")}
    assert set(pictures) == {"out_5.png", "out_10.png", "out_15.png", "out.png"}
    assert all(picture.startswith(PNG) and picture.endswith(b"IEND\xae\x42\x60\x82") for picture in pictures.values())
    assert len(set(pictures.values())) == 4


@pytest.mark.usefixtures("style")
def test_a_gpu_that_is_not_there_is_refused_and_never_replaced_by_the_cpu(torch: Box) -> None:
    said = torch.ssh("GPURIG_DEVICE=gpu bash -lc neural-style 2>&1; echo code $?").splitlines()
    assert said == ["neural-style: it was to compute on a GPU, and there is none", "code 3"]
