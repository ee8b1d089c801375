"""The whole catalogue at once: whatever fits renders, the scripts are sound, and no script knows an address."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
import urllib.parse
from pathlib import Path

import pytest

from provision.bundle import cloud_init
from provision.bundle.render import render
from provision.catalogue.cells import State, cell
from provision.catalogue.compatibility import oldest_driver
from provision.catalogue.folders import TEMPLATES
from provision.catalogue.recipe import Recipe
from provision.model.platforms import NO_GPU, gpus, images
from provision.model.target import Target
from tests.kit.catalogue import (
    CATALOGUE,
    GPUS,
    LICENCES,
    MIRRORS,
    VOLUME,
    addresses,
    bundles,
    scripts,
    shellcheck,
    target,
    writes,
)

CHAIN = ("base", "door", "nvidia-driver", "cuda", "cudnn", "caffe", "digits")


def test_every_recipe_renders_from_every_source_on_every_image_it_names() -> None:
    rendered = {(name, goal.image, CATALOGUE.recipes[name].source_for(goal)) for name, goal, _ in bundles()}
    promised = {
        (recipe.name, image, source)
        for recipe in CATALOGUE.recipes.values()
        for source in recipe.sources or [""]
        for image in recipe.images_from(source)
        if image not in recipe.no
    }
    assert promised
    assert promised - rendered == set()


def test_rendering_twice_gives_the_same_bytes() -> None:
    for name, goal, bundle in bundles()[::10]:
        assert render([name], Target.from_document(goal.to_document())).to_bytes() == bundle.to_bytes()


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    found = shellcheck(tmp_path, scripts(bundles()))
    assert not found, found


def test_no_verify_script_changes_anything() -> None:
    assert writes(scripts(bundles())) == []
    assert writes({"x.verify.0": 'grep -q a "$f" 2>/dev/null\nrm -f a\necho x >"$file"\n'}) == [
        "x.verify.0: rm -f a",
        'x.verify.0: echo x >"$file"',
    ]


def test_addresses_stand_in_recipe_toml_alone() -> None:
    assert addresses(CATALOGUE) == []
    for path in (TEMPLATES / "host").iterdir():
        assert "://" not in path.read_text(encoding="utf-8"), path


def test_every_recipe_says_how_long_it_takes_and_how_much_disk() -> None:
    for recipe in CATALOGUE.recipes.values():
        table = tomllib.loads((recipe.folder / "recipe.toml").read_text(encoding="utf-8"))
        assert table.get("minutes", 0) > 0, recipe.name
        assert "disk_gib" in table, recipe.name


def test_git_sources_are_pinned_by_commit_and_downloads_by_checksum() -> None:
    for recipe in CATALOGUE.recipes.values():
        for table in (
            t for source in recipe.sources.values() for t in (source, *source.values()) if isinstance(t, dict)
        ):
            # The address of a service has no path, and nothing that could be pinned.
            if urllib.parse.urlsplit(table.get("url", "")).path.strip("/"):
                pinned = re.fullmatch("[0-9a-f]{40}", table.get("commit", "")) and table.get("ref")
                assert pinned or any(key in table for key in ("sha256", "md5", "sum")), f"{recipe.name}: {table['url']}"


def test_every_package_of_pip_s_is_pinned_by_its_hashes() -> None:
    lists = 0
    for name, _, bundle in bundles():
        for step in bundle.steps:
            for file in step.files:
                if Path(file["path"]).name.startswith("requirements"):
                    lists += 1
                    whole = file["content"].replace("\\\n", " ").splitlines()
                    pins = [line for line in whole if line.strip() and not line.startswith("#")]
                    bare = [pin for pin in pins if not re.fullmatch(r"\S+==\S+(\s+--hash=sha256:[0-9a-f]{64})+", pin)]
                    assert pins, f"{name}: {file['path']} holds nothing"
                    assert not bare, f"{name}: {file['path']}: {bare[0]}"
            for line in (step.install + bundle.lib).replace("\\\n", " ").splitlines():
                if re.search(r"\bpip install\b", line):
                    assert re.search(r"--require-hashes|--no-index", line), f"{name}: {line}"
    assert lists


def test_every_recipe_of_a_document_has_an_example_or_serves_one_that_has() -> None:
    """Or says in its own words why there is nothing to run."""
    for recipe in CATALOGUE.recipes.values():
        users = [r for r in CATALOGUE.recipes.values() if r.example and recipe.name in CATALOGUE.closure([r.name])]
        assert users or not recipe.document or recipe.no_example, recipe.name


def test_what_supports_says_is_about_things_that_there_are() -> None:
    for recipe in CATALOGUE.recipes.values():
        assert set(recipe.images) | {i for s in recipe.sources for i in recipe.images_from(s)} <= set(images()), (
            recipe.name
        )
        computes = {*recipe.compute, *(set(recipe.no) - set(images()))}
        assert all(re.fullmatch(r"\d{1,2}\.\d", compute) for compute in computes), recipe.name
        for why in recipe.no.values():
            assert len(why.split()) > 2, f"{recipe.name}: a reason is a sentence: {why}"
        for row in recipe.built:
            there = images()[row["image"]], [gpu for gpu in gpus() if gpus()[gpu].compute == row["compute"]]
            assert all(there), f"{recipe.name}: {row}"
            assert re.fullmatch(r"\d+\.\d+", row["cuda"]), f"{recipe.name}: {row}"
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]), f"{recipe.name}: {row}"
            assert cell(CATALOGUE, recipe.name, row["image"], there[1][0]).state is not State.NO, (
                f"{recipe.name}: {row}"
            )
        for row in recipe.tried:
            assert row["image"] in images(), recipe.name
            assert row["gpu"] in {NO_GPU, *gpus()}, recipe.name
            assert row.get("source", "") in {"", *recipe.sources}, recipe.name
            assert cell(CATALOGUE, recipe.name, row["image"], row["gpu"]).state is State.TRIED, recipe.name


def test_the_driver_that_recipes_ask_for_is_one_that_can_be_had() -> None:
    brought = int(CATALOGUE.recipes["nvidia-driver"].version)
    for name in CATALOGUE.recipes:
        assert oldest_driver(CATALOGUE, name) <= brought, name


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
    asked = [name for name in LICENCES if any(f'"{name}"' in problem for problem in problems)]
    assert asked == ["nvidia-cuda", "nvidia-cudnn"]
    brought = Target(gpu="T4", sources={"cuda": "present", "cudnn": "tarball"})
    assert not CATALOGUE.problems(["cudnn"], brought)


def test_caffe_on_a_gpu_that_it_cannot_be_built_for_is_refused_with_one_that_it_can() -> None:
    made = Target(gpu="V100", compute="7.0", licences=LICENCES, volume_id="vol-0123456789abcdef0")
    problems = CATALOGUE.problems(["digits"], made)
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


@pytest.mark.parametrize("recipe", CATALOGUE.recipes.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_that_compiles_says_so(recipe: Recipe) -> None:
    text = (recipe.folder / "install.sh.j2").read_text(encoding="utf-8")
    compiles = re.search(r"\$\(jobs\)|\bmake -|\bluarocks make\b|\./install\.sh|--no-build-isolation", text)
    assert recipe.builds is bool(compiles)
