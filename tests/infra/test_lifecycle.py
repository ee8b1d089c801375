"""A stack's life against the EC2 API: what changes in place, what is made anew, what a destroy leaves, what comes back.

Resource options act in the engine, where the SDK's mocks do not reach: here the stand-in engine and plugin run the
program over real gRPC and HTTP, with no boxes behind the API.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal import engine, provider
from rehearsal.cloud.handle import Cloud
from tests.infra.lab import PUBLIC_KEY, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Stack:
    """A stack of the program in a folder of its own, so that `pulumi config set` writes nothing into the checkout."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.folder = folder
        for name in ("Pulumi.yaml", "__main__.py", "infra", "provision", "templates"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".venv").symlink_to(sys.prefix)
        engine.install_shim(folder / "bin")
        provider.install_shim(folder / "bin")
        own = {
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{folder}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "of a test",
        }
        self.env = {**os.environ, **cloud.env, **own}
        self.ec2 = cloud.client("ec2")

    def pulumi(self, *arguments: str) -> str:
        """Run a verb and return what it said."""
        done = subprocess.run(
            [str(self.folder / "bin" / "pulumi"), *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def up(self, **settings: str) -> None:
        """Set keys, then update."""
        for name, value in settings.items():
            self.pulumi("config", "set", f"gpurig:{name}", value)
        self.pulumi("up", "--yes", "--skip-preview")

    def box(self) -> dict[str, Any]:
        """Return the only instance that is not terminated."""
        alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
        (reservation,) = self.ec2.describe_instances(Filters=alive)["Reservations"]
        (instance,) = reservation["Instances"]
        found: dict[str, Any] = instance
        return found

    def job_volumes(self) -> list[dict[str, Any]]:
        """Return the job volumes."""
        tagged = [{"Name": "tag:gpurig:volume", "Values": ["jobs"]}]
        found: list[dict[str, Any]] = self.ec2.describe_volumes(Filters=tagged)["Volumes"]
        return found

    def open_to(self) -> set[tuple[int, str]]:
        """Return which port the box's security group opens to which range."""
        group = self.box()["SecurityGroups"][0]["GroupId"]
        rules = self.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
        return {(rule["FromPort"], part["CidrIp"]) for rule in rules for part in rule["IpRanges"]}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    cloud = Cloud.start(tmp_path / "cloud", boxes=False)
    (tmp_path / "project").mkdir()
    made = Stack(tmp_path / "project", cloud)
    made.pulumi("stack", "init", "life")
    made.pulumi("config", "set", "aws:region", "us-east-1")
    yield made
    cloud.stop()


def test_a_stack_lives_and_comes_back(stack: Stack) -> None:
    stack.up(sshPublicKey=PUBLIC_KEY, allowedCidrs="203.0.113.7/32", acceptLicences="nvidia-cuda,nvidia-cudnn")
    first, (volume,) = stack.box(), stack.job_volumes()
    assert stack.open_to() == {(22, "203.0.113.7/32"), (5000, "203.0.113.7/32")}
    assert volume["Attachments"][0]["InstanceId"] == first["InstanceId"]

    # Another type, another address, another rendering of user-data: the same box.
    stack.up(instanceType="g4dn.2xlarge", allowedCidrs="198.51.100.0/24", idleStopMinutes="30", jobVolumeGib="120")
    changed = stack.box()
    assert (changed["InstanceId"], changed["InstanceType"]) == (first["InstanceId"], "g4dn.2xlarge")
    assert stack.open_to() == {(22, "198.51.100.0/24"), (5000, "198.51.100.0/24")}
    assert [(v["VolumeId"], v["Size"]) for v in stack.job_volumes()] == [(volume["VolumeId"], 120)]

    # Another generation: another box with the same volume, and nothing else.
    stack.up(generation="2")
    second, (moved,) = stack.box(), stack.job_volumes()
    assert second["InstanceId"] != first["InstanceId"]
    assert (moved["VolumeId"], moved["Attachments"][0]["InstanceId"]) == (volume["VolumeId"], second["InstanceId"])
    stack.pulumi("preview", "--expect-no-changes")

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.job_volumes() == []
    (snapshot,) = stack.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert snapshot["VolumeId"] == volume["VolumeId"]

    stack.up()
    assert [v["SnapshotId"] for v in stack.job_volumes()] == [snapshot["SnapshotId"]]
    stack.pulumi("preview", "--expect-no-changes")


def test_a_retained_volume_stays(stack: Stack) -> None:
    stack.up(
        sshPublicKey=PUBLIC_KEY,
        allowedCidrs="203.0.113.7/32",
        acceptLicences="nvidia-cuda,nvidia-cudnn",
        jobVolumeOnDestroy="retain",
        spot="true",
    )
    (volume,) = stack.job_volumes()
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert [(v["VolumeId"], v["State"]) for v in stack.job_volumes()] == [(volume["VolumeId"], "available")]
    assert stack.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
