"""`fab` as a user types it, where no host is needed: lists, rendering, and what bad input gets."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from provision.catalogue.catalogue import Catalogue
from provision.tasks.target import gpu_model
from tests.kit.fab import ROOT, fab, pulumi_that_says

if TYPE_CHECKING:
    from pathlib import Path

LICENCES = ("--accept", "nvidia-cuda", "--accept", "nvidia-cudnn")


def test_every_recipe_has_its_task(tmp_path: Path) -> None:
    listed = fab(tmp_path, "--list").stdout
    assert Catalogue().recipes
    for name in Catalogue().recipes:
        assert f"setup-{name} " in listed
    verbs = ("plan", "recipes", "render", "setup", "ssh", "status", "tunnel")
    for verb in (*verbs, "sync", "run", "logs", "ps", "stop", "fetch"):
        assert f"\n  {verb} " in listed


def test_recipes_lists_each_after_what_it_needs(tmp_path: Path) -> None:
    lines = fab(tmp_path, "recipes").stdout.splitlines()
    names = [line.split()[0] for line in lines if line.split()]
    for recipe in Catalogue().recipes.values():
        for need in recipe.needs:
            assert names.index(need) < names.index(recipe.name)


def test_render_writes_user_data_that_holds_the_bundle(tmp_path: Path) -> None:
    done = fab(tmp_path, "render", "--recipe", "base", "--gpu", "none")
    assert done.returncode == 0, done.stderr
    text = gzip.decompress((tmp_path / "user-data.gz").read_bytes()).decode()
    assert text.startswith("#cloud-config\n")
    file = yaml.safe_load(text)["write_files"][0]
    assert [step["name"] for step in json.loads(file["content"])["steps"]] == ["base"]
    assert fab(tmp_path, "render", "--recipe", "base", "--gpu", "none", "--text", "--out", "plain").returncode == 0
    assert (tmp_path / "plain").read_text() == text


def test_render_names_every_licence_that_is_not_accepted(tmp_path: Path) -> None:
    done = fab(tmp_path, "render", "--recipe", "digits", "--gpu", "T4")
    assert done.returncode == 2
    assert '"nvidia-cuda"' in done.stderr
    assert '"nvidia-cudnn"' in done.stderr
    for place in ("acceptLicences", "hosts.toml", "--accept"):
        assert place in done.stderr
    assert not (tmp_path / "user-data.gz").exists()
    assert fab(tmp_path, "render", "--recipe", "cudnn", "--gpu", "T4", *LICENCES, "--text").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("statsu",), ('no task "statsu"', "status", "fab --list")),
        (("caffe",), ('no task "caffe"', "setup-caffe")),
        (("plan", "caffe", "bases"), ('no task "bases"', "fab plan takes no such word", "base")),
        (("--help", "statsu"), ('no task "statsu"', "status")),
        (("--help", "sta'tus"), ('no task "sta\'tus"', "status")),
        (("--limit", "a", "ps"), ("fab has no option --limit", "fab --help the options that come before one")),
        (("ps", "--limt", "a"), ("fab ps has no option --limt", "--limit", "fab --help ps")),
        (("ps", "--limit"), ("--limit of fab ps", "value")),
        (("stop",), ("fab stop needs NAME: which run", "fab --help stop")),
        (("volume-grow",), ("fab volume-grow needs SIZE: GiB",)),
        (("setup-base", "--accept", "nope"), ("--accept nope", "there are: nvidia-cuda, nvidia-cudnn")),
        (("render", "--recipe", "cafe", "--gpu", "none"), ('no recipe "cafe"', "caffe")),
        (("render", "--gpu", "T5"), ("--gpu T5", "T4", "none")),
        (("render", "--gpu", "none", "--image", "windows"), ('no image "windows"', "ubuntu-22.04")),
        (("render", "--gpu", "none", "--source", "cuda"), ("--source cuda=", "RECIPE=SOURCE")),
        (
            ("render", "--recipe", "cuda", "--gpu", "none", "--source", "cuda=moon"),
            ('no source "moon"', "distribution"),
        ),
        (("render", "--recipe", "nvidia-driver", "--gpu", "none"), ("needs a GPU", "gpu: none")),
        (("render", "--recipe", "caffe", "--gpu", "H100", *LICENCES), ("compute 9.0", "take g4dn.xlarge")),
        (("render", "--gpu", "none", "--out", ""), ('--out ""', "name a file")),
        (("render", "--gpu", "none", "--out", "nodir/x"), ("--out nodir/x", "No such file")),
        (("render", "--image", "windows"), ('no image "windows"',)),
        (("render", "--source", "cuda"), ("--source cuda=", "RECIPE=SOURCE")),
        (("-H", "192.0.2.7", "render"), ("192.0.2.7", "--gpu T4")),
        (("plan", "--source", "cuda"), ("--source cuda=", "RECIPE=SOURCE")),
        (("-H", "a,b", "ssh"), ("one host", "a, b")),
        (("-H", "a,b", "tunnel"), ("one host", "a, b")),
        (("tunnel", "--port", "0"), ("--port 0", "1 to 65535")),
        (("tunnel", "--local", "65536"), ("--local 65536", "1 to 65535")),
        (("tunnel", "--port", "http"), ("--port http", "1 to 65535")),
        (("setup", "--upload", "cudnn=~/no/such"), ("no such file",)),
        (("setup-base", "--upload", "cudnn=hosts.toml"), ("--upload cudnn", "no such step", "allowed: base")),
        (("setup", "--upload", "cudnn"), ("--upload cudnn=", "RECIPE=FILE")),
        (("setup", "--upload", "cudnn=/no/such"), ("/no/such", "no such file")),
    ],
)
def test_bad_words_are_refused_with_the_way_out(tmp_path: Path, words: tuple[str, ...], said: tuple[str, ...]) -> None:
    (tmp_path / "hosts.toml").write_text('[host.a]\naddress = "127.0.0.1"\ngpu = "none"\n')
    done = fab(tmp_path, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    for part in said:
        assert part in done.stderr


def test_a_hosts_file_gets_all_its_problems_at_once(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(
        'colour = "red"\n[host.a]\ngpu = "T4"\nport = 22\n[host.b]\naddress = "b"\nhue = 1\n[host.c]\naddress = "c"\n'
        'gpu = "T4"\nimage = "amiga"\n'
    )
    done = fab(tmp_path, "plan")
    assert done.returncode == 2
    for part in ('"colour"', "[host.a] needs an address", '"hue" in [host.b]', "[host.b] needs gpu", '"amiga"'):
        assert part in done.stderr


def test_without_a_stack_the_way_out_is_named(tmp_path: Path) -> None:
    done = fab(tmp_path, "status")
    assert done.returncode == 3
    assert "no `pulumi` on PATH" in done.stderr
    assert "fab -H user@host" in done.stderr
    path = pulumi_that_says(tmp_path, stderr="error: no stack selected", code=255)
    done = fab(tmp_path, "status", PATH=path)
    assert done.returncode == 3
    assert "no stack selected" in done.stderr
    assert "pulumi up" in done.stderr
    assert f"{tmp_path} is in no project of gpurig" in done.stderr


def test_outputs_of_another_version_are_refused(tmp_path: Path) -> None:
    path = pulumi_that_says(tmp_path, stdout='{"version": 9, "hosts": []}')
    done = fab(tmp_path, "status", PATH=path)
    assert done.returncode == 2
    assert "version 9" in done.stderr
    path = pulumi_that_says(tmp_path, stdout='{"version": 1, "hosts": []}')
    assert fab(tmp_path, "status", PATH=path).returncode == 3


def test_a_host_that_does_not_answer_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text('[host.a]\naddress = "127.0.0.1"\nport = 9\ngpu = "none"\n')
    done = fab(tmp_path, "status")
    assert done.returncode == 4
    assert "a (127.0.0.1) does not answer on port 9" in done.stderr


def test_the_first_error_gives_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(
        '[host.a]\naddress = "127.0.0.1"\nport = 9\ngpu = "none"\nrecipe = "cafe"\n'
        '[host.b]\naddress = "127.0.0.1"\nport = 9\ngpu = "none"\nrecipe = "base"\n'
    )
    done = fab(tmp_path, "setup")
    assert done.returncode == 2
    assert "does not answer" in done.stderr


def test_a_host_that_was_named_takes_licences_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text('[host.a]\naddress = "127.0.0.1"\nport = 9\ngpu = "T4"\n')
    assert fab(tmp_path, "setup-cudnn").returncode == 2
    # With both accepted it gets as far as the host, which is not there.
    assert fab(tmp_path, "setup-cudnn", *LICENCES).returncode == 4
    assert fab(tmp_path, "plan", "--recipe", "cudnn", *LICENCES).returncode == 4
    chosen = fab(tmp_path, "setup-cudnn", *LICENCES, "--source", "cudnn=moon")
    assert chosen.returncode == 2
    assert 'no source "moon"' in chosen.stderr


def test_render_adds_the_command_line_to_a_known_target(tmp_path: Path) -> None:
    hosts = "".join(
        f'[host.{name}]\naddress = "127.0.0.1"\ngpu = "{gpu}"\n' for name, gpu in (("a", "T4"), ("b", "A100"))
    )
    (tmp_path / "hosts.toml").write_text(hosts)
    words = ("render", "--recipe", "cudnn", "--text", "--out", "made")
    several = fab(tmp_path, *words, *LICENCES)
    assert several.returncode == 2
    assert "there are 2: a, b" in several.stderr
    assert "--limit" in several.stderr
    assert fab(tmp_path, *words, "--limit", "b").returncode == 2
    done = fab(tmp_path, *words, "--limit", "b", *LICENCES)
    assert done.returncode == 0, done.stderr
    other = fab(tmp_path, *words, "--limit", "b", *LICENCES, "--image", "debian-12")
    assert other.returncode == 2
    assert "does not support image debian-12" in other.stderr


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
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", None),
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
    shared = {"words", "verb", "context", "option", "output", "verbs"}
    assert imported == {*shared, "verbs.ps", "verbs.volume_status"}


def test_a_help_and_a_list_have_all_tasks_whatever_else_is_named(tmp_path: Path) -> None:
    assert "install again what is there" in fab(tmp_path, "--help", "setup-base", "ps").stdout
    assert "\n  setup-base " in fab(tmp_path, "ps", "--list").stdout
