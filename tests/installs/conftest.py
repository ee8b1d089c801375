"""Recipes on a box of their own, installed and used by the commands that a user types: `make test-recipes`.

A test's module says in `HOST` what stands in its hosts.toml beside the defaults here (`unpinned`, `[sources]`). The box
has no GPU, no Pulumi stack and no instance id: it is a machine of the user's own.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provision.bundle import cloud_init
from provision.bundle.render import render
from provision.model.target import Target
from provision.transport import host_keys
from rehearsal.boxes import roots, why_not
from rehearsal.cloud.handle import Cloud, direct
from tests.box.conftest import launch
from tests.kit.fab import FAB, ROOT, clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

LACK = why_not()
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
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.installs)
            if LACK:
                item.add_marker(pytest.mark.skip(reason=LACK))


@dataclasses.dataclass(frozen=True)
class Box:
    """A machine of the user's own, and the folder from which the user works on it."""

    address: str
    folder: Path
    env: dict[str, str]

    def fab(self, *words: str, code: int = 0) -> str:
        """Run `fab` as a user does; returns both outputs, and fails unless it ends with `code`."""
        done = self._run([*FAB, *words])
        assert done.returncode == code, f"fab {' '.join(words)}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def ssh(self, command: str) -> str:
        """Return what a shell command prints on the box."""
        options = ["-i", self.env["GPURIG_SSH_KEY"], "-o", f"UserKnownHostsFile={self.folder}/.ssh/known_hosts"]
        done = self._run(["ssh", "-q", *options, f"ubuntu@{self.address}", command])
        assert not done.returncode, f"{command}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(command, cwd=self.folder, env=self.env, check=False, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A folder in the checkout for the box's disks: what is installed there is more than many a /tmp can hold."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-installs-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, state: Path) -> Iterator[Box]:
    """A fresh Ubuntu box for the tests of one module."""
    folder = tmp_path_factory.mktemp("user")
    key = folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    roots.ensure("ubuntu-22.04", print)
    cloud = Cloud.start(state)
    try:
        instance = launch(cloud, key, cloud_init.user_data(render(["base"], Target())))
        address = instance["PublicIpAddress"]
        (folder / ".ssh").mkdir()
        keys = _host_keys(cloud, instance["InstanceId"])
        (folder / ".ssh" / "known_hosts").write_text("".join(f"{address} {line}\n" for line in keys))
        text = DEFAULTS.format(address=address, host=getattr(request.module, "HOST", ""))
        (folder / "hosts.toml").write_text(text)
        env = clean_environment(**direct(os.environ), HOME=str(folder), GPURIG_SSH_KEY=str(key))
        yield Box(address, folder, env)
    finally:
        cloud.stop()


def _host_keys(cloud: Cloud, instance_id: str) -> list[str]:
    """Return the keys that the box has printed on its console; the test's runner ends it where none ever comes."""
    while True:
        answer = cloud.client("ec2").get_console_output(InstanceId=instance_id, Latest=True)
        if keys := host_keys.keys_in(answer.get("Output", "")):
            return keys
        time.sleep(0.5)
