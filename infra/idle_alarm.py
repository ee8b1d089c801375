"""The third line: CloudWatch stops a box whose CPUs have done nothing for long, whatever the box itself says."""

from __future__ import annotations

import dataclasses

import pulumi
import pulumi_aws as aws

from provision.model.idle_alarm import DAY, LONG, SHORT

QUIET_CORES = 0.2
"""A box is at work that keeps so many of its vCPUs busy. A process that feeds a GPU takes about one, also on 96."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class IdleAlarmArgs:
    """What an `IdleAlarm` is made of."""

    partition: str
    region: str
    instance_id: pulumi.Input[str]
    vcpus: int
    minutes: int
    """How long it waits, as `provision.model.idle_alarm.window` says."""
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
