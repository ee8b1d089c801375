"""`fab recipes` as a user types it: the list, what works where, one recipe's page, JSON, and what bad words get."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from provision.catalogue.catalogue import Catalogue
from provision.model.errors import BadInput
from provision.tasks.verbs.recipes import known_place
from tests.kit.fab import FAB, ROOT, clean_environment, fab
from tests.kit.recipes import write_recipe
from tests.kit.terminal import shown

HOPPER = "its compiler is older than Hopper"


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """A folder with recipes of the user's own, beside the catalogue."""
    supports = (
        f'images = ["ubuntu-22.04"]\nno = {{ "9.0" = "{HOPPER}" }}\n'
        'tried = [{ image = "ubuntu-22.04", gpu = "T4" }]\n'
        'built = [{ image = "ubuntu-22.04", compute = "8.6", cuda = "11.5", date = "2026-11-28" }]\n'
        'known = { "8.9" = "a user wrote that it runs there" }'
    )
    write_recipe(tmp_path / "mine" / "old-stack", f'needs = ["base"]\n[supports]\n{supports}')
    write_recipe(
        tmp_path / "mine" / "on-top", 'needs = ["old-stack"]\nneeds_on_gpu = ["nvidia-driver"]\nports = [8888]'
    )
    write_recipe(tmp_path / "mine" / "anywhere")
    return str(tmp_path / "mine")


def said(tmp_path: Path, mine: str, *words: str) -> str:
    done = fab(tmp_path, "recipes", *words, GPURIG_RECIPES=mine, code=0)
    return done.stdout


def row(text: str, name: str) -> str:
    [line] = [line for line in text.splitlines() if line.split()[:1] == [name]]
    return line


def test_the_list_has_every_recipe(tmp_path: Path, mine: str) -> None:
    text = said(tmp_path, mine)
    for name in (*Catalogue().recipes, "old-stack", "on-top"):
        assert row(text, name)
    assert "example bench" in row(text, "pytorch")


def test_with_an_image_and_a_gpu_it_says_tried_expected_or_why_not(tmp_path: Path, mine: str) -> None:
    there = said(tmp_path, mine, "--image", "ubuntu-22.04", "--gpu", "t4")
    assert "tried" in row(there, "old-stack")
    assert "expected" in row(there, "on-top")
    assert "what is known" not in there
    assert "built" in row(said(tmp_path, mine, "--image", "ubuntu-22.04", "--gpu", "A10G"), "old-stack")
    known = said(tmp_path, mine, "--image", "ubuntu-22.04", "--gpu", "L4").partition("what is known of it there:")[2]
    assert "a user wrote that it runs there" in row(known, "old-stack")
    elsewhere = said(tmp_path, mine, "--image", "ubuntu-22.04", "--gpu", "H100")
    assert HOPPER in row(elsewhere.partition("not there:")[2], "old-stack")
    assert f"it needs old-stack: {HOPPER}" in row(elsewhere.partition("not there:")[2], "on-top")
    assert "old-stack" not in elsewhere.partition("not there:")[0]


def test_with_one_of_both_it_says_where_the_other_may_be(tmp_path: Path, mine: str) -> None:
    assert "ubuntu-22.04" in row(said(tmp_path, mine, "--gpu", "T4"), "old-stack")
    there, _, known = said(tmp_path, mine, "--image", "ubuntu-22.04").partition("what is known of it there:")
    assert "8.9: a user wrote that it runs there" in row(known, "old-stack")
    line = row(there, "old-stack")
    assert "tried: 7.5; built: 8.6" in line
    assert "9.0" not in line
    assert "expected: everywhere" in row(said(tmp_path, mine, "--image", "debian-12"), "anywhere")
    assert "--source cuda=distribution" in row(said(tmp_path, mine, "--image", "debian-12", "--gpu", "none"), "cuda")


def test_one_recipe_is_its_page(tmp_path: Path, mine: str) -> None:
    page = said(tmp_path, mine, "on-top")
    assert page.startswith("# on-top\n")
    for part in ("fab setup-on-top", "[old-stack](old-stack.md)", "(with a GPU)", "fab tunnel --port 8888", HOPPER):
        assert part in page
    assert said(tmp_path, mine, "digits") == (ROOT / "docs" / "recipes" / "digits.md").read_text(encoding="utf-8")


def test_json_has_all_of_it(tmp_path: Path, mine: str) -> None:
    rows: list[dict[str, Any]] = json.loads(said(tmp_path, mine, "--json", "--gpu", "H100"))
    assert {row["name"] for row in rows} == {*Catalogue().recipes, "anywhere", "old-stack", "on-top"}
    [old] = [row for row in rows if row["name"] == "old-stack"]
    [cell] = [cell for cell in old["works"] if cell["image"] == "ubuntu-22.04"]
    assert (cell["state"], cell["reason"], cell["gpu"]) == ("no", HOPPER, "H100")
    [alone] = json.loads(said(tmp_path, mine, "on-top", "--json"))
    assert (alone["needs"], alone["needs_on_gpu"], alone["ports"]) == (["old-stack"], ["nvidia-driver"], [8888])


def test_in_a_terminal_of_a_hundred_columns_no_line_is_longer(tmp_path: Path) -> None:
    for words in ("", "--gpu T4", "--image debian-12", "digits", "--image debian-12 --gpu H100"):
        text = shown([*FAB, "recipes", *words.split()], tmp_path, clean_environment())
        lines = [plain(line).rstrip() for line in text.splitlines()]
        assert len(lines) > 5
        assert max(map(len, lines)) <= 100, max(lines, key=len)
        assert "](" not in text


def plain(line: str) -> str:
    """Return a line without colours."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line)


def test_an_image_and_a_model_that_nobody_knows_are_refused_together() -> None:
    assert known_place("debian-12", "t4") == ("debian-12", "T4")
    with pytest.raises(BadInput) as caught:
        known_place("beos", "voodoo2")
    assert ["beos" in caught.value.problems[0], "voodoo2" in caught.value.problems[1]] == [True, True]
    assert "compute capability: --gpu 8.6" in caught.value.problems[1]


def test_a_card_is_known_by_what_nvidia_smi_calls_it_and_by_its_capability() -> None:
    assert known_place("", "NVIDIA A10G") == ("", "A10G")
    assert [known_place("", compute)[1] for compute in ("8.6", "10.0")] == ["8.6", "10.0"]
