"""The pages of docs/: what the catalogue writes of them, and every command, key and price on any."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from fabric.main import make_program
from invoke.exceptions import ParseError
from invoke.parser import Parser

from infra.settings.load import SETTINGS
from provision import pages
from provision.catalogue.catalogue import Catalogue
from provision.catalogue.folders import TEMPLATES
from provision.model.platforms import instance_types
from provision.tasks import collection
from provision.tasks.words import with_options

ROOT = Path(__file__).parents[2]
# What stands in docs/api are docstrings: they name verbs, and nobody types them.
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "api")]
UPDATE = "UPDATE_PAGES"
# A word in capitals, in brackets or an ellipsis stands for something of the reader's.
PLACEHOLDER = re.compile(r"[…<]|\b[A-Z]{4,}\b")


def catalogue() -> Catalogue:
    return Catalogue(TEMPLATES / "recipes")


def test_generated_pages_say_what_the_catalogue_says() -> None:
    if os.environ.get(UPDATE):
        pages.write(catalogue())
    fresh = pages.pages(catalogue())
    there = {path.name for path in (ROOT / "docs" / "recipes").iterdir()}
    stale = [name for name, text in fresh.items() if _text(ROOT / "docs" / name) != text]
    stale += sorted(there - {Path(name).name for name in fresh})
    assert not stale, f"run: python -m provision.pages, or {UPDATE}=1 .venv/bin/pytest tests/catalogue/test_pages.py"


def test_every_recipe_has_its_page_and_every_document_too() -> None:
    names = set(catalogue().recipes)
    assert {path.stem for path in (ROOT / "docs" / "recipes").glob("*.md")} == {*names, "README"}
    numbers = {path.name[:3] for path in (ROOT / "docs" / "documents").glob("[0-9]*.md")}
    assert numbers == {"000", "001", "002", "003", "004"}
    assert {r.document for r in catalogue().recipes.values()} - {""} <= numbers


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_exists(page: Path) -> None:
    program, tasks = make_program(), collection()
    problems = []
    for words in _commands(page, "fab"):
        # A parser keeps what it has read.
        parser = Parser(initial=program.initial_context, contexts=tasks.to_contexts())
        try:
            parsed = parser.parse_argv(with_options(words[1:], tasks.tasks, set(tasks.task_names)))
        except ParseError as error:
            problems.append(f"{shlex.join(words)}: {error}")
            continue
        if len(parsed) < 2 and "--list" not in words:
            problems.append(f"{shlex.join(words)}: names no task")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_key_on_a_page_exists(page: Path) -> None:
    for words in _commands(page, "pulumi"):
        for word in words:
            if word.startswith("gpurig:"):
                assert word.removeprefix("gpurig:").partition(".")[0] in SETTINGS, shlex.join(words)


def test_prices_on_the_documents_pages_are_those_of_the_table() -> None:
    found = [
        (name, price)
        for page in PAGES
        if page.parent.name == "documents"
        for name, price in re.findall(r"`(\w+\.\w+)` \(\$([\d.]+) an hour\)", _text(page))
    ]
    assert len(found) >= 5
    for name, price in found:
        assert f"{instance_types()[name].usd_per_hour:.2f}" == price, name


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8") if page.exists() else ""


def _commands(page: Path, program: str) -> list[list[str]]:
    """Return the commands of a program that a page shows, in blocks and in running text, as words."""
    text = _text(page)
    lines = re.findall(rf"^(?:    )?(?:\$ )?({program} .*)$", text, flags=re.MULTILINE)
    lines = [part.strip() for line in lines for part in line.split("&&")]
    lines += re.findall(rf"`({program} [^`]+)`", text)
    commands = [shlex.split(line, comments=True) for line in lines]
    return [
        words for words in commands if words[0] == program and not PLACEHOLDER.search(" ".join(words[1:2] + words[-1:]))
    ]
