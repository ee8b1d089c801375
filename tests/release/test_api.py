"""docs/api says what the docstrings say, of everything that a program may import."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.pages import api
from tests.kit.fab import ROOT


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is written into a folder that has the page of a package that is gone: name → text."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "infra.gone.md").write_text("old")
    api.write(folder)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_pages_are_what_the_code_says(written: dict[str, str]) -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").iterdir()}
    assert there == written, "run: make pages"


def test_they_have_the_names_that_the_examples_import(written: dict[str, str]) -> None:
    text = "".join(written.values())
    for name in ("render", "Session", "Host", "Target", "Network", "Box", "BoxArgs"):
        assert f"### {name}\n" in text or f"### class {name}" in text, name


def test_a_module_is_shown_with_its_signatures_fields_and_docstrings(tmp_path: Path) -> None:
    package = tmp_path / "infra"
    package.mkdir()
    (tmp_path / "provision").mkdir()
    (package / "__init__.py").write_text('"""What it is <here>."""\n')
    (package / "part.py").write_text(
        '"""A part."""\nLIMIT = 3\n"""Most of them."""\n_HIDDEN = 4\n"""Not shown."""\n\n'
        'class Thing(Base):\n    """A thing."""\n\n    size: int = 1\n    """In `<GiB>`."""\n    _own: int\n\n'
        '    @property\n    def name(self) -> str:\n        """Its name."""\n\n'
        '    def _inner(self) -> None:\n        """Not shown."""\n\n'
        'def make(a: int, /, b: str = "x", *rest: int, c: bool, d: bool = False, **more: object) -> Thing:\n'
        '    """Make one.\n\n    Raises `ValueError`.\n    """\n'
    )
    page = api.pages(tmp_path)["infra.md"]
    assert page == (
        "# infra\n\nWhat it is \\<here>.\n"
        "\n## infra.part\n\nA part.\n\n- `LIMIT`: Most of them.\n\n"
        "### class Thing(Base)\n\nA thing.\n\n- `size: int`: In `<GiB>`.\n\n#### name\n\n`name: str`\n\nIts name.\n\n"
        "### make\n\n```python\n"
        "make(a: int, /, b: str = 'x', *rest: int, c: bool, d: bool = False, **more: object) -> Thing\n```\n\n"
        "Make one.\n\nRaises `ValueError`.\n"
    )
