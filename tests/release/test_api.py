"""docs/api says what the docstrings say, of everything that a program may import."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from provision.pages import api
from tests.kit.fab import ROOT


def test_the_pages_are_what_the_code_says() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").iterdir()}
    assert there == api.pages(), "run: make pages"


def test_they_have_the_names_that_the_examples_import() -> None:
    text = "".join(api.pages().values())
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


def test_writing_them_takes_away_the_page_of_a_package_that_is_gone(tmp_path: Path) -> None:
    for name in ("infra", "provision"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs" / "api").mkdir(parents=True)
    (tmp_path / "docs" / "api" / "infra.gone.md").write_text("old")
    subprocess.run([sys.executable, "-m", "provision.pages.api"], cwd=tmp_path, check=True)
    assert {path.name for path in (tmp_path / "docs" / "api").iterdir()} == {*api.pages()}
