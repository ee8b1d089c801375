"""The budget's options: a mail on the forecast, and boxes that AWS stops when the month's money is spent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.infra.lab import GOOD, refused, run
from tests.infra.stack import SETTINGS, open_stack

BUDGET = {"budgetMonthlyUsd": "50", "budgetEmail": "me@example.com"}


def with_budget(**settings: str) -> dict[str, str]:
    return {**GOOD, **{f"gpurig:{key}": value for key, value in {**BUDGET, **settings}.items()}}


def test_the_forecast_is_mailed_only_where_it_is_wanted() -> None:
    plain, wanted = run(with_budget()).only("Budget"), run(with_budget(budgetForecast="true")).only("Budget")
    kinds = [[one["notificationType"] for one in box.inputs["notifications"]] for box in (plain, wanted)]
    assert kinds == [["ACTUAL", "ACTUAL"], ["ACTUAL", "ACTUAL", "FORECASTED"]]


def test_the_action_stops_these_boxes_and_its_role_may_do_just_that() -> None:
    box = run(with_budget(budgetAction="stop", hosts="2"))
    action = box.only("BudgetAction").inputs
    assert action["definition"]["ssmActionDefinition"] == {
        "actionSubType": "STOP_EC2_INSTANCES",
        "instanceIds": ["i-box-g1", "i-box-2-g1"],
        "region": "us-east-1",
    }
    assert action["actionThreshold"] == {"actionThresholdType": "PERCENTAGE", "actionThresholdValue": 100}
    assert (action["approvalModel"], action["notificationType"]) == ("AUTOMATIC", "ACTUAL")
    (policy,) = [one.inputs["policy"] for one in box.all("RolePolicy") if one.name == "guardrails-policy"]
    allowed = {one["Action"]: one["Resource"] for one in json.loads(policy)["Statement"]}
    place = "arn:aws:ec2:us-east-1:123456789012:instance"
    assert allowed["ec2:StopInstances"] == [f"{place}/i-box-g1", f"{place}/i-box-2-g1"]
    assert set(allowed) == {"ec2:StopInstances", "ec2:DescribeInstanceStatus", "ssm:StartAutomationExecution"}
    (trust,) = [one.inputs["assumeRolePolicy"] for one in box.all("Role") if one.name == "guardrails-role"]
    (statement,) = json.loads(trust)["Statement"]
    assert statement["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budgetForecast": "true"}, "gpurig:budgetForecast: has no effect without gpurig:budgetMonthlyUsd"),
        ({"budgetAction": "stop"}, "gpurig:budgetAction: has no effect without gpurig:budgetMonthlyUsd"),
        ({**BUDGET, "budgetAction": "stop", "spot": "true"}, "gpurig:budgetAction: AWS cannot stop a spot box"),
        ({**BUDGET, "budgetAction": "terminate"}, '"terminate" has to be none or stop'),
    ],
    ids=["forecast alone", "action alone", "action on spot", "another action"],
)
def test_what_would_do_nothing_is_refused(settings: dict[str, str], message: str) -> None:
    assert message in refused(settings)


def test_a_spent_budget_stops_the_box_and_leaves_nothing(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        stack.up(**SETTINGS, **BUDGET, budgetForecast="true", budgetAction="stop")
        stack.cloud.spend(49, forecast=300)
        assert stack.box()["State"]["Name"] == "running"
        stack.cloud.spend(50.5)
        assert stack.box()["State"]["Name"] == "stopped"
        assert stack.cloud.calls("StopInstances")[0]["by"] == "budgets.amazonaws.com"
        stack.pulumi("destroy", "--yes", "--skip-preview")
        account = stack.cloud.client("budgets")
        assert not account.describe_budgets(AccountId="123456789012").get("Budgets")
        assert not stack.cloud.client("iam").list_roles()["Roles"]
