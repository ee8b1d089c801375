"""A setting is declared once: what Pulumi.yaml and the docs say of it, and every mention of it, follow from there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import pages
from infra.settings.load import SETTINGS, parse
from provision.model import tags
from tests.infra.lab import ROOT, as_given

PROJECT = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
DECLARED: dict[str, dict[str, Any]] = {
    key.removeprefix("gpurig:"): value for key, value in PROJECT["config"].items() if key.startswith("gpurig:")
}
TAGS = [value for value in vars(tags).values() if isinstance(value, str) and value.startswith("gpurig:")]


@pytest.mark.parametrize("path", pages.pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_written_from_the_declarations_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages.pages()[path], "run: make pages"


def test_every_key_is_described_and_nothing_else_is() -> None:
    assert DECLARED.keys() == SETTINGS.keys()
    for name, declared in DECLARED.items():
        assert declared["description"], name


@pytest.mark.parametrize("name", SETTINGS)
def test_a_documented_default_is_the_programs_own(name: str) -> None:
    values, problems = parse({name: as_given(DECLARED[name]["default"])})
    assert not problems
    assert values[name] == SETTINGS[name].default


@pytest.mark.parametrize("name", SETTINGS)
def test_the_example_in_a_refusal_is_itself_accepted(name: str) -> None:
    # What `pulumi config set --path …` makes of an empty object.
    by_path = {
        "busy": '{"terminal": 60}',
        "sources": '{"cuda": "distribution"}',
        "mirrors": '{"git": {"https://github.com/": "https://g.example/"}}',
    }
    values, problems = parse({name: by_path.get(name) or SETTINGS[name].example})
    assert not problems
    assert values[name] not in (None, "")


def sources() -> dict[str, str]:
    """Return the program's own sources by their paths."""
    paths = [path for folder in ("infra", "provision") for path in (ROOT / folder).rglob("*.py")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def test_every_key_that_the_program_names_exists() -> None:
    known = {*SETTINGS, *(name.removeprefix("gpurig:") for name in TAGS), "infra"}
    named = {(path, key) for path, text in sources().items() for key in re.findall(r"\bgpurig:([a-z][\w-]*)", text)}
    assert not [(path, key) for path, key in named if key not in known]


def test_no_tag_is_spelled_out_beside_its_name() -> None:
    spelled = re.compile(f'"({"|".join(TAGS)})"')
    assert [path for path, text in sources().items() if spelled.search(text)] == ["provision/model/tags.py"]
