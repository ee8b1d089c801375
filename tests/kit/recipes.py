"""Small recipes in a folder of a test's own."""

from __future__ import annotations

import json
from pathlib import Path

from provision.bundle.render import render
from provision.bundle.step import Bundle
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target

TRIAL = """\
summary = "A recipe of a user's own"
version = "1"
[activate]
PATH      = "{{ prefix }}/tiny/bin:$PATH"
TINY_USER = "{{ target.user }}"
[example]
summary  = "three pictures"
command  = "bash paint.sh {{ recipe.version }}"
pictures = "out_*.png"
[bench]
command = "bash time.sh"
"""
"""A recipe.toml with an example and a bench."""


def write_recipe(folder: Path, toml: str = "", *, install: str = "", verify: str = "", **files: str) -> None:
    """Write a recipe's folder; `toml` comes after a summary and a version unless it brings its own."""
    folder.mkdir(parents=True, exist_ok=True)
    head = "" if "summary =" in toml else f'summary = "{folder.name}"\nversion = "1"\n'
    (folder / "recipe.toml").write_text(head + toml, encoding="utf-8")
    (folder / "install.sh.j2").write_text(install, encoding="utf-8")
    (folder / "verify.sh.j2").write_text(verify, encoding="utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def write_trial(recipes: Path, name: str = "tiny", toml: str = TRIAL, *, paint: str = "", time: str = "") -> Path:
    """Write a recipe, and the scripts of its example, into a folder of recipes; returns the recipe's folder."""
    folder = recipes / name
    write_recipe(folder, toml, install="true\n", verify="true\n")
    (folder / "example").mkdir()
    for file, content in {"paint.sh": paint, "time.sh": time, "style.png": ""}.items():
        (folder / "example" / file).write_text(content)
    return folder


class RecipeFolder:
    """A catalogue of small recipes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def recipe(self, name: str, *, install: str, verify: str, **keys: object) -> None:
        """Write one recipe; `keys` go to its recipe.toml."""
        toml = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())  # of these values, TOML's too
        write_recipe(self.folder / name, toml, install=install, verify=verify)

    def bundle(self, *names: str) -> Bundle:
        """Render recipes of this catalogue."""
        return render(names, Target(), Catalogue(self.folder))
