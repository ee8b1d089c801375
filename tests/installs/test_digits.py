"""DIGITS as a service and its example, on the stand-ins of Caffe and DIGITS, with the real CUDA and cuDNN."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.installs.box import Box

HOST = """\
unpinned = ["caffe", "digits"]
[sources]
cuda  = "distribution"
cudnn = "wheel"
"""
INDEX = "curl -fsS http://127.0.0.1:5001/index/json"


@pytest.fixture(scope="module")
def digits(box: Box) -> Box:
    """The box with DIGITS."""
    said = box.fab("setup-digits")
    for recipe in ("door", "cuda", "cudnn", "caffe", "digits"):
        assert re.search(rf"^ *{recipe} +installed in ", said, re.MULTILINE), said
    return box


def test_it_is_found_again(digits: Box) -> None:
    assert "nothing to do" in digits.fab("setup-digits")


def test_it_listens_for_the_box_alone_and_the_door_for_others(digits: Box) -> None:
    listening = digits.ssh("ss -Hltn | awk '{print $4}'").split()
    assert [place for place in listening if place.endswith((":5000", ":5001"))] == ["0.0.0.0:5000", "127.0.0.1:5001"]
    status = "curl -ks -o /dev/null -w '%{http_code}'"
    assert digits.ssh(f"{status} https://127.0.0.1:5000/index/json") == "401"
    # Its web sockets too: what they begin with, from its own page and from another's.
    for origin, answer in (("http://127.0.0.1:5002", "200"), ("http://evil.example", "403")):
        begin = f"{status} -H 'Origin: {origin}' 'http://127.0.0.1:5002/socket.io/?EIO=3&transport=polling'"
        assert digits.ssh(begin) == answer


def test_the_example_trains_and_leaves_its_jobs_on_the_volume(digits: Box, tmp_path: Path) -> None:
    said = digits.fab("example-digits", "--into", str(tmp_path))
    (path,) = tmp_path.rglob("result.json")
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["stand_in"] is True
    assert result["accuracy"] > 0.9  # by chance: 0.1
    assert f"accuracy {100 * result['accuracy']:.2f} %" in said
    assert path.with_name("curves.png").read_bytes().startswith(b"\x89PNG")

    for job in (result["jobs"]["data set"], result["jobs"]["model"]):
        folder = f"{result['jobs']['directory']}/{job}"
        assert digits.ssh(f"stat -c %U {folder}") == "ubuntu\n"
        assert json.loads(digits.ssh(f"cat {folder}/status.json"))["status"] == "Done"
    digits.ssh("sudo systemctl restart digits && for i in $(seq 60); do " + INDEX + " && break; sleep 0.5; done")
    models = json.loads(digits.ssh(INDEX))["models"]
    assert [model["id"] for model in models] == [result["jobs"]["model"]]


def test_arguments_of_the_users_reach_it(digits: Box, tmp_path: Path) -> None:
    said = digits.fab("example-digits", "--args", "--epochs 2 --per-class 8", "--into", str(tmp_path))
    assert "80 pictures of digits" in said
    assert "of 2, training loss" in said


def test_a_gpu_that_is_not_there_is_refused_and_never_replaced_by_the_cpu(digits: Box) -> None:
    python = "/opt/gpurig/digits/venv/bin/python"
    said = digits.ssh(f"cd /jobs/work/example-digits && GPURIG_DEVICE=gpu {python} lenet.py; echo code $?")
    assert said.splitlines() == ["GPURIG_DEVICE is 'gpu': this host has no GPU", "code 3"]
