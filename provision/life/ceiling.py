"""The end of a box that AWS sees to, from the laptop: when it is, moving it on, and a new one for each start.

The program makes the schedules (`infra/ceiling.py`); here they are found by the instance's id in their names.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from provision.aws import instances
from provision.aws.clients import aws_errors, client_of, now_of
from provision.life.ledger import Ledger
from provision.model.ceiling import SNAPSHOT_AFTER, at, moment_of, schedule_prefix
from provision.model.errors import BadInput, GpurigError
from provision.model.limit import LEAST
from provision.model.words import counted, took
from provision.transport import whereabouts

if TYPE_CHECKING:
    from provision.aws.instances import Instance
    from provision.model.host import Host

STOP, SNAPSHOT = "stop", "snapshot"
_KEPT = (
    *("GroupName", "Name", "ScheduleExpressionTimezone", "StartDate", "EndDate", "Description", "State"),
    *("KmsKeyArn", "Target", "FlexibleTimeWindow", "ActionAfterCompletion"),
)
"""What an update has to say again of a schedule, or Scheduler puts it back to its default."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ceiling:
    """When AWS ends a box, as its schedule says."""

    until: float
    """Seconds of UTC; in the past where it has happened, or where nothing armed it since."""
    asked: float
    """When AWS was asked, by its own clock."""
    terminates: bool
    """A spot box goes for good; another one is stopped."""

    @property
    def ahead(self) -> bool:
        """Whether it is still to come."""
        return self.until > self.asked

    @property
    def shown(self) -> str:
        """The line for a person."""
        verb = "terminates" if self.terminates else "stops"
        if self.ahead:
            return f"AWS {verb} it {day(self.until)}, in {took(self.until - self.asked)}; fab extend 4h moves that"
        return f"AWS's end for it was {day(self.until)}: nothing at AWS stops it now; fab start sets a new one"


def day(moment: float) -> str:
    """Return a moment as the laptop's clock has it ("Sat 2026-11-28 16:10")."""
    return time.strftime("%a %Y-%m-%d %H:%M", time.localtime(moment))


def read(host: Host) -> Ceiling | None:
    """Ask AWS when it ends a host; None where it never does. Raises `GpurigError` where AWS does not answer."""
    found = _schedules(host, STOP)
    ends = [(moment, one) for one in found if (moment := moment_of(one["ScheduleExpression"])) is not None]
    if not ends:
        return None
    until, schedule = max(ends, key=lambda end: end[0])
    terminates = schedule["Target"]["Arn"].endswith("terminateInstances")
    return Ceiling(until=until, asked=now_of(schedule), terminates=terminates)


def lines(host: Host) -> list[str]:
    """Return what `fab status` says of a host's ceiling: nothing where it has no limit, why where AWS says nothing."""
    if not host.instance_id or host.limit.seconds() is None:
        return []
    try:
        found = read(host)
    except GpurigError as error:
        return [error.what]
    return [found.shown if found else "AWS has no schedule for it, though the settings have a limit: pulumi up"]


def arm(host: Host, instance: Instance) -> float | None:
    """Give a box that is started now its end, counted from now; return when AWS stops it, None for no limit.

    Called before the start, so that there is no moment without an end; hours of before count as `hours` has them. That
    of a box which runs counts from its launch, and leaves it `LEAST`. Raises `BadInput` where the money of a stopped
    one is spent, and `GpurigError` where AWS has no schedule to move.
    """
    if host.limit.seconds() is None:
        return None
    schedules = _schedules(host, STOP)
    if not schedules:
        hint = "pulumi up makes it"
        raise GpurigError(f"AWS has no schedule that stops {instance.id} of {host} ({host.limit})", hint=hint)
    now = now_of(schedules[0])
    up = instance.state in (instances.PENDING, instances.RUNNING)
    began = instance.launched if up else now
    ran = hours(host, instance, began)
    until = began + (host.limit.seconds(ran) or 0)
    if up:
        until = max(until, now + LEAST)
    elif until <= now:
        hint = "pulumi config set gpurig:maxSpend MORE, then pulumi up"
        raise BadInput([_spent(host, ran)], hint="\n".join(filter(None, [doubt(host, instance), hint])))
    _move(host, schedules, until)
    return until


