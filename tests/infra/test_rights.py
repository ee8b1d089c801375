"""The policies of docs/iam are enough for a stack, below a boundary; all that it makes has the user's own tags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.rights import BOUNDED, BUDGET, LIMIT, LIMITS, POLICIES, STACK
from tests.infra.stack import SETTINGS, Stack, open_stack
from tests.kit.person import denied, new_person, new_policy

pytestmark = pytest.mark.life

FIGURES = {"maxHours": "5", "budgetMonthlyUsd": "50", "budgetEmail": "me@example.com", "budgetAction": "stop"}
OWN = {"team": "vision", "cost centre": "4711"}
KINDS = {
    *(
        "alarm",
        "budget",
        "budget's action",
        "instance",
        "instance-profile",
        "internet-gateway",
        "key-pair",
        "role",
        "route-table",
    ),
    *("security-group", "security-group-rule", "snapshot to come", "subnet", "volume", "vpc", "vpc-endpoint"),
}
"""What a stack makes that AWS gives tags to; a single schedule has none."""


def _pairs(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _tags(stack: Stack) -> Iterator[tuple[str, dict[str, str]]]:
    """Return kind and tags of all that a stack has made, and of the snapshot that a schedule will take."""
    made: dict[str, tuple[str, dict[str, str]]] = {}
    for row in stack.ec2.get_paginator("describe_tags").paginate().build_full_result()["Tags"]:
        made.setdefault(row["ResourceId"], (row["ResourceType"], {}))[1][row["Key"]] = row["Value"]
    yield from (one for one in made.values() if "gpurig:project" in one[1])
    iam = stack.cloud.client("iam")
    for role in iam.list_roles(PathPrefix="/gpurig/")["Roles"]:
        yield "role", _pairs(iam.list_role_tags(RoleName=role["RoleName"])["Tags"])
    for profile in iam.list_instance_profiles(PathPrefix="/gpurig/")["InstanceProfiles"]:
        yield "instance-profile", _pairs(profile["Tags"])
    alarms = stack.cloud.client("cloudwatch")
    for alarm in alarms.describe_alarms()["MetricAlarms"]:
        yield "alarm", _pairs(alarms.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"])
    budgets, account = stack.cloud.client("budgets"), "123456789012"
    for budget in budgets.describe_budgets(AccountId=account)["Budgets"]:
        arn = f"arn:aws:budgets::{account}:budget/{budget['BudgetName']}"
        yield "budget", _pairs(budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"])
    (action,) = (one["id"] for one in stack.state()["resources"] if one["type"].endswith("BudgetAction"))
    number, identifier, name = action.split(":")
    arn = f"arn:aws:budgets::{number}:budget/{name}/action/{identifier}"
    yield "budget's action", _pairs(budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"])
    scheduler = stack.cloud.client("scheduler")
    for schedule in scheduler.list_schedules(NamePrefix="gpurig-snapshot")["Schedules"]:
        wanted = json.loads(scheduler.get_schedule(Name=schedule["Name"])["Target"]["Input"])
        yield "snapshot to come", _pairs(wanted["TagSpecifications"][0]["Tags"])


def test_a_stack_comes_and_goes_by_the_policies_and_below_a_boundary_alone(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        boundary = new_policy(stack.cloud, "gpurig-boundary", LIMIT.document())
        stack.env |= new_person(stack.cloud, (STACK, BOUNDED, LIMITS, BUDGET))
        for name, value in {**SETTINGS, **FIGURES}.items():
            stack.pulumi("config", "set", f"gpurig:{name}", value)
        said = stack.refused("up", "--yes", "--skip-preview")
        assert "not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/gpurig/" in said
        assert set(denied(stack.cloud)) == {"iam:CreateRole"}
        stack.cloud.reset()
        stack.pulumi("config", "set", "aws:defaultTags", json.dumps({"tags": OWN}))
        stack.up(permissionsBoundary=boundary)
        carried = list(_tags(stack))
        assert {kind for kind, _ in carried} == KINDS
        assert [kind for kind, tags in carried if not OWN.items() <= tags.items()] == []
        stack.pulumi("destroy", "--yes")
        (snapshot,) = stack.snapshots()
        assert OWN.items() <= _pairs(snapshot["Tags"]).items()
        assert not denied(stack.cloud)
        assert not stack.boxes()
        assert not stack.cloud.client("iam").list_roles(PathPrefix="/gpurig/")["Roles"]


def test_every_statement_has_a_reason_and_every_unseen_action_its_own() -> None:
    for policy in POLICIES:
        for statement in policy.statements:
            assert set(statement.unseen) <= set(statement.actions)
            assert all(statement.unseen.values())
            assert statement.why.endswith(".")
        sids = [statement.sid for statement in policy.statements]
        assert len(sids) == len(set(sids))
