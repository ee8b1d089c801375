"""The code for each GPU is in what the recipes compile: CUDAMat, Torch 7 with cutorch and cunn, and Caffe.

What is seen here is written into `built` of the recipe, with the CUDA and the day.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from tests.installs.box import Box

COMPUTES = {"ubuntu-22.04": ("7.5", "8.6"), "debian-12": ("8.9", "9.0")}
"""The compute capabilities that each image's own CUDA is asked for: 11.5 and 11.8."""
BUILT = "/opt/gpurig"

ubuntu = pytest.mark.parametrize("box", ["ubuntu-22.04"], indirect=True, scope="module")
each_image = pytest.mark.parametrize(("box", "computes"), COMPUTES.items(), indirect=["box"], scope="module")


def code_in(box: Box, library: str) -> list[str]:
    """Return for which of the GPUs asked for here a library on the box has code, as cuobjdump lists it.

    Beside it stands what nvcc links with, a cubin for its own default GPU and without a kernel (sm_52).
    """
    listed = set(re.findall(r"sm_(\d+)", box.ssh(f"cuobjdump --list-elf {library}")))
    return [compute for compute in sum(COMPUTES.values(), ()) if compute.replace(".", "") in listed]


def th(box: Box, script: str) -> str:
    """Return what Torch says to a line of Lua, with all symbols of what it loads resolved as it loads it."""
    return box.ssh(f'LD_BIND_NOW=1 TERM=dumb bash -lc "th -e \\"{script}\\"" 2>&1 </dev/null || true')


def for_compute(box: Box, compute: str) -> None:
    """Declare the compute capability to compile for."""
    hosts = box.folder / "hosts.toml"
    hosts.write_text(re.sub(r'compute = "[\d.]+"', f'compute = "{compute}"', hosts.read_text()))


def with_own(box: Box, name: str, folder: Path, *edits: tuple[str, str, str]) -> Box:
    """Return the box with a recipe of one's own, the catalogue's but for some lines: file, pattern, replacement."""
    own = folder / name
    shutil.copytree(Catalogue().recipes[name].folder, own)
    for file, pattern, replacement in edits:
        text, count = re.subn(pattern, replacement, (own / file).read_text(), flags=re.DOTALL)
        assert count, f"{name}/{file} has no {pattern}"
        (own / file).write_text(text)
    return dataclasses.replace(box, env={**box.env, "GPURIG_RECIPES": str(folder)})


@ubuntu
@pytest.mark.parametrize("compute", COMPUTES["ubuntu-22.04"])
def test_cudamat(box: Box, compute: str) -> None:
    for_compute(box, compute)
    assert "cudamat" in box.fab("setup-cudamat")
    for library in ("libcudamat", "libcudalearn"):
        assert code_in(box, f"{BUILT}/cudamat/current/cudamat/{library}.so") == [compute]


@ubuntu
def test_torch7_with_cutorch_and_cunn(box: Box, tmp_path: Path) -> None:
    """What needs a card is left out: the sum that the recipe has it compute. Both GPUs' code is compiled in one go."""
    computes = COMPUTES["ubuntu-22.04"]
    for_compute(box, computes[0])
    with_card = r'target\.gpu != "none"'
    own = with_own(
        box,
        "torch7",
        tmp_path,
        ("recipe.toml", r'needs_on_gpu = \["cuda"\]', ""),
        ("recipe.toml", r'\["base"\]', '["cuda"]'),
        ("install.sh.j2", r'sum=\$\(TERM=dumb "\$home.*?die "Torch was built[^\n]*\n', ""),
        ("install.sh.j2", with_card, "true"),
        ("verify.sh.j2", with_card, "true"),
        ("install.sh.j2", r"TORCH_CUDA_ARCH_LIST=\$arch", f"TORCH_CUDA_ARCH_LIST='{' '.join(computes)}'"),
    )
    own.fab("setup-torch7")
    for library in ("libTHC", "libTHCUNN"):
        assert code_in(box, f"$(find -L {BUILT}/torch7/current/install/lib -name {library}.so)") == [*computes]
    # Every symbol is looked for at once: what the patches left out would show itself in the midst of a training else.
    assert "cuda runtime error" in th(box, "require 'cutorch'"), "it comes as far as to ask for a card"
    loads = "require('ffi').load(package.searchpath('libTHCUNN', package.cpath)); io.write('loaded')"
    assert th(box, loads) == "loaded"
    assert "nothing to do" in own.fab("setup-torch7")
    own.fab("setup-loadcaffe")


@each_image
def test_caffe(box: Box, computes: tuple[str, ...], tmp_path: Path) -> None:
    """Both GPUs' code is compiled in one go."""
    for_compute(box, computes[0])
    both = ("install.sh.j2", r'CUDA_ARCH_BIN="\$arch"', f'CUDA_ARCH_BIN="{" ".join(computes)}"')
    with_own(box, "caffe", tmp_path, both).fab("setup-caffe")
    assert code_in(box, f"$(ls {BUILT}/caffe/current/build/lib/libcaffe*.so | head -n 1)") == [*computes]


@pytest.mark.parametrize("box", ["debian-12"], indirect=True, scope="module")
def test_debians_driver_compiles_against_its_present_kernel(box: Box) -> None:
    """Its modules are compiled on the host, by DKMS, and a card is not asked for."""
    box.fab("setup-cuda")  # so contrib and non-free are among apt's sources
    packages = Catalogue().recipes["nvidia-driver"].sources["debian"]["packages"]
    install = "sudo DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends"
    # The headers last: what a new kernel's headers bring along is compiled as a kernel that arrives by an upgrade.
    said = box.ssh(f"{install} {' '.join(packages)} dkms 2>&1 && {install} linux-headers-amd64 2>&1")
    states = box.ssh("sudo dkms status").splitlines()
    assert any(re.fullmatch(r"nvidia-current/535\.\S+, 6\.1\.\S+, x86_64: installed", state) for state in states), said
