"""What `pip install` of the wheel gives: `gpurig` and `fab`, in any folder and in a project of `gpurig new`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from gpurig import __version__
from provision.bundle import program
from provision.catalogue.catalogue import Catalogue
from provision.catalogue.folders import OURS
from tests.kit.fab import ROOT, fab, write_hosts
from tests.release.wheel import Installed

ASKED = """
import json
from provision.bundle import program
from provision.bundle.render import render
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target
import provision
checks = [check.place for check in Catalogue().checks]
names = sorted(Catalogue().recipes)
digest = render(["digits"], Target(licences=("nvidia-cuda", "nvidia-cudnn"))).digest
print(json.dumps([program.digest(), names, checks, digest, provision.__file__]))
"""


def test_the_version_is_said_by_the_program_and_by_the_package(installed: Installed, tmp_path: Path) -> None:
    assert installed.run(tmp_path, "gpurig", "--version") == f"gpurig {__version__}\n"
    asked = "import importlib.metadata as m; print(m.version('gpurig'))"
    assert installed.run(tmp_path, "python", "-c", asked) == f"{__version__}\n"


def test_the_agent_recipes_and_marks_are_those_of_the_checkout(installed: Installed, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed.bin / "python", "-c", ASKED], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    digest, names, checks, bundle, where = json.loads(done.stdout)
    assert Path(where).is_relative_to(installed.folder)
    assert digest == program.digest()
    assert names == sorted(Catalogue(OURS).recipes)
    assert checks == [check.place for check in Catalogue(OURS).checks]
    here = subprocess.run([installed.bin / "python", "-c", ASKED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert bundle == json.loads(here.stdout)[3], "no byte of what is sent differs"


def test_all_tasks_are_there_in_any_folder_by_either_name(installed: Installed, tmp_path: Path) -> None:
    said = installed.run(tmp_path, "gpurig", "--list")
    assert "\n  setup-digits " in said
    assert "Show what `fab setup` would do" in installed.run(tmp_path, "fab", "--help", "plan")


def test_the_page_of_a_recipe_is_the_checkouts(installed: Installed, tmp_path: Path) -> None:
    assert installed.run(tmp_path, "gpurig", "recipes", "caffe") == fab(tmp_path, "recipes", "caffe").stdout


def test_a_host_that_is_named_is_worked_on_from_any_folder(installed: Installed, tmp_path: Path) -> None:
    said = installed.run(tmp_path, "gpurig", "-H", "me@127.0.0.1:9", "plan", "base", code=4)
    assert said.startswith("error: 127.0.0.1 does not answer on port 9")


def test_a_number_that_is_none_is_refused_there_too(installed: Installed, tmp_path: Path) -> None:
    for name in ("fab", "gpurig"):
        assert installed.run(tmp_path, name, "-t", "abc", "ps", code=2).startswith("error: -t takes a whole number")


def test_a_fabfile_of_the_users_own_is_the_one_that_counts(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "fabfile.py").write_text("from fabric import task\n\n@task\ndef mine(c):\n    print('mine')\n")
    below = tmp_path / "below"
    below.mkdir()
    assert installed.run(below, "gpurig", "mine") == "mine\n"


def test_a_project_has_the_tasks_and_its_hosts(installed: Installed, project: Path) -> None:
    write_hosts(project, "desk")
    try:
        assert "desk (127.0.0.1) does not answer on port 9" in installed.run(project, "fab", "plan", "base", code=4)
    finally:
        (project / "hosts.toml").unlink()


def test_the_example_of_hosts_is_one(installed: Installed, project: Path) -> None:
    example = project / "hosts.toml.example"
    said = installed.run(project, "fab", "ssh-config", code=2, GPURIG_HOSTS=str(example), HOME=str(project.parent))
    assert "desk (192.0.2.7) is no box of a stack" in said, "it was read to its end"


def test_the_settings_of_a_project_are_all_there_and_its_python_is_the_one_that_has_gpurig(
    installed: Installed, project: Path
) -> None:
    there = yaml.safe_load((project / "Pulumi.yaml").read_text())
    ours = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    options = there["runtime"].pop("options")
    ours["runtime"].pop("options")
    assert there == ours
    assert options == {"toolchain": "pip", "virtualenv": str(installed.folder)}


def test_an_environment_in_the_project_is_named_relative_to_it(installed: Installed, tmp_path: Path) -> None:
    code = f"import sys; from pathlib import Path; sys.prefix = {str(tmp_path / '.venv')!r}; "
    code += f"from gpurig import new; print(new._interpreter(Path({str(tmp_path)!r})))"
    assert '    virtualenv: ".venv"\n' in installed.run(tmp_path, "python", "-c", code)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "takes the name of one folder"),
        (("one", "two"), "takes the name of one folder"),
        (("--force",), "takes the name of one folder"),
        (("full",), "full is there already, and not an empty folder"),
        (("file",), "file is there already, and not an empty folder"),
        (("file/below",), "file/below cannot be written"),
    ],
)
def test_what_cannot_be_a_project_is_refused_and_nothing_changes(
    installed: Installed, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("of the user's")
    (tmp_path / "file").write_text("of the user's")
    before = sorted(tmp_path.rglob("*"))
    said = installed.run(tmp_path, "gpurig", "new", *words, code=1 if "cannot" in says else 2)
    assert said.startswith("error: ")
    assert says in said
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_becomes_one(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "fab doctor" in installed.run(tmp_path, "gpurig", "new", "empty")
    assert (tmp_path / "empty" / "__main__.py").read_text() == (ROOT / "__main__.py").read_text()


def test_a_checkout_makes_no_project(installed: Installed, tmp_path: Path) -> None:
    command = [str(installed.bin / "python"), "-m", "gpurig", "new", str(tmp_path / "new")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: this is a checkout")
