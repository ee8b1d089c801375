"""CloudWatch's alarms on one metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.aws import Gone, ProviderError
from rehearsal.provider.model import Fate, Field, Kind, answer, request
from rehearsal.provider.tags import OUTPUTS, as_read, pairs, retag, tag_fields
from rehearsal.provider.validate import between, one_of, same_set

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_PLAIN = (
    *("actionsEnabled", "alarmActions", "alarmDescription", "comparisonOperator", "datapointsToAlarm"),
    *("evaluationPeriods", "metricName", "namespace", "period", "statistic", "threshold", "treatMissingData"),
)
_COMPARISONS = (
    *("GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"),
)
_MOST = 2**31


def _asked(inputs: Values) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in sorted((inputs.get("dimensions") or {}).items())]
    return {**request(inputs, *_PLAIN), "AlarmName": inputs["name"], "Dimensions": dimensions}


def _create(aws: Aws, inputs: Values) -> str:
    if _found(aws, inputs["name"]):
        raise ProviderError(f'CloudWatch metric alarm "{inputs["name"]}" already exists')
    tags = {"Tags": pairs(inputs["tagsAll"])} if inputs.get("tagsAll") else {}
    aws.call("cloudwatch", "PutMetricAlarm", **_asked(inputs), **tags)
    return str(inputs["name"])


def _found(aws: Aws, name: str) -> list[dict[str, Any]]:
    asked = {"AlarmNames": [name], "AlarmTypes": ["MetricAlarm"]}
    found: list[dict[str, Any]] = aws.call("cloudwatch", "DescribeAlarms", **asked)["MetricAlarms"]
    return found


def _arn(aws: Aws, name: str) -> str:
    return f"arn:aws:cloudwatch:{aws.settings.region}:{aws.connection.account_id}:alarm:{name}"


def _put(aws: Aws, item: Item) -> None:
    aws.call("cloudwatch", "PutMetricAlarm", **_asked(item.values))


def _read(aws: Aws, item: Item) -> Values:
    found = _found(aws, item.id)
    if not found:
        raise Gone(f"operation error CloudWatch: DescribeAlarms: there is no {item.id}", "NotFound")
    tags = aws.call("cloudwatch", "ListTagsForResource", ResourceARN=found[0]["AlarmArn"])["Tags"]
    return {
        **answer(found[0], *_PLAIN, name="AlarmName", arn="AlarmArn"),
        "treatMissingData": found[0].get("TreatMissingData") or "missing",
        "dimensions": {one["Name"]: one["Value"] for one in found[0].get("Dimensions", [])},
        **as_read(tags, aws, item),
    }


def _retag(aws: Aws, item: Item) -> None:
    retag("cloudwatch", "Resource", lambda item: {"ResourceARN": _arn(aws, item.id)})(aws, item)


KINDS = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind(
        noun="CloudWatch Metric Alarm",
        fields={
            "name": Field(on_change=Fate.REPLACE),
            "comparisonOperator": Field(required=True, on_change=_put, why_not=one_of(*_COMPARISONS)),
            "evaluationPeriods": Field(type=int, required=True, on_change=_put, why_not=between(1, _MOST)),
            "datapointsToAlarm": Field(type=int, on_change=_put, why_not=between(1, _MOST)),
            "metricName": Field(on_change=_put),
            "namespace": Field(on_change=_put),
            "period": Field(type=int, on_change=_put),
            "statistic": Field(on_change=_put),
            "threshold": Field(type=float, on_change=_put),
            "dimensions": Field(type=dict, on_change=_put),
            "alarmActions": Field(type=list, on_change=_put, same=same_set),
            "alarmDescription": Field(on_change=_put),
            "actionsEnabled": Field(type=bool, on_change=_put, default=True),
            "treatMissingData": Field(on_change=_put, default="missing"),
            **tag_fields(_retag),
        },
        outputs=("arn", *OUTPUTS),
        auto_name="name",
        create=_create,
        read=_read,
        delete=lambda aws, item: aws.call("cloudwatch", "DeleteAlarms", AlarmNames=[item.id]),
    ),
}
