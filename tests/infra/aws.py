"""Enough of AWS for the program's look-ups: what there is before it declares anything."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import grpc
from pulumi.runtime import mocks

from provision.model.partitions import partition_of
from provision.model.platforms import instance_types, price_table
from provision.model.tags import ATTACHED, UPTIME
from tests.infra.subnets import AwsSubnet

REGION = "us-east-1"
ACCOUNT = "123456789012"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


class NotAnswered(grpc.RpcError):  # type: ignore[misc]  # grpc comes without types
    """What the engine answers where a look-up fails."""

    def code(self) -> grpc.StatusCode:
        """Return the code that a provider's error has."""
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        """Return the provider's words."""
        return str(self.args[0])


OWN_ID = "0123456789ab"
ME = f"arn:aws:iam::{ACCOUNT}:user/me"
OWN_TAGS = {
    "gpurig:stack-id": OWN_ID,
    "gpurig:made-by": ME,
    "gpurig:project": "gpurig",
    "gpurig:stack": "test",
    "gpurig:host": "box",
    "gpurig:volume": "jobs",
}
"""Of the job volume of the stack's first box."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AwsVolume:
    """A volume as EC2 describes it."""

    id: str
    zone: str = ZONES[0]
    gib: int = 100
    tags: dict[str, str] = dataclasses.field(default_factory=lambda: dict(OWN_TAGS))
    holder: str = ""
    """The instance that it is attached to."""
    source: str = ""
    """The snapshot that it was made from."""

    def matches(self, filters: dict[str, list[str]]) -> bool:
        """Say whether EC2's filters let it through."""
        facts = {f"tag:{key}": value for key, value in self.tags.items()}
        facts |= {"volume-id": self.id, "status": "in-use" if self.holder else "available"}
        facts |= {"attachment.instance-id": self.holder}
        if "tag-key" in filters and not self.tags.keys() & set(filters["tag-key"]):
            return False
        return all(facts.get(name) in values for name, values in filters.items() if name != "tag-key")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AwsSnapshot:
    """A snapshot as EC2 describes it."""

    id: str
    state: str = "completed"
    gib: int = 8
    at: str = "2026-11-05T20:33:16Z"
    volume: str = "vol-gone"
    description: str = ""
    tags: dict[str, str] = dataclasses.field(default_factory=lambda: dict(OWN_TAGS))

    def matches(self, filters: dict[str, list[str]]) -> bool:
        """Say whether EC2's filters let it through."""
        facts = {"status": self.state, "snapshot-id": self.id}
        facts |= {f"tag:{key}": value for key, value in self.tags.items()}
        return all(facts.get(name) in values for name, values in filters.items())


