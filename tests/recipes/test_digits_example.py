"""DIGITS' example: the program that runs on the host, against the stand-in's server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.kit.wait import wait_for
from tests.recipes.digits_lab import EXAMPLE, GPU, Server, ended, start


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that has no job of another test."""
    server = Server(tmp_path)
    yield server
    server.close()


def test_it_trains_shows_progress_and_leaves_the_jobs(tmp_path: Path, server: Server) -> None:
    out = ended(start(tmp_path, server.url, "--epochs", "12", "--per-class", "60"), 0)
    result = json.loads((tmp_path / "results" / "result.json").read_text())
    data, model = (server.jobs / result["jobs"][name] for name in ("data set", "model"))

    # The accuracy is what the weights that it has left really do on the pictures that were kept back.
    kept, weights = np.load(data / "pictures.npz"), np.load(model / "weights.npy")
    count = int(kept["validation"])
    pixels = np.hstack([kept["x"][:count] / 255, np.ones((count, 1))])
    right = int(((pixels @ weights).argmax(axis=1) == kept["y"][:count]).sum())
    assert result["accuracy"] == pytest.approx(right / count)
    assert f"accuracy {100 * right / count:.2f} %" in out.splitlines()[-3]
    assert right > count / 2
    assert result["pictures"] == {"Create DB (train)": 450, "Create DB (val)": 150}
    assert result["curve"][-1]["epoch"] == 12

    states = [state["status"] for kind in ("datasets", "models") for state in server.get("/index/json")[kind]]
    assert states == ["Done", "Done"]
    assert {"data set", "LeNet"} <= {
        line.split(f" {job.name}")[0] for line in out.splitlines() for job in (data, model)
    }
    assert re.search(r"Running, epoch [1-9]\.0 of 12, training loss \d\.\d+, loss \d\.\d+, accuracy [\d.]+ %\n", out)
    assert result["stand_in"] is True
    assert "STAND-IN" in out
    assert "softmax regression (stand-in)" in out.splitlines()[-3]
    assert f"{server.url}/models/{model.name}" in out.splitlines()[-1]
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["curves.png", "result.json"]
    assert (tmp_path / "results" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_draws_the_same_pictures(tmp_path: Path) -> None:
    drawn = []
    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        program = f"import pathlib, pictures; pictures.write(pathlib.Path({str(tmp_path / name)!r}), 2, {seed})"
        subprocess.run(
            [sys.executable, "-c", program], cwd=EXAMPLE, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        )
        drawn.append([path.read_bytes() for path in sorted((tmp_path / name).glob("[0-9]/*.png"))])
    assert len(drawn[0]) == 20
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert len(set(drawn[0])) == 20


def test_a_failed_job_ends_it_with_the_end_of_the_jobs_log(tmp_path: Path, server: Server) -> None:
    broken = """
SIDE = 28
def write(folder, per_class, seed):
    (folder / "0").mkdir(parents=True)
    (folder / "0" / "a.png").write_text("no picture")
    return 1
"""
    shutil.copytree(EXAMPLE, tmp_path / "example")
    (tmp_path / "example" / "pictures.py").write_text(broken)
    process = subprocess.Popen(
        [sys.executable, "lenet.py", "--url", server.url, "--user", "ada"],
        cwd=tmp_path / "example",
        text=True,
        stdout=-1,
    )
    out = ended(process, 1)
    assert re.search(r"error: http://127\.0\.0\.1:\d+/datasets/[-\w]+ failed\n", out)
    assert "cannot identify image file" in out.splitlines()[-1]


def test_being_stopped_leaves_the_training_going_on(tmp_path: Path, server: Server) -> None:
    process = start(tmp_path, server.url, "--epochs", "20", "--per-class", "8")
    wait_for(process, "Running, epoch")
    process.terminate()
    out = ended(process, 130)
    job = re.findall(r"/models/([-\w]+)", out)[-1]
    assert "the training goes on in DIGITS" in out.splitlines()[-1]
    while (status := server.get(f"/jobs/{job}/table_data/json")["job"]["status"]) == "Running":
        time.sleep(0.1)
    assert status == "Done"


def test_a_server_that_goes_away_is_said(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        process = start(tmp_path, server.url, "--per-class", "8", "--epochs", "50", "--patience", "1")
        wait_for(process, "Running, epoch")
    finally:
        server.close()
    last = ended(process, 1).splitlines()[-2:]
    assert last[0].startswith(f"error: DIGITS does not answer at {server.url}: ")
    assert last[1] == "look at it: systemctl status 'digits*'"


@pytest.mark.skipif(GPU, reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_never_the_cpu(tmp_path: Path, server: Server) -> None:
    before = server.get("/index/json")
    out = ended(start(tmp_path, server.url, GPURIG_DEVICE="gpu"), 3)
    assert out == "GPURIG_DEVICE is 'gpu': this host has no GPU\n"
    assert server.get("/index/json") == before


@pytest.mark.parametrize("words", [("--epochs", "0"), ("--per-class", "3"), ("--user", "Not A Name"), ("--wrong",)])
def test_wrong_arguments_are_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert "error: " in ended(start(tmp_path, "http://127.0.0.1:9", *words), 2)
