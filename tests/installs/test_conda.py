"""conda through the download mirror, from a small program that stands in for Miniforge's installer."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from provision.catalogue.folders import TEMPLATES
from provision.model.errors import StepFailed
from tests.installs.box import Box
from tests.kit.servers import Handler, serving

RECIPE = Catalogue().recipes["conda"]
SOURCE = RECIPE.sources["miniforge"]
CONDA = "/opt/gpurig/conda"
INSTALLER = """\
#!/bin/sh
[ "$1 $2" = "-b -p" ] && [ ! -e "$3" ] || exit 2
mkdir -p "$3/bin" "$3/condabin" "$3/conda-meta" "$3/etc/profile.d"
printf '#!/bin/sh\\necho conda of %s\\n' "$3" >"$3/condabin/conda"
chmod 755 "$3/condabin/conda"
ln -s ../condabin/conda "$3/bin/conda"
echo '{}' >"$3/conda-meta/conda-VERSION-py313_0.json"
echo 'conda_hook=read' >"$3/etc/profile.d/conda.sh"
echo 'channels: [defaults]' >"$3/.condarc"
"""


class _Quiet(Handler, http.server.SimpleHTTPRequestHandler):
    """Serves a folder."""


@pytest.fixture(scope="module", autouse=True)
def mirror(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A mirror of the address that the installer comes from; the box's hosts.toml names it."""
    folder = tmp_path_factory.mktemp("mirror")
    serve = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), serve)
    with serving(server):
        prefix = SOURCE["url"].rsplit("/", 1)[0]
        there = f"http://rehearsal.internal:{server.server_port}"
        channels = f'[mirrors.conda]\n"https://channels.example" = "{there}/channels"'
        request.module.HOST = f'[mirrors.download]\n"{prefix}" = "{there}"\n{channels}'
        installer = folder / SOURCE["url"].rsplit("/", 1)[1]
        installer.write_text(INSTALLER.replace("VERSION", RECIPE.version.split("-")[0]), encoding="utf-8")
        yield folder


@pytest.fixture(scope="module")
def pinned_to_it(box: Box, mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """The same box, worked on with a recipe that pins what the mirror holds."""
    recipes = tmp_path_factory.mktemp("recipes")
    shutil.copytree(TEMPLATES / "recipes" / "conda", recipes / "conda")
    (installer,) = mirror.iterdir()
    table = recipes / "conda" / "recipe.toml"
    other = hashlib.sha256(installer.read_bytes()).hexdigest()
    table.write_text(table.read_text(encoding="utf-8").replace(SOURCE["sha256"], other), encoding="utf-8")
    return dataclasses.replace(box, env={**box.env, "GPURIG_RECIPES": os.fspath(recipes)})


def test_another_file_than_the_pinned_one_is_refused_and_not_run(box: Box) -> None:
    said = box.fab("setup-conda", code=StepFailed.exit_code)
    assert "not the file that the recipe pins" in said
    assert box.ssh(f"ls {CONDA}").split() == ["activate.sh", "condarc"]


def test_it_is_installed_and_found_again(pinned_to_it: Box) -> None:
    assert "conda  installed" in pinned_to_it.fab("setup-conda")
    assert "nothing to do" in pinned_to_it.fab("setup-conda")


def test_login_shells_have_conda_but_not_its_python(pinned_to_it: Box) -> None:
    said = pinned_to_it.ssh("bash -lc 'conda; echo $conda_hook; command -v python3'").splitlines()
    assert said == [f"conda of {CONDA}/{RECIPE.version}", "read", "/usr/bin/python3"]


def test_packages_come_from_conda_forge_alone_and_through_the_mirror(pinned_to_it: Box) -> None:
    lines = pinned_to_it.ssh(f"cat {CONDA}/current/.condarc").splitlines()
    assert "defaults" not in "".join(lines)
    assert lines[lines.index("channels:") + 1].strip() == "- conda-forge"
    assert any(line.startswith('channel_alias: "http://rehearsal.internal') for line in lines)


def test_what_an_install_that_was_killed_left_is_replaced(pinned_to_it: Box) -> None:
    pinned_to_it.ssh(f"sudo rm {CONDA}/current {CONDA}/{RECIPE.version}/bin/conda")
    assert "conda  installed" in pinned_to_it.fab("setup-conda")
    assert pinned_to_it.ssh("bash -lc conda").strip() == f"conda of {CONDA}/{RECIPE.version}"
