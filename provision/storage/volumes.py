"""The job volume of a host and its snapshots, as EC2 tells of them."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, Self

from provision.aws.clients import aws_errors, client_of, listed, tag_filters, tag_pairs, tags_of
from provision.aws.snapshots import COMPLETED, Taken, only_copies
from provision.model.errors import BadInput, GpurigError
from provision.model.tags import FROM, HOST, MADE_BY, NAME, PROJECT, STACK, STACK_ID, VOLUME, of_the_user
from provision.model.words import minute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provision.model.host import Host

IDENTITY = (PROJECT, STACK, STACK_ID, HOST, VOLUME)
"""The tags by which a job volume's snapshots are found; each carries its volume's own."""
LOOK = 2.0
"""Seconds between two questions to EC2 about what goes on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot of a job volume."""

    id: str
    at: float
    """When it was taken, in seconds of UTC; its data is of that moment, also where EC2 still copies it."""
    state: str
    """completed, pending or error."""
    percent: int
    """How much of it EC2 has copied."""
    size_gib: int
    """The volume's size then."""
    description: str
    volume: str
    """What it was taken of, a volume that may be gone."""
    source: str
    """The snapshot that this volume was made from, "" where that is not known."""

    def __str__(self) -> str:
        state = "" if self.state == COMPLETED else f", {self.state}, {self.percent} %"
        day = minute(self.at)
        return f"{self.id}  {day}  {self.size_gib} GiB{state}  {self.description}".rstrip()

    @classmethod
    def from_aws(cls, row: Mapping[str, Any]) -> Self:
        """Read what EC2 says of a snapshot."""
        return cls(
            id=row["SnapshotId"],
            at=row["StartTime"].timestamp(),
            state=row["State"],
            percent=int(row.get("Progress", "").rstrip("%") or 0),
            size_gib=row["VolumeSize"],
            description=row.get("Description", ""),
            volume=row["VolumeId"],
            source=tags_of(row).get(FROM, ""),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobVolume:
    """The EBS volume that is mounted on a host for its jobs, as it was when it was asked for."""

    id: str
    size_gib: int
    state: str
    """available, in-use, or what EC2 calls a volume that comes or goes."""
    zone: str
    attached_to: str
    """The instance that has it; "" where none has."""
    source: str
    """The snapshot that it was made from; "" for one that began blank."""
    tags: Mapping[str, str]
    host: Host
    ec2: Any = dataclasses.field(repr=False, compare=False)
    """A botocore client of the host's account and region."""

    @classmethod
    def of(cls, host: Host) -> Self:
        """Ask EC2 for a host's volume.

        Raises `BadInput` for a host without an EBS volume and `GpurigError` where EC2 has no answer or no such volume.
        """
        volume_id = host.target.volume_id if host.target else ""
        if not volume_id:
            hint = "only a box that `pulumi up` made has one; elsewhere the mount point is a plain directory"
            raise BadInput([f"{host} has no EBS volume"], hint=hint)
        account = client_of(host)
        with aws_errors(f"cannot ask EC2 about {volume_id} of {host}"):
            row = account.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]
        return cls(
            id=volume_id,
            size_gib=row["Size"],
            state=row["State"],
            zone=row["AvailabilityZone"],
            attached_to=next((attachment["InstanceId"] for attachment in row["Attachments"]), ""),
            source=row.get("SnapshotId") or "",
            tags=tags_of(row),
            host=host,
            ec2=account,
        )

    def identity(self) -> dict[str, str]:
        """Return the tags that it shares with its snapshots only. Raises `GpurigError` where somebody removed them."""
        if missing := [key for key in IDENTITY if key not in self.tags]:
            message = f"{self.id} of {self.host} has lost its tags {', '.join(missing)}, which tell its snapshots"
            hint = "pulumi refresh && pulumi up puts them back; on one that gpurig:jobVolume names: aws ec2 create-tags"
            raise GpurigError(message, hint=hint)
        return {key: self.tags[key] for key in IDENTITY}

    def carried(self) -> dict[str, str]:
        """Return what is handed on to all that is made of it: who it is, who made it, and the user's own tags."""
        maker = {MADE_BY: self.tags[MADE_BY]} if MADE_BY in self.tags else {}
        return {**of_the_user(self.tags), **self.identity(), **maker}

    def snapshots(self) -> list[Snapshot]:
        """Return the snapshots of this stack's host, the newest first; also those of volumes that it had before."""
        wanted = {"OwnerIds": ["self"], "Filters": tag_filters(self.identity())}
        with aws_errors(f"cannot ask EC2 about the snapshots of {self.id}"):
            found = [Snapshot.from_aws(row) for row in listed(self.ec2, "describe_snapshots", "Snapshots", **wanted)]
        return sorted(found, key=lambda snapshot: snapshot.at, reverse=True)

    def snapshot(self, tell: Callable[[Snapshot], None]) -> Snapshot:
        """Take a snapshot and return it once EC2 has copied all of it; `tell` hears of it now and then.

        Raises `GpurigError` where EC2 refuses it or gives it up. Stopped from outside, EC2 goes on copying.
        """
        tags = {NAME: self.tags.get(NAME, self.id), **self.carried(), FROM: self.source}
        with aws_errors(f"cannot take a snapshot of {self.id}"):
            row = self.ec2.create_snapshot(
                VolumeId=self.id,
                Description=f"{self.host.name}: fab volume-snapshot",
                TagSpecifications=[{"ResourceType": "snapshot", "Tags": tag_pairs(tags)}],
            )
        taken = Snapshot.from_aws(row)
        while taken.state == "pending":
            tell(taken)
            time.sleep(LOOK)
            with aws_errors(f"{taken.id} is being copied; cannot ask EC2 how far it is"):
                taken = Snapshot.from_aws(self.ec2.describe_snapshots(SnapshotIds=[taken.id])["Snapshots"][0])
        if taken.state != COMPLETED:
            hint = "nothing was pruned; the same command takes another"
            raise GpurigError(f"EC2 gave {taken.id} of {self.id} up: {taken.state}", hint=hint)
        return taken

    def prune(self, keep: int, taken: Snapshot) -> tuple[list[Snapshot], list[Snapshot]]:
        """Delete completed snapshots of this stack's host but the newest `keep` and the last one of each older volume.

        `taken`: the newest, also where another is of the same second. The last one of a volume counts as any other
        where a later volume was made from it, and so has its jobs. Returns what was deleted, and what is kept for that
        reason alone. Raises `BadInput` for fewer than one: the last one stays. What is pending or failed stays too.
        """
        if keep < 1:
            raise BadInput([f"--keep {keep}: at least 1, as the last completed snapshot never goes"])
        completed = [snapshot for snapshot in self.snapshots() if snapshot.state == COMPLETED]
        completed.sort(key=lambda snapshot: snapshot.id != taken.id)
        only = only_copies((Taken(one.id, one.volume, one.source) for one in completed), [self.source])
        old = [snapshot for snapshot in completed[keep:] if snapshot.id not in only]
        for snapshot in old:
            with aws_errors(f"cannot delete {snapshot.id}"):
                self.ec2.delete_snapshot(SnapshotId=snapshot.id)
        return old, [snapshot for snapshot in completed[keep:] if snapshot.id in only]
