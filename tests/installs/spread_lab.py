"""Three boxes with PyTorch: it is installed on one, and the others are made of that one's image."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provision.bundle.render import render
from provision.model.target import Target
from provision.transport import host_keys
from rehearsal.boxes import cgroups
from rehearsal.cloud.handle import direct
from tests.installs.box import Box
from tests.kit import cloud as api
from tests.kit.box import Machine, booted
from tests.kit.fab import clean_environment
from tests.kit.wait import until

NAMES = ("box", "box-2", "box-3")
HALF = 50_000
"""Of the 100,000 microseconds in which the kernel counts: half a core."""
HOST = """\
[host.{name}]
address = "{address}"
inner   = "{inner}"
user    = "ubuntu"
image   = "ubuntu-22.04"
gpu     = "none"
"""


@dataclasses.dataclass(frozen=True)
class Boxes:
    """The boxes, and their user."""

    machine: Machine
    first: Box
    instances: tuple[str, ...]
    measured: bool
    """Whether each has half a core of its own."""

    def fab(self, *words: str, code: int = 0) -> str:
        """Run `fab` for all of them, or for those of --limit."""
        return self.first.fab(*words, code=code)

    def ssh(self, name: str, command: str) -> str:
        """Return what a shell command prints on one."""
        return self.fab("ssh", "--limit", name, "--command", command)

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return the newest run of each host."""
        rows = [json.loads(line) for line in self.fab("ps", "--json").splitlines() if line.startswith("{")]
        return {row["host"]: row for row in reversed(rows)}


@contextlib.contextmanager
def three(folder: Path, state: Path) -> Iterator[Boxes]:
    """Boot the boxes; `state`: the folder for their disks."""
    bundle = render(["base"], Target())
    with booted(folder, bundle, state) as machine:
        ec2 = machine.cloud.client("ec2")
        box = _user(machine, folder)
        _write_hosts(folder, ec2, [machine.host.instance_id])
        box.fab("setup-pytorch")
        source = api.show(ec2, machine.host.instance_id)
        image = ec2.create_image(InstanceId=source["InstanceId"], Name="with-pytorch", NoReboot=True)["ImageId"]
        until(lambda: ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available", 600, pause=1)
        group = source["SecurityGroups"][0]["GroupId"]
        wanted = {"ImageId": image, "InstanceType": "g4dn.xlarge", "KeyName": "test", "SecurityGroupIds": [group]}
        others = [api.run(ec2, **wanted)["InstanceId"] for _ in NAMES[1:]]
        instances = (source["InstanceId"], *others)
        _write_hosts(folder, ec2, instances)
        # As infra/peers.py lets them in, by address: the emulator gives instances without a subnet some of any network.
        for row in map(functools.partial(api.show, ec2), instances):
            for address in (row["PublicIpAddress"], row["PrivateIpAddress"]):
                ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=peers(address))
        with contextlib.ExitStack() as stack:
            groups = [stack.enter_context(half_a_core(one)) for one in instances]
            yield Boxes(machine, box, instances, all(groups))


def peers(address: str) -> list[dict[str, Any]]:
    """Return the permission for another box."""
    return [{"IpProtocol": "tcp", "FromPort": 1024, "ToPort": 65535, "IpRanges": [{"CidrIp": f"{address}/32"}]}]


def _user(machine: Machine, folder: Path) -> Box:
    (folder / ".ssh").mkdir()
    env = clean_environment(**direct(os.environ), HOME=str(folder), GPURIG_SSH_KEY=str(machine.key))
    return Box(machine.host.address, folder, env)


def _write_hosts(folder: Path, ec2: Any, instances: list[str] | tuple[str, ...]) -> None:
    """Write the hosts file, and their keys as their consoles show them."""
    text, known = 'licences = ["nvidia-cuda", "nvidia-cudnn"]\n', ""
    for name, instance in zip(NAMES, instances, strict=False):
        row = api.show(ec2, instance)
        text += HOST.format(name=name, address=row["PublicIpAddress"], inner=row["PrivateIpAddress"])
        console = {"InstanceId": instance, "Latest": True}
        keys = until(lambda: host_keys.keys_in(ec2.get_console_output(**console).get("Output", "")), 600, pause=0.5)  # noqa: B023
        known += "".join(f"{row['PublicIpAddress']} {key}\n" for key in keys)
    (folder / "hosts.toml").write_text(text)
    (folder / ".ssh" / "known_hosts").write_text(known)


@contextlib.contextmanager
def half_a_core(instance: str) -> Iterator[bool]:
    """Have what runs in a box take half a core at most; yields whether the kernel can (its first cgroups)."""
    root = cgroups.ROOT / "cpu"
    group = root / f"gpurig-half-{instance}"
    names = [path.name for where in cgroups.hierarchies() for path in where.glob(f"*-{instance}")]
    if not (root / "cpu.cfs_quota_us").exists() and not (root / "cpu.shares").exists():
        yield False
        return
    group.mkdir()
    try:
        (group / "cpu.cfs_quota_us").write_text(str(HALF))
        # Twice: what was begun meanwhile is in the group where its parent was.
        for process in [pid for _ in range(2) for pid in cgroups._members(names[0])]:
            with contextlib.suppress(OSError):
                (group / "cgroup.procs").write_text(str(process))
        yield True
    finally:
        # What is left moves up, and the boxes end elsewhere.
        for member in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (root / "cgroup.procs").write_text(member)
        group.rmdir()
