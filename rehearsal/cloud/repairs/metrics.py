"""What EC2 reports to CloudWatch of an instance by itself: a status check each minute that it runs."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from moto.cloudwatch.models import CloudWatchBackend, MetricDatum, Statistics
from moto.ec2 import ec2_backends
from moto.ec2.models.instances import Instance

from rehearsal.cloud import clock
from rehearsal.cloud.hooks import intercept

if TYPE_CHECKING:
    import functools
    from collections.abc import Callable, Iterator

CHECK_SECONDS = 60


@intercept(Instance, "stop")
def stop(instance: Any, proceed: Callable[[], Any]) -> Any:
    """Remember when the instance ran."""
    _remember(instance)
    return proceed()


@intercept(Instance, "terminate")
def terminate(instance: Any, proceed: Callable[[], Any]) -> Any:
    """Remember when the instance ran."""
    _remember(instance)
    return proceed()


def _remember(instance: Any) -> None:
    launched = _seconds(instance.launch_time)
    # One that was stopped before it is terminated has its run in here.
    if all(begin != launched for begin, _ in _ran(instance)):
        _ran(instance).append((launched, clock.now()))


def _ran(instance: Any) -> list[tuple[float, float]]:
    ran: list[tuple[float, float]] = vars(instance).setdefault("ran", [])
    return ran


def _seconds(moment: dt.datetime) -> float:
    return moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp()


@intercept(CloudWatchBackend, "get_metric_statistics")
def get_metric_statistics(backend: Any, proceed: functools.partial[Any]) -> Any:
    """Answer for the status checks of an instance, passed every minute that it ran."""
    namespace, metric, start, end, period, stats = proceed.args[1:7]
    asked = {one["Name"]: one["Value"] for one in proceed.keywords["dimensions"]}
    if (namespace, metric) != ("AWS/EC2", "StatusCheckFailed") or "InstanceId" not in asked:
        return proceed()
    instance = ec2_backends[backend.account_id][backend.region_name].get_instance_by_id(asked["InstanceId"])
    if instance is None:
        return []
    return list(_figures(instance, asked, (_seconds(start), _seconds(end)), period, stats))


def _figures(
    instance: Any, dimensions: dict[str, str], span: tuple[float, float], period: int, stats: list[str]
) -> Iterator[Any]:
    running = [(_seconds(instance.launch_time), clock.now())] if instance.state in ("pending", "running") else []
    minutes = sorted(
        minute
        for begin, end in [*_ran(instance), *running]
        for minute in range(int(max(begin, span[0])) // CHECK_SECONDS, int(min(end, span[1])) // CHECK_SECONDS + 1)
        if max(begin, span[0]) <= minute * CHECK_SECONDS < min(end, span[1])
    )
    first = int(span[0]) // period * period
    figures: dict[int, Any] = {}
    for minute in minutes:
        place = (minute * CHECK_SECONDS - first) // period
        moment = dt.datetime.fromtimestamp(first + place * period, dt.UTC).replace(tzinfo=None)
        figure = figures.setdefault(place, Statistics(stats, moment, unit="Count"))
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        figure.metric_data.append(MetricDatum("AWS/EC2", "StatusCheckFailed", 0.0, named, moment, "Count"))
    yield from figures.values()
