"""What a budget does when it is passed: the action that runs a document of Systems Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Kind, answer, request
from rehearsal.provider.tags import OUTPUTS, as_read, pairs, retag, tag_fields
from rehearsal.provider.validate import between, one_of, same_set

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_PLAIN = ("approvalModel", "executionRoleArn", "notificationType")
_THRESHOLD = ("actionThresholdType", "actionThresholdValue")
_SSM = ("actionSubType", "instanceIds", "region")
_SUBSCRIBER = ("address", "subscriptionType")


def _asked(inputs: Values) -> dict[str, Any]:
    return {
        **request(inputs, *_PLAIN),
        "ActionThreshold": request(inputs["actionThreshold"], *_THRESHOLD),
        "Definition": {"SsmActionDefinition": request(inputs["definition"]["ssmActionDefinition"], *_SSM)},
        "Subscribers": [request(one, *_SUBSCRIBER) for one in inputs["subscribers"]],
    }


def _create(aws: Aws, inputs: Values) -> str:
    account, budget = aws.connection.account_id, inputs["budgetName"]
    kind = {"AccountId": account, "BudgetName": budget, "ActionType": inputs["actionType"]}
    tags = {"ResourceTags": pairs(inputs["tagsAll"])} if inputs.get("tagsAll") else {}
    made = aws.budgets("CreateBudgetAction", **kind, **_asked(inputs), **tags)["ActionId"]
    return f"{account}:{made}:{budget}"


def _named(item: Item) -> dict[str, str]:
    account, action, budget = item.id.split(":")
    return {"AccountId": account, "ActionId": action, "BudgetName": budget}


def _arn(item: Item) -> str:
    return "arn:aws:budgets::{AccountId}:budget/{BudgetName}/action/{ActionId}".format(**_named(item))


def _update(aws: Aws, item: Item) -> None:
    aws.budgets("UpdateBudgetAction", **_named(item), **_asked(item.values))


def _read(aws: Aws, item: Item) -> Values:
    found = aws.budgets("DescribeBudgetAction", **_named(item))["Action"]
    return {
        **answer(found, "budgetName", "actionType", "actionId", "status", *_PLAIN),
        "actionThreshold": answer(found["ActionThreshold"], *_THRESHOLD),
        "definition": {"ssmActionDefinition": answer(found["Definition"]["SsmActionDefinition"], *_SSM)},
        "subscribers": [answer(one, *_SUBSCRIBER) for one in found["Subscribers"]],
        **as_read(aws.budgets("ListTagsForResource", ResourceARN=_arn(item))["ResourceTags"], aws, item),
    }


_THRESHOLD_FIELDS = {
    "actionThresholdType": Field(required=True, on_change=_update, why_not=one_of("PERCENTAGE", "ABSOLUTE_VALUE")),
    "actionThresholdValue": Field(type=float, required=True, on_change=_update, why_not=between(0, 4e10)),
}
_SSM_FIELDS = {
    "actionSubType": Field(
        required=True, on_change=_update, why_not=one_of("STOP_EC2_INSTANCES", "STOP_RDS_INSTANCES")
    ),
    "instanceIds": Field(type=list, required=True, on_change=_update, same=same_set),
    "region": Field(required=True, on_change=_update),
}
_SUBSCRIBER_FIELDS = {
    "address": Field(required=True, on_change=_update),
    "subscriptionType": Field(required=True, on_change=_update, why_not=one_of("EMAIL", "SNS")),
}
_DEFINITION = {"ssmActionDefinition": Field(type=dict, required=True, on_change=_update, fields=_SSM_FIELDS)}

KINDS = {
    "aws:budgets/budgetAction:BudgetAction": Kind(
        noun="Budget Action",
        fields={
            "budgetName": Field(required=True, on_change=Fate.REPLACE),
            "actionType": Field(required=True, on_change=Fate.REPLACE, why_not=one_of("RUN_SSM_DOCUMENTS")),
            "approvalModel": Field(required=True, on_change=_update, why_not=one_of("AUTOMATIC", "MANUAL")),
            "notificationType": Field(required=True, on_change=_update, why_not=one_of("ACTUAL", "FORECASTED")),
            "executionRoleArn": Field(required=True, on_change=_update),
            "actionThreshold": Field(type=dict, required=True, on_change=_update, fields=_THRESHOLD_FIELDS),
            "definition": Field(type=dict, required=True, on_change=_update, fields=_DEFINITION),
            "subscribers": Field(type=list, required=True, on_change=_update, same=same_set, fields=_SUBSCRIBER_FIELDS),
            **tag_fields(retag("budgets", "Resource", lambda item: {"ResourceARN": _arn(item)}, "Resource")),
        },
        outputs=("actionId", "status", *OUTPUTS),
        create=_create,
        read=_read,
        delete=lambda aws, item: aws.budgets("DeleteBudgetAction", **_named(item)),
    ),
}
