"""What `fab` has to be allowed, beside what `pulumi` needs where it runs that."""

from __future__ import annotations

from infra.rights.stack import ROLES
from infra.rights.statement import MADE, OURS, Policy, Statement

_VOLUMES = ("ec2:CreateSnapshot", "ec2:CreateVolume")

FAB = Policy(
    name="fab",
    purpose="every verb of `fab` but `bake`, `orphans --remove` and those that run `pulumi`",
    statements=(
        Statement(
            sid="Look",
            why="Boxes, offers, costs and orphans, in every region. None of these calls knows single resources, but "
            "for those of IAM, which are asked about roles whose path nobody knows beforehand.",
            actions=(
                "cloudwatch:GetMetricStatistics",
                "ec2:Describe*",
                "iam:GetInstanceProfile",
                "iam:GetRole",
                "iam:ListInstanceProfiles",
                "iam:ListRoles",
                "pricing:GetProducts",
                "scheduler:ListSchedules",
                "servicequotas:GetAWSDefaultServiceQuota",
                "servicequotas:GetServiceQuota",
                "tag:GetResources",
            ),
            unseen={
                "cloudwatch:GetMetricStatistics": "when a box stopped that switched itself off, for `fab cost`",
                "servicequotas:GetAWSDefaultServiceQuota": "where the account has no quota of its own",
            },
        ),
        Statement(
            sid="NewestImage",
            why="`fab doctor` asks whether the image is there.",
            actions=("ssm:GetParameter",),
            resources=("ssm:*::parameter/aws/service/*",),
        ),
        Statement(
            sid="UseOurs",
            why="The host key out of the console, start and stop, the hours in a tag, snapshots and restores.",
            actions=(
                *_VOLUMES,
                "ec2:AttachVolume",
                "ec2:CreateTags",
                "ec2:DeleteSnapshot",
                "ec2:DeleteVolume",
                "ec2:DetachVolume",
                "ec2:GetConsoleOutput",
                "ec2:StartInstances",
                "ec2:StopInstances",
            ),
            when=OURS,
        ),
        Statement(
            sid="MakeWithTag",
            why="A snapshot, and the volume of a restore, with the project's tag.",
            actions=_VOLUMES,
            resources=("ec2:*::snapshot/*", "ec2:*:*:volume/*"),
            when=MADE,
        ),
        Statement(
            sid="TagWhatIsMade",
            why="As they are made.",
            actions=("ec2:CreateTags",),
            when={
                "StringEquals": {
                    **MADE["StringEquals"],
                    "ec2:CreateAction": [name.removeprefix("ec2:") for name in _VOLUMES],
                }
            },
        ),
    ),
)
LIMITS = Policy(
    name="limits",
    purpose="`maxHours` and `maxSpend`, with `stack`; `fab start` and `fab extend 4h` where a box has them, with `fab`",
    statements=(
        Statement(
            sid="Schedules",
            why="The schedules of the program, by their names: Scheduler gives a single schedule no tags.",
            actions=(
                "scheduler:CreateSchedule",
                "scheduler:DeleteSchedule",
                "scheduler:GetSchedule",
                "scheduler:UpdateSchedule",
            ),
            resources=("scheduler:*:*:schedule/default/gpurig-*",),
        ),
        Statement(
            sid="ListSchedules",
            why="Which there are of a box; the call knows no single one.",
            actions=("scheduler:ListSchedules",),
        ),
        Statement(
            sid="PassTheRole",
            why="Scheduler takes the role on when a schedule is made or moved.",
            actions=("iam:PassRole",),
            resources=ROLES,
            when={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
        ),
    ),
)
_NO_MANAGER = "the rehearsal has no Session Manager; the tests have a program in the place of AWS's command"
SESSIONS = Policy(
    name="sessions",
    purpose="`fab` on a box that is reached through Session Manager (`access`), with `fab`",
    statements=(
        Statement(
            sid="Reach",
            why="A session to a box of this project.",
            actions=("ssm:StartSession",),
            resources=("ec2:*:*:instance/*",),
            when=OURS,
            unseen={"ssm:StartSession": _NO_MANAGER},
        ),
        Statement(
            sid="ReachBySsh",
            why="The one kind of session that carries SSH; AWS's own document says what it does.",
            actions=("ssm:StartSession",),
            resources=("ssm:*:*:document/AWS-StartSSHSession",),
            unseen={"ssm:StartSession": _NO_MANAGER},
        ),
        Statement(
            sid="EndIt",
            why="A session of one's own is ended and taken up again.",
            actions=("ssm:ResumeSession", "ssm:TerminateSession"),
            resources=("ssm:*:*:session/${aws:username}-*",),
            unseen={"ssm:ResumeSession": _NO_MANAGER, "ssm:TerminateSession": _NO_MANAGER},
        ),
    ),
)
BUDGET = Policy(
    name="budget",
    purpose="`budgetMonthlyUsd`, `budgetForecast` and `budgetAction`, with `stack`",
    statements=(
        Statement(
            sid="Budget",
            why="The budget, by its name, and the action that stops boxes.",
            actions=(
                "budgets:CreateBudgetAction",
                "budgets:DeleteBudgetAction",
                "budgets:DescribeBudgetAction",
                "budgets:ListTagsForResource",
                "budgets:ModifyBudget",
                "budgets:TagResource",
                "budgets:UntagResource",
                "budgets:UpdateBudgetAction",
                "budgets:ViewBudget",
            ),
            resources=("budgets::*:budget/guardrails-budget-*",),
            unseen={
                "budgets:UpdateBudgetAction": "where a box comes or goes while the action is there",
            },
        ),
    ),
)
BAKE = Policy(
    name="bake",
    purpose="`fab bake`, with `fab`; `fab orphans --remove` needs `stack`, `fab`, `limits` and this",
    statements=(
        Statement(
            sid="UseOurs",
            why="Of a box of this project, and old images with their snapshots go.",
            actions=("ec2:CreateImage", "ec2:DeleteSnapshot", "ec2:DeregisterImage"),
            when=OURS,
        ),
        Statement(
            sid="MakeWithTag",
            why="The image and its snapshot, with the project's tag.",
            actions=("ec2:CreateImage",),
            resources=("ec2:*::image/*", "ec2:*::snapshot/*"),
            when=MADE,
        ),
        Statement(
            sid="TagWhatIsMade",
            why="As they are made.",
            actions=("ec2:CreateTags",),
            when={"StringEquals": {**MADE["StringEquals"], "ec2:CreateAction": "CreateImage"}},
        ),
    ),
)
BUILDS = Policy(
    name="builds",
    purpose="`builds`, with `fab`: the bucket of kept builds; put its name there where it is none of `gpurig-builds…`",
    statements=(
        Statement(
            sid="Look",
            why="Whether the bucket is there and whose it is, and which builds it has.",
            actions=("s3:ListBucket",),
            resources=("s3:::gpurig-builds*",),
        ),
        Statement(
            sid="LendAndTake",
            why="A link that `fab` lends to a box can do what its maker may do: read files, and write new ones.",
            actions=("s3:GetObject", "s3:PutObject"),
            resources=("s3:::gpurig-builds*/*",),
        ),
        Statement(
            sid="Check",
            why="`fab doctor` looks whether it is closed to the public, and whether old builds go.",
            actions=("s3:GetBucketPublicAccessBlock", "s3:GetLifecycleConfiguration"),
            resources=("s3:::gpurig-builds*",),
        ),
    ),
)
BUCKET = Policy(
    name="bucket",
    purpose="`fab builds --make`, once, with `builds`: to make that bucket",
    statements=(
        Statement(
            sid="Make",
            why="Closed to the public, with a lifecycle for old builds.",
            actions=("s3:CreateBucket", "s3:PutBucketPublicAccessBlock", "s3:PutLifecycleConfiguration"),
            resources=("s3:::gpurig-builds*",),
        ),
    ),
)
