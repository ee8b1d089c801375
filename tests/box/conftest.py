"""One real box for the tests of this folder: moto's EC2 over HTTP, a systemd box, real cloud-init and sshd."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provision.bundle import cloud_init
from provision.model.target import Target
from provision.transport import host_keys
from provision.transport.inventory import Host
from rehearsal.boxes import roots, why_not
from rehearsal.cloud.handle import REGION, Cloud
from tests.kit.recipes import RecipeFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.bundle.render import Bundle

LACK = why_not()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs a box: say so once, for all of them."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.box)
            if LACK:
                item.add_marker(pytest.mark.skip(reason=LACK))


@dataclasses.dataclass(frozen=True)
class Machine:
    """A box that is up, and the cloud that it belongs to."""

    host: Host
    cloud: Cloud
    key: Path
    booted_with: Bundle

    def known_at(self, home: Path) -> None:
        """Write its host keys into the known_hosts of a home folder."""
        keys = host_keys.pinned(self.host) or host_keys.pin(self.host, print)
        (home / ".ssh").mkdir()
        (home / ".ssh" / "known_hosts").write_text("".join(f"{self.host.address} {key}\n" for key in keys))


@pytest.fixture
def kitchen(tmp_path: Path) -> RecipeFolder:
    return RecipeFolder(tmp_path / "catalogue")


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A box that was launched through the EC2 API, with a bundle of its own in its user-data."""
    folder = tmp_path_factory.mktemp("box")
    key = folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    first = RecipeFolder(folder / "catalogue")
    first.recipe("greeting", install="echo hello > /srv/greeting", verify='test "$(cat /srv/greeting)" = hello')
    bundle = first.bundle("greeting")
    roots.ensure("ubuntu-22.04", print)
    cloud = Cloud.start(folder / "state")
    try:
        instance = launch(cloud, key, cloud_init.user_data(bundle))
        host = Host(
            name="box",
            address=instance["PublicIpAddress"],
            target=Target(),
            instance_id=instance["InstanceId"],
            region=REGION,
        )
        yield Machine(host, cloud, key, bundle)
    finally:
        cloud.stop()


def launch(cloud: Cloud, key: Path, user_data: bytes) -> dict[str, Any]:
    """Run an instance that lets this machine in on port 22, and return what EC2 says of it."""
    ec2 = cloud.client("ec2")
    ec2.import_key_pair(KeyName="test", PublicKeyMaterial=key.with_suffix(".pub").read_bytes())
    group = ec2.create_security_group(GroupName="test", Description="ssh")["GroupId"]
    caller = cloud.boxes["caller"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": f"{caller}/32"}]},
        ],
    )
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    answer = ec2.run_instances(
        ImageId=image,
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        KeyName="test",
        SecurityGroupIds=[group],
        UserData=user_data,  # boto3 encodes it
    )
    instance_id = answer["Instances"][0]["InstanceId"]
    row: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return row


@pytest.fixture
def here(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with the environment that reaches the machine; pins are empty, as on the first day."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "GPURIG_", "PULUMI_"))]:
        monkeypatch.delenv(name)
    for name, value in machine.cloud.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GPURIG_SSH_KEY", str(machine.key))
    return tmp_path
