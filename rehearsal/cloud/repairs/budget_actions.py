"""Budget actions, which moto has none of, and a month that costs something: what was spent is told to the cloud."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import TYPE_CHECKING, Any

from moto.budgets.exceptions import NotFoundException
from moto.budgets.models import budgets_backends
from moto.budgets.responses import BudgetsResponse
from moto.core.exceptions import JsonRESTError

from rehearsal.cloud import inside, permissions
from rehearsal.cloud.hooks import intercept
from rehearsal.cloud.permissions import Wish
from rehearsal.cloud.repairs.budgets import tags_of

if TYPE_CHECKING:
    from collections.abc import Callable

PRINCIPAL = "budgets.amazonaws.com"
_RUNBOOK = "AWS-StopEC2Instance"
_KEPT = ("NotificationType", "ActionThreshold", "Definition", "ExecutionRoleArn", "ApprovalModel", "Subscribers")


@dataclasses.dataclass
class _Known:
    """What an account's budgets do; reset with the budget itself, whose record it is kept on."""

    actions: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


def _request(response: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(response.body)
    return document


def _known(response: Any) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the account and the actions of the budget that a request names."""
    request = _request(response)
    budget = response.backend.budgets[request["AccountId"]].get(request["BudgetName"])
    if budget is None:
        raise NotFoundException(f"Unable to get budget: {request['BudgetName']} - the budget doesn't exist.")
    known: _Known = vars(budget).setdefault("known_actions", _Known())
    return request["AccountId"], known.actions


def _action(response: Any) -> dict[str, Any]:
    name, actions = _request(response)["ActionId"], _known(response)[1]
    if name not in actions:
        raise NotFoundException(f"Unable to get action: {name} - the action doesn't exist.")
    return actions[name]


def create_budget_action(response: Any) -> str:
    """Keep an action. Refuses a role that Budgets may not take on."""
    request, (account, actions) = _request(response), _known(response)
    _check_role(request["ExecutionRoleArn"], account, request["BudgetName"])
    made = {key: request[key] for key in ("BudgetName", "ActionType", *_KEPT)}
    made |= {"ActionId": str(uuid.uuid4()), "Status": "STANDBY"}
    actions[made["ActionId"]] = made
    budget = response.backend.budgets[account][made["BudgetName"]]
    given = {tag["Key"]: tag["Value"] for tag in request.get("ResourceTags") or []}
    tags_of(budget, made["ActionId"]).update(given)
    return json.dumps({"AccountId": account, "BudgetName": made["BudgetName"], "ActionId": made["ActionId"]})


def _check_role(arn: str, account: str, budget: str) -> None:
    context = {"aws:SourceAccount": account, "aws:SourceArn": f"arn:aws:budgets::{account}:budget/{budget}"}
    if not permissions.trusts(arn, PRINCIPAL, context):
        raise JsonRESTError("AccessDeniedException", f"AWS Budgets is not authorized to assume the role {arn}")


def describe_budget_action(response: Any) -> str:
    """Show an action."""
    return json.dumps({**_place(response), "Action": _action(response)})


def _place(response: Any) -> dict[str, str]:
    request = _request(response)
    return {"AccountId": request["AccountId"], "BudgetName": request["BudgetName"]}


def update_budget_action(response: Any) -> str:
    """Change what a request names of an action."""
    request, action = _request(response), _action(response)
    if "ExecutionRoleArn" in request:
        _check_role(request["ExecutionRoleArn"], request["AccountId"], request["BudgetName"])
    old = dict(action)
    action.update({key: request[key] for key in _KEPT if key in request})
    return json.dumps({**_place(response), "OldAction": old, "NewAction": action})


def delete_budget_action(response: Any) -> str:
    """Forget an action."""
    action = _action(response)
    del _known(response)[1][action["ActionId"]]
    return json.dumps({**_place(response), "Action": action})


for _answer in (create_budget_action, describe_budget_action, update_budget_action, delete_budget_action):
    setattr(BudgetsResponse, _answer.__name__, _answer)


@intercept(BudgetsResponse, "delete_budget")
def delete_budget(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse to delete a budget that has actions."""
    if _known(response)[1]:
        raise JsonRESTError("ResourceLockedException", "The budget has actions: delete them first.")
    return proceed()


def spend(usd: float, forecast: float | None = None) -> dict[str, Any]:
    """Have the account's month have cost so much, and be going to cost `forecast`; what a budget does then is done."""
    for accounts in list(budgets_backends.values()):
        for backend in list(accounts.values()):
            for account, budgets in list(backend.budgets.items()):
                for budget in list(budgets.values()):
                    _spent(budget, account, {"ACTUAL": usd, "FORECASTED": usd if forecast is None else forecast})
    return {}


def _spent(budget: Any, account: str, spent: dict[str, float]) -> None:
    unit = budget.budget["BudgetLimit"]["Unit"]
    names = {"ActualSpend": "ACTUAL", "ForecastedSpend": "FORECASTED"}
    budget.budget["CalculatedSpend"] = {key: {"Amount": str(spent[kind]), "Unit": unit} for key, kind in names.items()}
    limit = float(budget.budget["BudgetLimit"]["Amount"])
    known: _Known = vars(budget).setdefault("known_actions", _Known())
    for action in list(known.actions.values()):
        threshold = action["ActionThreshold"]
        percent = threshold["ActionThresholdType"] == "PERCENTAGE"
        due = float(threshold["ActionThresholdValue"]) * (limit / 100 if percent else 1)
        if action["Status"] == "STANDBY" and spent[action["NotificationType"]] > due:
            manual = action["ApprovalModel"] == "MANUAL"
            action["Status"] = "PENDING" if manual else _execute(action, account)


def _execute(action: dict[str, Any], account: str) -> str:
    """Run the document as the action's role; return the action's state afterwards."""
    ssm = action["Definition"]["SsmActionDefinition"]
    place = f"{ssm['Region']}:{account}"
    boxes = [f"arn:aws:ec2:{place}:instance/{name}" for name in ssm["InstanceIds"]]
    runbook = f"arn:aws:ssm:{ssm['Region']}::automation-definition/{_RUNBOOK}:$DEFAULT"
    wishes = [
        Wish(action="ssm:StartAutomationExecution", resource=runbook),
        Wish(action="ec2:DescribeInstanceStatus", resource="*"),
        *(Wish(action="ec2:StopInstances", resource=box) for box in boxes),
    ]
    if denied := permissions.refused(action["ExecutionRoleArn"], wishes):
        inside.deny(PRINCIPAL, "ec2", "StopInstances", f"{denied.action} on {denied.resource}")
        return "EXECUTION_FAILURE"
    wanted = {"InstanceIds": ssm["InstanceIds"]}
    failed = inside.call(PRINCIPAL, "ec2", "StopInstances", ssm["Region"], wanted)
    return "EXECUTION_FAILURE" if failed else "EXECUTION_SUCCESS"
