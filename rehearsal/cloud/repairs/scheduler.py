"""EventBridge Scheduler: moto keeps schedules; here one-time ones happen, as the role that they have may do it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
import re
from typing import TYPE_CHECKING, Any

from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends
from moto.scheduler.responses import EventBridgeSchedulerResponse

from rehearsal.cloud import clock, inside, permissions
from rehearsal.cloud.clock import Due
from rehearsal.cloud.hooks import intercept, parameter
from rehearsal.cloud.permissions import Wish
from rehearsal.cloud.rights import ec2
from rehearsal.cloud.rights.asked import Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRINCIPAL = "scheduler.amazonaws.com"
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_TARGET = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:([a-z0-9]+):([a-z][A-Za-z0-9]+)")
_FIRST_RETRY, _LONGEST_RETRY = 60.0, 3600.0
"""Seconds: Scheduler tries again with exponential backoff, and does not say how long the pauses are."""


@intercept(EventBridgeSchedulerBackend, "create_schedule")
def create(backend: Any, proceed: Any) -> Any:
    """Refuse what Scheduler refuses."""
    _check(backend, proceed.keywords)
    return proceed()


@intercept(EventBridgeSchedulerBackend, "update_schedule")
def update(backend: Any, proceed: Any) -> Any:
    """Take the place of all that was: what an update does not say is at its default afterwards."""
    backend.get_schedule(group_name=proceed.keywords["group_name"], name=proceed.keywords["name"])
    _check(backend, proceed.keywords)
    schedule = proceed()
    schedule.state = proceed.keywords["state"] or "ENABLED"
    return schedule


@intercept(EventBridgeSchedulerResponse, "update_schedule")
def update_completion(response: Any, proceed: Callable[[], Any]) -> Any:
    """Keep what becomes of a schedule after its last time; moto forgets to."""
    answer = proceed()
    name = response.uri.split("?")[0].split("/")[-1]
    schedule = response.scheduler_backend.get_schedule(parameter(response, "GroupName"), name)
    schedule.action_after_completion = parameter(response, "ActionAfterCompletion") or "NONE"
    return answer


def _check(backend: Any, given: dict[str, Any]) -> None:
    """Raise ValidationException as Scheduler does."""
    expression, target = given["schedule_expression"], given["target"]
    if expression.startswith("at(") and _moment(expression) is None:
        raise ValidationException(f"Invalid Schedule Expression {expression}.")
    group = f"arn:aws:scheduler:{backend.region_name}:{backend.account_id}:schedule-group"
    context = {"aws:SourceAccount": backend.account_id, "aws:SourceArn": f"{group}/{given['group_name'] or 'default'}"}
    if not permissions.trusts(target["RoleArn"], PRINCIPAL, context):
        raise ValidationException(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
        )
    try:
        json.loads(target.get("Input") or "{}")
    except ValueError:
        raise ValidationException("Input is not valid JSON.") from None


def _moment(expression: str) -> float | None:
    """Return when a one-time expression means, seconds of UTC; None for another, or a time that there is not."""
    found = _AT.fullmatch(expression)
    try:
        return dt.datetime.fromisoformat(found[1]).replace(tzinfo=dt.UTC).timestamp() if found else None
    except ValueError:
        return None


@dataclasses.dataclass(frozen=True)
class _Tried:
    """How often a schedule was tried with the expression that it had, and when it is to be tried again."""

    expression: str
    times: int = 0
    again: float | None = None
    """None: no more."""


def due() -> Iterator[Due]:
    """Return the next try of every one-time schedule that has one to come."""
    for regions in list(scheduler_backends.values()):
        for backend in list(regions.values()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    if (moment := _next(schedule)) is not None:
                        yield Due(moment=moment, act=functools.partial(_invoke, backend, group, schedule))


def _tried(schedule: Any) -> _Tried:
    """Return what was tried of a schedule as it is now: one that was moved begins anew."""
    expression = schedule.schedule_expression
    tried: _Tried = getattr(schedule, "tried", None) or _Tried("")
    return tried if tried.expression == expression else _Tried(expression, again=_moment(expression))


def _next(schedule: Any) -> float | None:
    """Return when a schedule is to be tried next; None: never."""
    return _tried(schedule).again if schedule.state == "ENABLED" else None


def _invoke(backend: Any, group: Any, schedule: Any) -> None:
    """Do what a schedule is for, and remember whether it is to be tried again."""
    tried, policy = _tried(schedule), schedule.target["RetryPolicy"]
    pause = min(_FIRST_RETRY * 2 ** min(tried.times, 10), _LONGEST_RETRY)
    again = (tried.again or clock.now()) + pause
    age = again - (_moment(tried.expression) or 0)
    last = tried.times >= policy["MaximumRetryAttempts"] or age > policy["MaximumEventAgeInSeconds"]
    failed = bool(_call(backend, schedule))
    schedule.tried = _Tried(tried.expression, tried.times + 1, again if failed and not last else None)
    if schedule.action_after_completion == "DELETE" and schedule.tried.again is None:
        group.schedules.pop(schedule.name, None)


def _call(backend: Any, schedule: Any) -> str:
    """Make the call of a universal target with the role's permissions; return what went wrong, "" where nothing did."""
    target = _TARGET.fullmatch(schedule.target["Arn"])
    if not target:
        return "NotImplemented"
    service, operation = target[1], target[2][0].upper() + target[2][1:]
    params = json.loads(schedule.target.get("Input") or "{}")
    asked = Asked(operation, params, backend.account_id, backend.region_name)
    wishes = _wishes(service, asked)
    denied = permissions.refused(schedule.target["RoleArn"], wishes) if wishes else Wish(action=operation, resource="*")
    if denied:
        inside.deny(PRINCIPAL, service, operation, f"{denied.action} on {denied.resource}")
        return "AccessDenied"
    return inside.call(PRINCIPAL, service, operation, backend.region_name, params)


def _wishes(service: str, asked: Asked) -> list[Wish]:
    """Return what an operation needs to be allowed; none for one that this cloud has no word on, which is refused."""
    params = asked.said
    match service, asked.action:
        case "ec2", "StopInstances" | "TerminateInstances" | "StartInstances":
            return [ec2.used(asked, asked.action, "instance", name) for name in params.get("InstanceIds", [])]
        case "ec2", "CreateSnapshot":
            given = [tag for some in params.get("TagSpecifications", []) for tag in some["Tags"]]
            tags = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in given}
            return [
                ec2.used(asked, "CreateSnapshot", "volume", params["VolumeId"]),
                *ec2.made(asked, "CreateSnapshot", "snapshot", tags),
            ]
    return []
