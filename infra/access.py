"""Who may reach a box, and what the box itself may do in AWS."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra import policies, roles
from infra.network import ANYWHERE
from provision.model import tags
from provision.model.ranges import are_public

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A box needs nothing from AWS but data sets in buckets that its user names: its volume's id, its limits and its recipes
# come with its user-data, and it stops itself by shutting down. Even "describe my own volume" would be more, as EC2's
# Describe calls know no single resource and would show the whole account. The refusal is explicit, so that a policy
# that an organisation attaches to every role gives a stolen session nothing either.
_DENY_ALL = [{"Effect": "Deny", "Action": "*", "Resource": "*"}]
_LIST, _READ = "s3:ListBucket", "s3:GetObject"


def _policy(buckets: Sequence[str], partition: str) -> str:
    """Return what a box may do: list and read these buckets; whatever else any policy allows is refused."""
    places = [f"arn:{partition}:s3:::{bucket}" for bucket in buckets]
    objects = [f"{place}/*" for place in places]
    reading = [
        {"Effect": "Allow", "Action": _LIST, "Resource": places},
        {"Effect": "Allow", "Action": _READ, "Resource": objects},
        {"Effect": "Deny", "NotAction": [_LIST, _READ], "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "NotResource": [*places, *objects]},
    ]
    return policies.policy(reading if buckets else _DENY_ALL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessArgs:
    """What an `Access` is made of."""

    vpc_id: pulumi.Input[str]
    public_key: str
    """ed25519, as in authorized_keys."""
    cidrs: Sequence[str]
    """IPv4 ranges that may connect."""
    ports: Mapping[str, int]
    """What they may connect to: name → TCP port."""
    partition: str = "aws"
    """What ARNs begin with after "arn"."""
    buckets: Sequence[str] = ()
    """S3 buckets whose objects the box may read."""
    boundary: str = ""
    """ARN of the policy that limits the role; "": none."""


class Access(pulumi.ComponentResource):
    """A security group with one rule per range and port, a key pair, and a role that may read buckets or nothing."""

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gpurig:infra:Access", name, None, opts)
        self._name = name
        self._options = pulumi.ResourceOptions(parent=self)
        self.group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="SSH and the services of a gpurig box, from named addresses",
            tags={tags.NAME: name},
            opts=self._options,
        )
        for service, port in args.ports.items():
            for cidr in args.cidrs:
                self._allow_ingress(service, port, cidr)
        self._allow_egress()
        self.key_pair = aws.ec2.KeyPair(f"{name}-key", public_key=args.public_key, opts=self._options)
        self.profile = self._profile(args)
        self.register_outputs({"group_id": self.group.id, "profile": self.profile.name})

    def _allow_ingress(self, service: str, port: int, cidr: str) -> None:
        if are_public([cidr]):
            pulumi.log.warn(f"{service} (port {port}) is open to {cidr}, as allowPublic says", self)
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-{port}-from-{cidr}",
            security_group_id=self.group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=cidr,
            description=service,
            opts=self._options,
        )

    def _allow_egress(self) -> None:
        """Let the box reach package archives and git servers, whose addresses nobody can list."""
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-out",
            security_group_id=self.group.id,
            ip_protocol="-1",
            cidr_ipv4=ANYWHERE,
            description="archives and git servers",
            opts=self._options,
        )

    def _profile(self, args: AccessArgs) -> aws.iam.InstanceProfile:
        role = roles.role(f"{self._name}-role", policies.trust("ec2", args.partition), args.boundary, self)
        allowed = _policy(args.buckets, args.partition)
        aws.iam.RolePolicy(f"{self._name}-policy", role=role.name, policy=allowed, opts=self._options)
        return aws.iam.InstanceProfile(
            f"{self._name}-profile", path=roles.PATH, role=role.name, opts=roles.options(self)
        )
