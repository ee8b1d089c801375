"""`fab` as a user types it, where no host is needed: lists, rendering, and what bad input gets."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from provision.model.host import BOX
from provision.model.platforms import gpu_model
from tests.kit.fab import LICENCES, ROOT, fab, host_row, outputs, pulumi_that_says, refused, write_hosts
from tests.kit.user_data import opened


def test_every_recipe_has_its_task(tmp_path: Path) -> None:
    listed = fab(tmp_path, "--list").stdout
    assert Catalogue().recipes
    for name in Catalogue().recipes:
        assert f"setup-{name} " in listed
    verbs = ("plan", "recipes", "render", "setup", "ssh", "status", "tunnel")
    for verb in (*verbs, "sync", "run", "logs", "ps", "cancel", "fetch"):
        assert f"\n  {verb} " in listed


def test_recipes_lists_each_after_what_it_needs(tmp_path: Path) -> None:
    lines = fab(tmp_path, "recipes").stdout.splitlines()
    names = [line.split()[0] for line in lines if line.split()]
    for recipe in Catalogue().recipes.values():
        for need in recipe.needs:
            assert names.index(need) < names.index(recipe.name)


def test_render_writes_user_data_that_holds_the_bundle(tmp_path: Path) -> None:
    fab(tmp_path, "render", "--recipe", "base", "--gpu", "none", code=0)
    text = gzip.decompress((tmp_path / "user-data.gz").read_bytes()).decode()
    assert text.startswith("#cloud-config\n")
    assert [step["name"] for step in opened(text)[-1]["steps"]] == ["base"]
    fab(tmp_path, "render", "--recipe", "base", "--gpu", "none", "--text", "--out", "plain", code=0)
    assert (tmp_path / "plain").read_text() == text


def test_render_names_every_licence_that_is_not_accepted(tmp_path: Path) -> None:
    said = refused(tmp_path, "render", "--recipe", "digits", "--gpu", "T4")
    for part in ('"nvidia-cuda"', '"nvidia-cudnn"', "acceptLicences", "hosts.toml", "--accept"):
        assert part in said
    assert not (tmp_path / "user-data.gz").exists()
    fab(tmp_path, "render", "--recipe", "cudnn", "--gpu", "T4", *LICENCES, "--text", code=0)


def test_a_hosts_file_gets_all_its_problems_at_once(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(
        'colour = "red"\n[host.a]\ngpu = "T4"\nport = 22\n[host.b]\naddress = "b"\nhue = 1\n[host.c]\naddress = "c"\n'
        'gpu = "T4"\nimage = "amiga"\n'
    )
    said = refused(tmp_path, "plan")
    for part in ('"colour"', "[host.a] needs an address", '"hue" in [host.b]', "[host.b] needs gpu", '"amiga"'):
        assert part in said


def test_without_a_stack_the_way_out_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, "status", code=3)
    assert "no `pulumi` on PATH" in said
    assert "fab -H user@host" in said
    path = pulumi_that_says(tmp_path, stderr="error: no stack selected", code=255)
    said = refused(tmp_path, "status", code=3, PATH=path)
    for part in ("no stack selected", "pulumi up", f"{tmp_path} is in no project of gpurig"):
        assert part in said


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    path = pulumi_that_says(tmp_path, stdout=outputs(host_row(version=9)))
    assert 'describes "box" in version 9' in refused(tmp_path, "status", PATH=path)
    box = {"urn": "urn:pulumi:dev::gpurig::gpurig:infra:Box::box", "type": BOX}
    path = pulumi_that_says(tmp_path, stdout=json.dumps({"version": 3, "deployment": {"resources": [box]}}))
    assert "`pulumi up` brings it up to date" in refused(tmp_path, "status", PATH=path)


def test_a_stack_without_boxes_has_no_hosts(tmp_path: Path) -> None:
    for stdout in (outputs(), '{"version": 3, "deployment": {}}'):
        said = refused(tmp_path, "status", code=3, PATH=pulumi_that_says(tmp_path, stdout=stdout))
        assert "the Pulumi stack has no hosts" in said


def test_a_host_that_does_not_answer_is_a_clear_error(tmp_path: Path) -> None:
    write_hosts(tmp_path, "a")
    assert "a (127.0.0.1) does not answer on port 9" in refused(tmp_path, "status", code=4)


def test_the_first_error_gives_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(
        '[host.a]\naddress = "127.0.0.1"\nport = 9\ngpu = "none"\nrecipe = "cafe"\n'
        '[host.b]\naddress = "127.0.0.1"\nport = 9\ngpu = "none"\nrecipe = "base"\n'
    )
    done = fab(tmp_path, "setup", code=2)
    assert "does not answer" in done.stderr


def test_a_host_that_was_named_takes_licences_from_the_command_line(tmp_path: Path) -> None:
    write_hosts(tmp_path, "a", gpu="T4")
    fab(tmp_path, "setup-cudnn", code=2)
    # With both accepted it gets as far as the host, which is not there.
    fab(tmp_path, "setup-cudnn", *LICENCES, code=4)
    fab(tmp_path, "plan", "--recipe", "cudnn", *LICENCES, code=4)
    assert 'no source "moon"' in refused(tmp_path, "setup-cudnn", *LICENCES, "--source", "cudnn=moon")


def test_render_adds_the_command_line_to_a_known_target(tmp_path: Path) -> None:
    hosts = "".join(
        f'[host.{name}]\naddress = "127.0.0.1"\ngpu = "{gpu}"\n' for name, gpu in (("a", "T4"), ("b", "A100"))
    )
    (tmp_path / "hosts.toml").write_text(hosts)
    words = ("render", "--recipe", "cudnn", "--text", "--out", "made")
    several = refused(tmp_path, *words, *LICENCES)
    assert "there are 2: a, b" in several
    assert "--limit" in several
    fab(tmp_path, *words, "--limit", "b", code=2)
    fab(tmp_path, *words, "--limit", "b", *LICENCES, code=0)
    other = refused(tmp_path, *words, "--limit", "b", *LICENCES, "--image", "debian-12")
    assert "does not support image debian-12" in other


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Tesla T4", "T4"),
        ("Tesla V100-SXM2-16GB", "V100"),
        ("NVIDIA A100-SXM4-40GB", "A100"),
        ("NVIDIA A10G", "A10G"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA GeForce GT 710", None),
        ("NVIDIA GeForce RTX 3090", "RTX 3090"),
        ("NVIDIA GeForce RTX 2080 SUPER", "RTX 2080"),
        ("TU102 [GeForce RTX 2080 Ti Rev. A]", "RTX 2080 Ti"),
        ("TU102GL [Quadro RTX 6000/8000]", "Quadro RTX 6000"),
        ("AD102GL [RTX 6000 Ada Generation]", "RTX 6000 Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000"),
        ("GB202GL [RTX PRO 6000 Blackwell Max-Q Workstation Edition]", "RTX PRO 6000"),
        ("GB202GL [RTX PRO 6000D Blackwell Workstation Edition]", None),
        ("RTX PRO Server 6000", "RTX PRO 6000"),
        ("GM206 [GeForce GTX 960]", "GTX 960"),
    ],
)
def test_models_are_known_by_the_names_that_the_driver_gives(name: str, model: str | None) -> None:
    assert gpu_model(name) == model


def test_fab_starts_without_the_heavy_imports() -> None:
    code = "import sys, fabfile; print([m for m in ('boto3', 'moto', 'pulumi', 'rich', 'jinja2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_fab_imports_the_tasks_that_are_named_and_no_others(tmp_path: Path) -> None:
    done = fab(tmp_path, "ps", "volume-status", "--help", PYTHONVERBOSE="1")
    assert "Show the job volume" in done.stdout
    imported = set(re.findall(r"import 'provision\.tasks\.([\w.]+)'", done.stderr))
    shared = {"words", "names", "verb", "context", "output", "verbs"}
    assert imported == {*shared, "verbs.ps", "verbs.volume_status"}
    assert "import 'provision.catalogue" not in done.stderr, "no recipe is read for what has none"


def test_a_help_and_a_list_have_all_tasks_whatever_else_is_named(tmp_path: Path) -> None:
    assert "install again what is there" in fab(tmp_path, "--help", "setup-base", "ps").stdout
    assert "\n  setup-base " in fab(tmp_path, "ps", "--list").stdout
