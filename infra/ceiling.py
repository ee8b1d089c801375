"""The end of a box that AWS itself sees to, with the laptop off and the box hung: EventBridge Scheduler stops it."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra import policies, roles
from provision.model.ceiling import SNAPSHOT_AFTER, at, schedule_name
from provision.model.errors import BadInput
from provision.model.limit import LEAST, Limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cloud import Cloud
    from infra.price import Price
    from infra.settings import Settings


def limit_of(settings: Settings, price: Price) -> Limit:
    """Return how long a box may run. Raises `BadInput` where the money cannot be counted, or is none to speak of."""
    limit = Limit(hours=settings.max_hours, usd=settings.max_spend, usd_per_hour=price.running_hour)
    if limit.usd is not None and limit.usd_per_hour is None:
        wrong = f"what {settings.machine.name} costs an hour is not known, so that nobody can tell when it is spent"
        raise BadInput([f"gpurig:maxSpend: {wrong}: pulumi config rm gpurig:maxSpend, and set gpurig:maxHours instead"])
    if limit.seconds() is not None and not limit.box_hours:
        wrong = f"${limit.usd:g} is not enough for an hour of {settings.machine.name} (${limit.usd_per_hour:.3f}) and a"
        raise BadInput([f"gpurig:maxSpend: {wrong} margin of ten minutes: take more, or a cheaper type"])
    return limit


@dataclasses.dataclass(frozen=True, kw_only=True)
class CeilingArgs:
    """What a `Ceiling` is made of."""

    cloud: Cloud
    instance: aws.ec2.Instance
    instance_type: str
    limit: Limit
    spot: bool
    """It is terminated where another is stopped: AWS stops no one-time spot instance."""
    volume_id: pulumi.Input[str]
    snapshot_tags: Mapping[str, str] | None
    """What a snapshot of the volume carries that is taken once the box is off; None: none is taken."""
    boundary: str = ""
    """ARN of the policy that limits the role; "": none."""


@dataclasses.dataclass(frozen=True)
class _Shot:
    """One call that Scheduler makes once."""

    kind: str
    """As the schedule's name has it."""
    moment: float
    """Seconds of UTC."""
    operation: str
    params: Mapping[str, Any]


class Ceiling(pulumi.ComponentResource):
    """One-time schedules that stop a box and have its volume snapshotted, and the role that may do just that.

    `fab start` and `fab extend` move them. They are found by their names, which begin with the instance's id.
    """

    def __init__(self, name: str, args: CeilingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gpurig:infra:Ceiling", name, None, opts)
        self._name, self._args = name, args
        self._options = pulumi.ResourceOptions(parent=self)
        self.role = roles.role(f"{name}-role", self._trust(), args.boundary, self)
        wanted = pulumi.Output.all(args.instance.id, args.volume_id)
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=self.role.name,
            policy=wanted.apply(lambda ids: self._policy(ids[0], ids[1])),
            opts=self._options,
        )
        # A schedule goes with its very instance, which only the engine knows: a name that the next instance shared
        # would keep, with ignore_changes, the time that was meant for the one before.
        pulumi.Output.all(args.instance.id, args.volume_id, self.role.arn).apply(
            lambda known: self._schedules(known[0], known[1], known[2], policy)
        )
        self.register_outputs({"role": self.role.name})

    def _trust(self) -> str:
        """Return who may take the role on: Scheduler, for schedules of this account alone."""
        cloud = self._args.cloud
        groups = f"arn:{cloud.partition}:scheduler:{cloud.region}:{cloud.account}:schedule-group/default"
        condition = {"StringEquals": {"aws:SourceAccount": cloud.account, "aws:SourceArn": groups}}
        return policies.trust("scheduler", cloud.partition, condition)

    def _policy(self, instance_id: str, volume_id: str) -> str:
        """Return what the role may do: to this box, and to its volume."""
        cloud = self._args.cloud
        place = f"arn:{cloud.partition}:ec2:{cloud.region}"
        action = "ec2:TerminateInstances" if self._args.spot else "ec2:StopInstances"
        box = f"{place}:{cloud.account}:instance/{instance_id}"
        statements: list[dict[str, Any]] = [{"Effect": "Allow", "Action": action, "Resource": box}]
        if self._args.snapshot_tags is not None:
            snapshots, volume = f"{place}::snapshot/*", f"{place}:{cloud.account}:volume/{volume_id}"
            statements += [
                {"Effect": "Allow", "Action": "ec2:CreateSnapshot", "Resource": [volume, snapshots]},
                {
                    "Effect": "Allow",
                    "Action": "ec2:CreateTags",
                    "Resource": snapshots,
                    "Condition": {"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}},
                },
            ]
        return policies.policy(statements)

    def _schedules(self, instance_id: str, volume_id: str, role_arn: str, policy: pulumi.Resource) -> None:
        args = self._args
        # From the launch, by AWS's clock. A box that is up for longer already gets a little time.
        began = args.cloud.launched(instance_id) or time.time()
        end = max(began + (args.limit.seconds() or 0), time.time() + LEAST)
        verb = "terminateInstances" if args.spot else "stopInstances"
        shots = [_Shot("stop", end, verb, {"InstanceIds": [instance_id]})]
        if args.snapshot_tags is not None:
            pairs = [{"Key": key, "Value": value} for key, value in sorted(args.snapshot_tags.items())]
            tags = [{"ResourceType": "snapshot", "Tags": pairs}]
            wanted = {"VolumeId": volume_id, "TagSpecifications": tags}
            shots.append(_Shot("snapshot", end + SNAPSHOT_AFTER, "createSnapshot", wanted))
        for shot in shots:
            self._schedule(shot, instance_id, role_arn, policy)

    def _schedule(self, shot: _Shot, instance_id: str, role_arn: str, policy: pulumi.Resource) -> None:
        # With the type: a change of that starts the box again, past `fab`. With the limit: another one counts now. As
        # it was set, not in hours that the money is enough for: a price that moves would undo what `fab` has moved.
        tail = f"{self._args.instance_type}-{self._args.limit.settings}"
        aws.scheduler.Schedule(
            f"{self._name}-{shot.kind}-{instance_id}-{tail}",
            name=schedule_name(shot.kind, instance_id, tail),
            schedule_expression=at(shot.moment),
            schedule_expression_timezone="UTC",
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            state="ENABLED",
            # It stays once it has happened: `fab start` moves it on, and Pulumi finds it.
            action_after_completion="NONE",
            target=aws.scheduler.ScheduleTargetArgs(
                arn=f"arn:{self._args.cloud.partition}:scheduler:::aws-sdk:ec2:{shot.operation}",
                role_arn=role_arn,
                input=json.dumps(shot.params, sort_keys=True),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy], ignore_changes=["scheduleExpression"]),
        )
