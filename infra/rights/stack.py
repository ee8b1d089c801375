"""What `pulumi preview`, `up`, `refresh` and `destroy` have to be allowed."""

from __future__ import annotations

from infra.rights.statement import MADE, OURS, Policy, Statement
from infra.roles import PATH

_PROVIDERS = "the AWS provider calls it where the rehearsal's stand-in does not: "
_TYPES = ("vpc", "subnet", "security-group", "internet-gateway", "route-table", "vpc-endpoint", "key-pair", "instance")
_MAKING = (
    "ec2:CreateVpc",
    "ec2:CreateSubnet",
    "ec2:CreateSecurityGroup",
    "ec2:CreateInternetGateway",
    "ec2:CreateRouteTable",
    "ec2:CreateVpcEndpoint",
    "ec2:ImportKeyPair",
    "ec2:CreateVolume",
    "ec2:CreateSnapshot",
    "ec2:RunInstances",
)
_RULES = ("ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress")
ROLES = (f"iam::*:role{PATH}*",)
PROFILES = (f"iam::*:instance-profile{PATH}*",)

_LOOKS = Statement(
    sid="Look",
    why="What there is, and what it costs. EC2's Describe calls know no single resource, prices are public, and a role "
    "that is gone has no path that a policy could name.",
    actions=(
        "ec2:Describe*",
        "iam:GetInstanceProfile",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole",
        "iam:ListRolePolicies",
        "pricing:GetProducts",
    ),
    unseen={
        "iam:ListAttachedRolePolicies": _PROVIDERS + "of a role that it reads",
        "iam:ListRolePolicies": _PROVIDERS + "of a role that it reads",
    },
)
_IMAGES = Statement(
    sid="NewestImage",
    why="The publisher's word on the newest image, in AWS's public parameters.",
    actions=("ssm:GetParameter",),
    resources=("ssm:*::parameter/aws/service/*",),
)
_MAKES = Statement(
    sid="MakeWithTag",
    why="Nothing is made without the project's tag, by which everything else is limited.",
    actions=(*_MAKING, *_RULES),
    resources=(
        *(f"ec2:*:*:{kind}/*" for kind in (*_TYPES, "volume", "security-group-rule")),
        "ec2:*::snapshot/*",
    ),
    when=MADE,
)
_TAGS = Statement(
    sid="TagWhatIsMade",
    why="A tag is given in the call that makes the thing, and never later to a thing of somebody else's.",
    actions=("ec2:CreateTags",),
    when={
        "StringEquals": {
            **MADE["StringEquals"],
            "ec2:CreateAction": [a.removeprefix("ec2:") for a in (*_MAKING, *_RULES)],
        }
    },
)
_USES = Statement(
    sid="UseOurs",
    why="What has the project's tag may be put together, changed and removed.",
    actions=(
        *_MAKING[1:3],
        *_MAKING[4:6],
        *_MAKING[7:],
        *_RULES,
        "ec2:AssociateRouteTable",
        "ec2:AttachInternetGateway",
        "ec2:AttachVolume",
        "ec2:CreateRoute",
        "ec2:CreateTags",
        "ec2:DeleteInternetGateway",
        "ec2:DeleteKeyPair",
        "ec2:DeleteRoute",
        "ec2:DeleteRouteTable",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteSubnet",
        "ec2:DeleteTags",
        "ec2:DeleteVolume",
        "ec2:DeleteVpc",
        "ec2:DeleteVpcEndpoints",
        "ec2:DetachInternetGateway",
        "ec2:DetachVolume",
        "ec2:DisassociateRouteTable",
        "ec2:ModifyInstanceAttribute",
        "ec2:ModifySecurityGroupRules",
        "ec2:ModifySubnetAttribute",
        "ec2:ModifyVolume",
        "ec2:ModifyVpcAttribute",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupIngress",
        "ec2:StartInstances",
        "ec2:StopInstances",
        "ec2:TerminateInstances",
    ),
    when=OURS,
    unseen={"ec2:ModifySecurityGroupRules": _PROVIDERS + "to change the description of a rule"},
)
_LAUNCHES = Statement(
    sid="LaunchFromAnyImage",
    why="An image is its publisher's, and the network interface of an instance is made without a tag.",
    actions=("ec2:RunInstances",),
    resources=("ec2:*::image/*", "ec2:*:*:network-interface/*"),
)
_ADOPTS = Statement(
    sid="AdoptDefaultGroup",
    why="A VPC's default security group comes without tags; it gets the project's, and then loses its rules.",
    actions=("ec2:CreateTags",),
    resources=("ec2:*:*:security-group/*",),
    when=MADE,
)
_PROFILES = Statement(
    sid="Profiles",
    why="The instance profile of a box, below the program's own path.",
    actions=(
        "iam:AddRoleToInstanceProfile",
        "iam:CreateInstanceProfile",
        "iam:DeleteInstanceProfile",
        "iam:RemoveRoleFromInstanceProfile",
        "iam:TagInstanceProfile",
        "iam:UntagInstanceProfile",
    ),
    resources=PROFILES,
)
_PASSES = Statement(
    sid="PassRoles",
    why="The roles go to three services of AWS, and to nobody else.",
    actions=("iam:PassRole",),
    resources=ROLES,
    when={
        "StringEquals": {"iam:PassedToService": [f"{name}.amazonaws.com" for name in ("budgets", "ec2", "scheduler")]}
    },
)
_REMOVES = Statement(
    sid="RemoveRoles",
    why="A role and what it may do go with the stack.",
    actions=("iam:DeleteRole", "iam:DeleteRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy"),
    resources=ROLES,
    unseen={
        "iam:UpdateAssumeRolePolicy": "only where a newer version of the program trusts a role to somebody else",
    },
)
_ALARM = Statement(
    sid="IdleAlarm",
    why="The alarm of `idleStopMinutes`, which is set unless you set 0.",
    actions=(
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:ListTagsForResource",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    ),
    resources=("cloudwatch:*:*:alarm:*-idle-*",),
)
_FIRST = Statement(
    sid="FirstInTheAccount",
    why="Roles that AWS makes for its own services, once in an account: of the alarm that stops a box, and of spot.",
    actions=("iam:CreateServiceLinkedRole",),
    resources=("iam::*:role/aws-service-role/*",),
    when={"StringEquals": {"iam:AWSServiceName": ["events.amazonaws.com", "spot.amazonaws.com"]}},
    unseen={"iam:CreateServiceLinkedRole": "AWS calls it with your rights; the rehearsal has none of these roles"},
)

STACK = Policy(
    name="stack",
    purpose="`pulumi preview`, `up`, `refresh`, `destroy`, and `fab up`, `resume` and `volume-grow`, which run them",
    statements=(
        _LOOKS,
        _IMAGES,
        _MAKES,
        _TAGS,
        _USES,
        _LAUNCHES,
        _ADOPTS,
        _PROFILES,
        _PASSES,
        _REMOVES,
        _ALARM,
        _FIRST,
    ),
)
