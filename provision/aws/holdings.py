"""What an account has with the project's tags, in one region: everything that gpurig makes, whoever knows of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from provision.aws.clients import aws_errors, client, listed, now_of, tag_filters, tags_of
from provision.aws.instances import Instance
from provision.model.tags import HOST, PROJECT, STACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Row = Mapping[str, Any]

WORKERS = 8
_AUTO_NAMED = re.compile(r".+-[0-9a-f]{7}")
"""What Pulumi's automatic names end with: of all roles of an account, only these are asked for their tags."""
_MADE = ("CreateTime", "StartTime", "CreationTimestamp", "CreateDate")
"""What EC2 and IAM call the time at which a thing was made. Networks have none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thing:
    """Something that the account has."""

    kind: str
    """instance, volume, snapshot, image, vpc, …: EC2's own words, with hyphens."""
    id: str
    region: str
    tags: Mapping[str, str] = dataclasses.field(repr=False)
    row: Row = dataclasses.field(default_factory=dict, repr=False, compare=False)
    """As AWS describes it."""

    @property
    def stack(self) -> str:
        """The stack that it is of, by its tag."""
        return self.tags.get(STACK, "")

    @property
    def host(self) -> str:
        """The box that it is of, "" where it is of none."""
        return self.tags.get(HOST, "")

    @property
    def state(self) -> str:
        """As EC2 calls it; "" for what has none."""
        state = self.row.get("State", "")
        return str(state.get("Name", "") if isinstance(state, dict) else state)

    @property
    def gib(self) -> int:
        """Of a volume, its size; of a snapshot, that of its volume; of an image, what its snapshots have together."""
        if self.kind == "image":
            return sum(disk.get("Ebs", {}).get("VolumeSize", 0) for disk in self.row.get("BlockDeviceMappings", ()))
        return int(self.row.get("Size") or self.row.get("VolumeSize") or 0)

    @property
    def made(self) -> float | None:
        """When it was made, seconds of UTC; None where AWS does not say."""
        if self.kind == "instance":
            known = Instance.from_aws(self.row)
            return known.launched if known.first is None else known.first
        when = next((self.row[key] for key in _MADE if self.row.get(key)), None)
        if self.kind == "image" and self.row.get("CreationDate"):
            when = dt.datetime.fromisoformat(self.row["CreationDate"])
        return None if when is None else float(when.timestamp())

    @property
    def snapshots(self) -> frozenset[str]:
        """Of an image: the snapshots of its disks."""
        mapped = [disk.get("Ebs", {}) for disk in self.row.get("BlockDeviceMappings", ())]
        return frozenset(disk["SnapshotId"] for disk in mapped if disk.get("SnapshotId"))

    @property
    def attached_to(self) -> str:
        """Of a volume: the instance that has it; "" where none has."""
        return next((one["InstanceId"] for one in self.row.get("Attachments", ()) if "InstanceId" in one), "")

    @property
    def disks(self) -> frozenset[str]:
        """Of an instance: the volumes that EC2 deletes with it."""
        mapped = [disk.get("Ebs", {}) for disk in self.row.get("BlockDeviceMappings", ())]
        return frozenset(disk["VolumeId"] for disk in mapped if disk.get("DeleteOnTermination"))

    def __str__(self) -> str:
        """Return it as messages name it."""
        return f"{self.kind} {self.id}"


class _Kind(NamedTuple):
    operation: str
    key: str
    id: str


_EC2 = {
    "instance": _Kind("describe_instances", "Reservations", "InstanceId"),
    "volume": _Kind("describe_volumes", "Volumes", "VolumeId"),
    "snapshot": _Kind("describe_snapshots", "Snapshots", "SnapshotId"),
    "image": _Kind("describe_images", "Images", "ImageId"),
    "vpc-endpoint": _Kind("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    "security-group": _Kind("describe_security_groups", "SecurityGroups", "GroupId"),
    "internet-gateway": _Kind("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "subnet": _Kind("describe_subnets", "Subnets", "SubnetId"),
    "route-table": _Kind("describe_route_tables", "RouteTables", "RouteTableId"),
    "vpc": _Kind("describe_vpcs", "Vpcs", "VpcId"),
    "key-pair": _Kind("describe_key_pairs", "KeyPairs", "KeyPairId"),
}
_OWNERS: dict[str, dict[str, list[str]]] = {"snapshot": {"OwnerIds": ["self"]}, "image": {"Owners": ["self"]}}
_GONE = ("terminated", "shutting-down", "deleted", "deregistered")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holdings:
    """What one account and region has."""

    profile: str
    region: str
    now: float
    """When AWS answered, by its clock, seconds of UTC."""
    things: list[Thing]
    """EC2 forgets a terminated instance after about an hour; until then it is here."""


def in_region(profile: str, region: str, project: str) -> Holdings:
    """Ask for all that EC2 has with the project's tag. Raises `GpurigError` where it gives no answer."""
    wrong = f"cannot ask EC2 in {region or 'the region of your environment'} what it has of {project}"
    with aws_errors(wrong):
        account = client("ec2", profile, region)
        now = now_of(account.describe_regions(RegionNames=[region]))
    with ThreadPoolExecutor(WORKERS) as pool:
        found = [pool.submit(_of_kind, account, kind, region, project, wrong) for kind in _EC2]
        return Holdings(
            profile=profile, region=region, now=now, things=[thing for part in found for thing in part.result()]
        )


def _of_kind(account: Any, kind: str, region: str, project: str, wrong: str) -> list[Thing]:
    asked = _EC2[kind]
    wanted = {"Filters": tag_filters({PROJECT: project}), **_OWNERS.get(kind, {})}
    with aws_errors(wrong):
        if account.can_paginate(asked.operation):
            rows = listed(account, asked.operation, asked.key, **wanted)
        else:
            rows = getattr(account, asked.operation)(**wanted)[asked.key]
    if kind == "instance":
        rows = [instance for row in rows for instance in row["Instances"]]
    return [Thing(kind=kind, id=row[asked.id], region=region, tags=tags_of(row), row=row) for row in rows]


def is_gone(thing: Thing) -> bool:
    """Tell whether EC2 shows only what was."""
    return thing.state in _GONE


def of_iam(profile: str, region: str, project: str) -> list[Thing]:
    """Return the instance profiles and roles with the project's tag; they are of no region ("").

    Raises `GpurigError` where the account does not let its user look.
    """
    with aws_errors(f"cannot ask IAM what it has of {project}"):
        account = client("iam", profile, region)
        return [
            *_named(account, "instance-profile", "InstanceProfile", project),
            *_named(account, "role", "Role", project),
        ]


def _named(account: Any, kind: str, word: str, project: str) -> Iterator[Thing]:
    noun = kind.replace("-", "_")
    for row in listed(account, f"list_{noun}s", f"{word}s"):
        name = row[f"{word}Name"]
        if _AUTO_NAMED.fullmatch(name):
            # A list has no tags.
            carried = tags_of(getattr(account, f"get_{noun}")(**{f"{word}Name": name})[word])
            if carried.get(PROJECT) == project:
                yield Thing(kind=kind, id=name, region="", tags=carried, row=row)
