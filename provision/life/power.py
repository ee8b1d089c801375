"""To stop a box and to start it again: what EC2 does of it, and what has to be right before and after."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from provision.agent.verbs import Verb
from provision.agent.wire.answers import Overview
from provision.aws import instances, prices
from provision.aws.clients import aws_errors, client_of
from provision.life import ceiling, guard, ledger
from provision.model import tags
from provision.model.errors import BadInput, GpurigError, Unreachable
from provision.model.limit import GRACE, HOUR
from provision.transport import whereabouts
from provision.transport.session import Session

if TYPE_CHECKING:
    from provision.aws.instances import Instance
    from provision.model.host import Host
    from provision.model.prices import Quote
    from provision.screen.progress import View

SSH_SECONDS = 300
"""How long to wait for the sshd of a box that EC2 has started: a GPU instance takes up to two minutes."""
LOOK = 2.0
"""Seconds between two tries."""
SLACK = GRACE / 2
"""Seconds by which a box's own timer may miss its moment before AWS's end: a start takes that long."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """What a stop would meet on a host."""

    instance: Instance
    going: tuple[str, ...]
    """What goes on there and would end, in words; also that this is not known."""


def survey(session: Session, *, ask: bool) -> Survey:
    """Return what a stop would meet; `ask`: the box itself too, for what goes on there.

    Raises `BadInput` for what cannot be stopped, `NotRunning` for what is gone, and what `instances.find` raises. Of a
    box that gives no answer it is not known what goes on: it may hang, and it may be at work.
    """
    host = session.host
    instance = instances.find(host)
    if instance.state in (instances.SHUTTING_DOWN, instances.TERMINATED):
        raise whereabouts.off(host, instance)
    if instance.spot:
        problem = f"{host} is a spot instance, from a one-time request: EC2 only ever ends one, it cannot stop it"
        hint = (
            "pulumi destroy ends it, and keeps what is on the job volume for the next pulumi up (jobVolumeOnDestroy)\n"
            "one that can be stopped: gpurig:spot false"
        )
        raise BadInput([problem], hint=hint)
    if not ask or instance.state in (instances.STOPPING, instances.STOPPED):
        return Survey(instance=instance, going=())
    try:
        return Survey(instance=instance, going=_going(session))
    except GpurigError as error:
        return Survey(instance=instance, going=(f"it does not say what goes on there: {error.what}",))


def _going(session: Session) -> tuple[str, ...]:
    answer = session.answer({"verb": Verb.OVERVIEW, "units": []}, Overview)
    setup = answer["pending"] if answer["running"] else None
    runs = [f"the run {run['name']}" for run in answer["runs"]]
    return (*runs, *([f"the setup of {setup['name']}"] if setup else []))


def stop(host: Host, instance: Instance, out: View) -> None:
    """Stop a box, wait until it is off, and say what it goes on costing. One that is off stays so."""
    if instance.state == instances.STOPPED:
        out.line(f"{host.name} ({instance.id}) was stopped already; {_disks(host, instance)}")
        return
    out.now("stopping")
    if instance.state == instances.PENDING:
        instance = instances.wait(host, instances.RUNNING)
    stopping = instance.state == instances.STOPPING
    instance = instances.wait(host, instances.STOPPED) if stopping else instances.stop(host)
    out.line(f"{host.name} ({instance.id}) is stopped; {_disks(host, instance)}")


def start(host: Host, config: Any, out: View) -> Host:
    """Start a stopped box, wait for its SSH, and return it at its new address. One that runs is left as it is.

    But for its end: where a limit is set and AWS would not end it, as after a start past `fab`, it gets one.

    Raises `NotRunning` for one that is gone, `GpurigError` where AWS has no machine to spare or SSH does not come.
    """
    instance = instances.find(host)
    if instance.state in (instances.SHUTTING_DOWN, instances.TERMINATED):
        raise whereabouts.off(host, instance)
    if instance.state == instances.STOPPING:
        out.now("waiting until its stop is through")
        instance = instances.wait(host, instances.STOPPED)
    ran = instance.state == instances.RUNNING
    if instance.state == instances.STOPPED:
        instance, until = _switch_on(host, instance, out)
    else:
        until = _end_of_running(host, instance, out)
        instance = instance if ran else instances.wait(host, instances.RUNNING)
    if instance.address:
        whereabouts.remember(host, instance.address)
    out.now("waiting for its SSH")
    with Session(host, config, tell=out.tell) as session:
        found = _wait_for_ssh(session)
        if until is not None:
            _set_its_timer(session, instance, until, out)
    now = "ran already" if ran else "runs"
    out.line(f"{host.name} ({instance.id}) {now} at {found.address}, and SSH answers; {_hour(host, instance)}")
    return found


def _switch_on(host: Host, instance: Instance, out: View) -> tuple[Instance, float | None]:
    """Start a stopped instance, and see to what counts its hours: the one place where a box of `fab` begins to cost.

    Returns it as it runs, and when AWS ends it.
    """
    try:
        # With what is noted: the hours that are paid for already.
        noted = {tags.UPTIME: str(ledger.note(host, instance))}
        instance = dataclasses.replace(instance, tags={**instance.tags, **noted})
    except GpurigError as error:
        out.tell(f"fab cost will not know how long {host.name} ran until now: {error.what}")
    out.now("starting")
    # Before the start, so that it never runs without an end; and refused here where its money is spent.
    until = ceiling.arm(host, instance)
    try:
        started = instances.start(host)
    except instances.NoCapacity as error:
        message = f"AWS has no {instance.type} to spare in {instance.zone} now: {host.name} stays stopped, as it was"
        hint = "try again in some minutes; or fab up, which looks for one in other zones, and of other types"
        raise GpurigError(message, hint=hint) from error
    if until is not None:
        _say_end(host, instance, until, out)
    return started, until


def _end_of_running(host: Host, instance: Instance, out: View) -> float | None:
    """Give a box that runs its end at AWS where it has none; return when that is, None where nothing was changed."""
    try:
        until = ceiling.arm_running(host, instance)
    except GpurigError as error:
        out.tell(f"{host.name} runs, and AWS may never end it: {error}")
        return None
    if until is not None:
        out.line(f"{host.name} ran without an end at AWS, as after a start past fab")
        _say_end(host, instance, until, out)
    return until


def _say_end(host: Host, instance: Instance, until: float, out: View) -> None:
    out.line(f"{host.name}: AWS ends it {ceiling.day(until)}; fab extend 4h moves that")
    if doubt := ceiling.doubt(host, instance):
        out.tell(doubt)


def _set_its_timer(session: Session, instance: Instance, until: float, out: View) -> None:
    """Have the box stop itself before AWS does, where its own timer, which counts from the boot, comes later."""
    host = session.host
    if instance.launched + host.limit.box_hours * HOUR <= until - GRACE + SLACK:
        return
    try:
        guard.set_lifetime(session, until - GRACE)
    except GpurigError as error:
        out.tell(f"{host.name}: AWS ends it without a warning and without beforeStop: {error.what}")
    else:
        out.line(f"{host.name}: it stops itself {GRACE // 60} minutes before, its runs first")


def _wait_for_ssh(session: Session) -> Host:
    """Return a host as soon as it lets us in, its key pinned. Raises `GpurigError` where it does not in time."""
    deadline = time.monotonic() + SSH_SECONDS
    while True:
        try:
            _ = session.connection
        except whereabouts.NotRunning:
            raise
        except Unreachable as error:
            if "refuses user" in error.what or time.monotonic() > deadline:
                hint = f"it runs, and is paid for: fab stop --limit {session.host.name} stops it"
                error.hint = f"{hint}\n{error.hint}"
                raise
            time.sleep(LOOK)
        else:
            return session.host


def _disks(host: Host, instance: Instance) -> str:
    """Say what a stopped box costs: its disks, as its address is given back."""
    with aws_errors(f"cannot ask EC2 about the disks of {host}"):
        rows = client_of(host).describe_volumes(VolumeIds=list(instance.volumes))["Volumes"] if instance.volumes else []
    gib = sum(row["Size"] for row in rows)
    quote = prices.gp3_gib_month(host.profile, host.region)
    cost = f"its disks ({gib} GiB) go on costing ${gib * quote.usd:.2f} a month ({quote.source})"
    return f"{cost}; fab start --limit {host.name} starts it"


def _hour(host: Host, instance: Instance) -> str:
    quote: Quote | None = prices.on_demand(host.profile, host.region, instance.type)
    return f"${quote.usd:.3f} an hour ({quote.source})" if quote else f"nobody says what {instance.type} costs an hour"
