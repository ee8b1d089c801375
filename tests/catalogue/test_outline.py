"""Recipes in short: kept from one command to the next, and only where no file of them has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provision.catalogue import folders, outline
from provision.catalogue.catalogue import Catalogue
from provision.model import cache
from provision.model.errors import BadInput
from tests.kit.recipes import write_recipe


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recipes of the user's own, a cache that is empty, and files that count as settled at once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GPURIG_RECIPES", str(tmp_path / "recipes"))
    monkeypatch.setattr(folders, "SETTLED_SECONDS", -60)
    write_recipe(tmp_path / "recipes" / "mine", 'needs = ["door"]')
    return tmp_path / "recipes"


def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it fail to read a recipe."""

    def fails(*_: object) -> None:
        raise AssertionError("recipes were read")

    monkeypatch.setattr("provision.catalogue.recipes.load_recipe", fails)


@pytest.mark.usefixtures("own")
def test_they_are_those_of_the_catalogue_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue()
    first = outline.outlines()
    unread(monkeypatch)
    assert outline.outlines() == first
    assert list(first) == [recipe.name for recipe in catalogue.ordered()]
    for recipe in catalogue.ordered():
        short = first[recipe.name]
        assert (short.name, short.summary) == (recipe.name, recipe.summary)
        assert short.joins == ("ray" in catalogue.closure([recipe.name]))
        assert ("example" in short.trials, "bench" in short.trials) == (bool(recipe.example), bool(recipe.bench))


def test_a_recipe_that_changes_or_breaks_is_seen(own: Path) -> None:
    assert outline.outlines()["mine"].summary == "mine"
    write_recipe(own / "mine", 'summary = "of mine"\nversion = "1"\n')
    assert outline.outlines()["mine"].summary == "of mine"
    write_recipe(own / "mine", 'summary = "of mine"\nversion = 1\n')
    for _ in range(2):
        with pytest.raises(BadInput, match="version"):
            outline.outlines()


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"stamp": "x", "recipes": []}'])
def test_what_is_kept_and_is_none_of_it_is_as_nothing(text: str) -> None:
    cache.keep(outline.KIND, outline.NAME, text)
    assert "mine" in outline.outlines()


@pytest.mark.usefixtures("own")
def test_of_another_form_it_is_as_nothing() -> None:
    outline.outlines()
    kept = json.loads(cache.read(outline.KIND, outline.NAME) or "")
    cache.keep(outline.KIND, outline.NAME, json.dumps({**kept, "recipes": [["mine", "short"]]}))
    assert not outline.outlines()["mine"].joins
