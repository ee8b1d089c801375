"""The whole catalogue at once: whatever fits renders, the scripts are sound, and no script knows an address."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provision import cloud_init
from provision.bundle import render
from provision.platforms import images
from provision.recipe import TEMPLATES
from provision.target import Target
from tests.recipes.kitchen import CATALOGUE, GPUS, LICENCES, MIRRORS, VOLUME, bundles, target

CHAIN = ("base", "nvidia-driver", "cuda", "cudnn", "caffe", "digits")
SHELLCHECK = Path(sys.executable).with_name("shellcheck")


def test_every_recipe_renders_from_every_source_on_every_image_it_names() -> None:
    rendered = {(name, goal.image, CATALOGUE.recipes[name].source_for(goal)) for name, goal, _ in bundles()}
    promised = {
        (recipe.name, image, source)
        for recipe in CATALOGUE.recipes.values()
        for source in recipe.sources or [""]
        for image in recipe.images_from(source)
    }
    assert promised
    assert promised <= rendered


def test_rendering_twice_gives_the_same_bytes() -> None:
    for name, goal, bundle in bundles()[::10]:
        assert render([name], Target.from_document(goal.to_document())).to_bytes() == bundle.to_bytes()


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    texts: dict[str, set[str]] = {}
    for name, _, bundle in bundles():
        texts.setdefault("lib", set()).add(bundle.lib)
        for step in bundle.steps:
            for kind, text in (("install", step.install), ("verify", step.verify)):
                texts.setdefault(f"{step.name}.{kind}", set()).add(text)
            for file in step.files:
                if file["content"].startswith("#!/bin/bash"):
                    texts.setdefault(f"{name}.{Path(file['path']).name}", set()).add(file["content"])
    (tmp_path / "lib.sh").write_text(next(iter(texts["lib"])), encoding="utf-8")
    for stem, versions in texts.items():
        for number, text in enumerate(sorted(versions)):
            (tmp_path / f"{stem}.{number}").write_text(text, encoding="utf-8")
    scripts = sorted(str(path) for path in tmp_path.iterdir())
    words = ["--shell=bash", "--external-sources", f"--source-path={tmp_path}", "--format=gcc"]
    done = subprocess.run([SHELLCHECK, *words, *scripts], capture_output=True, text=True, check=False)
    assert not done.stdout + done.stderr


def test_no_template_knows_an_address() -> None:
    for path in TEMPLATES.rglob("*.j2"):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"\b(?:https?|git|ssh)://", text), path


def test_every_address_in_a_bundle_came_through_the_mirrors() -> None:
    goal = target("ubuntu-22.04", ("T4", "7.5"), {}, full=True)
    bundle = render(["digits"], goal)
    stood_in = "\n".join(s.install for s in bundle.steps if s.name in ("caffe", "digits"))
    assert "http://mirror.example/git/NVIDIA/caffe.git" in stood_in
    assert "github.com" not in stood_in


@pytest.mark.parametrize("pinned", [True, False])
def test_the_pinned_commit_is_asked_for_unless_told_otherwise(pinned: bool) -> None:
    goal = Target(gpu="T4", licences=LICENCES, unpinned=() if pinned else ("caffe",))
    step = next(s for s in render(["caffe"], goal).steps if s.name == "caffe")
    commit = CATALOGUE.recipes["caffe"].sources["nvidia"]["commit"]
    assert (commit in step.install) is pinned
    assert (commit in step.verify) is pinned
    assert ("commit not checked (unpinned)" in step.notes) is not pinned


@pytest.mark.parametrize("image", [name for name, image in images().items() if "22.04" in name])
@pytest.mark.parametrize("gpu", GPUS)
def test_the_base_of_any_box_fits_into_user_data(image: str, gpu: tuple[str, str]) -> None:
    bundle = render(["base"], target(image, gpu, {}, full=True))
    assert len(cloud_init.user_data(bundle)) < cloud_init.LIMIT


def test_the_chain_of_digits_comes_in_order() -> None:
    with_gpu = CATALOGUE.order(["digits"], Target(gpu="T4", licences=LICENCES))
    assert tuple(recipe.name for recipe in with_gpu) == CHAIN
    without = CATALOGUE.order(["digits"], Target(licences=LICENCES))
    assert tuple(recipe.name for recipe in without) == tuple(name for name in CHAIN if name != "nvidia-driver")


def test_the_licences_of_cuda_and_cudnn_are_asked_for_by_name() -> None:
    problems = CATALOGUE.problems(["digits"], Target(gpu="T4"))
    assert [name for name in LICENCES if any(f'"{name}"' in problem for problem in problems)] == list(LICENCES)
    brought = Target(gpu="T4", sources={"cuda": "present", "cudnn": "tarball"})
    assert not CATALOGUE.problems(["cudnn"], brought)


def test_caffe_on_a_gpu_that_it_cannot_be_built_for_is_refused_with_one_that_it_can() -> None:
    problems = CATALOGUE.problems(["digits"], Target(gpu="H100", compute="9.0", licences=LICENCES))
    assert len(problems) == 1
    assert "caffe" in problems[0]
    assert "g4dn.xlarge" in problems[0]


def test_debian_gets_cuda_from_its_own_archive_and_nothing_of_ubuntu() -> None:
    refused = CATALOGUE.problems(["cuda"], Target(image="debian-12", user="admin", licences=LICENCES))
    assert len(refused) == 1
    assert 'source "distribution"' in refused[0]
    goal = Target(
        image="debian-12", user="admin", licences=LICENCES, sources={"cuda": "distribution", "cudnn": "wheel"}
    )
    scripts = "\n".join(step.install for step in render(["digits"], goal).steps)
    assert "non-free" in scripts
    assert "ubuntu2204" not in scripts


def test_a_volume_that_is_not_mounted_keeps_digits_from_starting() -> None:
    with_volume = render(["digits"], Target(gpu="T4", licences=LICENCES, volume_id=VOLUME)).steps[-1]
    unit = next(f["content"] for f in with_volume.files if f["path"].endswith("digits.service"))
    assert "AssertPathIsMountPoint=/jobs" in unit.splitlines()
    assert "KillSignal=SIGINT" in unit.splitlines()
    assert "User=ubuntu" in unit.splitlines()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze on this machine")
def test_systemd_finds_every_unit_sound(tmp_path: Path) -> None:
    goal = Target(gpu="T4", licences=LICENCES, volume_id=VOLUME, mirrors=MIRRORS, idle_stop_minutes=30)
    for step in render(["digits"], goal).steps:
        for file in step.files:
            path = Path(file["path"])
            if path.suffix in (".service", ".timer"):
                # The programs that a unit starts are on the host, not here.
                text = re.sub(r"^(Exec\w+=\+?)\S+", r"\1/bin/true", file["content"], flags=re.MULTILINE)
                (tmp_path / path.name).write_text(text, encoding="utf-8")
    units = sorted(str(path) for path in tmp_path.iterdir())
    assert {Path(unit).name for unit in units} >= {"gpurig-volume.service", "gpurig-guard.timer", "digits.service"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert (done.returncode, ours) == (0, []), done.stderr
