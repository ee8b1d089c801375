"""An account of AWS, a project with stacks, and `fab` in it: what a test of what things cost does with them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.kit.cloud import Wired
from tests.kit.fab import fab
from tests.kit.states import STACK_ID, deployment, pulumi_with

DISK = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 50, "VolumeType": "gp3", "DeleteOnTermination": True}}]
HOUR = 3600.0
KEY = "box-key-0000000"
"""The key pair of the stack "dev"."""
INSTANCE = "aws:ec2/instance:Instance"
"""As the engine calls what an update that was killed was making."""


@dataclasses.dataclass
class Account:
    """What a test does with an account and the stacks of a project."""

    wired: Wired
    folder: Path
    path: str = ""

    @property
    def ec2(self) -> Any:
        return self.wired.ec2

    def knows(self, states: Mapping[str, Any] | None = None, *, updating: str = "") -> None:
        """Have `pulumi` know stacks: "dev" with nothing but its key pair where none are given."""
        self.path = pulumi_with(self.folder, {"dev": deployment(KEY)} if states is None else states, updating=updating)

    def advance(self, hours: float) -> None:
        self.wired.cloud.advance(hours * HOUR)

    def fab(self, *words: str, code: int = 0) -> str:
        """Run `fab` and return all that it said."""
        done = fab(self.folder, *words, code=code, **{**self.wired.cloud.env, "PATH": self.path})
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def told(self, *words: str) -> dict[str, Any]:
        """Run `fab` with `--json` and return the document."""
        done = fab(self.folder, *words, "--json", code=0, **{**self.wired.cloud.env, "PATH": self.path})
        document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return document

    def box(self, *, stack: str = "dev", host: str = "box", kind: str = "g4dn.xlarge", **more: Any) -> str:
        """Launch an instance as `pulumi up` does, with a root disk of 50 GiB."""
        tags = specifications("instance", stack=stack, host=host) + specifications("volume", stack=stack)
        wanted = {"InstanceType": kind, "BlockDeviceMappings": DISK, "KeyName": KEY, "TagSpecifications": tags, **more}
        made = self.ec2.run_instances(ImageId=UBUNTU, MinCount=1, MaxCount=1, **wanted)
        name: str = made["Instances"][0]["InstanceId"]
        return name

    def volume(
        self, *, stack: str = "dev", what: str = "jobs", gib: int = 100, tags: Mapping[str, str] | None = None
    ) -> str:
        """Make a volume of a box."""
        carried = specifications("volume", stack=stack, host="box", volume=what, **(tags or {}))
        made = self.ec2.create_volume(
            AvailabilityZone="us-east-1a", Size=gib, VolumeType="gp3", TagSpecifications=carried
        )
        name: str = made["VolumeId"]
        return name

    def snapshot(self, volume: str, *, stack: str = "dev", **more: str) -> str:
        """Take a snapshot of a job volume."""
        tags = specifications("snapshot", stack=stack, host="box", volume="jobs", **more)
        name: str = self.ec2.create_snapshot(VolumeId=volume, TagSpecifications=tags)["SnapshotId"]
        return name

    def state_of(self, instance: str) -> str:
        found = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        state: str = found["State"]["Name"]
        return state

    def volumes(self) -> set[str]:
        return {row["VolumeId"] for row in self.ec2.describe_volumes()["Volumes"]}

    def snapshots(self) -> set[str]:
        return {row["SnapshotId"] for row in self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}


UBUNTU = "ami-0a220000020260901"


def specifications(kind: str, *, stack: str, **more: str) -> list[dict[str, Any]]:
    """Return the tags of a stack's thing, as EC2 takes them."""
    tags = {"gpurig:project": "gpurig", "gpurig:stack": stack, "gpurig:managed-by": "pulumi"}
    tags |= {"gpurig:stack-id": STACK_ID, "gpurig:made-by": "arn:aws:iam::123456789012:user/me"}
    tags |= {f"gpurig:{key}": value for key, value in more.items()}
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def standings(account: Account, *words: str) -> dict[str, str]:
    """Return how `fab orphans` finds things to stand, by id."""
    return {one["id"]: one["standing"] for one in account.told("orphans", *words)["things"]}


def network(account: Account, stack: str) -> dict[str, str]:
    """Make a network as `pulumi up` does; return ids by kind."""
    ec2 = account.ec2

    def tags(kind: str) -> list[dict[str, Any]]:
        return specifications(kind, stack=stack)

    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=tags("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone="us-east-1a", TagSpecifications=tags("subnet")
    )["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=tags("internet-gateway"))["InternetGateway"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tags("route-table"))["RouteTable"]["RouteTableId"]
    group = ec2.create_security_group(
        GroupName="box-group", Description="box", VpcId=vpc, TagSpecifications=tags("security-group")
    )["GroupId"]
    key = ec2.create_key_pair(KeyName="box-key-1a2b3c4", TagSpecifications=tags("key-pair"))["KeyPairId"]
    return {
        "vpc": vpc,
        "subnet": subnet,
        "internet-gateway": gateway["InternetGatewayId"],
        "route-table": table,
        "security-group": group,
        "key-pair": key,
    }
