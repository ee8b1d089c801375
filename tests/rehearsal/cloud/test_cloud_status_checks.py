"""What CloudWatch has of an instance without anybody's doing: a status check for each minute that it ran, no other."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.kit.cloud import Wired, run

HOUR = 3600.0


def checks(wired: Wired, instance: str, since: float, until: float, period: int) -> dict[float, float]:
    """Return how many checks there are in each period, by its begin."""
    answer: dict[str, Any] = wired.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/EC2",
        MetricName="StatusCheckFailed",
        Dimensions=[{"Name": "InstanceId", "Value": instance}],
        StartTime=dt.datetime.fromtimestamp(since, dt.UTC),
        EndTime=dt.datetime.fromtimestamp(until, dt.UTC),
        Period=period,
        Statistics=["SampleCount"],
    )
    return {point["Timestamp"].timestamp(): point["SampleCount"] for point in answer["Datapoints"]}


def test_they_tell_when_an_instance_ran(wired: Wired) -> None:
    began = wired.cloud.advance(0)
    box = run(wired.ec2)["InstanceId"]
    stopped = wired.cloud.advance(3 * HOUR)
    wired.ec2.stop_instances(InstanceIds=[box])
    again = wired.cloud.advance(5 * HOUR)
    wired.ec2.start_instances(InstanceIds=[box])
    now = wired.cloud.advance(HOUR)
    whole = checks(wired, box, began, now, 60)
    assert sum(whole.values()) == pytest.approx(4 * 60, abs=2)
    assert not [moment for moment in whole if stopped < moment < again]
    assert sum(checks(wired, box, began, now, 3600).values()) == pytest.approx(4 * 60, abs=2)
    assert max(checks(wired, box, began, again, 60)) == pytest.approx(stopped, abs=61)
    wired.ec2.terminate_instances(InstanceIds=[box])
    later = wired.cloud.advance(HOUR)
    assert max(checks(wired, box, again, later, 60)) == pytest.approx(now, abs=61)


def test_of_what_never_was_there_are_none(wired: Wired) -> None:
    now = wired.cloud.advance(0)
    assert checks(wired, "i-0123456789abcdef0", now - HOUR, now, 60) == {}
