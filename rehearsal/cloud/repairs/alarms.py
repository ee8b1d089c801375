"""CloudWatch alarms on the CPUs of an instance: measured, evaluated and acted upon. moto only keeps them."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.ec2 import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPES

from rehearsal.cloud import clock, inside, wiring
from rehearsal.cloud.clock import Due
from rehearsal.cloud.hooks import intercept
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Iterator

PRINCIPAL = "cloudwatch.amazonaws.com"
MEASURED = 300
"""Seconds between two figures of an instance: EC2's basic monitoring."""
_ACTION = re.compile(r"arn:aws[a-z-]*:automate:([a-z0-9-]+):ec2:(stop|terminate|reboot)")
_COMPARED = {
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
}
_MISSING = {"breaching": True, "notBreaching": False}
_HOUR, _DAY, _WEEK = 3600, 86_400, 604_800


@intercept(CloudWatchBackend, "put_metric_alarm")
def put(backend: Any, proceed: functools.partial[Any]) -> Any:
    """Refuse windows that CloudWatch does not have; a new alarm knows nothing yet, a changed one stays in its state."""
    given = proceed.keywords
    period, periods = int(given.get("period") or 0), int(given.get("evaluation_periods") or 0)
    if period * periods > (_DAY if period < _HOUR else _WEEK):
        raise ValidationError("Metrics cannot be checked across more than a day (seven with periods of an hour)")
    before = backend.alarms.get(given["name"])
    alarm = proceed()
    alarm.state_value = before.state_value if before else "INSUFFICIENT_DATA"
    alarm.evaluated = getattr(before, "evaluated", None) or clock.now()
    return alarm


def set_load(instance_id: str, percent: float) -> dict[str, Any]:
    """Say how busy the CPUs are of an instance that has no box: they are wholly busy until then."""
    found = _instance(instance_id)
    if found is None:
        raise RehearsalError(f"there is no instance {instance_id}")
    found.load = float(percent)
    return {}


def _instance(instance_id: str) -> Any:
    known = [backend for regions in ec2_backends.values() for backend in regions.values()]
    found = (backend.get_instance_by_id(instance_id) for backend in known)
    return next((instance for instance in found if instance is not None), None)


def due() -> Iterator[Due]:
    """Return when each alarm that may act on an instance is looked at next."""
    for regions in list(cloudwatch_backends.values()):
        for backend in list(regions.values()):
            for alarm in list(backend.alarms.values()):
                watched = _watched(alarm)
                if watched:
                    last = getattr(alarm, "evaluated", 0) or clock.now()
                    moment = (int(last) // MEASURED + 1) * MEASURED
                    yield Due(moment=moment, act=functools.partial(_look, alarm, watched, moment))


def _watched(alarm: Any) -> str:
    """Return the instance whose CPUs an alarm is on, "" for another alarm."""
    if (alarm.namespace, alarm.metric_name) != ("AWS/EC2", "CPUUtilization"):
        return ""
    return next((str(one.value) for one in alarm.dimensions if one.name == "InstanceId"), "")


def _look(alarm: Any, instance_id: str, moment: int) -> None:
    """Measure, evaluate, and act where the alarm goes off."""
    alarm.evaluated = moment
    instance = _instance(instance_id)
    if instance is not None and instance.state == "running":
        _figures(instance)[moment - MEASURED] = _percent(instance)
    state = _state(alarm, _figures(instance) if instance is not None else {}, moment)
    if state == alarm.state_value:
        return
    alarm.update_state(f"looked at {alarm.evaluation_periods} periods", "{}", state)
    if state == "ALARM" and alarm.actions_enabled:
        for action in alarm.alarm_actions:
            if found := _ACTION.fullmatch(action):
                operation = f"{found[2].capitalize()}Instances"
                inside.call(PRINCIPAL, "ec2", operation, found[1], {"InstanceIds": [instance_id]})


def _figures(instance: Any) -> dict[int, float]:
    """Return what was measured of an instance, by the beginning of each five minutes."""
    figures: dict[int, float] = vars(instance).setdefault("cpu_figures", {})
    return figures


def _percent(instance: Any) -> float:
    """Return how busy the vCPUs of an instance are, in per cent of all of them."""
    cores = wiring.cores_busy(instance.id)
    if cores is None:
        return float(getattr(instance, "load", 100.0))
    return 100 * cores / float(INSTANCE_TYPES[instance.instance_type]["VCpuInfo"]["DefaultVCpus"])


def _state(alarm: Any, figures: dict[int, float], moment: int) -> str:
    """Return the state by the last periods: M of N, with missing ones as the alarm says."""
    period, verdicts = int(alarm.period), []
    for number in range(int(alarm.evaluation_periods)):
        end = moment - number * period
        seen = [figures[at] for at in range(end - period, end, MEASURED) if at in figures]
        breach = _COMPARED[alarm.comparison_operator](sum(seen) / len(seen), float(alarm.threshold)) if seen else None
        verdicts.append(_MISSING.get(alarm.treat_missing_data or "") if breach is None else breach)
    if not any(verdict is not None for verdict in verdicts):
        return str(alarm.state_value) if alarm.treat_missing_data == "ignore" else "INSUFFICIENT_DATA"
    wanted = int(alarm.datapoints_to_alarm or alarm.evaluation_periods)
    return "ALARM" if sum(verdict is True for verdict in verdicts) >= wanted else "OK"
