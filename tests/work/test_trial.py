"""What a trial leaves on the user's machine, and which of that is found again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from provision.catalogue.recipe import Recipe
from provision.model.errors import BadInput
from provision.model.host import Host
from provision.work.going import Going
from provision.work.trial import Wishes, earlier_folders, results_folder
from tests.kit.recipes import write_trial

BOX, OTHER = Host(name="box", address="192.0.2.1"), Host(name="box-2", address="192.0.2.2")


@pytest.fixture
def tiny(tmp_path: Path) -> Recipe:
    """A recipe with a bench."""
    return Catalogue(write_trial(tmp_path / "recipes").parent).recipes["tiny"]


def test_a_bench_is_found_again_by_its_own_host_alone(tiny: Recipe, tmp_path: Path) -> None:
    wishes = Wishes(into=tmp_path / "results")
    folders = [(host, results_folder(host, tiny, "bench", wishes)) for host in (BOX, OTHER)]
    for _, folder in folders:
        Going(into=folder, work=wishes.work(tiny, "bench")).write()
    for host, folder in folders:
        found = Going.find(earlier_folders(host, tiny, "bench", wishes), wishes.work(tiny, "bench"))
        assert found
        assert found.into == folder


def test_another_version_or_command_is_other_work(tiny: Recipe) -> None:
    assert tiny.bench
    own = Wishes().work(tiny, "bench")
    newer = dataclasses.replace(tiny, version="2")
    longer = dataclasses.replace(tiny, bench=dataclasses.replace(tiny.bench, command="bash time.sh --long"))
    assert [Wishes().work(recipe, "bench") == own for recipe in (tiny, newer, longer)] == [True, False, False]


def test_a_half_that_is_gone_is_not_taken_for_done(tmp_path: Path) -> None:
    going = Going(into=tmp_path, work={})
    going.begins("cpu", "bench-tiny-1-cpu")
    going.has("cpu")
    going.lacks("cpu")
    again = Going.find([tmp_path], {})
    assert again
    assert (again.done, again.runs) == ([], {"cpu": "bench-tiny-1-cpu"})


def test_where_nothing_can_be_written_it_says_so(tiny: Recipe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="the results cannot be written"):
        results_folder(BOX, tiny, "bench", Wishes(into=tmp_path / "file"))
    with pytest.raises(BadInput, match="the results cannot be written"):
        Going(into=tmp_path / "gone", work={}).write()
