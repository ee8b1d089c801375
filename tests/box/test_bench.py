"""`fab bench-…` as a user types it, with a tiny recipe of the user's own on a real box."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from tests.kit.box import Machine, nvidia_smi
from tests.kit.fab import fab_ends
from tests.kit.trials import card, user_of


@pytest.fixture
def home(machine: Machine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a recipe of their own."""
    monkeypatch.setenv("GPURIG_RECIPES", str(user_of(machine, home)))
    return home


def test_a_bench_without_a_gpu_is_the_cpu_half_and_says_so(home: Path) -> None:
    done = fab_ends(0, "bench-tiny")
    assert "epoch 1" in done.stdout
    assert "this host has no GPU" in done.stdout
    row = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith("cpu "))
    assert row == ["cpu", "2.5", "2", "4", "17.5", "0.25"]
    [folder] = Path("results").glob("bench-tiny-tester-*")
    document = json.loads((folder / "bench.json").read_text())
    assert document["gpu"] is None
    assert document["ratio"] is None
    assert "no GPU" in document["verdict"]
    assert document["cpu"]["seconds"] == [9, 2, 2.5, 4]
    assert document["host"]["name"] == "tester"
    assert document["host"]["cores"] == len(os.sched_getaffinity(0))
    with Image.open(folder / "bench.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 800
    assert home in folder.absolute().parents


def test_a_bench_computes_on_the_cpu_then_on_the_gpu(machine: Machine, home: Path) -> None:
    card(home)
    refused = fab_ends(1, "bench-tiny")
    assert "has a T4, and no driver there that sees it" in refused.stderr
    assert "setup-nvidia-driver" in refused.stderr
    with nvidia_smi(machine, "echo Tesla T4, 7.5, 580.1"):
        done = fab_ends(0, "bench-tiny")
    assert "the GPU is 10 times as fast as the CPU" in done.stdout
    [folder] = Path("results").glob("bench-tiny-tester-*")
    document = json.loads((folder / "bench.json").read_text())
    assert document["ratio"] == 10
    assert document["card"] is None
    assert document["host"]["gpu"] == "Tesla T4, driver 580.1"
    assert [document[half]["device"] for half in ("cpu", "gpu")] == ["cpu", "cuda:0 (T4)"]
    assert (folder / "gpu" / "run.log").read_text() == "epoch 1\n"


def test_a_bench_that_learnt_nothing_fails_with_what_was_seen(home: Path) -> None:
    done = fab_ends(1, "bench-tiny", "--args", "'\"seed\": 0' NaN")
    assert "the loss of epoch 4 is nan" in done.stderr
    assert "times as fast" not in done.stdout
    assert not list(home.glob("results/*/bench.json"))
    # It does not go on with what is of no use.
    assert "the loss of epoch 4 is nan" in fab_ends(1, "bench-tiny", "--args", "'\"seed\": 0' NaN").stderr
    assert len(list(home.glob("results/*/cpu/run.log"))) == 1


def test_a_bench_that_breaks_the_contract_is_told_by_key_and_script(home: Path) -> None:
    done = fab_ends(2, "bench-tiny", "--args", "'\"seeds\": 0'")
    assert '"seed" is missing' in done.stderr
    assert "bash time.sh" in done.stderr
    assert not list(home.glob("results/*/bench.json"))
