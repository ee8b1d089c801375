"""User-data: the same bytes for the same bundle, read by cloud-init's rules, and booted by its one line."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision.agent.paths import MACHINE_HOME
from provision.bundle import program
from provision.bundle.cloud_init import BOOT, LIMIT, cloud_config, user_data
from provision.bundle.render import render
from provision.bundle.step import Bundle
from provision.model.errors import BadInput
from provision.model.target import Target
from tests.kit.host import Lab
from tests.kit.wait import until

HOME = str(MACHINE_HOME)
AIR = 1024
"""Bytes that stay free below EC2's limit: for the next line of a recipe, or of the program."""


@pytest.fixture
def bundle(lab: Lab) -> Bundle:
    """A bundle with every kind of character that a script may hold."""
    odd = "".join(chr(code) for code in range(1, 127) if chr(code) not in "\0{%}#\r") + "äß→😀\u2028\u0085"
    lab.recipe("base", body=f": <<'END'\n{odd}\nEND")
    return lab.bundle("base")


def documents(bundle: Bundle) -> Any:
    return yaml.safe_load(gzip.decompress(user_data(bundle)))


def write_files(lab: Lab, document: Any) -> None:
    """Do what cloud-init does first, on a host of the lab."""
    for file in document["write_files"]:
        path = Path(file["path"].replace(HOME, str(lab.home)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["content"], encoding="utf-8")


def test_it_holds_the_bundle_to_the_byte(bundle: Bundle) -> None:
    text = gzip.decompress(user_data(bundle)).decode("ascii")
    assert text.startswith("#cloud-config\n")
    document = documents(bundle)
    assert document.keys() == {"bootcmd", "write_files", "runcmd"}
    files = {file["path"]: file["content"] for file in document["write_files"]}
    assert files.pop(f"{HOME}/bundle.json").encode() == bundle.to_bytes()
    assert files == {f"{BOOT}/{path}": text.rstrip("\n") for path, text in program.boot_files().items()}
    assert {file["permissions"] for file in document["write_files"]} == {"0600"}


def test_bytes_are_the_same_and_have_no_clock(bundle: Bundle) -> None:
    data = user_data(bundle)
    assert data == user_data(bundle)
    assert data[:4] == b"\x1f\x8b\x08\x00"
    assert data[4:8] == bytes(4), "gzip's header has a time"


def test_more_than_ec2_takes_is_refused_with_a_way_out(lab: Lab) -> None:
    noise = "".join(f"# {hashlib.sha256(bytes([n % 256, n // 256])).hexdigest()}\n" for n in range(1000))
    lab.recipe("base", body=noise)
    with pytest.raises(BadInput, match=f"EC2 takes {LIMIT}") as caught:
        user_data(lab.bundle("base"))
    assert "bootRecipe" in caught.value.hint


def test_its_one_line_starts_the_run(lab: Lab) -> None:
    lab.recipe("base")
    document = documents(lab.bundle("base"))
    write_files(lab, document)
    (line,) = document["runcmd"]
    line = line.replace(HOME, str(lab.home))
    subprocess.run(["/bin/sh", "-c", line], env=lab.env, check=True)
    until((lab.home / "ready.json").exists)
    assert lab.runs("base") == 1


def test_its_one_line_does_not_disturb_a_client_that_was_faster(lab: Lab) -> None:
    lab.recipe("base", body="while [ ! -e gate ]; do sleep 0.02; done")
    bundle = lab.bundle("base")
    document = documents(bundle)
    (line,) = document["runcmd"]
    write_files(lab, {"write_files": document["write_files"][1:]})
    with lab.client("apply", bundle) as client:
        started = client.until("started")
        subprocess.run(["/bin/sh", "-c", line.replace(HOME, str(lab.home))], env=lab.env, check=True)
        assert lab.json("pending.json")["run"] == started["run"]
        lab.open("gate")
        assert client.rest()[-1]["event"] == "ready"
    assert lab.runs("base") == 1
    assert [event["event"] for event in lab.journal()].count("start") == 1


def test_cloud_init_finds_nothing_wrong(bundle: Bundle, tmp_path: Path) -> None:
    if not shutil.which("cloud-init"):
        pytest.skip("cloud-init is not installed here; the boxes of the rehearsal check the same")
    path = tmp_path / "user-data"
    path.write_text(cloud_config(bundle))
    done = subprocess.run(["cloud-init", "schema", "-c", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("recipe", ["base", "cuda"])
@pytest.mark.parametrize(("gpu", "source"), [("T4", "nvidia"), ("T4", "distribution"), ("none", "distribution")])
def test_a_box_can_boot_into(recipe: str, gpu: str, source: str) -> None:
    volume = "vol-0123456789abcdef0"
    licences = ("nvidia-cuda", "nvidia-driver")
    target = Target(gpu=gpu, volume_id=volume, sources={"cuda": source}, licences=licences)
    assert len(user_data(render([recipe], target))) <= LIMIT - AIR


def test_what_keeps_builds_stays_out_of_it(lab: Lab) -> None:
    lab.recipe("base")
    lab.recipe("tool", 'needs = ["base"]')
    bundle = lab.bundle("tool")
    booted = json.loads(documents(bundle)["write_files"][0]["content"])
    assert "kept" in json.loads(bundle.to_bytes())
    assert "kept" not in booted
    assert booted["digest"] != bundle.digest
    assert [step["digest"] for step in booted["steps"]] == [step.digest for step in bundle.steps]
