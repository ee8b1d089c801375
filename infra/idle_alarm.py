"""The third line: CloudWatch stops a box whose CPUs have done nothing for long, whatever the box itself says."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws

MARGIN = 360
"""Minutes without work beyond `idleStopMinutes`: the box itself knows much better, and is waited for."""
QUIET_CORES = 0.2
"""A box is at work that keeps so many of its vCPUs busy. A process that feeds a GPU takes about one, also on 96."""
SHORT, LONG = 5, 60
"""Minutes of a period. EC2 measures every five; a window of more than a day needs periods of an hour at least."""
DAY, WEEK = 1440, 10080
"""Minutes: the longest windows of an alarm with short and with long periods (PutMetricAlarm, `Period`)."""


def window(idle_stop_minutes: int) -> int:
    """Return after how many minutes the alarm acts; 0: there is none, as the box never stops or an alarm cannot wait.

    A window that is longer than a week is more than CloudWatch has: the box would be stopped before its own time.
    """
    wanted = idle_stop_minutes + MARGIN
    period = SHORT if wanted <= DAY else LONG
    rounded = -(-wanted // period) * period
    return rounded if idle_stop_minutes and rounded <= WEEK else 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class IdleAlarmArgs:
    """What an `IdleAlarm` is made of."""

    partition: str
    region: str
    instance_id: pulumi.Input[str]
    vcpus: int
    minutes: int
    """How long it waits, as `window` says."""
    spot: bool
    """It is terminated where another is stopped."""


class IdleAlarm(pulumi.ComponentResource):
    """An alarm on the CPUs of one box, measured by EC2 from outside of it."""

    def __init__(self, name: str, args: IdleAlarmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gpurig:infra:IdleAlarm", name, None, opts)
        period = SHORT if args.minutes <= DAY else LONG
        action = "terminate" if args.spot else "stop"
        self.alarm = aws.cloudwatch.MetricAlarm(
            name,
            alarm_description=f"no work for {args.minutes} minutes: {action} the box",
            namespace="AWS/EC2",
            metric_name="CPUUtilization",
            dimensions={"InstanceId": args.instance_id},
            statistic="Average",
            period=period * 60,
            evaluation_periods=args.minutes // period,
            comparison_operator="LessThanThreshold",
            threshold=round(100 * QUIET_CORES / args.vcpus, 3),
            # A stopped box has no data. That is no reason to act, and one that was just started begins anew by it.
            treat_missing_data="notBreaching",
            alarm_actions=[f"arn:{args.partition}:automate:{args.region}:ec2:{action}"],
            actions_enabled=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"alarm": self.alarm.name})
