"""Cost budgets, with who hears when they are passed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Kind, answer, request
from rehearsal.provider.tags import OUTPUTS, as_read, changed, pairs, tag_fields
from rehearsal.provider.validate import matches, one_of, same_amount, same_set

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_MOMENT = "%Y-%m-%d_%H:%M"
"""How the official provider writes the ends of a period."""
_SUBSCRIBERS = {"subscriberEmailAddresses": "EMAIL", "subscriberSnsTopicArns": "SNS"}


def _definition(inputs: Values) -> dict[str, Any]:
    definition = {"BudgetName": inputs["name"], **request(inputs, "budgetType", "timeUnit")}
    if inputs.get("limitAmount"):
        definition["BudgetLimit"] = {"Amount": inputs["limitAmount"], "Unit": inputs.get("limitUnit")}
    if inputs.get("costFilters"):
        definition["CostFilters"] = {part["name"]: part["values"] for part in inputs["costFilters"]}
    ends = {"Start": inputs.get("timePeriodStart"), "End": inputs.get("timePeriodEnd")}
    period = {end: _parsed(moment) for end, moment in ends.items() if moment}
    return {**definition, **({"TimePeriod": period} if period else {})}


def _parsed(moment: str) -> dt.datetime:
    return dt.datetime.strptime(moment, _MOMENT).replace(tzinfo=dt.UTC)


def _notification(wanted: Values) -> dict[str, Any]:
    return request(wanted, "notificationType", "comparisonOperator", "threshold", "thresholdType")


def _subscribers(wanted: Values) -> list[dict[str, str]]:
    return [
        {"SubscriptionType": kind, "Address": address}
        for name, kind in _SUBSCRIBERS.items()
        for address in wanted.get(name, [])
    ]


def _create(aws: Aws, inputs: Values) -> str:
    account = inputs.get("accountId") or aws.connection.account_id
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
            aws.budgets("DeleteNotification", **_named(item), Notification=_notification(notification))
    for notification in wanted:
        if notification not in present:
            about = {"Notification": _notification(notification), "Subscribers": _subscribers(notification)}
            aws.budgets("CreateNotification", **_named(item), **about)


def _present(aws: Aws, item: Item) -> list[Values]:
    listed = aws.listed("budgets", "DescribeNotificationsForBudget", "Notifications", **_named(item))
    return [_as_input(aws, item, notification) for notification in listed]


def _as_input(aws: Aws, item: Item, notification: dict[str, Any]) -> Values:
    keys = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    about = {key: notification[key] for key in keys if key in notification}
    subscribers = aws.listed(
        "budgets", "DescribeSubscribersForNotification", "Subscribers", **_named(item), Notification=about
    )
    heard = {
        name: [one["Address"] for one in subscribers if one["SubscriptionType"] == kind]
        for name, kind in _SUBSCRIBERS.items()
    }
    found = answer({"ThresholdType": "PERCENTAGE", **about}, *(key[0].lower() + key[1:] for key in keys))
    return {**found, **{name: addresses for name, addresses in heard.items() if addresses}}


def _read(aws: Aws, item: Item) -> Values:
    budget = aws.budgets("DescribeBudget", **_named(item))["Budget"]
    period = budget.get("TimePeriod", {})
    tags = aws.budgets("ListTagsForResource", ResourceARN=_arn(item))["ResourceTags"]
    return {
        **answer(budget, "budgetType", "timeUnit"),
        "name": budget["BudgetName"],
        "accountId": _named(item)["AccountId"],
        "limitAmount": budget.get("BudgetLimit", {}).get("Amount"),
        "limitUnit": budget.get("BudgetLimit", {}).get("Unit"),
        "costFilters": [{"name": name, "values": some} for name, some in (budget.get("CostFilters") or {}).items()],
        "timePeriodStart": _written(period.get("Start")),
        "timePeriodEnd": _written(period.get("End")),
        "notifications": _present(aws, item),
        "arn": _arn(item),
        **as_read(tags, aws, item),
    }


def _written(moment: dt.datetime | None) -> str | None:
    return moment.astimezone(dt.UTC).strftime(_MOMENT) if moment else None


def _retag(aws: Aws, item: Item) -> None:
    wanted, superfluous = changed(item)
    if superfluous:
        aws.budgets("UntagResource", ResourceARN=_arn(item), ResourceTagKeys=superfluous)
    if wanted:
        aws.budgets("TagResource", ResourceARN=_arn(item), ResourceTags=pairs(wanted))


_PERIOD = matches(r"\d{4}-\d\d-\d\d_\d\d:\d\d", "a moment like 2026-01-31_00:00")
_NOTIFICATION = {
    "comparisonOperator": Field(
        required=True, on_change=_notify, why_not=one_of("GREATER_THAN", "LESS_THAN", "EQUAL_TO")
    ),
    "notificationType": Field(required=True, on_change=_notify, why_not=one_of("ACTUAL", "FORECASTED")),
    "threshold": Field(type=float, required=True, on_change=_notify),
    "thresholdType": Field(required=True, on_change=_notify, why_not=one_of("PERCENTAGE", "ABSOLUTE_VALUE")),
    "subscriberEmailAddresses": Field(type=list, on_change=_notify),
    "subscriberSnsTopicArns": Field(type=list, on_change=_notify),
}
_COST_FILTER = {
    "name": Field(required=True, on_change=_redefine),
    "values": Field(type=list, required=True, on_change=_redefine),
}

KINDS = {
    "aws:budgets/budget:Budget": Kind(
        noun="Budget",
        fields={
            "name": Field(
                on_change=Fate.REPLACE,
                why_not=matches(r"[^:\\]{1,100}", "a budget name: 1 to 100 characters without : and \\"),
            ),
            "accountId": Field(
                computed=True, on_change=Fate.REPLACE, why_not=matches(r"\d{12}", "an account number of 12 digits")
            ),
            "budgetType": Field(required=True, on_change=_redefine),
            "timeUnit": Field(
                required=True, on_change=_redefine, why_not=one_of("DAILY", "MONTHLY", "QUARTERLY", "ANNUALLY")
            ),
            "limitAmount": Field(computed=True, on_change=_redefine, same=same_amount),
            "limitUnit": Field(computed=True, on_change=_redefine),
            "timePeriodStart": Field(computed=True, on_change=_redefine, why_not=_PERIOD),
            "timePeriodEnd": Field(computed=True, on_change=_redefine, why_not=_PERIOD),
            "costFilters": Field(type=list, computed=True, on_change=_redefine, same=same_set, fields=_COST_FILTER),
            "notifications": Field(type=list, on_change=_notify, same=same_set, fields=_NOTIFICATION),
            **tag_fields(_retag),
        },
        outputs=("arn", *OUTPUTS),
        auto_name="name",
        name_limit=100,
        create=_create,
        settle=_notify,
        read=_read,
        delete=lambda aws, item: aws.budgets("DeleteBudget", **_named(item)),
    ),
}
