"""What keeps the bill of the whole account from growing unseen: a budget of AWS's, that mails and may stop boxes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra import policies, roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.cloud import Cloud

THRESHOLDS = (80, 100)
"""Per cent of the monthly amount at which a mail goes out."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GuardrailsArgs:
    """What `Guardrails` are made of."""

    monthly_usd: float
    email: str
    forecast: bool
    """Mail also when the month is going to cost more."""
    stops: Sequence[pulumi.Input[str]]
    """The instances that AWS stops when the amount is spent."""
    cloud: Cloud
    boundary: str = ""
    """ARN of the policy that limits the role; "": none."""


class Guardrails(pulumi.ComponentResource):
    """A monthly cost budget that mails when it is nearly spent, and when it is.

    It counts the whole account: a budget for one stack's tags stays at zero, without a word, until somebody activates
    the tags for cost allocation.
    """

    def __init__(self, name: str, args: GuardrailsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gpurig:infra:Guardrails", name, None, opts)
        self.budget = aws.budgets.Budget(
            f"{name}-budget",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_unit="USD",
            limit_amount=f"{args.monthly_usd:g}",
            notifications=[
                *(_mail("ACTUAL", threshold, args.email) for threshold in THRESHOLDS),
                *([_mail("FORECASTED", 100, args.email)] if args.forecast else []),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        if args.stops:
            self._stop(name, args)
        self.register_outputs({"budget": self.budget.name})

    def _stop(self, name: str, args: GuardrailsArgs) -> None:
        """Have AWS stop the boxes once the amount is spent, by the runbook that Systems Manager has for it."""
        parent = pulumi.ResourceOptions(parent=self)
        role = roles.role(f"{name}-role", _trust(args.cloud), args.boundary, self)
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=pulumi.Output.all(*args.stops).apply(lambda ids: _policy(args.cloud, ids)),
            opts=parent,
        )
        aws.budgets.BudgetAction(
            f"{name}-stop",
            budget_name=self.budget.name,
            action_type="RUN_SSM_DOCUMENTS",
            approval_model="AUTOMATIC",
            notification_type="ACTUAL",
            action_threshold=aws.budgets.BudgetActionActionThresholdArgs(
                action_threshold_type="PERCENTAGE", action_threshold_value=100
            ),
            definition=aws.budgets.BudgetActionDefinitionArgs(
                ssm_action_definition=aws.budgets.BudgetActionDefinitionSsmActionDefinitionArgs(
                    action_sub_type="STOP_EC2_INSTANCES", instance_ids=list(args.stops), region=args.cloud.region
                )
            ),
            execution_role_arn=role.arn,
            subscribers=[aws.budgets.BudgetActionSubscriberArgs(subscription_type="EMAIL", address=args.email)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )


def _mail(kind: str, threshold: float, address: str) -> aws.budgets.BudgetNotificationArgs:
    return aws.budgets.BudgetNotificationArgs(
        comparison_operator="GREATER_THAN",
        notification_type=kind,
        threshold=threshold,
        threshold_type="PERCENTAGE",
        subscriber_email_addresses=[address],
    )


def _trust(cloud: Cloud) -> str:
    """Return who may take the role on: Budgets, for budgets of this account alone."""
    budgets = f"arn:{cloud.partition}:budgets::{cloud.account}:budget/*"
    condition = {"StringEquals": {"aws:SourceAccount": cloud.account}, "ArnLike": {"aws:SourceArn": budgets}}
    return policies.trust("budgets", cloud.partition, condition)


def _policy(cloud: Cloud, instance_ids: Sequence[str]) -> str:
    """Return what the runbook needs to stop these boxes: AWS's own policy for it, less what is not about them."""
    place = f"arn:{cloud.partition}:ec2:{cloud.region}:{cloud.account}:instance"
    boxes = [f"{place}/{instance_id}" for instance_id in instance_ids]
    systems = f"arn:{cloud.partition}:ssm:{cloud.region}"
    runbook = [
        f"{systems}:*:automation-definition/AWS-StopEC2Instance:*",
        f"{systems}:*:document/AWS-StopEC2Instance",
        f"{systems}:*:automation-execution/*",
    ]
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": "ec2:StopInstances", "Resource": boxes},
        {"Effect": "Allow", "Action": "ec2:DescribeInstanceStatus", "Resource": "*"},
        {"Effect": "Allow", "Action": "ssm:StartAutomationExecution", "Resource": runbook},
    ]
    return policies.policy(statements)
