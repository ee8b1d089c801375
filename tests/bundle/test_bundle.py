"""Rendering: pure, deterministic, and with one digest over everything that it decides."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provision.bundle.render import render
from provision.catalogue.catalogue import Catalogue
from provision.model.errors import BadInput
from provision.model.target import Target
from tests.kit.recipes import write_recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(templates: Path) -> Path:
    """A catalogue with something of everything."""
    recipes = templates / "recipes"
    write_recipe(recipes / "base", 'env = { A = "a", PATH = "/base:$PATH" }', install="echo base\n")
    toml = """needs = ["base"]
minutes = 2
disk_gib = 1.5
reboot = true
undo = "rm it"
env = { TOOL_HOME = "{{ prefix }}/tool", PATH = "/tool:$PATH" }
files."/etc/tool" = { template = "tool.j2", mode = "0600" }
sources.upstream = { url = "https://git.example/tool", commit = "abc", pip = { index = "https://pip.example/" } }
sources.download = { url = "https://files.example/tool.tar" }
"""
    write_recipe(
        recipes / "tool",
        toml,
        install="fetch {{ source.url }}{% if pinned %} {{ source.commit }}{% endif %}\n",
        verify='test "$(tool)" = "{{ recipe.version }}"\n',
        **{"tool.j2": "compute={{ target.compute }}\n"},
    )
    write_recipe(recipes / "aside", 'env = { PATH = "/aside:$PATH" }')
    write_recipe(recipes / "top", 'needs = ["tool"]')
    return recipes


def step_of(folder: Path, name: str, *names: str, **target: Any) -> dict[str, Any]:
    bundle = json.loads(render(names or [name], Target(**target), Catalogue(folder)).to_bytes())
    (step,) = [step for step in bundle["steps"] if step["name"] == name]
    return dict(step)


def test_a_step_holds_what_the_recipe_says(folder: Path) -> None:
    step = step_of(folder, "tool", compute="8.6")
    assert step["version"] == "1"
    assert step["timeout"] == 2 * 600 + 300
    assert (step["disk_gib"], step["reboot"], step["undo"]) == (1.5, True, "rm it")
    assert step["env"] == {"TOOL_HOME": "/opt/gpurig/tool", "PATH": "/tool:$PATH"}
    assert step["files"] == [{"path": "/etc/tool", "mode": "0600", "content": "compute=8.6\n"}]
    assert "fetch https://git.example/tool abc" in str(step["install"])
    assert step["notes"] == []


def test_scripts_have_the_environment_of_what_they_need_in_order(folder: Path) -> None:
    step = step_of(folder, "tool")
    for kind, path in (("install", "/base:/usr/bin"), ("verify", "/tool:/base:/usr/bin")):
        head = str(step[kind]).partition("set -euo pipefail")[0]
        command = ["/bin/bash", "-c", f"{head}\necho $A $PATH"]
        done = subprocess.run(command, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=True)
        assert done.stdout == f"a {path}\n"


def test_a_step_is_the_same_in_whatever_company(folder: Path) -> None:
    alone = step_of(folder, "tool")
    for names in (["top"], ["aside", "top"], ["top", "aside"], ["tool", "base"]):
        assert step_of(folder, "tool", *names) == alone


def test_the_bundle_carries_its_digest(folder: Path) -> None:
    bundle = render(["top", "aside"], Target(), Catalogue(folder))
    document = json.loads(bundle.to_bytes())
    digest = document.pop("digest")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert digest == hashlib.sha256(canonical).hexdigest() == bundle.digest
    assert bundle.to_bytes().isascii()
    assert document["name"] == "top+aside"


def test_the_library_holds_what_the_scripts_use_and_what_that_uses(folder: Path) -> None:
    (folder.parent / "host" / "lib.sh.j2").write_text(
        'export A=1\n\nfetch() {\n  _get "$1" | sort\n}\n\n_get() { get_it; }\n\nget_it() { :; }\n\n'
        "nobody() {\n  fetch\n}\n\nnor_this() { nobody; }\n"
    )
    lib = render(["tool"], Target(), Catalogue(folder)).lib
    assert "export A=1" in lib
    assert [line.partition("(")[0] for line in lib.splitlines() if "() {" in line] == ["fetch", "_get", "get_it"]


def test_bytes_are_the_same_in_every_process(folder: Path) -> None:
    code = (
        "import sys, pathlib, provision.bundle.render as b; from provision.catalogue.catalogue import Catalogue;"
        "from provision.model.target import Target;"
        "b.TEMPLATES = pathlib.Path(sys.argv[1]).parent;"
        "t = Target(mirrors={'git': {'https://git.example/': 'file:///', 'https://': 'x'}}, licences=('b', 'a'));"
        "sys.stdout.buffer.write(b.render(['top', 'aside'], t, Catalogue(pathlib.Path(sys.argv[1]))).to_bytes())"
    )
    answers = set()
    for seed in ("0", "1", "4242"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC+{len(seed)}", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", code, str(folder)]
        answers.add(subprocess.run(command, env=env, capture_output=True, check=True).stdout)
    assert len(answers) == 1
    assert len(answers.pop()) > 1000


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("tool/install.sh.j2", "fetch", "get"),
        ("tool/verify.sh.j2", "test", "[["),
        ("tool/tool.j2", "compute", "sm"),
        ("tool/recipe.toml", '"0600"', '"0644"'),
        ("tool/recipe.toml", 'version = "1"', 'version = "2"'),
        ("tool/recipe.toml", "/tool:", "/toolkit:"),
        ("tool/recipe.toml", '"abc"', '"abd"'),
        ("base/recipe.toml", 'A = "a"', 'A = "b"'),
    ],
)
def test_a_step_has_another_digest_when_anything_changes_that_it_does(
    folder: Path, file: str, old: str, new: str
) -> None:
    before = step_of(folder, "tool")
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    assert step_of(folder, "tool")["digest"] != before["digest"]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("recipes/tool/recipe.toml", 'undo = "rm it"', 'undo = "rm that"'),
        ("recipes/tool/recipe.toml", "minutes = 2", "minutes = 3"),
        ("recipes/tool/recipe.toml", "disk_gib = 1.5", "disk_gib = 2"),
        ("host/lib.sh.j2", "# no functions", "export A=1"),
    ],
)
def test_what_only_surrounds_a_step_changes_the_bundle_and_not_the_step(
    folder: Path, file: str, old: str, new: str
) -> None:
    before, step = render(["tool"], Target(), Catalogue(folder)), step_of(folder, "tool")
    path = folder.parent / file
    path.write_text(path.read_text().replace(old, new, 1))
    after = render(["tool"], Target(), Catalogue(folder))
    assert after.digest != before.digest
    assert step_of(folder, "tool")["digest"] == step["digest"]


@pytest.mark.parametrize(
    ("target", "notes", "line"),
    [
        ({}, [], "fetch https://git.example/tool abc"),
        (
            {"sources": {"tool": "download"}, "unpinned": ("tool",)},
            ["from download", "commit not checked (unpinned)"],
            "",
        ),
        ({"unpinned": ("tool",)}, ["commit not checked (unpinned)"], "fetch https://git.example/tool\n"),
        (
            {"mirrors": {"git": {"https://git.example/": "file:///srv/"}}},
            ["through a mirror"],
            "fetch file:///srv/tool abc",
        ),
        ({"mirrors": {"pip": {"https://pip.example/": "http://p/"}}}, ["through a mirror"], "git.example/tool abc"),
        ({"mirrors": {"download": {"https://git.example/": "no"}}}, [], "fetch https://git.example/tool abc"),
        (
            {
                "sources": {"tool": "download"},
                "unpinned": ("tool",),
                "mirrors": {"download": {"https://files.example": "http://d"}},
            },
            ["from download", "commit not checked (unpinned)", "through a mirror"],
            "fetch http://d/tool.tar",
        ),
    ],
)
def test_what_is_not_by_default_is_noted(folder: Path, target: dict[str, Any], notes: list[str], line: str) -> None:
    step = step_of(folder, "tool", **target)
    assert step["notes"] == notes
    assert line in f"{step['install']}\n"


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("tool/install.sh.j2", "a\n{{ nothing }}\n", "tool/install.sh.j2:2: 'nothing' is undefined"),
        ("tool/verify.sh.j2", "a\nb\n{% if %}\n", "tool/verify.sh.j2:3: "),
        ("tool/tool.j2", "{{ recipe.nothing }}\n", "tool/tool.j2:1: "),
        (
            "tool/recipe.toml",
            'summary = "x"\nversion = "1"\nenv = { A = "{{ no }}" }',
            "tool/recipe.toml: env.A:1: 'no' is",
        ),
    ],
)
def test_a_template_that_does_not_render_is_named_with_its_line(folder: Path, file: str, text: str, place: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(BadInput) as caught:
        render(["tool"], Target(), Catalogue(folder))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{folder}/{place}")


def test_the_library_lies_beside_the_script_that_reads_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "lib.sh").write_text("fetch() { echo fetched $1; }\n")
    (tmp_path / "tool.install").write_text(str(step_of(folder, "tool")["install"]))
    command = ["/bin/bash", str(tmp_path / "tool.install")]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout == "fetched https://git.example/tool\n"


def test_a_bundle_says_what_each_step_waits_for_where_that_is_not_all_before_it(folder: Path) -> None:
    document = json.loads(render(["top", "aside"], Target(), Catalogue(folder)).to_bytes())
    order = [step["name"] for step in document["steps"]]
    needs = document["graph"]["needs"]
    assert needs["top"] == [name for name in order if name in ("base", "tool")]
    assert needs["base"] == []
    assert "tool" not in needs["aside"]
    assert "graph" not in json.loads(render(["top"], Target(), Catalogue(folder)).to_bytes()), (
        "each needs the one before"
    )
