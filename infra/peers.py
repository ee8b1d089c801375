"""How the boxes of a stack reach each other."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws

from provision.model import tags

FIRST, LAST = 1024, 65535
"""TCP ports. A training over several boxes listens where the system has one free; SSH is for people, and not in it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PeersArgs:
    """What `Peers` are made of."""

    vpc_id: pulumi.Input[str]


class Peers(pulumi.ComponentResource):
    """A security group whose members may connect to each other, and nobody else to them by it."""

    def __init__(self, name: str, args: PeersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gpurig:infra:Peers", name, None, opts)
        options = pulumi.ResourceOptions(parent=self)
        self.group = aws.ec2.SecurityGroup(
            f"{name}-peers",
            vpc_id=args.vpc_id,
            description="the boxes of a gpurig stack among themselves",
            tags={tags.NAME: f"{name}-peers"},
            opts=options,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-peers",
            security_group_id=self.group.id,
            ip_protocol="tcp",
            from_port=FIRST,
            to_port=LAST,
            referenced_security_group_id=self.group.id,
            description="from the other boxes of the stack",
            opts=options,
        )
        self.register_outputs({"group_id": self.group.id})
