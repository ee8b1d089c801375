"""What a budget with notifications, subscribers and tags needs beyond moto's create, describe and delete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.budgets.exceptions import NotFoundException
from moto.budgets.responses import BudgetsResponse
from moto.core.utils import unix_time

from rehearsal.cloud.hooks import intercept

if TYPE_CHECKING:
    from collections.abc import Callable


def _request(response: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(response.body)
    return document


def _budget(response: Any) -> Any:
    """Return the budget that a request names, by its name, its new definition or its ARN."""
    request = _request(response)
    name = (
        request.get("BudgetName")
        or request.get("NewBudget", {}).get("BudgetName")
        or request["ResourceARN"].partition(":budget/")[2].partition("/action/")[0]
    )
    account = request.get("AccountId") or response.current_account
    budget = response.backend.budgets[account].get(name)
    if budget is None:
        raise NotFoundException(f"Unable to get budget: {name} - the budget doesn't exist.")
    return budget


def _tags(response: Any) -> dict[str, str]:
    """Return the tags of the budget, or of the action of one, that a request names by its ARN."""
    arn = _request(response)["ResourceARN"]
    return tags_of(_budget(response), arn.partition("/action/")[2])


def tags_of(budget: Any, action: str = "") -> dict[str, str]:
    """Return the tags of a budget, or of an action of it."""
    tags: dict[str, str] = vars(budget).setdefault("tags", {}).setdefault(action, {})
    return tags


@intercept(BudgetsResponse, "create_budget")
def create(response: Any, proceed: Callable[[], Any]) -> Any:
    """Keep the tags that a budget is created with."""
    result, request = proceed(), _request(response)
    budget = response.backend.budgets[request["AccountId"]][request["Budget"]["BudgetName"]]
    tags_of(budget).update({tag["Key"]: tag["Value"] for tag in request.get("ResourceTags") or []})
    return result


@intercept(BudgetsResponse, "describe_notifications_for_budget")
def describe_notifications(response: Any, proceed: Callable[[], Any]) -> Any:
    """Say of an unknown budget that there is none; moto answers 500."""
    _budget(response)
    return proceed()


def update_budget(response: Any) -> str:
    """Replace a budget's definition; its notifications, tags and, unless given, its period stay."""
    budget = _budget(response)
    budget.budget = {
        "TimePeriod": budget.budget["TimePeriod"],
        **_request(response)["NewBudget"],
        "LastUpdatedTime": unix_time(),
    }
    return "{}"


def describe_subscribers_for_notification(response: Any) -> str:
    """List who hears of a notification."""
    wanted = _request(response)["Notification"]
    for notification in _budget(response).notifications:
        if _same(notification.details, wanted):
            return json.dumps({"Subscribers": notification.subscribers})
    raise NotFoundException("Unable to get subscribers - the notification doesn't exist.")


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Compare notifications: their percentage is the default, and their state is no part of their identity."""
    keys = ("NotificationType", "ComparisonOperator", "Threshold")
    kinds = [notification.get("ThresholdType", "PERCENTAGE") for notification in (one, other)]
    return kinds[0] == kinds[1] and all(one.get(key) == other.get(key) for key in keys)


def list_tags_for_resource(response: Any) -> str:
    """List the tags of a budget or an action."""
    return json.dumps({"ResourceTags": [{"Key": key, "Value": value} for key, value in _tags(response).items()]})


def tag_resource(response: Any) -> str:
    """Add tags to a budget or an action."""
    _tags(response).update({tag["Key"]: tag["Value"] for tag in _request(response)["ResourceTags"]})
    return "{}"


def untag_resource(response: Any) -> str:
    """Take tags off a budget or an action."""
    for key in _request(response)["ResourceTagKeys"]:
        _tags(response).pop(key, None)
    return "{}"


for _action in (
    update_budget,
    describe_subscribers_for_notification,
    list_tags_for_resource,
    tag_resource,
    untag_resource,
):
    setattr(BudgetsResponse, _action.__name__, _action)
