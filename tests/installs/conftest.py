"""Recipes on a box of their own, installed and used by the commands that a user types: `make test-recipes`.

A test's module says in `HOST` what stands in its hosts.toml beside the defaults here (`unpinned`, `[sources]`). The box
has no GPU, no Pulumi stack and no instance id: it is a machine of the user's own.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.model.target import Target
from rehearsal.cloud.handle import direct
from tests.installs.box import Box
from tests.kit.arrived import user
from tests.kit.box import booted, mark
from tests.kit.fab import ROOT, clean_environment

__all__ = ["user"]

DEFAULTS = """\
licences = ["nvidia-cuda", "nvidia-cudnn"]
{host}
[mirrors.git]
"https://github.com/" = "http://rehearsal.internal:8418/git/"
[host.box]
address = "{address}"
user    = "ubuntu"
image   = "ubuntu-22.04"
gpu     = "none"
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here installs on a real box."""
    mark(items, Path(__file__).parent, pytest.mark.installs)


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A folder in the checkout for the box's disks: what is installed there is more than many a /tmp can hold."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-installs-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, state: Path) -> Iterator[Box]:
    """A fresh Ubuntu box for the tests of one module."""
    folder = tmp_path_factory.mktemp("user")
    with booted(folder, render(["base"], Target()), state) as machine:
        machine.known_at(folder)
        address = machine.host.address
        text = DEFAULTS.format(address=address, host=getattr(request.module, "HOST", ""))
        (folder / "hosts.toml").write_text(text)
        env = clean_environment(**direct(os.environ), HOME=str(folder), GPURIG_SSH_KEY=str(machine.key))
        yield Box(address, folder, env)


@pytest.fixture(scope="module")
def ready(request: pytest.FixtureRequest, box: Box) -> Box:
    """The box with the recipe that the test's module names in `RECIPE`, which was not there."""
    recipe = request.module.RECIPE
    assert re.search(rf"\b{recipe} +installed in", box.fab(f"setup-{recipe}"))
    return box
