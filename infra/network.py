"""The network of a stack: a VPC with a public subnet in each zone, and a way out."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from provision.model import tags
from provision.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ANYWHERE = "0.0.0.0/0"
_SUBNET_BITS = 4
"""A subnet is a sixteenth of the VPC: room for more zones than any region has."""
_RESERVED_ADDRESSES = 5
"""Addresses of a subnet that AWS keeps for itself."""


def hosts_per_zone(cidr: str) -> int:
    """Return how many boxes have an address in one zone of a VPC with this range."""
    return (ipaddress.IPv4Network(cidr).num_addresses >> _SUBNET_BITS) - _RESERVED_ADDRESSES


def zone_hint(zone: str) -> str:
    """Return what to do about a job volume in a zone where the box would not be."""
    return (
        f"to stay there: pulumi config set gpurig:zone {zone}\n"
        "to move: pulumi destroy, then pulumi up; the job volume follows by its snapshot (where jobVolumeOnDestroy "
        "is not snapshot: set that and run pulumi up first, still in the old zone)"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Site:
    """A network that is there already: a VPC of somebody's, with those of its subnets that boxes may stand in."""

    vpc_id: str
    subnets: Mapping[str, str]
    """Availability zone → id."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What a `Network` is made of."""

    region: str
    cidr: str
    """IPv4 range of the VPC, /16 to /24."""
    zones: Sequence[str]
    """Availability zones to have a subnet in."""
    site: Site | None = None
    """The network that is there already, in place of one that is made."""


class Network(pulumi.ComponentResource):
    """A VPC whose subnets reach the internet; nothing is let in by it, and its default security group is empty.

    Where there is a network already nothing is made, and nothing of it changed.
    """

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gpurig:infra:Network", name, None, opts)
        self._name = name
        self._options = pulumi.ResourceOptions(parent=self)
        self.vpc_id: pulumi.Input[str]
        self._subnets: Mapping[str, pulumi.Input[str]]
        if args.site:
            self.vpc_id, self._subnets = args.site.vpc_id, args.site.subnets
        else:
            self.vpc_id, self._subnets = self._made(name, args)
        self.register_outputs({"vpc_id": self.vpc_id})

    def _made(self, name: str, args: NetworkArgs) -> tuple[pulumi.Output[str], dict[str, pulumi.Output[str]]]:
        """Make the network; return the id of the VPC, and those of its subnets by their zones."""
        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={tags.NAME: name},
            opts=self._options,
        )
        # Whatever is put into the VPC without a group of its own gets this one: it must let nothing in or out.
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default", vpc_id=vpc.id, ingress=[], egress=[], tags={tags.NAME: name}, opts=self._options
        )
        table = self._routes(vpc, args.region)
        return vpc.id, {zone: self._subnet(vpc, zone, args.cidr, table) for zone in dict.fromkeys(args.zones)}

    def _routes(self, vpc: aws.ec2.Vpc, region: str) -> aws.ec2.RouteTable:
        """Make the gateway, the route to it, and the shorter way to S3, which costs no traffic."""
        named = {tags.NAME: self._name}
        gateway = aws.ec2.InternetGateway(f"{self._name}-gateway", vpc_id=vpc.id, tags=named, opts=self._options)
        table = aws.ec2.RouteTable(f"{self._name}-routes", vpc_id=vpc.id, tags=named, opts=self._options)
        aws.ec2.Route(
            f"{self._name}-out",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self._options,
        )
        aws.ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=vpc.id,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{region}.s3",
            route_table_ids=[table.id],
            tags=named,
            opts=self._options,
        )
        return table

    def _subnet(self, vpc: aws.ec2.Vpc, zone: str, cidr: str, table: aws.ec2.RouteTable) -> pulumi.Output[str]:
        # The zone's letter picks the range, so that no subnet moves when the choice of zones changes.
        place = ord(zone[-1]) - ord("a")
        block = list(ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=_SUBNET_BITS))[place]
        subnet = aws.ec2.Subnet(
            f"{self._name}-{zone}",
            vpc_id=vpc.id,
            availability_zone=zone,
            cidr_block=str(block),
            # A box must not ask for its public address itself (`infra.host` says why). Nothing but boxes is put here.
            map_public_ip_on_launch=True,
            tags={tags.NAME: f"{self._name}-{zone}"},
            opts=self._options,
        )
        aws.ec2.RouteTableAssociation(
            f"{self._name}-{zone}", subnet_id=subnet.id, route_table_id=table.id, opts=self._options
        )
        return subnet.id

    def subnet_in(self, zone: str) -> pulumi.Input[str]:
        """Return the id of the subnet in an availability zone. Raises `BadInput` when there is none."""
        if zone not in self._subnets:
            wrong = f"the job volume is in {zone}, and the box would be in {', '.join(self._subnets)}"
            raise BadInput([f"{wrong}: it must not move"], hint=zone_hint(zone))
        return self._subnets[zone]
