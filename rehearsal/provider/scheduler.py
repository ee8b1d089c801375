"""EventBridge Scheduler's schedules. They carry no tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Kind, answer, request
from rehearsal.provider.validate import between, one_of, same_json

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_PLAIN = ("description", "scheduleExpression", "scheduleExpressionTimezone", "state", "actionAfterCompletion")
_WINDOW = ("mode", "maximumWindowInMinutes")
_TARGET = ("arn", "roleArn", "input")
_RETRY = ("maximumEventAgeInSeconds", "maximumRetryAttempts")


def _asked(inputs: Values) -> dict[str, Any]:
    """Return all that a schedule is: an update puts what it does not say back to its default."""
    target = inputs["target"]
    retry = {"RetryPolicy": request(target["retryPolicy"], *_RETRY)} if target.get("retryPolicy") else {}
    return {
        **request(inputs, *_PLAIN),
        "FlexibleTimeWindow": request(inputs["flexibleTimeWindow"], *_WINDOW),
        "Target": {**request(target, *_TARGET), **retry},
    }


def _create(aws: Aws, inputs: Values) -> str:
    named = request(inputs, "name", "groupName")
    arn = aws.call("scheduler", "CreateSchedule", **named, **_asked(inputs))["ScheduleArn"]
    return str(arn).partition(":schedule/")[2]


def _named(item: Item) -> dict[str, str]:
    group, _, name = item.id.partition("/")
    return {"GroupName": group, "Name": name}


def _update(aws: Aws, item: Item) -> None:
    aws.call("scheduler", "UpdateSchedule", **_named(item), **_asked(item.values))


def _read(aws: Aws, item: Item) -> Values:
    found = aws.call("scheduler", "GetSchedule", **_named(item))
    return {
        **answer(found, "name", "groupName", "arn", *_PLAIN),
        "flexibleTimeWindow": answer(found["FlexibleTimeWindow"], *_WINDOW),
        "target": {
            **answer(found["Target"], *_TARGET),
            "retryPolicy": answer(found["Target"]["RetryPolicy"], *_RETRY),
        },
    }


_WINDOW_FIELDS = {
    "mode": Field(required=True, on_change=_update, why_not=one_of("OFF", "FLEXIBLE")),
    "maximumWindowInMinutes": Field(type=int, on_change=_update, why_not=between(1, 1440)),
}
_RETRY_FIELDS = {
    "maximumEventAgeInSeconds": Field(type=int, on_change=_update, computed=True, why_not=between(60, 86400)),
    "maximumRetryAttempts": Field(type=int, on_change=_update, computed=True, why_not=between(0, 185)),
}
_TARGET_FIELDS = {
    "arn": Field(required=True, on_change=_update),
    "roleArn": Field(required=True, on_change=_update),
    "input": Field(on_change=_update, same=same_json),
    "retryPolicy": Field(type=dict, on_change=_update, computed=True, fields=_RETRY_FIELDS),
}

KINDS = {
    "aws:scheduler/schedule:Schedule": Kind(
        noun="EventBridge Scheduler Schedule",
        fields={
            "name": Field(on_change=Fate.REPLACE),
            "groupName": Field(on_change=Fate.REPLACE, computed=True),
            "description": Field(on_change=_update),
            "scheduleExpression": Field(required=True, on_change=_update),
            "scheduleExpressionTimezone": Field(on_change=_update, default="UTC"),
            "state": Field(on_change=_update, default="ENABLED", why_not=one_of("ENABLED", "DISABLED")),
            "actionAfterCompletion": Field(on_change=_update, computed=True, why_not=one_of("NONE", "DELETE")),
            "flexibleTimeWindow": Field(type=dict, required=True, on_change=_update, fields=_WINDOW_FIELDS),
            "target": Field(type=dict, required=True, on_change=_update, fields=_TARGET_FIELDS),
        },
        outputs=("arn",),
        auto_name="name",
        name_limit=64,
        create=_create,
        read=_read,
        delete=lambda aws, item: aws.call("scheduler", "DeleteSchedule", **_named(item)),
    ),
}
