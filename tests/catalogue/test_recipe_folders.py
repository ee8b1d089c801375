"""[folders] of a recipe: what travels of a folder, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.catalogue.catalogue import Catalogue
from provision.model.errors import BadInput
from provision.model.target import Target
from tests.kit.recipes import write_recipe


def test_a_folder_travels_whole_in_order_with_templates_rendered_and_nothing_hidden(tmp_path: Path) -> None:
    for name in ("b", "a/__pycache__", ".git"):
        (tmp_path / "tool" / "program" / name).mkdir(parents=True)
    kept = {"a/z.py": "{{ not a template }}", "b/y.sh.j2": "compute={{ target.compute }}"}
    left = {"a/__pycache__/z.pyc": "x", ".git/x": "x", ".hidden": "x"}
    toml = 'folders."/opt/tool" = { folder = "program", mode = "0755" }'
    write_recipe(tmp_path / "tool", toml, **{f"program/{name}": text for name, text in {**kept, **left}.items()})
    (step,) = render(["tool"], Target(compute="8.6"), Catalogue(tmp_path)).steps
    assert list(step.files) == [
        {"path": "/opt/tool/a/z.py", "mode": "0755", "content": "{{ not a template }}"},
        {"path": "/opt/tool/b/y.sh", "mode": "0755", "content": "compute=8.6"},
    ]
    (tmp_path / "tool" / "program" / "c.png").write_bytes(b"\xff")
    with pytest.raises(BadInput, match=r"tool/program/c\.png: .*codec"):
        render(["tool"], Target(), Catalogue(tmp_path))


@pytest.mark.parametrize(
    ("toml", "names", "problem"),
    [
        ('folders."a" = { folder = "f" }', ["x"], '"folders.a" has to be an absolute path'),
        ('folders."/a" = { folder = "f" }', [".hidden", "x.pyc"], '"folders./a.folder": {}/f holds no files'),
        ('folders."/a" = { folder = "f" }', ["x", "x.j2"], '"folders./a": /a/x comes from two places'),
        (
            'files."/a/x" = { template = "f/x" }\nfolders."/a" = { folder = "f" }',
            ["x"],
            '"folders./a": /a/x comes from two places',
        ),
    ],
)
def test_a_folder_that_cannot_be_put_is_named(tmp_path: Path, toml: str, names: list[str], problem: str) -> None:
    (tmp_path / "bad" / "f" / "__pycache__").mkdir(parents=True)
    compiled = {name: f"f/{'__pycache__/' if name.endswith('.pyc') else ''}{name}" for name in names}
    write_recipe(tmp_path / "bad", toml, **dict.fromkeys(compiled.values(), ""))
    with pytest.raises(BadInput) as caught:
        Catalogue(tmp_path)
    assert caught.value.problems == (f"{tmp_path}/bad/recipe.toml: {problem.format(tmp_path / 'bad')}",)
