"""A box of the rehearsal: moto's EC2 over HTTP, a systemd box, real cloud-init and sshd."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from provision.bundle import cloud_init
from provision.bundle.step import Bundle
from provision.model.host import Host
from provision.model.target import Target
from provision.transport import host_keys
from provision.transport.session import Session
from rehearsal.boxes import roots, why_not
from rehearsal.cloud.handle import REGION, Cloud
from rehearsal.images import catalogue
from tests.kit import cloud as api
from tests.kit.wait import until

LACK = why_not()
UBUNTU = Target()
Answer = TypeVar("Answer")
BOOT = "systemctl show --property=UserspaceTimestampMonotonic --value"
"""What tells one boot of a box from another."""


def mark(items: list[pytest.Item], folder: Path, marker: pytest.MarkDecorator) -> None:
    """Give the tests below a folder a marker, and skip them where this machine cannot run boxes."""
    for item in items:
        if folder in item.path.parents:
            item.add_marker(marker)
            if LACK:
                item.add_marker(pytest.mark.skip(reason=LACK))


def quiet(_message: str) -> None:
    """Hear nothing."""


def twice(action: Callable[[], Answer]) -> list[Answer]:
    """Do something twice at once; returns both answers."""
    with ThreadPoolExecutor(2) as pool:
        return [answer.result(60) for answer in [pool.submit(action) for _ in range(2)]]


@dataclasses.dataclass(frozen=True)
class Machine:
    """A box that is up, and the cloud that it belongs to."""

    host: Host
    cloud: Cloud
    key: Path
    booted_with: Bundle

    def known_at(self, home: Path) -> None:
        """Write its host keys, as soon as its console shows them, into the known_hosts of a home folder."""
        ec2, console = self.cloud.client("ec2"), {"InstanceId": self.host.instance_id, "Latest": True}
        keys = until(lambda: host_keys.keys_in(ec2.get_console_output(**console).get("Output", "")), 600, pause=0.5)
        (home / ".ssh").mkdir()
        (home / ".ssh" / "known_hosts").write_text("".join(f"{self.host.address} {key}\n" for key in keys))


def run(machine: Machine, command: str) -> str:
    """Run a command as root on the box, which has to work; returns what it said."""
    with Session(machine.host, tell=quiet) as session:
        code, said = session.root(command)
        assert code == 0, said
        return said


@contextlib.contextmanager
def nvidia_smi(machine: Machine, script: str) -> Iterator[str]:
    """Put a driver's program on the box, which has no GPU; yields its path."""
    path = "/usr/local/bin/nvidia-smi"
    text = shlex.quote(f"#!/bin/sh\n{script}\n")
    run(machine, f"printf %s {text} >{path} && chmod +x {path}")
    try:
        yield path
    finally:
        run(machine, f"rm {path}")


@contextlib.contextmanager
def booted(
    folder: Path, bundle: Bundle, state: Path, target: Target = UBUNTU, sources: str = "standins"
) -> Iterator[Machine]:
    """Launch a box through the EC2 API, a bundle in its user-data, its key in `folder` and its disks in `state`.

    `target`: what the bundle was rendered for. `sources`: what the rehearsal's git server serves.
    """
    key = folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    roots.ensure("ubuntu-22.04", print)
    cloud = Cloud.start(state, sources=sources)
    try:
        row = _launch(cloud, key, cloud_init.user_data(bundle), target.image)
        address, identifier = row["PublicIpAddress"], row["InstanceId"]
        host = Host(name="box", address=address, target=target, instance_id=identifier, region=REGION)
        yield Machine(host, cloud, key, bundle)
    finally:
        cloud.stop()


def _launch(cloud: Cloud, key: Path, user_data: bytes, root: str) -> dict[str, Any]:
    """Run an instance that lets this machine in on port 22, and return what EC2 says of it."""
    ec2 = cloud.client("ec2")
    ec2.import_key_pair(KeyName="test", PublicKeyMaterial=key.with_suffix(".pub").read_bytes())
    group = ec2.create_security_group(GroupName="test", Description="ssh")["GroupId"]
    rule = api.tcp(22, f"{cloud.boxes['caller']}/32")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    image = next(image.id for image in catalogue().values() if image.root == root)
    wanted = {"ImageId": image, "InstanceType": "g4dn.xlarge", "KeyName": "test", "SecurityGroupIds": [group]}
    return api.run(ec2, **wanted, UserData=user_data)  # boto3 encodes it
