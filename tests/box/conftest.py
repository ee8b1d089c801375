"""One real box for the tests of this folder, and the user before it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.transport.session import Session
from tests.box.user import User
from tests.kit.box import Machine, booted, mark, quiet, run
from tests.kit.fab import clean_environment, write_hosts
from tests.kit.recipes import RecipeFolder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs a box, the same one: say so once, for all of them."""
    for marker in (pytest.mark.box, pytest.mark.xdist_group("box")):
        mark(items, Path(__file__).parent, marker)


@pytest.fixture
def kitchen(tmp_path: Path) -> RecipeFolder:
    return RecipeFolder(tmp_path / "catalogue")


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A box that was launched through the EC2 API, with a bundle of its own in its user-data."""
    folder = tmp_path_factory.mktemp("box")
    first = RecipeFolder(folder / "catalogue")
    first.recipe("greeting", install="echo hello > /srv/greeting", verify='test "$(cat /srv/greeting)" = hello')
    with booted(folder, first.bundle("greeting"), folder / "state") as machine:
        yield machine


@pytest.fixture(autouse=True)
def here(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with the environment that reaches the machine; pins are empty, as on the first day."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)
    for name, value in machine.cloud.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GPURIG_SSH_KEY", str(machine.key))
    return tmp_path


@pytest.fixture
def home(machine: Machine, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder as the user's home, whose known_hosts knows the machine."""
    monkeypatch.setenv("HOME", str(here))
    machine.known_at(here)
    return here


@pytest.fixture
def user(machine: Machine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """A user with a hosts file and a project; the box forgets the runs and work of the test."""
    monkeypatch.setenv("GPURIG_HOSTS", str(home / "hosts.toml"))
    write_hosts(home, "box", address=machine.host.address, port=22)
    (home / "project").mkdir()
    yield User(machine, home / "project")
    run(machine, "systemctl stop 'gpurig-run-*'; rm -rf /jobs/runs /jobs/work /jobs/digits /srv/precious")


@pytest.fixture
def session(machine: Machine) -> Iterator[Session]:
    """A session with the box, which forgets the runs and work of the test."""
    with Session(machine.host, tell=quiet) as opened:
        yield opened
        opened.root("systemctl stop 'gpurig-run-*'; rm -rf /jobs/runs /jobs/work")


@pytest.fixture
def project(here: Path) -> Path:
    """A folder with what a folder may hold."""
    folder = here / "project"
    (folder / "sub dir" / "deep").mkdir(parents=True)
    (folder / ".gitignore").write_text("*.log\n/data/\n!keep.log\n")
    (folder / "train.py").write_text("print()\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "sub dir" / "deep" / "ü'y\n.txt").write_text("odd")
    (folder / "latest").symlink_to("sub dir/deep")
    for ignored in ("x.log", "sub dir/y.log", "data/big", "results/old.txt"):
        (folder / ignored).parent.mkdir(exist_ok=True)
        (folder / ignored).write_text("no")
    (folder / "sub dir" / "keep.log").write_text("yes")
    return folder
