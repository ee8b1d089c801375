"""A stack against the EC2 API, with the stand-in engine and plugin over real gRPC and HTTP, and no boxes behind it.

`PULUMI_UNDER_TEST=/path/to/pulumi` takes that CLI in the engine's place (its language host beside it).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rehearsal import engine, provider
from rehearsal.cloud.handle import Cloud
from tests.infra.lab import PUBLIC_KEY, ROOT
from tests.kit.fab import fab_ends

REAL = os.environ.get("PULUMI_UNDER_TEST")


class Stack:
    """A stack of the program in a folder of its own, so that `pulumi config set` writes nothing into the checkout.

    `linked`: the folder is empty, and gets links to the checkout; else it is a project.
    """

    def __init__(self, folder: Path, cloud: Cloud, *, linked: bool = True) -> None:
        self.folder = folder
        if linked:
            for name in ("Pulumi.yaml", "__main__.py", "infra", "provision", "templates"):
                (folder / name).symlink_to(ROOT / name)
            (folder / ".venv").symlink_to(sys.prefix)
        provider.install_shim(folder / "bin")
        if REAL:
            for program in Path(REAL).parent.glob("pulumi*"):
                (folder / "bin" / program.name).symlink_to(program)
        else:
            engine.install_shim(folder / "bin")
        environment = {
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{folder}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "of a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self.env = {**os.environ, **cloud.env, **environment}
        self.ec2 = cloud.client("ec2")
        self.cloud = cloud

    def pulumi(self, *arguments: str) -> str:
        """Run a verb and return what it said."""
        done = self._run(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """Run a verb that fails, and return what it said."""
        done = self._run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "bin" / "pulumi"), *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def fab(self, *arguments: str, code: int) -> str:
        """Run `fab` in the stack's folder, and return what it said."""
        done = fab_ends(code, *arguments, cwd=self.folder, env=self.env)
        return done.stdout + done.stderr

    def up(self, **settings: str) -> None:
        """Set keys, then update."""
        for name, value in settings.items():
            self.pulumi("config", "set", f"gpurig:{name}", value)
        self.pulumi("up", "--yes", "--skip-preview")

    def state(self) -> dict[str, Any]:
        """Return the state, as Pulumi prints it."""
        deployment: dict[str, Any] = json.loads(self.pulumi("stack", "export"))["deployment"]
        return deployment

    def refuse(self, host: str, *, times: int = 1) -> None:
        """Have EC2 refuse the next launch of a host, for want of capacity."""
        code, message = "InsufficientInstanceCapacity", "We currently do not have sufficient capacity"
        self.cloud.fault("RunInstances", match={"Value": host}, code=code, message=message, times=times)

    def boxes(self) -> list[dict[str, Any]]:
        """Return the instances that are not terminated."""
        alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
        found = self.ec2.describe_instances(Filters=alive)["Reservations"]
        return [instance for reservation in found for instance in reservation["Instances"]]

    def box(self) -> dict[str, Any]:
        """Return the only instance that is not terminated."""
        (instance,) = self.boxes()
        return instance

    def snapshots(self) -> list[dict[str, Any]]:
        """Return the snapshots of the account."""
        found: list[dict[str, Any]] = self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return found

    def calls(self) -> list[str]:
        """Return the names of all calls of the EC2 and IAM APIs so far."""
        return [call["action"] for call in self.cloud.calls()]

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


SETTINGS = {
    "sshPublicKey": PUBLIC_KEY,
    "allowedCidrs": "203.0.113.7/32",
    "acceptLicences": "nvidia-cuda,nvidia-cudnn",
}


@contextlib.contextmanager
def open_stack(folder: Path) -> Iterator[Stack]:
    """Start a cloud and make an empty stack in it."""
    cloud = Cloud.start(folder / "cloud", boxes=False)
    try:
        (folder / "project").mkdir()
        made = Stack(folder / "project", cloud)
        made.pulumi("stack", "init", "life")
        made.pulumi("config", "set", "aws:region", "us-east-1")
        yield made
    finally:
        cloud.stop()
