"""CUDA code compiled from the recipes' own pinned sources, for GPUs that this machine has not: `make test-gpu-builds`.

The sources come from `GIT_MIRROR`, a folder of bare repositories or an address; without one everything here is skipped.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.model.platforms import images
from provision.model.target import Target
from rehearsal.cloud.handle import direct
from tests.installs.box import Box
from tests.kit.box import booted, mark
from tests.kit.fab import ROOT, clean_environment

HOSTS = """\
licences = ["nvidia-cuda", "nvidia-cudnn"]
[sources]
cuda  = "distribution"
cudnn = "wheel"
[mirrors.git]
"https://github.com/" = "http://rehearsal.internal:8418/git/"
[host.box]
address = "{address}"
user    = "{user}"
image   = "{image}"
gpu     = "none"
compute = "{compute}"
"""
LACK = "GIT_MIRROR names no mirror of the recipes' sources: make test-gpu-builds GIT_MIRROR=FOLDER"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here compiles on a real box, from real sources."""
    here = Path(__file__).parent
    mark(items, here, pytest.mark.builds)
    for item in items:
        if here in item.path.parents and not os.environ.get("GIT_MIRROR"):
            item.add_marker(pytest.mark.skip(reason=LACK))


@pytest.fixture(scope="module")
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A fresh box of the image that the test asks for, without a GPU; its git server passes the mirror on."""
    image, folder = images()[request.param], tmp_path_factory.mktemp("user")
    target = Target(image=image.name, user=image.user)
    with (
        tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-builds-") as state,
        booted(folder, render(["base"], target), Path(state), target, "upstream") as machine,
    ):
        machine.known_at(folder)
        address = machine.host.address
        text = HOSTS.format(address=address, user=image.user, image=image.name, compute=target.compute)
        (folder / "hosts.toml").write_text(text)
        env = clean_environment(**direct(os.environ), HOME=str(folder), GPURIG_SSH_KEY=str(machine.key))
        yield Box(address, folder, env, image.user)
