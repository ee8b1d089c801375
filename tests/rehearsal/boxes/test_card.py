"""A machine's card, as its boxes see it: found by what a driver leaves on the machine, or said not to be there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.boxes import card
from rehearsal.site import ROOT
from tests.kit.programs import write_program


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A driver's folder with its programs and libraries, the first on PATH, as containers have it."""
    folder = tmp_path / "driver"
    (folder / "bin").mkdir(parents=True)
    (folder / "lib64").mkdir()
    write_program(folder / "bin" / "nvidia-smi", "exit 0")
    for name in ("libcuda.so.580.1", "libnvidia-ml.so.580.1", "libother.so.1"):
        (folder / "lib64" / name).write_text("")
    (folder / "lib64" / "libcuda.so.1").symlink_to("libcuda.so.580.1")
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
    return folder


def devices(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("")
    return folder


def test_a_box_gets_the_cards_nodes_and_the_drivers_files_once_each(driver: Path, tmp_path: Path) -> None:
    there = devices(tmp_path / "dev", "nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-fs0", "null")
    found = card.find(there)
    assert found
    words = found.binds()
    nodes = [f"--bind={there / name}" for name in ("nvidia-uvm", "nvidia0", "nvidia1", "nvidiactl")]
    assert words[:4] == nodes
    libraries = [f"--bind-ro={driver}/lib64/{name}:/usr/local/nvidia/lib/{name}" for name in ("libcuda.so.580.1",)]
    assert set(libraries) <= set(words)
    assert sum("libcuda.so" in word for word in words) == 1, "a link is made by ldconfig in the box"
    assert not any("libother" in word for word in words)
    assert f"--bind-ro={driver}/bin/nvidia-smi:/usr/bin/nvidia-smi" in words


@pytest.mark.parametrize("names", [(), ("nvidiactl",)])
def test_a_driver_without_a_card_is_none(driver: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    assert driver
    assert card.find(devices(tmp_path / "dev", *names)) is None


@pytest.mark.skipif(card.find() is not None, reason="this machine has a card")
def test_without_a_card_the_check_says_so_in_one_line_and_how_to_go_on() -> None:
    words = [sys.executable, "-m", "rehearsal", "gpu-check"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "no GPU for boxes here" in line or "boxes need root" in line
