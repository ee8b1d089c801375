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

from provision.agent.paths import GUARD_PROGRAM, MACHINE_HOME
from provision.bundle import program
from provision.bundle.cloud_init import LIMIT, cloud_config, user_data
from provision.bundle.render import render
from provision.bundle.step import Bundle
from provision.model.errors import BadInput
from provision.model.target import Target
from tests.kit.host import Lab
from tests.kit.user_data import opened, unpack
from tests.kit.wait import until

HOME = str(MACHINE_HOME)
AIR = 768
"""Bytes that stay free below EC2's limit: for the next line of a recipe, or of the program."""


@pytest.fixture
def bundle(lab: Lab) -> Bundle:
    """A bundle with every kind of character that a script may hold."""
    odd = "".join(chr(code) for code in range(1, 127) if chr(code) not in "\0{%}#\r") + "äß→😀\u2028\u0085"
    lab.recipe("base", body=f": <<'END'\n{odd}\nEND")
    return lab.bundle("base")


def packed(bundle: Bundle) -> list[Any]:
    return opened(gzip.decompress(user_data(bundle)).decode("ascii"))


def start(lab: Lab, bundle: Bundle) -> None:
    """Do what cloud-init does in the end, on a host of the lab."""
    (line,) = yaml.safe_load(cloud_config(bundle))["runcmd"]
    subprocess.run(["/bin/sh", "-c", line.replace(HOME, str(lab.home))], env=lab.env, check=True)


def test_it_holds_the_bundle_to_the_byte(lab: Lab, bundle: Bundle) -> None:
    assert cloud_config(bundle).startswith("#cloud-config\n")
    assert yaml.safe_load(cloud_config(bundle)).keys() == {"bootcmd", "runcmd"}
    unpack(packed(bundle), lab.home / "root", lab.home)
    file, boot = lab.home / "bundle.json", lab.home / "agent/boot"
    assert file.read_bytes() == bundle.to_bytes()
    written = {path for path in boot.rglob("*") if path.is_file()}
    texts = {str(path.relative_to(boot)): path.read_text(encoding="utf-8") for path in written}
    assert texts == program.boot_files()
    assert {path.stat().st_mode & 0o777 for path in {file, *written}} == {0o600}


def test_the_guard_is_on_before_all_else_and_keeps_nothing_back(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "root"
    content = f"#!/bin/sh\nls {home} >{tmp_path}/there 2>&1\necho $* >{tmp_path}/asked\nexit 1\n"
    file = {"path": GUARD_PROGRAM, "mode": "0755", "content": content}
    fake = {"name": "base", "files": [file]}
    code, forget, modules, _ = packed(render(["base"], Target()))
    unpack([code, forget, modules, {"steps": [fake]}], root, home)
    assert (tmp_path / "asked").read_text() == "arm\n"
    assert "No such file" in (tmp_path / "there").read_text()
    assert (home / "bundle.json").exists()


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
    bundle = lab.bundle("base")
    unpack(packed(bundle), lab.home, lab.home)
    start(lab, bundle)
    until((lab.home / "ready.json").exists)
    assert lab.runs("base") == 1


def test_what_could_go_at_once_goes_one_after_the_other_in_it(lab: Lab) -> None:
    lab.recipe("base")
    for name in ("one", "two"):
        lab.recipe(name, 'needs = ["base"]', body="mkdir busy; sleep 0.1; rmdir busy")
    bundle = lab.bundle("one", "two")
    unpack(packed(bundle), lab.home, lab.home)
    start(lab, bundle)
    until((lab.home / "ready.json").exists)
    assert lab.marked() == {"base", "one", "two"}


def test_its_one_line_does_not_disturb_a_client_that_was_faster(lab: Lab) -> None:
    lab.recipe("base", body="while [ ! -e gate ]; do sleep 0.02; done")
    bundle = lab.bundle("base")
    unpack(packed(bundle), lab.home, lab.home)
    with lab.client("apply", bundle) as client:
        started = client.until("started")
        start(lab, bundle)
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


def test_what_keeps_builds_and_has_steps_go_at_once_stays_out_of_it(lab: Lab) -> None:
    lab.recipe("base")
    lab.recipe("tool", 'needs = ["base"]')
    lab.recipe("other", 'needs = ["base"]')
    bundle = lab.bundle("tool", "other")
    booted = packed(bundle)[-1]
    assert {"kept", "graph"} <= json.loads(bundle.to_bytes()).keys()
    assert {"kept", "graph"}.isdisjoint(booted)
    assert booted["digest"] != bundle.digest
    assert [step["digest"] for step in booted["steps"]] == [step.digest for step in bundle.steps]
