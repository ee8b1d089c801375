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


# What the agent of Session Manager does: say that it is there, and hold its channels. It needs nothing more for them
# (Systems Manager's guide, "minimal Session Manager permissions"), and none of these calls knows a single resource.
SESSIONS = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]


def _policy(buckets: Sequence[str], partition: str, *, session_manager: bool) -> str:
    """Return what a box may do: list and read these buckets, be reached; whatever else any policy allows is refused."""
    places = [f"arn:{partition}:s3:::{bucket}" for bucket in buckets]
    objects = [f"{place}/*" for place in places]
    reading = [
        {"Effect": "Allow", "Action": _LIST, "Resource": places},
        {"Effect": "Allow", "Action": _READ, "Resource": objects},
        {"Effect": "Deny", "Action": [_LIST, _READ], "NotResource": [*places, *objects]},
    ]
    reached = [{"Effect": "Allow", "Action": SESSIONS, "Resource": "*"}]
    allowed = [*((_LIST, _READ) if buckets else ()), *(SESSIONS if session_manager else ())]
    if not allowed:
        return policies.policy(_DENY_ALL)
    nothing_else = {"Effect": "Deny", "NotAction": allowed, "Resource": "*"}
    return policies.policy([*(reading if buckets else ()), *(reached if session_manager else ()), nothing_else])


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessArgs:
    """What an `Access` is made of."""

    vpc_id: pulumi.Input[str]
    key_name: str
    """Of the key pair. The instance has it from the same place, as plain text: by an output of the pair the engine
    would replace the two together."""
    public_key: str
    """ed25519, as in authorized_keys."""
    cidrs: Sequence[str]
    """IPv4 ranges that may connect."""
    ports: Mapping[str, int]
    """What they may connect to: name → TCP port."""
    group: str = ""
    """A security group whose members may connect to it too; "": none."""
    partition: str = "aws"
    """What ARNs begin with after "arn"."""
    session_manager: bool = False
    """Whether the box is reached through Session Manager, whose agent needs some rights."""
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
                self._allow_range(service, port, cidr)
            if args.group:
                self._allow_ingress(service, port, args.group, group=args.group)
        self._allow_egress()
        # EC2 changes no key of a pair, and another name of a pair replaces the instance: so the old one goes first, and
        # the name stays. On a box that is there `fab keys` changes keys.
        aws.ec2.KeyPair(
            f"{name}-key",
            key_name=args.key_name,
            public_key=args.public_key,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.profile = self._profile(args)
        self.register_outputs({"group_id": self.group.id, "profile": self.profile.name})

    def _allow_range(self, service: str, port: int, cidr: str) -> None:
        if are_public([cidr]):
            pulumi.log.warn(f"{service} (port {port}) is open to {cidr}, as allowPublic says", self)
        self._allow_ingress(service, port, cidr, cidr=cidr)

    def _allow_ingress(
        self, service: str, port: int, name: str, *, cidr: str | None = None, group: str | None = None
    ) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-{port}-from-{name}",
            security_group_id=self.group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=cidr,
            referenced_security_group_id=group,
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
        policy = _policy(args.buckets, args.partition, session_manager=args.session_manager)
        aws.iam.RolePolicy(f"{self._name}-policy", role=role.name, policy=policy, opts=self._options)
        return aws.iam.InstanceProfile(
            f"{self._name}-profile", path=roles.PATH, role=role.name, opts=roles.options(self)
        )
