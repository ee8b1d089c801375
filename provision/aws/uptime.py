"""When an instance stopped of which EC2 does not say it: one that shut itself down. CloudWatch has watched.

EC2 reports `StatusCheckFailed` of each running instance every minute, free of charge, and CloudWatch keeps that for 15
days by the minute, 63 by five minutes and 455 by the hour
(docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html, and
docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from provision.aws.clients import aws_errors, client
from provision.model.errors import GpurigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT = ((15 * 86_400, 60), (63 * 86_400, 300), (455 * 86_400, 3600))
"""Age in seconds up to which there are figures of so many seconds."""
_MOST = 1440
"""Figures that one answer has."""


def stopped_at(profile: str, region: str, instance_id: str, *, launched: float, now: float) -> float | None:
    """Return about when an instance stopped that was started at `launched`; seconds of UTC, late by a minute or five.

    None where nobody says: CloudWatch may not be asked, or has forgotten. `now`: by AWS's clock.
    """
    try:
        with aws_errors(f"cannot ask CloudWatch about {instance_id}"):
            account = client("cloudwatch", profile, region)
            found, begin, end = None, launched, now
            for period in _periods(launched, now):
                begin -= begin % period
                last = _last_seen(account, instance_id, begin, end, period)
                if last is None:
                    break
                begin, end = last, min(last + period, now)
                found = max(launched, end)
            return found
    except GpurigError:
        return None


def _periods(launched: float, now: float) -> Iterator[int]:
    """Yield lengths of figures, from one that one answer has room for to the finest that is kept of that time."""
    finest = next((period for age, period in _KEPT if now - launched < age), _KEPT[-1][1])
    coarse = finest
    while (now - launched) / coarse > _MOST:
        coarse *= 12
    yield coarse
    while coarse > finest:
        coarse //= 12
        yield max(coarse, finest)


def _last_seen(account: Any, instance_id: str, begin: float, end: float, period: int) -> float | None:
    """Return when the last figure of an instance begins, None where there is none."""
    answer = account.get_metric_statistics(
        Namespace="AWS/EC2",
        MetricName="StatusCheckFailed",
        Dimensions=[{"Name": "InstanceId", "Value": instance_id}],
        StartTime=dt.datetime.fromtimestamp(begin, dt.UTC),
        EndTime=dt.datetime.fromtimestamp(max(end, begin + period), dt.UTC),
        Period=period,
        Statistics=["SampleCount"],
    )
    seen = [point["Timestamp"].timestamp() for point in answer["Datapoints"] if point.get("SampleCount")]
    return max(seen, default=None)
