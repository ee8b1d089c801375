"""Recipes as files: what is read, and everything that is wrong in them, each with its file and key, all at once."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from provision.catalogue.recipe import Recipe, schema
from provision.catalogue.recipe_file import File, Folder
from provision.model.errors import BadInput
from tests.kit.fab import ROOT
from tests.kit.recipes import write_recipe

GOOD = """
summary = "all keys"
version = "2.1"
needs = ["below"]
conflicts = ["other"]
minutes = 2.5
disk_gib = 3
needs_gpu = true
reboot = true
licences = ["read-me"]
gpu_licences = ["read-me-too"]
ports = [5000]
unit = "all.service"
health = "http://127.0.0.1:5000/"
undo = "apt-get remove all"
env = { PATH = "/opt/all/bin:$PATH" }
files."/etc/all.conf" = { template = "all.conf.j2", mode = "0600" }
folders."/opt/all" = { folder = "program", mode = "0755" }
sources.vendor = { url = "https://vendor.example/all", licences = ["vendor"] }
sources.distribution = { apt = "http://archive.example/" }
supports = { images = ["ubuntu-22.04"], compute = ["7.5", "8.6"] }
"""


def problems(folder: Path) -> tuple[str, ...]:
    with pytest.raises(BadInput) as caught:
        Catalogue(folder)
    return caught.value.problems


def test_every_key_is_read(tmp_path: Path) -> None:
    write_recipe(tmp_path / "below")
    write_recipe(tmp_path / "other")
    (tmp_path / "all" / "program").mkdir(parents=True)
    write_recipe(tmp_path / "all", GOOD, **{"all.conf.j2": "x", "program/main.py": "x"})
    assert Catalogue(tmp_path).recipes["all"] == Recipe(
        name="all",
        folder=tmp_path / "all",
        summary="all keys",
        version="2.1",
        needs=("below",),
        conflicts=("other",),
        minutes=2.5,
        disk_gib=3,
        needs_gpu=True,
        reboot=True,
        licences=("read-me",),
        gpu_licences=("read-me-too",),
        ports=(5000,),
        unit="all.service",
        health="http://127.0.0.1:5000/",
        undo="apt-get remove all",
        env={"PATH": "/opt/all/bin:$PATH"},
        files=(File(path="/etc/all.conf", template="all.conf.j2", mode="0600"),),
        folders=(Folder(path="/opt/all", folder="program", mode="0755"),),
        images=("ubuntu-22.04",),
        compute=("7.5", "8.6"),
        sources={
            "vendor": {"url": "https://vendor.example/all", "licences": ["vendor"]},
            "distribution": {"apt": "http://archive.example/"},
        },
    )


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("mintues = 3", 'unknown key "mintues"; allowed: '),
        ('needs = "cuda"', '"needs" has to be a list of strings'),
        ("needs = [1]", '"needs" has to be a list of strings'),
        ('needs = [["a"]]', '"needs" has to be a list of strings'),
        ('conflicts = "cuda"', '"conflicts" has to be a list of strings'),
        ('minutes = "3"', '"minutes" has to be a number'),
        ("minutes = true", '"minutes" has to be a number'),
        ("disk_gib = -1", '"disk_gib" has to be a number, zero or more'),
        ("needs_gpu = 1", '"needs_gpu" has to be true or false'),
        ('reboot = "yes"', '"reboot" has to be true or false'),
        ("licences = 1", '"licences" has to be a list of strings'),
        ("undo = []", '"undo" has to be a string'),
        ('ports = ["5000"]', '"ports" has to be a list of port numbers'),
        ("ports = [true]", '"ports" has to be a list of port numbers'),
        ("env = []", '"env" has to be a table'),
        ("env = { A = 1 }", '"env.A" has to be a string'),
        ('files = "x"', '"files" has to be a table'),
        ('files."/a" = "x"', '"files./a" has to be a table'),
        ('files."/a" = { template = 1 }', '"files./a.template" has to be a string'),
        ('files."/a" = { template = "install.sh.j2", mode = 644 }', '"files./a.mode" has to be an octal mode'),
        ('files."/a" = { template = "install.sh.j2", mode = "rw" }', '"files./a.mode" has to be an octal mode'),
        (
            'files."/a" = { template = "install.sh.j2", owner = "x" }',
            'unknown key "files./a.owner"; allowed: lean, mode',
        ),
        ('files."/a" = { mode = "0644" }', '"files./a.template" is missing'),
        ('files."a" = { template = "install.sh.j2" }', '"files.a" has to be an absolute path'),
        ('folders = "x"', '"folders" has to be a table'),
        ('folders."/a" = { folder = 1 }', '"folders./a.folder" has to be a string'),
        ('folders."/a" = { folder = "f", mode = 644 }', '"folders./a.mode" has to be an octal mode'),
        ('folders."/a" = { folder = "f", owner = "x" }', 'unknown key "folders./a.owner"; allowed: folder, mode'),
        ('folders."/a" = { mode = "0644" }', '"folders./a.folder" is missing'),
        ('folders."/a" = { folder = "none" }', '"folders./a.folder": there is no folder "none" in '),
        ('folders."/a" = { folder = "recipe.toml" }', '"folders./a.folder": there is no folder "recipe.toml" in '),
        ('folders."/a" = { folder = "../other" }', '"folders./a.folder": there is no folder "../other" in '),
        ('sources = "x"', '"sources" has to be a table'),
        ('sources.a = "x"', '"sources.a" has to be a table'),
        ("sources.a = { licences = 1 }", '"sources.a.licences" has to be a list of strings'),
        ('sources.a = { images = "debian-12" }', '"sources.a.images" has to be a list of strings'),
        ('supports = "x"', '"supports" has to be a table'),
        ("supports = 1", '"supports" has to be a table'),
        (
            'supports = { gpus = ["T4"] }',
            'unknown key "supports.gpus"; allowed: built, compute, driver, images, known, no, tried',
        ),
        ("supports = { compute = [7.5] }", '"supports.compute" has to be a list of strings'),
        ('supports = { compute = "7.5" }', '"supports.compute" has to be a list of strings'),
        ('supports = { images = "ubuntu-22.04" }', '"supports.images" has to be a list of strings'),
        ('needs = ["nowhere"]', 'needs "nowhere", which is no recipe'),
        ('conflicts = ["nowhere"]', 'conflicts "nowhere", which is no recipe'),
        ('needs = ["bad"]', "needs goes round in a circle: bad → bad"),
        ("needs = [", "Invalid value"),
        ('summary = "x"', '"version" is missing'),
        ('summary = ""\nversion = "1"', '"summary" is missing'),
        ('summary = "x"\nversion = 1', '"version" has to be a string'),
    ],
)
def test_each_mistake_is_named_with_its_file_and_key(tmp_path: Path, toml: str, problem: str) -> None:
    write_recipe(tmp_path / "bad", toml)
    (found,) = problems(tmp_path)
    assert found.startswith(f"{tmp_path}/bad/recipe.toml: {problem}")


def test_missing_scripts_and_templates_are_named(tmp_path: Path) -> None:
    write_recipe(tmp_path / "bad", 'files."/a" = { template = "a.j2" }')
    (tmp_path / "bad" / "install.sh.j2").unlink()
    (tmp_path / "bad" / "verify.sh.j2").unlink()
    folder = tmp_path / "bad"
    assert problems(tmp_path) == tuple(f"{folder}/{n}: missing" for n in ("install.sh.j2", "verify.sh.j2", "a.j2"))


def test_an_example_may_be_another_recipes_and_is_named_where_that_has_none(tmp_path: Path) -> None:
    write_recipe(tmp_path / "one", 'example_of = "two"\nexample.command = "true"')
    assert problems(tmp_path) == (f"{tmp_path}/two/example: missing",)
    write_recipe(tmp_path / "two", 'example.command = "true"')
    (tmp_path / "two" / "example").mkdir()
    assert Catalogue(tmp_path).recipes["one"].example_folder == tmp_path / "two" / "example"


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    write_recipe(tmp_path / "bad")
    (tmp_path / "bad" / "recipe.toml").write_bytes(b"\xff\xfe")
    (found,) = problems(tmp_path)
    assert found.startswith(f"{tmp_path}/bad/recipe.toml: ")


def test_all_mistakes_of_all_recipes_come_at_once(tmp_path: Path) -> None:
    write_recipe(tmp_path / "one", 'minutes = "x"\nnedes = []\nsupports = { compute = [7.5] }')
    write_recipe(tmp_path / "two", "needs = [")
    write_recipe(tmp_path / "three", "ports = 1")
    found = "\n".join(problems(tmp_path))
    for part in (
        "one/recipe.toml",
        '"minutes"',
        '"nedes"',
        '"supports.compute"',
        "two/recipe.toml",
        "three",
        '"ports"',
    ):
        assert part in found


def test_all_unknown_recipes_come_at_once(tmp_path: Path) -> None:
    write_recipe(tmp_path / "one", 'needs = ["x", "y"]')
    write_recipe(tmp_path / "two", 'conflicts = ["z"]')
    assert len(problems(tmp_path)) == 3


def test_a_circle_is_told_in_the_direction_of_needs(tmp_path: Path) -> None:
    for name, need in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")):
        write_recipe(tmp_path / name, f'needs = ["{need}"]')
    (found,) = problems(tmp_path)
    path = found.partition("circle: ")[2].split(" → ")
    assert path[0] == path[-1]
    assert sorted(path[1:]) == ["a", "b", "c"]
    assert set(itertools.pairwise(path)) == {("a", "b"), ("b", "c"), ("c", "a")}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == (f"{tmp_path}/nowhere: there is no such folder of recipes",)


def test_a_later_folder_wins(tmp_path: Path) -> None:
    write_recipe(tmp_path / "ours" / "a", 'summary = "ours"\nversion = "1"')
    write_recipe(tmp_path / "theirs" / "a", 'summary = "theirs"\nversion = "2"')
    assert Catalogue(tmp_path / "ours", tmp_path / "theirs").recipes["a"].summary == "theirs"


def test_the_page_names_every_key_and_no_other() -> None:
    page = (ROOT / "docs" / "add-a-recipe.md").read_text(encoding="utf-8")
    table = page.partition("## recipe.toml\n\n")[2].partition("\n\n")[0]
    named = set(re.findall(r"`\[?([a-z_]+)[\].`]", " ".join(row.split("|")[1] for row in table.splitlines()[2:])))
    assert named - {"template", "mode", "lean", "folder"} == schema().keys()
