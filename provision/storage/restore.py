"""Bring a path back from a snapshot: a temporary volume of it on the same box, copied there, and gone again."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.agent.words import Kind
from provision.aws.clients import aws_errors, tag_filters, tag_pairs
from provision.aws.snapshots import COMPLETED
from provision.model.errors import BadInput, GpurigError
from provision.model.tags import NAME, TEMPORARY, VOLUME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.agent.wire.requests import Restore as RestoreRequest
    from provision.screen.progress import View
    from provision.storage.volumes import JobVolume, Snapshot
    from provision.transport.session import Session

DEVICES = tuple(f"/dev/sd{letter}" for letter in "ghijklmnop")
"""The names that EC2 takes for another disk; the box itself finds it by its serial."""
FRESH = 900
"""Seconds for which a temporary volume may be one that another client is just attaching."""
LET_GO = 30
"""Seconds that a box has to notice that the client of a restore is gone: it gives a sign of life every 10."""


def checked_path(path: str) -> str:
    """Return a path on the volume without slashes at its ends. Raises `BadInput` for one that leads off it."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts:
        raise BadInput([f"--path {path}: write it as it is below the mount point, such as work/mnist"])
    return "/".join(parts)


def chosen(volume: JobVolume, name: str) -> Snapshot:
    """Return the snapshot of that id, or the newest completed one. Raises `BadInput` where there is none to use."""
    found = volume.snapshots()
    fits = [snapshot for snapshot in found if name in ("", snapshot.id)]
    usable = [snapshot for snapshot in fits if snapshot.state == COMPLETED]
    if usable:
        return usable[0]
    if fits and name:
        raise BadInput([f"{name} is not completed: {fits[0].state}, {fits[0].percent} % copied"], hint="wait for it")
    there = ", ".join(snapshot.id for snapshot in found if snapshot.state == COMPLETED)
    if name:
        raise BadInput([f"{name} is no snapshot of {volume.host}"], hint=f"its own: {there or 'none'}")
    raise BadInput([f"there is no completed snapshot of {volume.host}"], hint="fab volume-snapshot takes one")


def leftovers(volume: JobVolume) -> list[dict[str, Any]]:
    """Return what EC2 says of the temporary volumes of restores to a host, of those that go on too."""
    tags = {**volume.identity(), VOLUME: TEMPORARY}
    filters = tag_filters(tags)
    with aws_errors(f"cannot ask EC2 about the volumes of {volume.host}"):
        found: list[dict[str, Any]] = volume.ec2.describe_volumes(Filters=filters)["Volumes"]
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Restore:
    """A restore of one host."""

    volume: JobVolume
    session: Session
    out: View

    def run(self, snapshot: Snapshot, path: str, *, in_place: bool) -> answers.Restored:
        """Copy `path` back; returns where it is. Raises `BadInput` where something is in the way, at no cost then."""
        wishes: RestoreRequest = {
            "verb": Verb.CHECK,
            "source": "",
            "snapshot": snapshot.id,
            "path": path,
            "in_place": in_place,
        }
        if going := self.sweep():
            hint = f"if it was cut off: `fab volume-status` cleans up, {FRESH // 60} minutes after its start"
            raise BadInput([f"a restore to {self.volume.host} goes on ({', '.join(going)})"], hint=hint)
        self.session.answer(wishes, answers.Done)
        with self._attached(snapshot) as source:
            for event in self.session.ask({**wishes, "verb": Verb.RESTORE, "source": source}):
                if event["event"] == Kind.COPYING:
                    self.out.now(f"copied {event['done'] / 2**20:,.0f} of {event['total'] / 2**20:,.0f} MiB")
                elif event["event"] == Kind.RESTORED:
                    return event
        raise GpurigError(f"{self.volume.host} did not say that {snapshot.id} was restored")

    def sweep(self) -> list[str]:
        """Give back what restores that were cut off have left; returns the volumes of those that go on."""
        going = []
        for row in leftovers(self.volume):
            source = row["VolumeId"]
            # Also where it is attached to no box any more: the copy in part may be on this one.
            said = self._release(source)
            age = time.time() - row["CreateTime"].timestamp()
            if said["busy"] or (not said["mounted"] and age < FRESH):
                going.append(source)
            else:
                self._give_back(source)
                self.out.tell(f"{source}, left by a restore that was cut off, is deleted: it costs nothing any more")
        return going

    @contextlib.contextmanager
    def _attached(self, snapshot: Snapshot) -> Iterator[str]:
        """Have a volume of a snapshot attached to the box; it is deleted however that ends."""
        ec2, instance = self.volume.ec2, self.volume.attached_to
        tags = {NAME: f"{self.volume.host.name}-restore", **self.volume.carried(), VOLUME: TEMPORARY}
        with aws_errors(f"cannot make a volume of {snapshot.id}"):
            source: str = ec2.create_volume(
                SnapshotId=snapshot.id,
                AvailabilityZone=self.volume.zone,
                VolumeType="gp3",
                TagSpecifications=[{"ResourceType": "volume", "Tags": tag_pairs(tags)}],
            )["VolumeId"]
        try:
            self.out.now(f"attaching {source}, made of {snapshot.id}")
            with aws_errors(f"cannot attach {source}, made of {snapshot.id}, to {instance}"):
                ec2.get_waiter("volume_available").wait(VolumeIds=[source], WaiterConfig={"Delay": 2})
                ec2.attach_volume(VolumeId=source, InstanceId=instance, Device=self._free_device())
                ec2.get_waiter("volume_in_use").wait(VolumeIds=[source], WaiterConfig={"Delay": 2})
            yield source
        except BaseException:
            self._let_go(source)
            raise
        finally:
            self._give_back(source)

    def _let_go(self, source: str) -> None:
        """Have a box whose restore was cut off unmount the volume: one that is mounted cannot be taken off it."""
        self.session.close()  # what copies there ends with its client
        deadline = time.monotonic() + LET_GO
        with contextlib.suppress(GpurigError):  # a box that does not answer: the next command looks again
            while self._release(source)["busy"] and time.monotonic() < deadline:
                time.sleep(0.5)

    def _release(self, source: str) -> answers.Released:
        return self.session.answer({"verb": Verb.RELEASE, "source": source}, answers.Released)

    def _free_device(self) -> str:
        filters = [{"Name": "attachment.instance-id", "Values": [self.volume.attached_to]}]
        disks = self.volume.ec2.describe_volumes(Filters=filters)["Volumes"]
        taken = {attachment["Device"] for disk in disks for attachment in disk["Attachments"]}
        return next(name for name in DEVICES if name not in taken)

    def _give_back(self, source: str) -> None:
        ec2 = self.volume.ec2
        with aws_errors(f"cannot delete {source}, which was made for the restore and costs money while it is there"):
            row = ec2.describe_volumes(VolumeIds=[source])["Volumes"][0]
            if row["Attachments"]:
                ec2.detach_volume(VolumeId=source)
            ec2.get_waiter("volume_available").wait(VolumeIds=[source], WaiterConfig={"Delay": 2})
            ec2.delete_volume(VolumeId=source)
