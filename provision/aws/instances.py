"""EC2 instances: what the account says of one, and the two switches that it has."""

from __future__ import annotations

import calendar
import dataclasses
import re
import time
from typing import TYPE_CHECKING, Any, Self

from provision.aws import clients
from provision.aws.clients import aws_errors, client_of, error_code, listed, tags_of
from provision.model.errors import BadInput, GpurigError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from provision.model.host import Host

PENDING, RUNNING = "pending", "running"
STOPPING, STOPPED = "stopping", "stopped"
SHUTTING_DOWN, TERMINATED = "shutting-down", "terminated"
LOOK = 2.0
"""Seconds between two questions to EC2 about what goes on."""
PATIENCE = 600
"""Seconds to wait for a state; the SDK's own waiters give up after as many. A stop waits for the system's shutdown."""
_NOT_FOUND = ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")


class NoInstance(GpurigError):
    """EC2 knows no such instance: it forgets one about an hour after it was terminated."""


class NoCapacity(GpurigError):
    """AWS has no machine of this type to spare in the zone."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Instance:
    """An instance, as it was when EC2 was asked."""

    id: str
    state: str
    """pending, running, stopping, stopped, shutting-down or terminated."""
    address: str
    """The public one; "" where it has none, as it has none while it is stopped."""
    private: str
    """The one within its network, which it keeps while it is stopped."""
    type: str
    zone: str
    launched: float
    """When it was started last, in seconds of UTC: a stop and a start make it anew."""
    stopped: float | None
    """When it was told to stop, or terminated, in seconds of UTC; None while it runs, and where EC2 does not tell.

    EC2 tells where the stop was asked of it. Of a box that switches itself off it gives the reason without the time.
    """
    reason: str
    """Why it is in this state, EC2's code: Client.InstanceInitiatedShutdown, Server.SpotInstanceTermination; or ""."""
    spot: bool
    first: float | None
    """When it was made, in seconds of UTC, as its root disk's attachment says; None where EC2 does not."""
    volumes: tuple[str, ...]
    """The ids of the EBS volumes that are attached."""
    tags: Mapping[str, str]

    @classmethod
    def from_aws(cls, row: Mapping[str, Any]) -> Self:
        """Read what EC2 says of an instance."""
        state = row["State"]["Name"]
        disks = {one.get("DeviceName"): one["Ebs"] for one in row.get("BlockDeviceMappings", ()) if "Ebs" in one}
        attached = disks.get(row.get("RootDeviceName"), {}).get("AttachTime")
        return cls(
            id=row["InstanceId"],
            state=state,
            address=row.get("PublicIpAddress") or "",
            private=row.get("PrivateIpAddress") or "",
            type=row["InstanceType"],
            zone=row["Placement"]["AvailabilityZone"],
            launched=row["LaunchTime"].timestamp(),
            stopped=None if state in (PENDING, RUNNING) else _time_in(row.get("StateTransitionReason") or ""),
            reason=(row.get("StateReason") or {}).get("Code") or "",
            spot=row.get("InstanceLifecycle") == "spot",
            first=attached.timestamp() if attached else None,
            volumes=tuple(disk["VolumeId"] for disk in disks.values()),
            tags=tags_of(row),
        )


def _time_in(reason: str) -> float | None:
    """Return the time that a reason ends with, "User initiated (2026-11-28 11:30:00 GMT)"; None where it has none."""
    found = re.search(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)", reason)
    return float(calendar.timegm(time.strptime(found[1], "%Y-%m-%d %H:%M:%S"))) if found else None


def find(host: Host) -> Instance:
    """Ask EC2 for a host's instance.

    Raises `BadInput` for a host that is none of EC2's, `NoInstance` where EC2 knows it no more, and `GpurigError` where
    the account gives no answer.
    """
    if not host.instance_id:
        hint = "only a box that `pulumi up` made has one; a machine of your own is switched by its own means"
        raise BadInput([f"{host} is no EC2 instance"], hint=hint)
    ec2 = client_of(host)
    try:
        with aws_errors(f"cannot ask EC2 about {host.instance_id} of {host}"):
            found = ec2.describe_instances(InstanceIds=[host.instance_id])["Reservations"]
    except GpurigError as error:
        if error_code(error) in _NOT_FOUND:
            raise NoInstance(f"EC2 knows no {host.instance_id} ({host}) in {host.region}") from error
        raise
    if not found:
        raise NoInstance(f"EC2 knows no {host.instance_id} ({host}) in {host.region}")
    return Instance.from_aws(found[0]["Instances"][0])


def rows(ec2: Any, filters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the instances that match filters, as EC2 describes them."""
    groups = listed(ec2, "describe_instances", "Reservations", Filters=filters)
    return [row for group in groups for row in group["Instances"]]


def start(host: Host) -> Instance:
    """Start a host's stopped instance and return it once it runs. Its sshd answers later.

    Raises `NoCapacity`, and `GpurigError` where EC2 refuses or where it does not run in time.
    """
    ec2 = client_of(host)
    try:
        with aws_errors(f"cannot start {host.instance_id} of {host}"):
            ec2.start_instances(InstanceIds=[host.instance_id])
    except GpurigError as error:
        if error_code(error) == "InsufficientInstanceCapacity":
            raise NoCapacity(error.what) from error
        raise
    return wait(host, RUNNING)


def stop(host: Host) -> Instance:
    """Stop a host's running instance and return it once it is stopped. Raises `GpurigError` where EC2 refuses."""
    ec2 = client_of(host)
    with aws_errors(f"cannot stop {host.instance_id} of {host}"):
        ec2.stop_instances(InstanceIds=[host.instance_id])
    return wait(host, STOPPED)


def wait(host: Host, state: str) -> Instance:
    """Return a host's instance once it is in a state. Raises `GpurigError` where it goes elsewhere or is late."""
    on_the_way = {RUNNING: (PENDING, STOPPED), STOPPED: (STOPPING, RUNNING)}[state]
    deadline = time.monotonic() + PATIENCE
    while True:
        instance = find(host)
        if instance.state == state:
            return instance
        if instance.state not in on_the_way:
            raise GpurigError(f"{instance.id} of {host} is {instance.state}, not {state}", hint=instance.reason)
        if time.monotonic() > deadline:
            hint = f"EC2 goes on with it; see: aws ec2 describe-instances --instance-ids {instance.id}"
            raise GpurigError(f"{instance.id} of {host} is still {instance.state} after {PATIENCE} s", hint=hint)
        time.sleep(LOOK)


def wait_until_ended(profile: str, region: str, ids: Collection[str]) -> None:
    """Wait until none of some instances is shutting down: then they hold no volume, and Pulumi sees that they are gone.

    Those that EC2 knows no more have ended. Raises `GpurigError` where one is late, or the account gives no answer.
    """
    deadline = time.monotonic() + PATIENCE
    # A filter, not `InstanceIds`: what EC2 has forgotten is an error there.
    wanted = {"instance-id": sorted(ids), "instance-state-name": [SHUTTING_DOWN]}
    filters = [{"Name": name, "Values": values} for name, values in wanted.items()]
    while ids:
        with aws_errors(f"cannot ask EC2 whether {', '.join(sorted(ids))} are gone"):
            found = clients.client("ec2", profile, region).describe_instances(Filters=filters)["Reservations"]
        if not found:
            return
        left = ", ".join(sorted(row["InstanceId"] for group in found for row in group["Instances"]))
        if time.monotonic() > deadline:
            hint = "EC2 goes on with it; then the same command again"
            raise GpurigError(f"still shutting down after {PATIENCE} s: {left}", hint=hint)
        time.sleep(LOOK)
