"""The rights that calls of the smaller services need."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from rehearsal.cloud.permissions import Wish
from rehearsal.cloud.rights.asked import passing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.cloud.rights.asked import Asked

_SCHEDULES = {"POST": "CreateSchedule", "PUT": "UpdateSchedule", "GET": "GetSchedule", "DELETE": "DeleteSchedule"}


def scheduler(asked: Asked) -> Iterator[Wish]:
    """Return what a call of EventBridge Scheduler has to be allowed."""
    method, _, path = asked.action.partition(" ")
    name = urllib.parse.unquote(path.removeprefix("/schedules").strip("/"))
    if not name:
        yield Wish(action="scheduler:ListSchedules", resource="*")
        return
    arn = f"arn:aws:scheduler:{asked.region}:{asked.account}:schedule/default/{name}"
    yield Wish(action=f"scheduler:{_SCHEDULES[method]}", resource=arn)
    if role := asked.said.get("Target", {}).get("RoleArn"):
        yield passing(role, "scheduler.amazonaws.com")


def alarms(asked: Asked) -> Iterator[Wish]:
    """Return what a call of CloudWatch has to be allowed."""
    place, said = f"arn:aws:cloudwatch:{asked.region}:{asked.account}:alarm:", asked.said
    names = said.get("AlarmNames") or [said[key] for key in ("AlarmName",) if key in said]
    for arn in [f"{place}{name}" for name in names] or [said.get("ResourceARN", "*")]:
        yield Wish(action=f"cloudwatch:{asked.action}", resource=arn)
        if said.get("Tags") and asked.action == "PutMetricAlarm":
            yield Wish(action="cloudwatch:TagResource", resource=arn)


def budgets(asked: Asked) -> Iterator[Wish]:
    """Return what a call of Budgets has to be allowed: two rights stand for most of its operations."""
    action, said = asked.action, asked.said
    name = said.get("BudgetName") or said.get("Budget", {}).get("BudgetName")
    arn = said.get("ResourceARN") or f"arn:aws:budgets::{asked.account}:budget/{name}"
    if action.endswith("BudgetAction"):
        yield Wish(action=f"budgets:{action}", resource=f"{arn}/action/{said.get('ActionId', '*')}")
        if role := said.get("ExecutionRoleArn"):
            yield passing(role, "budgets.amazonaws.com")
    elif action.endswith("Resource"):
        yield Wish(action=f"budgets:{action}", resource=arn)
    else:
        looks = action.startswith("Describe")
        yield Wish(action="budgets:ViewBudget" if looks else "budgets:ModifyBudget", resource=arn)
    if said.get("ResourceTags"):
        yield Wish(action="budgets:TagResource", resource=arn)


def parameters(asked: Asked) -> Iterator[Wish]:
    """Return what a call of Systems Manager has to be allowed; AWS's own parameters are no account's."""
    name = str(asked.said.get("Name", "*"))
    account = "" if name.startswith("/aws/service/") else asked.account
    yield Wish(
        action=f"ssm:{asked.action}", resource=f"arn:aws:ssm:{asked.region}:{account}:parameter/{name.lstrip('/')}"
    )
