"""Adding a recipe touches one folder: its tasks, its place, its page and the checks come from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.catalogue.catalogue import Catalogue
from provision.catalogue.folders import TEMPLATES
from provision.model.target import Target
from provision.pages import pages, write
from tests.kit import catalogue as checks
from tests.kit.fab import fab
from tests.kit.recipes import write_recipe

TOML = """\
summary  = "Counter: one to three, with a voice of its own"
version  = "3.1"
document = "004"
needs    = ["firewall"]
minutes  = 2
disk_gib = 0.25
undo     = "rm -rf /opt/gpurig/counter"

[supports]
images = ["ubuntu-22.04"]
no     = { "debian-12" = "its clock counts backwards" }
tried  = [{ image = "ubuntu-22.04", gpu = "none" }]

[activate]
VOICE = "{{ prefix }}/counter/voice"

[example]
summary = "one, two, three"
command = "bash count.sh 3"
minutes = 1
[bench]
command = "bash count.sh 30"

[sources.git]
url    = "https://git.example/counter.git"
ref    = "v3.1"
commit = "0123456789abcdef0123456789abcdef01234567"
"""
INSTALL = """\
fetch_git {{ source.url | quote }} {{ source.ref }} "{{ source.commit if pinned else '' }}" /opt/gpurig/counter
"""
VERIFY = """\
want "the counter is there" test -x /opt/gpurig/counter/count
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of recipes with one that nothing else in the repository has heard of."""
    folder = tmp_path / "mine"
    write_recipe(folder / "counter", TOML, install=INSTALL, verify=VERIFY)
    (folder / "counter" / "example").mkdir()
    (folder / "counter" / "example" / "count.sh").write_text('seq "$1"\n')
    return folder


@pytest.fixture
def catalogue(folder: Path) -> Catalogue:
    return Catalogue(TEMPLATES / "recipes", folder)


def test_it_has_its_tasks(tmp_path: Path, folder: Path) -> None:
    listed = " ".join(fab(tmp_path, "--list", GPURIG_RECIPES=str(folder)).stdout.split())
    assert "setup-counter Install Counter: one to three, with a voice of its own" in listed
    assert "example-counter Run the example of counter: one, two, three" in listed
    assert "bench-counter " in listed
    shown = fab(tmp_path, "render", "--recipe", "counter", "--gpu", "none", GPURIG_RECIPES=str(folder))
    assert "installs base, firewall, counter" in shown.stdout


def test_it_comes_after_what_it_needs(catalogue: Catalogue) -> None:
    assert [recipe.name for recipe in catalogue.order(["counter"], Target())] == ["base", "firewall", "counter"]
    assert [step.name for step in render(["counter"], Target(), catalogue).steps] == ["base", "firewall", "counter"]


def test_it_has_its_page_and_its_lines_in_the_tables(catalogue: Catalogue, tmp_path: Path) -> None:
    written = pages(catalogue)
    page = written["recipes/counter.md"]
    for part in (
        "# counter\n\nCounter: one to three, with a voice of its own.",
        "(../documents/004-home-brew-box.md)",
        "[firewall](firewall.md)",
        "    fab setup-counter\n",
        "<https://git.example/counter.git>, `v3.1` | commit 0123456789ab",
        "| ubuntu-22.04 | **tried** | expected |",
        "debian-12, any GPU or none: its clock counts backwards",
        "    fab example-counter\n",
        "    fab bench-counter\n",
        "- the counter is there\n",
        'VOICE="/opt/gpurig/counter/voice"',
        "    rm -rf /opt/gpurig/counter\n",
    ):
        assert part in page
    assert "[counter](counter.md) | Counter: one to three" in written["recipes/README.md"]
    assert "| [counter](recipes/counter.md) | **tried** | expected |" in written["compatibility.md"]
    docs = tmp_path / "docs"
    (docs / "recipes").mkdir(parents=True)
    (docs / "recipes" / "gone.md").write_text("the page of a recipe that is no more")
    write(catalogue, docs)
    assert {str(path.relative_to(docs)) for path in docs.rglob("*.md")} == set(written)
    assert write(catalogue, docs) == []


def test_the_checks_over_the_whole_catalogue_look_at_it(catalogue: Catalogue, folder: Path, tmp_path: Path) -> None:
    def check(name: str) -> tuple[str, list[str], list[str]]:
        fresh = Catalogue(TEMPLATES / "recipes", folder)
        texts = checks.scripts(checks.rendered(fresh, ["counter"]))
        (tmp_path / name).mkdir()
        own = {stem: text for stem, text in texts.items() if stem.startswith("counter.")}
        return checks.shellcheck(tmp_path / name, own), checks.writes(own), checks.addresses(fresh)

    assert {goal.image for _, goal, _ in checks.rendered(catalogue, ["counter"])} == {"ubuntu-22.04"}
    assert check("sound") == ("", [], [])
    write_recipe(folder / "counter", TOML, install="cd $1\ncurl https://elsewhere.example/x\n", verify="touch /seen\n")
    found, written, elsewhere = check("unsound")
    assert "counter.install.0" in found
    assert "SC2086" in found
    assert any("touch /seen" in line for line in written)
    assert elsewhere == [f"{folder}/counter/install.sh.j2: https://elsewhere.example/x"]
