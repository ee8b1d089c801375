"""To remove what nobody owns, in the order in which AWS lets go of it. What it refuses is said; the rest goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from provision.aws.clients import aws_errors, client, error_code, tag_pairs
from provision.model.errors import GpurigError
from provision.model.tags import FROM, HOST, LAST, MADE_BY, NAME, PROJECT, STACK, STACK_ID, VOLUME, of_the_user

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provision.aws.holdings import Thing

ORDER = (
    *("instance", "volume", "image", "snapshot", "vpc-endpoint", "security-group", "internet-gateway", "subnet"),
    *("route-table", "vpc", "key-pair", "instance-profile", "role", "cloudwatch alarm", "schedule"),
)
"""An instance holds its volume and its network; a network holds what is in it; the VPC goes last of it."""
LOOK = 2.0
PATIENCE = 600
"""Seconds to wait for AWS: for the end of an instance, which takes minutes for one with GPUs, and for it to let go of
what a thing that is gone still holds: its network interface, its profile."""
_BUSY = ("DependencyViolation", "DeleteConflict", "VolumeInUse", "InvalidGroup.InUse", "IncorrectState")
_IDENTITY = (NAME, PROJECT, STACK, STACK_ID, MADE_BY, HOST, VOLUME, FROM)


class StillGoing(GpurigError):
    """AWS is at it, and takes longer than anybody waits for here."""


class Remover:
    """Removes things of one account; `tell` hears what goes on."""

    def __init__(self, profile: str, home: str, tell: Callable[[str], None], *, snapshot: bool) -> None:
        self.profile, self.home, self.tell = profile, home, tell
        self.snapshot = snapshot
        """Whether a volume's snapshot is taken before the volume goes."""

    def remove(self, things: Sequence[Thing]) -> dict[str, str]:
        """Remove things and return why those that are still there were not, by their ids.

        Stopped at any point, the same call with what is left goes on.
        """
        refused: dict[str, str] = {}
        busy: dict[str, Thing] = {}
        for thing in sorted((one for one in things if one.kind in ORDER), key=lambda one: ORDER.index(one.kind)):
            try:
                if thing.stack in busy:
                    raise StillGoing(f"it waits for {busy[thing.stack]}")
                self._remove(thing)
            except GpurigError as error:
                if isinstance(error, StillGoing):
                    # What is left of the stack may hang on it, and would be waited for as long, each for itself.
                    busy.setdefault(thing.stack, thing)
                refused[thing.id] = error.what
                self.tell(f"{thing} is still there: {error.what}")
            else:
                self.tell(f"{thing} is removed")
        for thing in things:
            if thing.kind not in ORDER:
                refused[thing.id] = "gpurig does not know how to remove one"
                self.tell(f"{thing} is still there: {refused[thing.id]}; AWS's console does")
        return refused

    def _remove(self, thing: Thing) -> None:
        act: Callable[[Thing], None] = getattr(self, f"_{thing.kind.replace('-', '_').replace(' ', '_')}")
        deadline = time.monotonic() + PATIENCE
        while not self._removed(act, thing, last=time.monotonic() > deadline):
            time.sleep(LOOK)

    def _removed(self, act: Callable[[Thing], None], thing: Thing, *, last: bool) -> bool:
        """Try once; false where AWS has not let go of something yet, which is an error the last time."""
        try:
            with aws_errors(f"AWS refuses to remove {thing}"):
                act(thing)
        except GpurigError as error:
            code = error_code(error)
            if "NotFound" in code or code == "NoSuchEntity":
                return True  # somebody was faster
            if code in _BUSY and not last:
                return False
            raise
        return True

    def _ec2(self, thing: Thing) -> Any:
        return client("ec2", self.profile, thing.region)

    def _iam(self) -> Any:
        return client("iam", self.profile, self.home)

    def _instance(self, thing: Thing) -> None:
        ec2 = self._ec2(thing)
        ec2.terminate_instances(InstanceIds=[thing.id])
        self.tell(f"{thing} is shutting down")
        _wait(ec2, "instance_terminated", f"{thing} is still shutting down", InstanceIds=[thing.id])

    def _volume(self, thing: Thing) -> None:
        ec2 = self._ec2(thing)
        _wait(ec2, "volume_available", f"{thing} is still being detached", VolumeIds=[thing.id])
        if self.snapshot:
            self._last_snapshot(ec2, thing)
        ec2.delete_volume(VolumeId=thing.id)

    def _last_snapshot(self, ec2: Any, thing: Thing) -> None:
        """See that a volume's snapshot is complete; one that an earlier call has begun will do.

        It has the tags of one that `pulumi destroy` takes, so that the next `pulumi up` finds it. Raises `GpurigError`.
        """
        filters = [{"Name": "volume-id", "Values": [thing.id]}, {"Name": "description", "Values": [LAST]}]
        begun = ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"]
        usable = [row for row in begun if row["State"] in ("pending", "completed")]
        tags = {**of_the_user(thing.tags), **{key: thing.tags[key] for key in _IDENTITY if key in thing.tags}}
        row = usable[0] if usable else None
        if row is None:
            row = ec2.create_snapshot(
                VolumeId=thing.id,
                Description=LAST,
                TagSpecifications=[{"ResourceType": "snapshot", "Tags": tag_pairs(tags)}],
            )
        while row["State"] == "pending":
            self.tell(f"{row['SnapshotId']} of {thing} is being copied, {row.get('Progress') or '0%'}")
            time.sleep(LOOK)
            row = ec2.describe_snapshots(SnapshotIds=[row["SnapshotId"]])["Snapshots"][0]
        if row["State"] != "completed":
            raise GpurigError(f"EC2 gave its snapshot {row['SnapshotId']} up: {row['State']}")
        self.tell(f"{row['SnapshotId']} has what is on {thing}")

    def _image(self, thing: Thing) -> None:
        ec2 = self._ec2(thing)
        ec2.deregister_image(ImageId=thing.id)
        for snapshot in sorted(thing.snapshots):
            ec2.delete_snapshot(SnapshotId=snapshot)

    def _snapshot(self, thing: Thing) -> None:
        self._ec2(thing).delete_snapshot(SnapshotId=thing.id)

    def _vpc_endpoint(self, thing: Thing) -> None:
        self._ec2(thing).delete_vpc_endpoints(VpcEndpointIds=[thing.id])

    def _security_group(self, thing: Thing) -> None:
        self._ec2(thing).delete_security_group(GroupId=thing.id)

    def _internet_gateway(self, thing: Thing) -> None:
        ec2 = self._ec2(thing)
        # As it is now: the call before this one may have got so far.
        found = ec2.describe_internet_gateways(InternetGatewayIds=[thing.id])["InternetGateways"]
        for tie in (tie for row in found for tie in row["Attachments"]):
            ec2.detach_internet_gateway(InternetGatewayId=thing.id, VpcId=tie["VpcId"])
        ec2.delete_internet_gateway(InternetGatewayId=thing.id)

    def _subnet(self, thing: Thing) -> None:
        self._ec2(thing).delete_subnet(SubnetId=thing.id)

    def _route_table(self, thing: Thing) -> None:
        ec2 = self._ec2(thing)
        found = ec2.describe_route_tables(RouteTableIds=[thing.id])["RouteTables"]
        for tie in (tie for row in found for tie in row["Associations"] if not tie.get("Main")):
            ec2.disassociate_route_table(AssociationId=tie["RouteTableAssociationId"])
        ec2.delete_route_table(RouteTableId=thing.id)

    def _vpc(self, thing: Thing) -> None:
        self._ec2(thing).delete_vpc(VpcId=thing.id)

    def _key_pair(self, thing: Thing) -> None:
        self._ec2(thing).delete_key_pair(KeyName=thing.row["KeyName"])

    def _instance_profile(self, thing: Thing) -> None:
        iam = self._iam()
        found = iam.get_instance_profile(InstanceProfileName=thing.id)["InstanceProfile"]
        for role in found["Roles"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=thing.id, RoleName=role["RoleName"])
        iam.delete_instance_profile(InstanceProfileName=thing.id)

    def _cloudwatch_alarm(self, thing: Thing) -> None:
        name = thing.id.partition(":alarm:")[2]
        client("cloudwatch", self.profile, thing.region).delete_alarms(AlarmNames=[name])

    def _schedule(self, thing: Thing) -> None:
        group, _, name = thing.id.partition("/")
        client("scheduler", self.profile, thing.region).delete_schedule(GroupName=group, Name=name)

    def _role(self, thing: Thing) -> None:
        iam = self._iam()
        for name in iam.list_role_policies(RoleName=thing.id)["PolicyNames"]:
            iam.delete_role_policy(RoleName=thing.id, PolicyName=name)
        iam.delete_role(RoleName=thing.id)


def _wait(ec2: Any, waiter: str, late: str, **which: Any) -> None:
    """Wait for `PATIENCE` seconds. Raises `StillGoing`, which begins with `late`, where AWS takes longer."""
    from botocore.exceptions import WaiterError  # noqa: PLC0415 - fab starts without it

    attempts = max(1, int(PATIENCE / LOOK))
    try:
        ec2.get_waiter(waiter).wait(**which, WaiterConfig={"Delay": LOOK, "MaxAttempts": attempts})
    except WaiterError as error:
        if "Max attempts" not in error.kwargs["reason"]:
            raise
        raise StillGoing(f"{late} after {PATIENCE:g} s: the same command goes on") from error
