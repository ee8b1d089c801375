"""Alarms on an instance's CPUs that act: on idle ones after their window, on no others."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.errors import RehearsalError
from tests.kit.cloud import Wired, run, show

HOUR = 3600


def alarm(instance: str, **more: Any) -> dict[str, Any]:
    """Return the parameters of an alarm that stops an instance after two hours under 5 %."""
    return {
        "AlarmName": "idle",
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": instance}],
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 24,
        "Threshold": 5.0,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"],
        **more,
    }


def state(wired: Wired, name: str) -> str:
    found: str = show(wired.ec2, name)["State"]["Name"]
    return found


def told(wired: Wired) -> dict[str, Any]:
    """Return the alarm as CloudWatch shows it."""
    (found,) = wired.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    shown: dict[str, Any] = found
    return shown


def test_an_idle_box_is_stopped_after_the_window_and_a_busy_one_is_not(wired: Wired) -> None:
    box = run(wired.ec2)["InstanceId"]
    wired.cloud.client("cloudwatch").put_metric_alarm(**alarm(box))
    assert told(wired)["StateValue"] == "INSUFFICIENT_DATA"
    wired.cloud.load(box, 26.0)
    wired.cloud.advance(10 * HOUR)
    assert (state(wired, box), told(wired)["StateValue"]) == ("running", "OK")
    wired.cloud.load(box, 1.0)
    wired.cloud.advance(1.8 * HOUR)
    assert state(wired, box) == "running"
    wired.cloud.advance(0.5 * HOUR)
    assert (state(wired, box), told(wired)["StateValue"]) == ("stopped", "OK")  # no data, no breach
    (call,) = wired.cloud.calls("StopInstances")
    assert call["by"] == "cloudwatch.amazonaws.com"

    # Started again it has its whole window, as the time without data breaches nothing.
    wired.cloud.advance(3 * HOUR)
    wired.ec2.start_instances(InstanceIds=[box])
    wired.cloud.advance(1.8 * HOUR)
    assert (state(wired, box), told(wired)["StateValue"]) == ("running", "OK")
    wired.cloud.advance(0.5 * HOUR)
    assert state(wired, box) == "stopped"


def test_one_busy_moment_in_the_window_is_enough(wired: Wired) -> None:
    box = run(wired.ec2)["InstanceId"]
    wired.cloud.client("cloudwatch").put_metric_alarm(**alarm(box))
    for _ in range(4):
        wired.cloud.load(box, 0.0)
        wired.cloud.advance(1.5 * HOUR)
        wired.cloud.load(box, 50.0)
        wired.cloud.advance(600)
    assert state(wired, box) == "running"


def test_an_alarm_whose_actions_are_off_stops_nothing(wired: Wired) -> None:
    box = run(wired.ec2)["InstanceId"]
    watch = wired.cloud.client("cloudwatch")
    watch.put_metric_alarm(**alarm(box))
    watch.disable_alarm_actions(AlarmNames=["idle"])
    wired.cloud.load(box, 0.0)
    wired.cloud.advance(5 * HOUR)
    assert (state(wired, box), told(wired)["StateValue"]) == ("running", "ALARM")


def test_a_changed_alarm_keeps_its_state(wired: Wired) -> None:
    box = run(wired.ec2)["InstanceId"]
    watch = wired.cloud.client("cloudwatch")
    watch.put_metric_alarm(**alarm(box))
    wired.cloud.advance(HOUR)
    watch.put_metric_alarm(**alarm(box, Threshold=1.0))
    assert told(wired)["StateValue"] == "OK"


def test_a_one_time_spot_box_is_not_stopped_but_terminated(wired: Wired) -> None:
    box = run(wired.ec2, InstanceMarketOptions={"MarketType": "spot"})["InstanceId"]
    watch = wired.cloud.client("cloudwatch")
    watch.put_metric_alarm(**alarm(box))
    wired.cloud.load(box, 0.0)
    wired.cloud.advance(3 * HOUR)
    assert state(wired, box) == "running"
    assert [call["status"] for call in wired.cloud.calls("StopInstances")] == [400]
    action = ["arn:aws:automate:us-east-1:ec2:terminate"]
    watch.put_metric_alarm(**alarm(box, AlarmName="end", AlarmActions=action))
    wired.cloud.advance(3 * HOUR)
    assert state(wired, box) == "terminated"


@pytest.mark.parametrize(("period", "periods"), [(300, 289), (3600, 169)])
def test_a_window_that_cloudwatch_does_not_have_is_refused(wired: Wired, period: int, periods: int) -> None:
    with pytest.raises(ClientError, match="cannot be checked across more than a day"):
        wired.cloud.client("cloudwatch").put_metric_alarm(**alarm("i-1", Period=period, EvaluationPeriods=periods))


def test_no_instance_has_no_load(wired: Wired) -> None:
    with pytest.raises(RehearsalError, match="there is no instance i-1"):
        wired.cloud.load("i-1", 3)