def arm_running(host: Host, instance: Instance) -> float | None:
    """Give a box that runs, and that AWS would not end, its end as `arm` does; None where it has one, or no limit.

    Such a one was started past `fab`. Raises `GpurigError` as `arm`.
    """
    if host.limit.seconds() is None:
        return None
    found = read(host)
    return None if found and found.ahead else arm(host, instance)


def extend(host: Host, seconds: float) -> float:
    """Have AWS end a box later by so many seconds; return when.

    Raises `BadInput` where there is no end to move, and `NotRunning` for a box that does not run.
    """
    ceiling = read(host)
    if ceiling is None:
        hint = "pulumi config set gpurig:maxHours 12, then pulumi up"
        raise BadInput([f"{host} has no ceiling: AWS lets it run as long as it likes"], hint=hint)
    if not ceiling.ahead:
        raise BadInput([f"the ceiling of {host} is over since {day(ceiling.until)}"], hint="fab start sets a new one")
    instance = instances.find(host)
    if instance.state not in (instances.PENDING, instances.RUNNING):
        raise whereabouts.off(host, instance)  # its next start has an end of its own
    until = ceiling.until + seconds
    _move(host, _schedules(host, STOP), until)
    return until


def hours(host: Host, instance: Instance, now: float) -> float:
    """Return how many hours a host's instance ran in all until `now`, for the money: what is not known at its most.

    A run of which nobody says when it stopped counts as long as it can have been, and no longer than the limit lets one
    be. Runs that nobody wrote down are not in it: see `doubt`.
    """
    longest = host.limit.seconds() or now
    over = instance.state in (instances.STOPPED, instances.STOPPING)
    end = (instance.stopped or min(now, instance.launched + longest)) if over else now
    return Ledger.read(instance.tags).hours_at_most(end, instance.launched, longest)


def doubt(host: Host, instance: Instance) -> str:
    """Return what is not known of the hours that `gpurig:maxSpend` counts, as a sentence; "" where all of it is."""
    ledger = Ledger.read(instance.tags)
    lost = ledger.lost + ledger.missed(instance.launched, instance.first)
    most = ledger.gaps - ledger.lost
    if host.limit.usd is None or not (lost or most):
        return ""
    said = [f"with {counted(most, 'run')} of unknown length as long as can be"] if most else []
    said += [f"without {counted(lost, 'run')} or more whose length nobody knows"] if lost else []
    return f"the money of {host.name} is reckoned {', and '.join(said)}"


def cost(host: Host, ran: float, seconds: float) -> float | None:
    """Return what a box costs in all once it ran so many seconds more, USD; None where its price is not known."""
    rate = host.limit.usd_per_hour
    return None if rate is None else rate * (ran + seconds / 3600)


def _spent(host: Host, ran: float) -> str:
    usd = f"${host.limit.usd:g}" if host.limit.usd is not None else "its money"
    return f"{usd} of {host} are spent: it ran {ran:.1f} h at ${host.limit.usd_per_hour or 0:.3f} an hour"


def _schedules(host: Host, kind: str) -> list[dict[str, Any]]:
    """Return an instance's schedules of a kind, whole."""
    scheduler = client_of(host, "scheduler")
    with aws_errors(f"cannot ask AWS for the ceiling of {host}"):
        listed = scheduler.list_schedules(NamePrefix=schedule_prefix(kind, host.instance_id))["Schedules"]
        return [scheduler.get_schedule(GroupName=one["GroupName"], Name=one["Name"]) for one in listed]


def _move(host: Host, stops: list[dict[str, Any]], until: float) -> None:
    """Move the stop, and the snapshot after it, if there is one."""
    scheduler = client_of(host, "scheduler")
    moments = [(one, until) for one in stops]
    moments += [(one, until + SNAPSHOT_AFTER) for one in _schedules(host, SNAPSHOT)]
    with aws_errors(f"cannot move the ceiling of {host}"):
        for schedule, moment in moments:
            kept = {key: schedule[key] for key in _KEPT if schedule.get(key) is not None}
            scheduler.update_schedule(**kept, ScheduleExpression=at(moment))
