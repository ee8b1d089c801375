"""`fab example-…` and `fab bench-…` as a user types them, where no host is needed: their tasks and bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.bundle.render import activation, command_of
from provision.catalogue.catalogue import Catalogue
from provision.model.errors import BadInput
from provision.model.target import Target
from tests.kit.fab import fab, refused, write_hosts
from tests.kit.recipes import TRIAL, write_trial


def test_trials_get_tasks_from_the_recipes_that_have_them(tmp_path: Path) -> None:
    write_trial(tmp_path / "mine")
    write_trial(tmp_path / "more", "plain", 'summary = "No trial"\nversion = "1"\n')
    listed = fab(tmp_path, "--list", GPURIG_RECIPES=f"{tmp_path / 'mine'}:{tmp_path / 'more'}").stdout
    tasks = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
    for name in ("setup-tiny", "example-tiny", "bench-tiny", "setup-plain", "setup-base"):
        assert name in tasks
    assert "example-plain" not in tasks
    assert "bench-plain" not in tasks
    assert "three pictures" in listed


def test_a_folder_of_recipes_that_is_not_there_is_told(tmp_path: Path) -> None:
    said = refused(tmp_path, "recipes", GPURIG_RECIPES=str(tmp_path / "none"))
    assert said.startswith(f"error: {tmp_path / 'none'}: there is no such folder of recipes")


def test_a_host_that_does_not_answer_leaves_no_folder_of_results(tmp_path: Path) -> None:
    write_trial(tmp_path / "mine")
    write_hosts(tmp_path, "a")
    words = ("--file", "style.png=hosts.toml", "--args", "--epochs 3")
    refused(tmp_path, "example-tiny", *words, code=4, GPURIG_RECIPES=str(tmp_path / "mine"))
    assert not (tmp_path / "results").exists()


def test_a_recipe_is_activated_with_the_hosts_values(tmp_path: Path) -> None:
    write_trial(tmp_path)
    catalogue = Catalogue(tmp_path)
    exports = activation("tiny", Target(user="admin"), catalogue)
    assert exports == [("PATH", "/opt/gpurig/tiny/bin:$PATH"), ("TINY_USER", "admin")]
    assert command_of(catalogue.recipes["tiny"], "example", Target()) == "bash paint.sh 1"


def test_a_template_that_fails_is_told_by_its_key(tmp_path: Path) -> None:
    toml = TRIAL.replace("{{ target.user }}", "{{ target.colour }}").replace("recipe.version", "recipe.colour")
    catalogue = Catalogue(write_trial(tmp_path, toml=toml).parent)
    with pytest.raises(BadInput, match=r"tiny/recipe\.toml: activate\.TINY_USER:1: .*colour"):
        activation("tiny", Target(), catalogue)
    with pytest.raises(BadInput, match=r"tiny/recipe\.toml: example\.command:1: .*colour"):
        command_of(catalogue.recipes["tiny"], "example", Target())
    with pytest.raises(BadInput, match='no recipe "tony"'):
        activation("tony", Target(), catalogue)
