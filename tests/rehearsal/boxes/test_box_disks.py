"""EBS volumes: hot plugging, snapshots, growth, and what survives a reboot, a stop and a power cut."""

from __future__ import annotations

import dataclasses
import queue
from typing import TYPE_CHECKING

import pytest

from rehearsal.errors import RehearsalError
from tests.kit.wait import until
from tests.rehearsal.boxes.machine import launch

if TYPE_CHECKING:
    from rehearsal.boxes import Boxes
    from tests.rehearsal.boxes.machine import Machine

pytestmark = pytest.mark.box

SOON = "sudo systemd-run --quiet --on-active=0.1 --timer-property=AccuracySec=10ms"
"""Lets the SSH command that orders a shutdown end before the connection does."""


def device(volume_id: str) -> str:
    return f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume_id.replace('-', '')}"


def boot_id(machine: Machine) -> str:
    return machine.run("cat /proc/sys/kernel/random/boot_id")


def test_volume_carries_its_bytes_through_a_snapshot(room: Boxes, machine: Machine, blank_volume: str) -> None:
    room.attach(machine.instance_id, blank_volume)
    disk = device(blank_volume)
    machine.run(f"sudo mkfs.ext4 -q {disk} && sudo mkdir -p /data && sudo mount {disk} /data")
    wrote = machine.run("sudo dd if=/dev/urandom of=/data/jobs bs=1M count=8 status=none; sha256sum /data/jobs")
    machine.run("sudo umount /data")
    room.detach(machine.instance_id, blank_volume)
    assert machine.run(f"test -e {disk} || echo gone") == "gone"
    room.create_snapshot("snap-0a", blank_volume)
    room.delete_volume(blank_volume)

    room.create_volume("vol-0restored", 2, "snap-0a")
    room.attach(machine.instance_id, "vol-0restored")
    disk = device("vol-0restored")
    assert int(machine.run(f"sudo blockdev --getsize64 {disk}")) == 2 << 30
    # By UUID, as an fstab would: libblkid must find the disk without udev.
    machine.run(f"sudo mount UUID=$(sudo blkid -o value -s UUID {disk}) /data")
    assert machine.run("sha256sum /data/jobs") == wrote
    machine.run("sudo umount /data")
    room.detach(machine.instance_id, "vol-0restored")


def test_volume_grows_under_the_box(room: Boxes, machine: Machine, blank_volume: str) -> None:
    room.attach(machine.instance_id, blank_volume)
    room.grow_volume(blank_volume, 3)
    assert int(machine.run(f"sudo blockdev --getsize64 {device(blank_volume)}")) == 3 << 30
    with pytest.raises(RehearsalError, match="only grows"):
        room.grow_volume(blank_volume, 2)
    room.detach(machine.instance_id, blank_volume)


def test_mounted_volume_is_not_pulled_out(room: Boxes, machine: Machine, blank_volume: str) -> None:
    room.attach(machine.instance_id, blank_volume)
    disk = device(blank_volume)
    machine.run(f"sudo mkfs.ext4 -q {disk} && sudo mount {disk} /mnt")
    with pytest.raises(RehearsalError, match="unmount it in the box, or stop the instance"):
        room.detach(machine.instance_id, blank_volume)
    with pytest.raises(RehearsalError, match="is attached"):
        room.delete_volume(blank_volume)
    assert machine.run("findmnt --noheadings --output FSTYPE /mnt") == "ext4"
    machine.run("sudo umount /mnt")
    room.detach(machine.instance_id, blank_volume)


def test_reboot_from_within_keeps_root_and_disks(room: Boxes, machine: Machine, blank_volume: str) -> None:
    room.attach(machine.instance_id, blank_volume)
    before = boot_id(machine)
    machine.run(f"echo kept | sudo tee /etc/marker; {SOON} systemctl reboot")
    until(lambda: boot_id(machine) != before, pause=0.2)
    assert machine.run("cat /etc/marker") == "kept"
    assert machine.run(f"test -b {device(blank_volume)} && echo there") == "there"
    assert machine.run("systemctl is-system-running --wait") == "running"
    room.detach(machine.instance_id, blank_volume)


def test_reboot_stop_and_power_cut(room: Boxes, machine: Machine, blank_volume: str) -> None:
    room.attach(machine.instance_id, blank_volume)
    seen = [boot_id(machine)]
    machine.run("echo kept | sudo tee /etc/marker && sync")
    room.reboot(machine.instance_id)
    seen.append(boot_id(machine))
    room.stop(machine.instance_id)
    assert not machine.answers(22)
    before = dataclasses.replace(machine)
    machine.address = room.allocate_address()
    room.start(machine.instance_id, machine.address)
    seen.append(boot_id(machine))
    assert not before.answers(22)
    room.kill(machine.instance_id)
    room.start(machine.instance_id, machine.address)
    seen.append(boot_id(machine))
    assert len(set(seen)) == 4
    assert machine.run("cat /etc/marker") == "kept"
    assert machine.run(f"test -b {device(blank_volume)} && echo there") == "there"
    room.detach(machine.instance_id, blank_volume)


def test_disks_of_a_stopped_box_can_be_changed(room: Boxes, machine: Machine, blank_volume: str) -> None:
    room.stop(machine.instance_id)
    room.attach(machine.instance_id, blank_volume)
    room.start(machine.instance_id, machine.address)
    assert machine.run(f"test -b {device(blank_volume)} && echo there") == "there"
    room.stop(machine.instance_id)
    room.detach(machine.instance_id, blank_volume)
    room.start(machine.instance_id, machine.address)
    assert machine.run(f"test -e {device(blank_volume)} || echo gone") == "gone"


def test_box_that_switches_itself_off_is_noticed(room: Boxes) -> None:
    noticed: queue.Queue[str] = queue.Queue()
    room.watch(noticed.put)
    machine = launch(room)
    machine.run(f"{SOON} systemctl poweroff")
    assert noticed.get(timeout=30) == machine.instance_id
    room.terminate(machine.instance_id)
    assert noticed.empty()


def test_ids_that_are_none_touch_nothing(room: Boxes, machine: Machine) -> None:
    with pytest.raises(RehearsalError, match="not an EC2 id"):
        room.create_volume("../vol-1", 1, None)
    with pytest.raises(RehearsalError, match="vol-0absent does not exist"):
        room.attach(machine.instance_id, "vol-0absent")
    with pytest.raises(RehearsalError, match="snap-0absent does not exist"):
        room.create_volume("vol-0b", 1, "snap-0absent")
    with pytest.raises(RehearsalError, match="i-0absent has no box"):
        room.stop("i-0absent")
    room.terminate("i-0absent")
