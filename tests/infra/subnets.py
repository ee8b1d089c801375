"""A network that is there already, as AWS tells the program of it."""

from __future__ import annotations

import dataclasses
from typing import Any

VPC, SUBNET, OTHER = "vpc-0a1b2c3d", "subnet-0a1b2c3d", "subnet-0e4f5a6b"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AwsSubnet:
    """A subnet with its way out; one that a private box may stand in unless the test says otherwise."""

    id: str = SUBNET
    vpc: str = VPC
    zone: str = "us-east-1b"
    free: int = 251
    public: bool = False
    """Whether it gives addresses of the internet."""
    out: dict[str, str] = dataclasses.field(default_factory=lambda: {"natGatewayId": "nat-0a1"})
    """Where 0.0.0.0/0 goes; empty: nowhere."""
    own_table: bool = True
    """Whether it has a route table of its own; else the network's main one has its routes."""
    dns: bool = True
    """Whether its network answers DNS."""

    def described(self) -> dict[str, Any]:
        """Return what getSubnet does."""
        return {
            "vpcId": self.vpc,
            "availabilityZone": self.zone,
            "mapPublicIpOnLaunch": self.public,
            "availableIpAddressCount": self.free,
        }

    @property
    def table(self) -> str:
        """The id of its route table."""
        return f"rtb-of-{self.id}" if self.own_table else f"rtb-of-{self.vpc}"

    def routes(self) -> list[dict[str, str]]:
        """Return what getRouteTable does."""
        empty = dict.fromkeys(("gatewayId", "natGatewayId", "transitGatewayId"), "")
        return [{"cidrBlock": "0.0.0.0/0", **empty, **self.out}] if self.out else []
