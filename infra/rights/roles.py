"""Who may make roles: of any rights, or of those alone that a boundary leaves."""

from __future__ import annotations

from infra.access import SESSIONS
from infra.rights.stack import ROLES
from infra.rights.statement import MADE, OURS, Policy, Statement

_MAKING = ("iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy")
BOUNDARY = "gpurig-boundary"
"""What docs/iam.md calls the policy that limits the roles."""

FREE = Policy(
    name="roles",
    purpose="to make the stack's roles, of whatever rights; whoever has it and `stack` can become an administrator",
    statements=(
        Statement(
            sid="MakeRoles",
            why="The roles of a box, of its ceiling and of the budget, and what they may do. IAM does not look into a "
            "policy that is put into a role.",
            actions=(*_MAKING, "iam:DeleteRolePermissionsBoundary"),
            resources=ROLES,
        ),
    ),
)
BOUNDED = Policy(
    name="roles-bounded",
    purpose="in its place: to make them below a boundary alone, which `gpurig:permissionsBoundary` names",
    statements=(
        Statement(
            sid="MakeRolesBelowTheBoundary",
            why="IAM refuses a role, and a policy in it, without this boundary, and nobody with this may take it off.",
            actions=_MAKING,
            resources=ROLES,
            when={"ArnLike": {"iam:PermissionsBoundary": f"arn:*:iam::*:policy/{BOUNDARY}"}},
        ),
    ),
)
LIMIT = Policy(
    name="boundary",
    purpose="that boundary, which an administrator makes once: the most that the roles may do",
    statements=(
        Statement(
            sid="ReadBuckets",
            why="The box reads the buckets of `s3Buckets`; put them in the place of the star to allow no others.",
            actions=("s3:GetObject", "s3:ListBucket"),
            resources=("s3:::*",),
        ),
        Statement(
            sid="BeReached",
            why="The agent of Session Manager, where `access` asks for it. No call of it knows a single resource.",
            actions=SESSIONS,
        ),
        Statement(
            sid="EndBoxes",
            why="The ceiling and the budget stop boxes of this project, and the ceiling snapshots their volumes.",
            actions=("ec2:CreateSnapshot", "ec2:StopInstances", "ec2:TerminateInstances"),
            when=OURS,
        ),
        Statement(
            sid="MakeSnapshots",
            why="A snapshot of the ceiling's has the project's tag.",
            actions=("ec2:CreateSnapshot",),
            resources=("ec2:*::snapshot/*",),
            when=MADE,
        ),
        Statement(
            sid="TagSnapshots",
            why="It gets that tag as it is made.",
            actions=("ec2:CreateTags",),
            resources=("ec2:*::snapshot/*",),
            when={"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}},
        ),
        Statement(
            sid="Runbook",
            why="AWS's own runbook stops the boxes for the budget.",
            actions=("ec2:DescribeInstanceStatus", "ssm:StartAutomationExecution"),
        ),
    ),
)
