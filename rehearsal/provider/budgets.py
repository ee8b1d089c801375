"""Cost budgets, with who hears when they are passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Kind, answer, request
from rehearsal.provider.tags import OUTPUTS, as_read, pairs, retag, tag_fields
from rehearsal.provider.validate import same_amount, same_set

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_IDENTITY = ("notificationType", "comparisonOperator", "threshold", "thresholdType")
"""What tells one notification of a budget from another: it has no id."""


def _definition(inputs: Values) -> dict[str, Any]:
    limit = {"Amount": inputs["limitAmount"], "Unit": inputs["limitUnit"]}
    return {"BudgetName": inputs["name"], "BudgetLimit": limit, **request(inputs, "budgetType", "timeUnit")}


def _create(aws: Aws, inputs: Values) -> str:
    account = aws.connection.account_id
    tags = {"ResourceTags": pairs(inputs["tagsAll"])} if inputs.get("tagsAll") else {}
    aws.budgets("CreateBudget", AccountId=account, Budget=_definition(inputs), **tags)
    return f"{account}:{inputs['name']}"


def _named(item: Item) -> dict[str, str]:
    account, _, name = item.id.partition(":")
    return {"AccountId": account, "BudgetName": name}


def _arn(item: Item) -> str:
    return "arn:aws:budgets::{AccountId}:budget/{BudgetName}".format(**_named(item))


def _redefine(aws: Aws, item: Item) -> None:
    aws.budgets("UpdateBudget", AccountId=_named(item)["AccountId"], NewBudget=_definition(item.values))


def _notify(aws: Aws, item: Item) -> None:
    """Bring the notifications to those asked for; one that differs is made anew, as its parts are its only name."""
    wanted, present = item.values.get("notifications", []), _present(aws, item)
    for notification in present:
        if notification not in wanted:
            aws.budgets("DeleteNotification", **_named(item), Notification=request(notification, *_IDENTITY))
    for notification in wanted:
        if notification not in present:
            addresses = notification.get("subscriberEmailAddresses", [])
            aws.budgets(
                "CreateNotification",
                **_named(item),
                Notification=request(notification, *_IDENTITY),
                Subscribers=[{"SubscriptionType": "EMAIL", "Address": address} for address in addresses],
            )


def _present(aws: Aws, item: Item) -> list[Values]:
    listed = aws.listed("budgets", "DescribeNotificationsForBudget", "Notifications", **_named(item))
    return [_as_input(aws, item, notification) for notification in listed]


def _as_input(aws: Aws, item: Item, notification: dict[str, Any]) -> Values:
    found = answer({"ThresholdType": "PERCENTAGE", **notification}, *_IDENTITY)
    subscribers = aws.listed(
        "budgets",
        "DescribeSubscribersForNotification",
        "Subscribers",
        **_named(item),
        Notification=request(found, *_IDENTITY),
    )
    return {**found, "subscriberEmailAddresses": [one["Address"] for one in subscribers]}


def _read(aws: Aws, item: Item) -> Values:
    budget = aws.budgets("DescribeBudget", **_named(item))["Budget"]
    tags = aws.budgets("ListTagsForResource", ResourceARN=_arn(item))["ResourceTags"]
    return {
        **answer(budget, "budgetType", "timeUnit"),
        "name": budget["BudgetName"],
        "limitAmount": budget.get("BudgetLimit", {}).get("Amount"),
        "limitUnit": budget.get("BudgetLimit", {}).get("Unit"),
        "notifications": _present(aws, item),
        **as_read(tags, aws, item),
    }


_NOTIFICATION = {
    "comparisonOperator": Field(required=True, on_change=_notify),
    "notificationType": Field(required=True, on_change=_notify),
    "threshold": Field(type=float, required=True, on_change=_notify),
    "thresholdType": Field(required=True, on_change=_notify),
    "subscriberEmailAddresses": Field(type=list, on_change=_notify),
}

KINDS = {
    "aws:budgets/budget:Budget": Kind(
        noun="Budget",
        fields={
            "name": Field(on_change=Fate.REPLACE),
            "budgetType": Field(required=True, on_change=_redefine),
            "timeUnit": Field(required=True, on_change=_redefine),
            "limitAmount": Field(required=True, on_change=_redefine, same=same_amount),
            "limitUnit": Field(required=True, on_change=_redefine),
            "notifications": Field(type=list, on_change=_notify, same=same_set, fields=_NOTIFICATION),
            **tag_fields(retag("budgets", "Resource", lambda item: {"ResourceARN": _arn(item)}, "Resource")),
        },
        outputs=OUTPUTS,
        auto_name="name",
        name_limit=100,
        create=_create,
        settle=_notify,
        read=_read,
        delete=lambda aws, item: aws.budgets("DeleteBudget", **_named(item)),
    ),
}
