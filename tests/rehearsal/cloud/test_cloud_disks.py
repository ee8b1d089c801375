"""What the hypervisor is told of volumes and snapshots, and what is left where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.errors import CannotBoot
from tests.kit.cloud import UBUNTU, run

if TYPE_CHECKING:
    from tests.kit.cloud import Wired

ZONE = "us-east-1a"


def volume(ec2: Any, **more: Any) -> str:
    identifier: str = ec2.create_volume(**{"AvailabilityZone": ZONE, "Size": 10, **more})["VolumeId"]
    return identifier


def test_a_disk_lives_with_its_volume(wired: Wired) -> None:
    ec2, hypervisor = wired.ec2, wired.hypervisor
    instance = run(ec2)["InstanceId"]
    hypervisor.calls.clear()
    made = volume(ec2)
    ec2.modify_volume(VolumeId=made, Size=20)
    ec2.modify_volume(VolumeId=made, Iops=4000)
    ec2.attach_volume(VolumeId=made, InstanceId=instance, Device="/dev/sdf")
    snapshot = ec2.create_snapshot(VolumeId=made)["SnapshotId"]
    ec2.detach_volume(VolumeId=made)
    ec2.delete_volume(VolumeId=made)
    restored = volume(ec2, SnapshotId=snapshot, Size=25)
    ec2.delete_snapshot(SnapshotId=snapshot)
    assert hypervisor.calls == [
        ("create_volume", made, 10, None),
        ("grow_volume", made, 20),
        ("attach", instance, made),
        ("create_snapshot", snapshot, made),
        ("detach", instance, made),
        ("delete_volume", made),
        ("create_volume", restored, 25, snapshot),
        ("delete_snapshot", snapshot),
    ]


def test_a_snapshot_is_pending_until_its_bytes_are_kept(wired: Wired) -> None:
    ec2, hypervisor = wired.ec2, wired.hypervisor
    made = volume(ec2)

    def pending() -> list[str]:
        return [one["State"] for one in wired.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]]

    hypervisor.during["create_snapshot"] = pending
    assert ec2.create_snapshot(VolumeId=made)["State"] == "completed"
    assert hypervisor.seen == [["pending"]]


def test_an_image_snapshot_gives_a_blank_disk(wired: Wired) -> None:
    image = wired.ec2.describe_images(ImageIds=[UBUNTU])["Images"][0]
    made = volume(wired.ec2, SnapshotId=image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])
    assert wired.hypervisor.calls == [("create_volume", made, 10, None)]


def test_the_end_of_an_instance_unplugs_its_disks_first(wired: Wired) -> None:
    ec2, hypervisor = wired.ec2, wired.hypervisor
    given = {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 2}}
    instance = run(ec2, BlockDeviceMappings=[given])["InstanceId"]
    own = next(call[1] for call in hypervisor.calls if call[0] == "create_volume")
    kept = volume(ec2)
    ec2.attach_volume(VolumeId=kept, InstanceId=instance, Device="/dev/sdf")
    assert hypervisor.calls[:3] == [("launch", instance), ("create_volume", own, 2, None), ("attach", instance, own)]
    hypervisor.calls.clear()
    ec2.terminate_instances(InstanceIds=[instance])
    assert hypervisor.calls == [
        ("stop", instance),
        ("detach", instance, own),
        ("detach", instance, kept),
        ("terminate", instance),
        ("delete_volume", own),
    ]
    assert [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]] == [kept]


@pytest.mark.parametrize(
    ("failing", "call"),
    [
        ("create_volume", lambda ec2, _: volume(ec2)),
        ("create_snapshot", lambda ec2, made: ec2.create_snapshot(VolumeId=made)),
        ("grow_volume", lambda ec2, made: ec2.modify_volume(VolumeId=made, Size=99)),
        ("delete_volume", lambda ec2, made: ec2.delete_volume(VolumeId=made)),
    ],
)
def test_what_the_machine_room_cannot_do_has_not_happened(wired: Wired, failing: str, call: Any) -> None:
    ec2 = wired.ec2
    made = volume(ec2)
    wired.hypervisor.fail[failing] = CannotBoot("disk full")
    with pytest.raises(ClientError, match="disk full"):
        call(ec2, made)
    (left,) = ec2.describe_volumes()["Volumes"]
    assert (left["VolumeId"], left["Size"], left["State"]) == (made, 10, "available")
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