@dataclasses.dataclass(kw_only=True)
class Aws(mocks.Mocks):
    """Enough of AWS for the program's look-ups; a resource's outputs are its inputs and what AWS would add."""

    instance_types: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    """Types that EC2 describes → their GPUs."""
    offered_in: tuple[str, ...] = ZONES
    snapshots: tuple[AwsSnapshot, ...] = ()
    """The newest first."""
    volumes: tuple[AwsVolume, ...] = ()
    """What there is beside the volumes that the program declares."""
    alive: tuple[str, ...] = ()
    """The ids of stacks that have a security group."""
    behind: float = float("inf")
    """So many questions for security groups are answered as before all stacks were destroyed."""
    stack_id: str = OWN_ID
    """What the stack's state keeps; "": there is none yet."""
    subnets: tuple[AwsSubnet, ...] = ()
    """Those of networks that are there already."""
    instances: tuple[str, ...] = ()
    """Of every host; they run."""
    launched: float | None = dataclasses.field(default_factory=time.time)
    """When each instance was started, seconds of UTC; None: EC2 knows no instance."""
    volume_zone: str = ""
    """Where the job volume has been all along; "": where the program wants it."""
    region: str = REGION
    """Another one has zones of the same letters."""
    no_prices: str = ""
    """Why the Price List does not answer; "": it does."""
    price_factor: float = 1.0
    """Of the table's prices, what they are in the region."""
    asked: list[mocks.MockCallArgs] = dataclasses.field(default_factory=list)

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:  # type: ignore[override]  # the base says tuple and takes both
        """Answer a look-up."""
        self.asked.append(args)
        return getattr(self, f"_{args.token.rpartition(':')[2]}")(args.args)  # type: ignore[no-any-return]

    def _here(self, zone: str) -> str:
        return zone.replace(REGION, self.region)

    def _getCallerIdentity(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"accountId": ACCOUNT, "arn": ME.replace("arn:aws:", f"arn:{partition_of(self.region).name}:")}

    def _getInstance(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if self.launched is None:
            raise NotAnswered(f"api error InvalidInstanceID.NotFound: there is no {args['instanceId']}")
        return {"launchTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.launched))}

    def _getAvailabilityZones(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the look-up's own name
        return {"names": [*map(self._here, ZONES), "us-east-1-atl-1a"]}

    def _getInstanceTypeOfferings(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"locations": [*map(self._here, self.offered_in)]}

    def _getInstanceType(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = args["instanceType"]
        if name not in self.instance_types:
            raise NotAnswered(f"api error InvalidInstanceType: The following instance types do not exist: [{name}]")
        return {"gpuses": self.instance_types[name], "defaultVcpus": 8, "memorySize": 32768}

    def _getProduct(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if self.no_prices:
            raise NotAnswered(f"operation error Pricing: GetProducts, api error {self.no_prices}")
        fields = {part["field"]: part["value"] for part in args["filters"]}
        table, name = price_table(), fields.get("instanceType", "")
        usage = fields.get("usagetype", "EBS:VolumeUsage.gp3")
        figures = {"InUseAddress": table.address_hour, "SnapshotUsage": table.snapshot_gib_month}
        usd: float | None = figures.get(usage.rpartition(":")[2], table.gp3_gib_month)
        if name:
            usage, usd = f"BoxUsage:{name}", instance_types()[name].usd_per_hour if name in instance_types() else None
        if usd is None:
            raise NotAnswered("Pricing product query did not return any elements")
        rate = {"pricePerUnit": {"USD": f"{self.price_factor * usd:.10f}"}}
        product = {
            "product": {"attributes": {"regionCode": fields["regionCode"], "usagetype": usage}},
            "terms": {"OnDemand": {"a": {"priceDimensions": {"b": rate}}}},
            "version": "20261105203316",
        }
        return {"result": json.dumps(product)}

    def _getSpotPrice(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"spotPrice": "0.160000"}

    def _getParameter(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"value": f"ami-of-{args['name'].split('/')[4]}"}

    def _getAmi(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"id": f"ami-of-{args['owners'][0]}"}

    def _getSnapshotIds(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        wanted = {part["name"]: part["values"] for part in args["filters"]}
        return {"ids": [snapshot.id for snapshot in self.snapshots if snapshot.matches(wanted)]}

    def _getSnapshot(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        (wanted,) = args["snapshotIds"]
        for snapshot in self.snapshots:
            if snapshot.id == wanted:
                facts = {"state": snapshot.state, "volumeSize": snapshot.gib, "tags": snapshot.tags}
                facts |= {"volumeId": snapshot.volume, "startTime": snapshot.at, "description": snapshot.description}
                return facts
        raise NotAnswered(f"api error InvalidSnapshot.NotFound: The snapshot '{wanted}' does not exist.")

    def _getEbsVolumes(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        wanted = {part["name"]: part["values"] for part in args["filters"]}
        return {"ids": [volume.id for volume in self.volumes if volume.matches(wanted)]}

    def _getVolume(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        ((wanted,),) = (part["values"] for part in args["filters"])
        (volume,) = (volume for volume in self.volumes if volume.id == wanted)
        seen = {key: value for key, value in volume.tags.items() if key not in (UPTIME, ATTACHED)}  # ignore_tags
        return {"availabilityZone": volume.zone, "size": volume.gib, "snapshotId": volume.source, "tags": seen}

    def _getSecurityGroups(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        ((wanted,),) = (part["values"] for part in args["filters"])
        asked = sum(call.token.endswith(":getSecurityGroups") for call in self.asked)
        return {"ids": ["sg-1"] if wanted in self.alive and asked <= self.behind else []}

    def _getInstances(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"ids": list(self.instances) if "running" in args["instanceStateNames"] else []}

    def _getSubnet(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        for subnet in self.subnets:
            if subnet.id == args["id"]:
                return subnet.described()
        raise NotAnswered(f"api error InvalidSubnetID.NotFound: The subnet ID '{args['id']}' does not exist")

    def _getVpc(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        dns = all(subnet.dns for subnet in self.subnets if subnet.vpc == args["id"])
        return {"enableDnsSupport": dns, "mainRouteTableId": f"rtb-of-{args['id']}"}

    def _getRouteTables(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        ((wanted,),) = (part["values"] for part in args["filters"])
        return {"ids": [subnet.table for subnet in self.subnets if subnet.id == wanted and subnet.own_table]}

    def _getRouteTable(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return next({"routes": one.routes()} for one in self.subnets if one.table == args["routeTableId"])

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Make up an id and the outputs; of a volume that is only read, say what it is."""
        if args.typ == "pulumi:index:Stash":
            kept = {"id": self.stack_id, "madeBy": ME} if self.stack_id else args.inputs["input"]
            return "stash", {"input": args.inputs["input"], "output": kept}
        if args.resource_id:
            (volume,) = (volume for volume in self.volumes if volume.id == args.resource_id)
            return volume.id, {"availabilityZone": volume.zone, "size": volume.gib}
        added: dict[str, dict[str, Any]] = {
            "aws:ec2/instance:Instance": {
                "publicIp": "198.51.100.9",
                "privateIp": "10.0.7.9",
                "availabilityZone": self.volume_zone or self._here(ZONES[0]),
            },
            "aws:ebs/volume:Volume": {"availabilityZone": self.volume_zone or args.inputs.get("availabilityZone")},
            "aws:iam/role:Role": {
                "name": f"{args.name}-1a2b3c4",
                "arn": f"arn:aws:iam::{ACCOUNT}:role/{args.name}-1a2b3c4",
            },
            "aws:iam/instanceProfile:InstanceProfile": {"name": f"{args.name}-1a2b3c4"},
        }
        prefix = {"aws:ebs/volume:Volume": "vol", "aws:ec2/instance:Instance": "i"}.get(args.typ, "id")
        return f"{prefix}-{args.name}", {**args.inputs, **added.get(args.typ, {})}
