"""What keeps the bill from growing unseen: what AWS itself watches. Idle stop and lifetime are the box's own."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws

THRESHOLDS = (80, 100)
"""Per cent of the monthly amount at which a mail goes out."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GuardrailsArgs:
    """What `Guardrails` are made of."""

    monthly_usd: float
    email: str


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
                aws.budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    notification_type="ACTUAL",
                    threshold=threshold,
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=[args.email],
                )
                for threshold in THRESHOLDS
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"budget": self.budget.name})
