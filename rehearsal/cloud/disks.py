"""Volumes, snapshots and their bytes. A root volume is a record only: its bytes are the box's own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from moto.ec2.models.elastic_block_store import Snapshot

from rehearsal.cloud.hooks import parameter, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.hypervisor import Hypervisor

SECONDS = "rehearsal:snapshot-seconds"
"""A volume with this tag has its snapshots copied for so long, as EC2 takes minutes to hours for a full one."""


class _Copied(Snapshot):  # type: ignore[misc] # moto has no types
    """A snapshot that has its bytes, and is copied for a while all the same."""

    began = ends = 0.0

    @property
    def progress(self) -> str:
        done = (time.monotonic() - self.began) / (self.ends - self.began)
        return f"{min(100, int(100 * done))}%"

    @property
    def status(self) -> str:
        return "completed" if time.monotonic() >= self.ends else "pending"


class Disks:
    """The disks of one cloud; its methods are hooks, as those of `Machines`."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._disks: set[str] = set()
        self._snapshots: set[str] = set()
        self._plugged: dict[str, str] = {}
        """The instance that each plugged disk is in."""

    def of(self, instance_id: str) -> list[str]:
        """Return the disks plugged into a box."""
        return [volume for volume, instance in self._plugged.items() if instance == instance_id]

    def create_volume(self, proceed: Callable[[], Any], response: Any) -> Any:
        """Make the disk of a new volume, of a completed snapshot or none; where that fails there is no volume."""
        source = response.ec2_backend.snapshots.get(parameter(response, "SnapshotId"))
        if source and source.status != "completed":
            raise refusal("IncorrectState", f"Snapshot is in invalid state - {source.status}")
        result = proceed()
        volume = result.result
        try:
            self._make(volume)
        except Exception:
            response.ec2_backend.volumes.pop(volume.id)
            raise
        return result

    def _make(self, volume: Any) -> None:
        # The snapshots of images have no bytes here: boxes boot from roots.
        snapshot_id = volume.snapshot_id if volume.snapshot_id in self._snapshots else None
        self._hypervisor.create_volume(volume.id, volume.size, snapshot_id)
        self._disks.add(volume.id)

    def launched(self, instance: Any) -> None:
        """Make and plug the disks that an instance was launched with, beside its root volume."""
        for device, block in instance.get_block_device_mapping:
            if device != instance.root_device_name:
                self._make(instance.ec2_backend.get_volume(block.volume_id))
                self._plug(instance.id, block.volume_id)

    def modify_volume(self, proceed: Callable[[], Any], response: Any) -> Any:
        """Enlarge the disk of a volume that grew."""
        volume = response.ec2_backend.get_volume(parameter(response, "VolumeId"))
        before = volume.size
        result = proceed()
        if volume.id in self._disks and volume.size > before:
            try:
                self._hypervisor.grow_volume(volume.id, volume.size)
            except Exception:
                volume.size = before
                raise
        return result

    def delete_volume(self, proceed: Callable[[], Any], backend: Any, volume_id: str) -> Any:
        """Drop the disk of a volume that nothing uses; what is in use moto refuses."""
        volume = backend.volumes.get(volume_id)
        if volume_id in self._disks and volume and not volume.attachment:
            self._hypervisor.delete_volume(volume_id)
            self._disks.discard(volume_id)
        return proceed()

    def attach_volume(self, proceed: Callable[[], Any], _: Any, volume_id: str, instance_id: str, *_rest: Any) -> Any:
        """Plug a disk in, then say so."""
        if volume_id in self._disks:
            self._plug(instance_id, volume_id)
        return proceed()

    def _plug(self, instance_id: str, volume_id: str) -> None:
        self._hypervisor.attach(instance_id, volume_id)
        self._plugged[volume_id] = instance_id

    def detach_volume(self, proceed: Callable[[], Any], _: Any, volume_id: str, *_rest: Any) -> Any:
        """Unplug a disk, then say so."""
        self._unplug(volume_id)
        return proceed()

    def unplug_all(self, instance_id: str) -> None:
        """Unplug every disk of a box."""
        for volume_id in self.of(instance_id):
            self._unplug(volume_id)

    def _unplug(self, volume_id: str) -> None:
        if volume_id in self._plugged:
            self._hypervisor.detach(self._plugged[volume_id], volume_id)
            del self._plugged[volume_id]

    def create_snapshot(
        self, proceed: Callable[[], Any], backend: Any, volume_id: str, *_rest: Any, **_named: Any
    ) -> Any:
        """Keep the bytes of a volume that has some; the snapshot is pending until they are kept."""
        snapshot = proceed()
        if volume_id in self._disks:
            snapshot.status = "pending"
            try:
                self._hypervisor.create_snapshot(snapshot.id, volume_id)
            except Exception:
                backend.snapshots.pop(snapshot.id)
                raise
            self._snapshots.add(snapshot.id)
            snapshot.status = "completed"
            tags = {tag["key"]: tag["value"] for tag in snapshot.volume.get_tags()}
            if SECONDS in tags:
                snapshot.__class__ = _Copied
                snapshot.began = time.monotonic()
                snapshot.ends = snapshot.began + float(tags[SECONDS])
        return snapshot

    def delete_snapshot(self, proceed: Callable[[], Any], _: Any, snapshot_id: str) -> Any:
        """Drop a snapshot's bytes once moto has let it go."""
        result = proceed()
        if snapshot_id in self._snapshots:
            self._hypervisor.delete_snapshot(snapshot_id)
            self._snapshots.discard(snapshot_id)
        return result
