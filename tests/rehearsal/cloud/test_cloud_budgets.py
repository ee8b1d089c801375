"""A budget with notifications, subscribers and tags, through all that a provider asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud

ACCOUNT = "123456789012"
ARN = f"arn:aws:budgets::{ACCOUNT}:budget/gpu"
BUDGET = {
    "BudgetName": "gpu",
    "BudgetLimit": {"Amount": "50", "Unit": "USD"},
    "TimeUnit": "MONTHLY",
    "BudgetType": "COST",
    "CostFilters": {"TagKeyValue": ["user:Project$box"]},
}
NOTIFICATION = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
SUBSCRIBER = {"SubscriptionType": "EMAIL", "Address": "me@example.com"}
NAMED = {"AccountId": ACCOUNT, "BudgetName": "gpu"}


@pytest.fixture
def budgets(cloud: Cloud) -> Any:
    """Return a client, with one budget there."""
    client = cloud.client("budgets")
    client.create_budget(
        AccountId=ACCOUNT,
        Budget=BUDGET,
        NotificationsWithSubscribers=[{"Notification": NOTIFICATION, "Subscribers": [SUBSCRIBER]}],
        ResourceTags=[{"Key": "project", "Value": "box"}],
    )
    return client


def test_it_reads_back_as_it_was_created(budgets: Any) -> None:
    shown = budgets.describe_budget(**NAMED)["Budget"]
    assert {key: shown[key] for key in BUDGET} == BUDGET
    assert budgets.describe_notifications_for_budget(**NAMED)["Notifications"] == [NOTIFICATION]
    asked = {**NOTIFICATION, "ThresholdType": "PERCENTAGE"}
    assert budgets.describe_subscribers_for_notification(**NAMED, Notification=asked)["Subscribers"] == [SUBSCRIBER]
    assert budgets.list_tags_for_resource(ResourceARN=ARN)["ResourceTags"] == [{"Key": "project", "Value": "box"}]


def test_an_update_changes_the_limit_and_nothing_else(budgets: Any) -> None:
    before = budgets.describe_budget(**NAMED)["Budget"]
    limit = {"Amount": "75", "Unit": "USD"}
    budgets.update_budget(AccountId=ACCOUNT, NewBudget={**BUDGET, "BudgetLimit": limit})
    after = budgets.describe_budget(**NAMED)["Budget"]
    assert after["BudgetLimit"] == limit
    assert after["TimePeriod"] == before["TimePeriod"]
    assert budgets.describe_notifications_for_budget(**NAMED)["Notifications"] == [NOTIFICATION]


def test_tags_come_and_go(budgets: Any) -> None:
    budgets.tag_resource(ResourceARN=ARN, ResourceTags=[{"Key": "owner", "Value": "me"}])
    budgets.untag_resource(ResourceARN=ARN, ResourceTagKeys=["project"])
    assert budgets.list_tags_for_resource(ResourceARN=ARN)["ResourceTags"] == [{"Key": "owner", "Value": "me"}]


def test_what_is_not_there_is_not_found(budgets: Any) -> None:
    nobody = {"AccountId": ACCOUNT, "BudgetName": "nobody"}
    other = {**NOTIFICATION, "Threshold": 99.0}
    for call, arguments in (
        (budgets.describe_notifications_for_budget, nobody),
        (budgets.update_budget, {"AccountId": ACCOUNT, "NewBudget": {**BUDGET, "BudgetName": "nobody"}}),
        (budgets.list_tags_for_resource, {"ResourceARN": ARN + "s"}),
        (budgets.describe_subscribers_for_notification, {**NAMED, "Notification": other}),
    ):
        with pytest.raises(ClientError, match="NotFoundException"):
            call(**arguments)
