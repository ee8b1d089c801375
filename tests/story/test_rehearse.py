"""The main job, end to end: `python -m rehearsal story`, as `make rehearse` runs it, with a state folder of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.model.platforms import gpus, instance_types
from rehearsal.boxes import card, why_not
from rehearsal.errors import RehearsalError
from rehearsal.story import on_card
from tests.kit.fab import ROOT


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder in the checkout: a box with CUDA has more on its disk than many a /tmp can hold."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-test-") as folder:
        yield Path(folder)


@pytest.mark.box
@pytest.mark.slow
@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
def test_the_main_job_runs_and_gives_the_machine_back(state: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "story", "--state", str(state)],
        cwd=ROOT,
        env={**os.environ, "SOURCES": "standins"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    log = (state / "cloud.log").read_text(errors="replace") if (state / "cloud.log").exists() else ""
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}\n--- cloud.log\n{log[-3000:]}"
    for sign in ("digits is ready on", "nothing to do, all", "no answer: the security group drops it", "as before"):
        assert sign in done.stdout
    assert "stand-in" in done.stdout.partition("What was real, and what stood in")[2]
    # What was taken from the machine is written down before; an empty list means that all of it was given back.
    assert json.loads((state / "boxes" / "taken.json").read_text()) == []
    for listing in (
        Path("/proc/mounts").read_text(),
        subprocess.run(["losetup"], capture_output=True, text=True, check=True).stdout,
    ):
        assert str(state) not in listing


def test_sources_that_do_not_exist_are_refused_before_anything_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rehearsal", "story", "--state", str(tmp_path / "state")]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "SOURCES": "moon"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert 'SOURCES has to be one of standins, upstream, and it is "moon"' in done.stderr
    assert not (tmp_path / "state").exists()


def gpu_story(tmp_path: Path, *words: str) -> str:
    """Return why a rehearsal with this machine's card does not begin, in one line."""
    command = [sys.executable, "-m", "rehearsal", "story", "--gpu", *words, "--state", str(tmp_path / "state")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, (tmp_path / "state").exists()) == (1, False)
    (line,) = done.stderr.strip().splitlines()
    return line


@pytest.mark.skipif(card.find() is not None, reason="this machine has a card")
def test_without_a_card_it_says_so_in_one_line(tmp_path: Path) -> None:
    assert "no GPU for boxes here" in gpu_story(tmp_path)


def test_a_whole_life_has_no_card(tmp_path: Path) -> None:
    assert "make rehearse LIFE=1" in gpu_story(tmp_path, "--life")


def test_a_folder_in_place_of_the_network_is_for_the_check(tmp_path: Path) -> None:
    assert "make gpu-check OFFLINE=/a/folder" in gpu_story(tmp_path, "--offline", "/a/folder")
    [recipe] = re.findall(r"^rehearse: .*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert '$(if $(OFFLINE),--offline "$(abspath $(OFFLINE))")' in recipe, "make passes it on, and does not drop it"


@pytest.mark.parametrize(
    ("compute", "sources", "system"),
    [("7.5", "standins", "ubuntu-22.04"), ("9.0", "standins", "debian-12"), ("9.0", "upstream", "ubuntu-22.04")],
)
def test_the_box_has_the_system_whose_cuda_compiles_for_the_card(compute: str, sources: str, system: str) -> None:
    assert on_card.system({"card": "NVIDIA H200", "compute": compute}, sources) == system


@pytest.mark.parametrize("compute", ["6.1", "12.0"])
def test_a_card_without_a_cuda_11_is_sent_to_the_check(compute: str) -> None:
    with pytest.raises(RehearsalError, match="make gpu-check"):
        on_card.system({"card": "a card", "compute": compute}, "standins")


def test_the_types_that_stand_for_cards_have_cards_of_that_capability() -> None:
    for compute, name in on_card.TYPES.items():
        assert gpus()[instance_types()[name].gpu].compute == compute
