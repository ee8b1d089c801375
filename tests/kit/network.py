"""A network that somebody else has made in the account, which a stack is a guest of."""

from __future__ import annotations

from typing import Any

THEIRS = ("vpcs", "subnets", "route_tables", "internet_gateways", "nat_gateways", "network_acls", "addresses")


class Lab:
    """A VPC with a public subnet, and a private one whose way out is a NAT gateway."""

    def __init__(self, ec2: Any) -> None:
        self.ec2 = ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        self.public = self._subnet("10.7.0.0/24", "us-east-1a")
        self.ec2.modify_subnet_attribute(SubnetId=self.public, MapPublicIpOnLaunch={"Value": True})
        self.private = self._subnet("10.7.1.0/24", "us-east-1b")
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["RouteTables"]
        # The main table, which the public subnet has for want of one of its own.
        self._route(tables[0]["RouteTableId"], GatewayId=gateway)
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=self.public, AllocationId=address)["NatGateway"]["NatGatewayId"]
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        self._route(table, NatGatewayId=nat)
        ec2.associate_route_table(RouteTableId=table, SubnetId=self.private)
        made = ec2.create_security_group(GroupName="bastion", Description="bastion", VpcId=self.vpc)
        self.bastion_group = made["GroupId"]

    def _subnet(self, cidr: str, zone: str) -> str:
        made = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def _route(self, table: str, **target: str) -> None:
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)

    def described(self) -> dict[str, Any]:
        """Return all that the lab has, its default security group with it."""
        found = {name: getattr(self.ec2, f"describe_{name}")() for name in THEIRS}
        for answer in found.values():
            del answer["ResponseMetadata"]
        for subnet in found["subnets"]["Subnets"]:
            del subnet["AvailableIpAddressCount"]
        groups = self.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["SecurityGroups"]
        return {**found, "groups": [group for group in groups if group["GroupName"] in ("default", "bastion")]}
