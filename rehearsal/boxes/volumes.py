"""EBS volumes and snapshots as sparse files, and the loop devices that make disks of them."""

from __future__ import annotations

import errno
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from rehearsal.boxes.run import run
from rehearsal.errors import RehearsalError

GIB = 1 << 30


class Volumes:
    """The disks of one state folder: `volumes/<id>.img` and `snapshots/<id>.img`, which live until they are deleted."""

    def __init__(self, state: Path) -> None:
        self._volumes, self._snapshots = state / "volumes", state / "snapshots"
        for folder in (self._volumes, self._snapshots):
            folder.mkdir(parents=True, exist_ok=True)

    def image(self, volume_id: str) -> Path:
        """Return the volume's file. RehearsalError if there is no such volume."""
        return _existing(self._volumes / f"{volume_id}.img")

    def create(self, volume_id: str, size_gib: int, snapshot_id: str | None) -> None:
        """Make a volume, blank or with a snapshot's bytes; RehearsalError if the snapshot is larger."""
        path, fresh = self._volumes / f"{volume_id}.img", self._volumes / f".{volume_id}.new"
        if snapshot_id is not None:
            source = _existing(self._snapshots / f"{snapshot_id}.img")
            if source.stat().st_size > size_gib * GIB:
                raise RehearsalError(f"{volume_id}: {size_gib} GiB is smaller than {snapshot_id}")
            _copy(source, fresh)
        with fresh.open("ab") as file:
            file.truncate(size_gib * GIB)
        fresh.replace(path)

    def grow(self, volume_id: str, size_gib: int) -> None:
        """Enlarge a volume and tell the loop device on it, if there is one; RehearsalError if that would shrink it."""
        path = self.image(volume_id)
        if path.stat().st_size > size_gib * GIB:
            raise RehearsalError(f"{volume_id} cannot shrink to {size_gib} GiB: a volume only grows")
        os.truncate(path, size_gib * GIB)
        for device in loop_devices(path):
            run("losetup", "--set-capacity", device)

    def delete(self, volume_id: str) -> None:
        """Drop a volume; RehearsalError while it is attached."""
        path = self._volumes / f"{volume_id}.img"
        if path.exists() and loop_devices(path):
            raise RehearsalError(f"{volume_id} is attached: detach it first")
        path.unlink(missing_ok=True)

    def snapshot(self, snapshot_id: str, volume_id: str) -> None:
        """Keep the volume's bytes as they are: those of a disk whose plug is pulled now, as with EBS."""
        path, fresh = self.image(volume_id), self._snapshots / f".{snapshot_id}.new"
        for device in loop_devices(path):
            run("blockdev", "--flushbufs", device)
        _copy(path, fresh)
        fresh.replace(self._snapshots / f"{snapshot_id}.img")

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Drop a snapshot, if it is there."""
        (self._snapshots / f"{snapshot_id}.img").unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A volume plugged into a box: the loop device outside is NVMe disk number `slot` inside."""

    volume_id: str
    device: Path
    slot: int

    @property
    def plug(self) -> str:
        """Shell lines that make the disk's nodes and udev's link in the /dev that is the working directory.

        The node named as outside is what libblkid scans for: without it `mount UUID=…` finds nothing.
        """
        number = os.minor(self.device.stat().st_rdev)
        nodes = "".join(
            f"mknod -m 660 {name} b 7 {number}; chgrp disk {name}; " for name in (self._name, self.device.name)
        )
        return f"{nodes}mkdir -p disk/by-id; ln -sfn ../../{self._name} disk/by-id/{self._link}; "

    @property
    def unplug(self) -> str:
        """Shell lines that undo `plug`."""
        return f"rm -f {self._name} {self.device.name} disk/by-id/{self._link}; "

    @property
    def _name(self) -> str:
        return f"nvme{self.slot}n1"

    @property
    def _link(self) -> str:
        return f"nvme-Amazon_Elastic_Block_Store_{self.volume_id.replace('-', '')}"


def attach_loop(image: Path) -> Path:
    """Make a loop device of a file and return it."""
    return Path(run("losetup", "--find", "--show", image).strip())


def loop_devices(image: Path) -> list[Path]:
    """Return the loop devices on a file."""
    return [Path(line) for line in run("losetup", "--noheadings", "--output", "NAME", "--associated", image).split()]


def release_loop(image: str | Path) -> None:
    """Detach a file's loop device, if it has one; RehearsalError if something still has it mounted.

    A loop device in use would only be marked for later, and the file with it: so ask for it alone first.
    """
    path = Path(image)
    if not path.exists():
        return
    for device in loop_devices(path):
        wait_until_unused(device)
        run("losetup", "--detach", device)


def wait_until_unused(device: Path, seconds: float = 2) -> None:
    """Return when nothing has the block device mounted; RehearsalError if that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            if time.monotonic() > deadline:
                raise RehearsalError(
                    f"{device} is still mounted: unmount it in the box, or stop the instance"
                ) from None
            time.sleep(0.05)
        else:
            return


def _copy(source: Path, target: Path) -> None:
    run("cp", "--reflink=auto", "--sparse=auto", source, target, timeout=3600)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise RehearsalError(f"{path.stem} does not exist")
    return path


def check_id(value: str) -> str:
    """Return an EC2 id, which becomes a file name, as it is; RehearsalError if it is none."""
    if not re.fullmatch(r"[a-z]+-[0-9a-z]+", value):
        raise RehearsalError(f"{value!r} is not an EC2 id")
    return value
