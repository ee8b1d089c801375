"""Which kernels there are on a box, and what one finds to start with: of this test's own folders."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provision.bundle.render import render
from provision.catalogue.catalogue import Catalogue
from provision.catalogue.folders import OURS
from provision.model.target import Target
from provision.work import webpage
from tests.kit.programs import write_program
from tests.kit.recipes import write_recipe

RECIPE = OURS / "jupyter"


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where recipes install, with Jupyter's own folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "jupyter").mkdir()
    for name in ("environments.py", "ipykernel_launcher.py"):
        (tmp_path / "jupyter" / name).write_bytes((RECIPE / name).read_bytes())
    return tmp_path


def environment(folder: Path, release: str = "3.12") -> None:
    """Make what looks like an environment of a Python."""
    folder.mkdir(parents=True)
    write_program(folder / "bin" / f"python{release}", "")
    (folder / "bin/python").symlink_to(f"python{release}")


def recipe(prefix: Path, name: str, path: str) -> None:
    """Have a recipe there that puts folders first on PATH."""
    (prefix / name).mkdir(exist_ok=True)
    (prefix / name / "activate.sh").write_text(f'export A="b"\nexport PATH="{path}:$PATH"\n')


def found(prefix: Path) -> dict[str, Any]:
    kernels = runpy.run_path(str(prefix / "jupyter/environments.py"))["found"]()
    return {name: kernel for name, kernel in kernels.items() if name != "python3"}


def test_a_recipe_s_own_python_is_a_kernel_from_the_moment_it_is_there(prefix: Path) -> None:
    recipe(prefix, "tool", f"{prefix}/tool/venv/bin")
    assert found(prefix) == {}
    environment(prefix / "tool/venv")
    assert found(prefix)["tool"]["display_name"] == "tool (Python 3.12)"
    assert found(prefix)["tool"]["argv"] == [
        f"{prefix}/jupyter/start-kernel",
        f"{prefix}/tool/venv/bin/python",
        "{connection_file}",
        f"{prefix}/tool/activate.sh",
    ]


def test_what_has_no_python_of_its_own_or_one_that_no_kernel_runs_on_is_none(prefix: Path) -> None:
    environment(prefix / "tool/venv")
    recipe(prefix, "borrows", f"{prefix}/borrows/bin:{prefix}/tool/venv/bin")
    environment(prefix / "old/venv", "2.7")
    recipe(prefix, "old", f"{prefix}/old/venv/bin")
    (prefix / "paths").mkdir()
    (prefix / "paths/activate.sh").write_text('export PYTHONPATH="/x"\n')
    assert found(prefix) == {}


def test_conda_s_environments_are_kernels_where_conda_noted_them(prefix: Path) -> None:
    environment(prefix / "home/My Env")
    (prefix / "home/.conda").mkdir()
    noted = f"{prefix}/conda/current\n{prefix}/home/My Env\n{prefix}/home/gone\n"
    (prefix / "home/.conda/environments.txt").write_text(noted)
    (kernel,) = found(prefix).items()
    assert kernel[0] == "conda-my-env"
    assert kernel[1]["argv"][3:] == [f"{prefix}/conda/current/bin/activate", f"{prefix}/home/My Env"]


@pytest.mark.parametrize(("there", "taken"), [(("2.7", "3.8", "3.9"), "3.9"), (("3.8", "9.9"), "3.8")])
def test_a_kernel_takes_the_packages_of_its_release_or_the_newest_before_it(
    prefix: Path, there: tuple[str, ...], taken: str
) -> None:
    for release in there:
        package = prefix / "jupyter/kernel" / release / "ipykernel"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "kernelapp.py").write_text(
            "import sys\ndef launch_new_instance(): print(__file__, sys.path[-1], sys.argv[1:])\n"
        )
    line = [sys.executable, str(prefix / "jupyter/ipykernel_launcher.py"), "-f", "x"]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    packages = f"{prefix}/jupyter/kernel/{taken}"
    assert said == f"{packages}/ipykernel/kernelapp.py {packages} ['-f', 'x']\n"


def test_what_works_with_a_recipe_is_left_on_the_box_for_every_recipe_that_says_it(tmp_path: Path) -> None:
    write_recipe(tmp_path / "tool", '[activate]\nPATH = "{{ prefix }}/tool/bin:$PATH"\nMODEL = "{{ target.gpu }}"\n')
    write_recipe(tmp_path / "bare")
    steps = {name: render([name], Target(), Catalogue(tmp_path)).steps[-1] for name in ("tool", "bare")}
    text = f'export PATH="/opt/gpurig/tool/bin:$PATH"\nexport MODEL="{Target().gpu}"\n'
    assert list(steps["tool"].files) == [{"path": "/opt/gpurig/tool/activate.sh", "mode": "0644", "content": text}]
    assert steps["bare"].files == ()


def test_kernels_have_the_versions_that_the_server_has() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (RECIPE / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))

    kernel, server = pins("requirements-kernel.txt.j2"), pins("requirements.txt.j2")
    assert "ipykernel" in kernel
    assert kernel.items() <= server.items()


@pytest.mark.parametrize("page", [webpage.LAB, webpage.BOARD])
def test_what_fab_opens_is_where_the_recipe_serves_it_and_to_nobody_else(page: webpage.WebPage) -> None:
    recipe = Catalogue().recipes[page.recipe]
    assert recipe.health.startswith(f"http://127.0.0.1:{page.port}/")
    assert recipe.unit == page.unit
    assert recipe.ports == ()  # or the security group would let others in
