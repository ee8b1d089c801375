"""What `make gpu-check` saw becomes marks: in cells, on pages, in `fab recipes`; wrong files are refused in words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provision.catalogue.catalogue import Catalogue
from provision.catalogue.cells import cell, row
from provision.catalogue.folders import OURS
from provision.catalogue.tried import FOLDER, checks
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU
from provision.pages import checks as shown
from provision.pages import pages
from tests.kit.checks import CARD, DRIVER, IMAGE, bench, outcome, write_check
from tests.kit.fab import FAB, ROOT, clean_environment
from tests.kit.recipes import write_recipe

VERDICT = "the GPU is 20.4 times as fast as the CPU, test error 0.0213"


def known(folder: Path, *names: str) -> Catalogue:
    """Return a catalogue of recipes of version 1, and of the checks in the folder `tried`."""
    for name in names:
        write_recipe(folder / "recipes" / name)
    return Catalogue(folder / "recipes", tried=folder / "tried")


def test_what_a_check_tried_is_a_mark_for_its_image_and_card_and_no_other(tmp_path: Path) -> None:
    write_check(tmp_path / "tried", outcome("torch", bench=bench()))
    catalogue = known(tmp_path, "torch", "other")
    assert str(cell(catalogue, "torch", IMAGE, "A10G")) == "tried"
    assert str(row(catalogue, "torch", IMAGE)["8.6"]) == "tried"
    elsewhere = [
        ("torch", IMAGE, "T4"),
        ("torch", IMAGE, NO_GPU),
        ("torch", "debian-12", "A10G"),
        ("other", IMAGE, "A10G"),
    ]
    assert {str(cell(catalogue, *place)) for place in elsewhere} == {"expected"}


def test_a_check_without_a_card_is_one_without_a_gpu(tmp_path: Path) -> None:
    write_check(tmp_path / "tried", outcome("torch"), card=None, driver=None)
    catalogue = known(tmp_path, "torch")
    assert str(cell(catalogue, "torch", IMAGE, NO_GPU)) == "tried"
    assert str(cell(catalogue, "torch", IMAGE, "A10G")) == "expected"


@pytest.mark.parametrize("state", ["failed", "not run", "no"])
def test_what_was_not_tried_through_gets_no_mark(tmp_path: Path, state: str) -> None:
    write_check(tmp_path / "tried", outcome("torch", state=state))
    assert str(cell(known(tmp_path, "torch"), "torch", IMAGE, "A10G")) == "expected"


def test_a_mark_is_of_the_version_that_was_tried(tmp_path: Path) -> None:
    write_check(tmp_path / "tried", outcome("torch", version="0.9"))
    assert str(cell(known(tmp_path, "torch"), "torch", IMAGE, "A10G")) == "expected"


def test_a_page_has_card_driver_day_figure_and_what_each_command_took(tmp_path: Path) -> None:
    write_check(tmp_path / "tried", outcome("torch", bench=bench(), seconds={"setup": 21.5, "bench": 41}))
    catalogue = known(tmp_path, "torch")
    text = shown.section(catalogue)
    assert f"### {CARD}, driver {DRIVER}, on {IMAGE}, 2026-11-28" in text
    assert f"| [torch](recipes/torch.md) | 1 | **tried** | 21.5 s | 41 s | {VERDICT} |" in text
    assert "| recipe | version |  | setup | bench | bench came to |" in text
    assert f"- {CARD}, driver {DRIVER}, on {IMAGE}, 2026-11-28: {VERDICT}\n" in pages(catalogue)["recipes/torch.md"]


def test_pages_and_marks_say_what_a_bench_ran_with_and_not_the_recipes_version_alone(tmp_path: Path) -> None:
    ran = bench(python="3.12.3", torch="2.11.0+cu130")
    write_check(tmp_path / "tried", outcome("torch", bench=ran), outcome("other", bench={"cpu": ran["cpu"]}))
    catalogue = known(tmp_path, "torch", "other")
    figure = f"{VERDICT}, with python 3.12.3, torch 2.11.0+cu130"
    assert f" | {figure} |" in shown.section(catalogue)
    assert f"2026-11-28: {figure}\n" in pages(catalogue)["recipes/torch.md"]
    assert "| with python 3.12.3, torch 2.11.0+cu130 |" in shown.section(catalogue), "also of the CPU alone"


@pytest.mark.parametrize("versions", [None, {}, "2.11", []])
def test_a_bench_that_does_not_say_what_it_ran_with_is_taken_as_it_is(tmp_path: Path, versions: Any) -> None:
    table = bench()
    table["gpu"]["versions"] = versions
    write_check(tmp_path / "tried", outcome("torch", bench=table))
    assert f" | {VERDICT} |" in shown.section(known(tmp_path, "torch"))


def test_a_check_may_say_what_it_was_asked_for_and_how_long_it_took(tmp_path: Path) -> None:
    write_check(tmp_path / "tried", outcome("torch"), only=["torch"], seconds=61.5)
    assert len(checks(tmp_path / "tried")) == 1


def test_a_recipe_without_a_bench_says_what_its_example_took(tmp_path: Path) -> None:
    write_check(tmp_path / "tried", outcome("torch", seconds={"setup": 3, "example": 12.5}))
    assert "2026-11-28: its example took 12.5 s\n" in pages(known(tmp_path, "torch"))["recipes/torch.md"]


def test_what_failed_is_listed_with_its_last_words_and_what_does_not_fit_with_its_reason(tmp_path: Path) -> None:
    failed = outcome("torch", state="failed", why="fab bench-torch: exit code 1", said="loss nan\nit learnt nothing")
    write_check(tmp_path / "tried", {**failed, "seconds": {"setup": 20}}, outcome("old", state="no", why="too old"))
    text = shown.section(known(tmp_path, "torch", "old"))
    assert "| [torch](recipes/torch.md) | 1 | failed | 20 s |" in text
    last = "      loss nan\n      it learnt nothing\n"
    assert f"- [torch](recipes/torch.md), failed: fab bench-torch: exit code 1\n\n{last}" in text
    assert "- [old](recipes/old.md), does not fit there: too old\n" in text


def test_the_newest_check_of_a_place_is_the_one_that_recipes_show(tmp_path: Path) -> None:
    write_check(tmp_path / "tried", outcome("torch", seconds={"example": 9}), name="a", date="2026-11-02")
    write_check(tmp_path / "tried", outcome("torch", seconds={"example": 5}), name="b", date="2026-12-01")
    write_check(tmp_path / "tried", outcome("torch", seconds={"example": 7}), name="c", date="2026-11-30")
    catalogue = known(tmp_path, "torch")
    assert [entry["date"] for entry in catalogue.recipes["torch"].tried] == ["2026-12-01"]
    text = shown.section(catalogue)
    assert text.index("2026-12-01") < text.index("2026-11-30") < text.index("2026-11-02")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"date": None}, '"date" is missing'),
        ({"date": "yesterday"}, '"date" has to be a day, such as 2026-11-28'),
        ({"image": "windows-11"}, '"image" is windows-11, which is none of ubuntu-22.04'),
        ({"card": "NVIDIA Quadro NVS 290"}, "no model of provision/model/platforms.toml is in that name: add it there"),
        ({"driver": None}, '"driver" is missing beside "card"'),
        ({"driver": 580}, '"driver" has to be a string'),
        ({"only": "torch"}, '"only" has to be a list of strings'),
        ({"seconds": "long"}, '"seconds" has to be a number'),
    ],
)
def test_a_wrong_file_is_refused_by_its_key_with_the_way_out(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    path = write_check(tmp_path / "tried", outcome("torch"), **more)
    with pytest.raises(BadInput) as refused:
        checks(tmp_path / "tried")
    assert f"{path}: " in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"recipe": "torch", "state": "tried"}, '"recipes[0].version" is missing'),
        (outcome("torch", state="fine"), '"recipes[0].state" has to be one of tried, failed, not run, no'),
        (outcome("torch", seconds={"lunch": 3}), 'unknown key "recipes[0].seconds.lunch"'),
        (outcome("torch", seconds={"setup": -3}), '"recipes[0].seconds.setup" has to be a number, zero or more'),
        (outcome("torch", bench="fast"), '"recipes[0].bench" has to be a table'),
    ],
)
def test_so_is_a_wrong_recipe_in_it(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    write_check(tmp_path / "tried", wrong)
    with pytest.raises(BadInput, match=r"a10g\.json") as refused:
        checks(tmp_path / "tried")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "\x00", '{"date": "2026-11-28", "image": "ubuntu-22.04", "recipes": [1]}']
)
def test_and_what_is_no_such_file_at_all(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BadInput, match=r"x\.json"):
        checks(tmp_path)


def test_the_committed_checks_are_whole() -> None:
    for check in checks(FOLDER):
        assert check.outcomes


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product whose PyTorch has been seen on a card, and its pages written."""
    folder = tmp_path_factory.mktemp("product")
    for name in ("provision", "templates", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "tried"))
    for name in ("fabfile.py", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    version = Catalogue(OURS).recipes["pytorch"].version
    write_check(folder / "docs" / "tried", outcome("pytorch", version=version, bench=bench()))
    done = subprocess.run(
        [sys.executable, "-m", "provision.pages"], cwd=folder, check=True, capture_output=True, text=True
    )
    assert "compatibility.md" in done.stdout
    return folder


def said(copy: Path, *words: str, **env: str) -> str:
    command = [FAB[0], "--search-root", str(copy), "recipes", *words]
    done = subprocess.run(command, cwd=copy, env=clean_environment(**env), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_fab_recipes_says_on_what_card_with_what_driver_when_and_how_fast(copy: Path) -> None:
    there = said(copy, "--image", IMAGE, "--gpu", "A10G")
    line = f"pytorch {CARD}, driver {DRIVER}, on {IMAGE}, 2026-11-28: {VERDICT}"
    assert line in " ".join(there.partition("seen by make gpu-check:\n")[2].split())
    assert "seen by" not in said(copy, "--image", IMAGE, "--gpu", "T4")
    assert VERDICT in said(copy, "pytorch")


def test_fab_recipes_has_it_as_json_too(copy: Path) -> None:
    [recipe] = json.loads(said(copy, "pytorch", "--json"))
    mark = {"image": IMAGE, "gpu": "A10G", "on": f"{CARD}, driver {DRIVER}", "date": "2026-11-28", "figure": VERDICT}
    assert recipe["seen"] == [mark]


def test_a_recipe_of_the_users_own_gets_no_mark_of_ours(copy: Path, tmp_path: Path) -> None:
    version = Catalogue(OURS).recipes["pytorch"].version
    write_recipe(tmp_path / "pytorch", f'summary = "mine"\nversion = "{version}"')
    [recipe] = json.loads(said(copy, "pytorch", "--json", GPURIG_RECIPES=str(tmp_path)))
    assert (recipe["summary"], recipe["seen"]) == ("mine", [])


def test_the_docs_have_it_in_the_table_and_below(copy: Path) -> None:
    text = (copy / "docs" / "compatibility.md").read_text(encoding="utf-8")
    table = text.partition("## ubuntu-22.04")[2].partition("## ")[0]
    heads = next(line for line in table.splitlines() if line.startswith("| recipe")).split(" | ")
    cells = next(line for line in table.splitlines() if line.startswith("| [pytorch]")).split(" | ")
    assert cells[heads.index("8.6")] == "**tried**"
    assert cells[heads.index("8.9")] == "expected"
    assert f"### {CARD}, driver {DRIVER}, on {IMAGE}, 2026-11-28" in text
