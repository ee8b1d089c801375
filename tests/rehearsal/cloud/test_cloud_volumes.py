"""Volumes and snapshots: defaults, refusals, and what a snapshot remembers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.cloud import run, subnet

ZONE = "us-east-1a"


def make(ec2: Any, **more: Any) -> str:
    identifier: str = ec2.create_volume(**{"AvailabilityZone": ZONE, "Size": 10, "VolumeType": "gp3", **more})[
        "VolumeId"
    ]
    return identifier


def volume(ec2: Any, identifier: str) -> dict[str, Any]:
    shown: dict[str, Any] = ec2.describe_volumes(VolumeIds=[identifier])["Volumes"][0]
    return shown


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    """Return code and message that a call is refused with."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    refusal = error.value.response["Error"]
    return refusal["Code"], refusal["Message"]


def test_a_volume_grows_but_does_not_shrink(ec2: Any) -> None:
    identifier = make(ec2)
    ec2.modify_volume(VolumeId=identifier, Size=20)
    assert volume(ec2, identifier)["Size"] == 20
    code, message = refused(ec2.modify_volume, VolumeId=identifier, Size=15)
    assert (code, message) == ("InvalidParameterValue", "New size cannot be smaller than existing size: 20 GiB")
    assert volume(ec2, identifier)["Size"] == 20


def test_a_snapshot_remembers_its_volume_as_it_was(ec2: Any) -> None:
    identifier = make(ec2, Encrypted=True)
    snapshot = ec2.create_snapshot(VolumeId=identifier)["SnapshotId"]
    ec2.modify_volume(VolumeId=identifier, Size=20)
    ec2.delete_volume(VolumeId=identifier)
    shown = ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert (shown["VolumeSize"], shown["State"], shown["Progress"]) == (10, "completed", "100%")
    assert (shown["VolumeId"], shown["Encrypted"]) == (identifier, True)


def test_a_volume_from_a_snapshot_is_at_least_as_large_and_as_encrypted(ec2: Any) -> None:
    source = make(ec2, Encrypted=True)
    snapshot = ec2.create_snapshot(VolumeId=source)["SnapshotId"]
    code, message = refused(ec2.create_volume, AvailabilityZone=ZONE, Size=9, SnapshotId=snapshot)
    assert code == "InvalidParameterValue"
    assert message == f"Volume of size 9GB is smaller than snapshot '{snapshot}', expect size >= 10GB"
    restored = volume(ec2, ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=snapshot)["VolumeId"])
    assert (restored["Size"], restored["Encrypted"], restored["SnapshotId"]) == (10, True, snapshot)
    assert volume(ec2, make(ec2, Size=30, SnapshotId=snapshot))["Size"] == 30


def test_only_the_snapshots_of_the_owners_asked_for(ec2: Any) -> None:
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "project", "Value": "p"}]}]
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    snapshot = ec2.create_snapshot(VolumeId=make(ec2), TagSpecifications=tags)["SnapshotId"]
    mine = ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "tag:project", "Values": ["p"]}])["Snapshots"]
    assert [one["SnapshotId"] for one in mine] == [snapshot]
    assert {one["OwnerId"] for one in ec2.describe_snapshots(OwnerIds=["099720109477"])["Snapshots"]} == {
        "099720109477"
    }
    assert {one["OwnerId"] for one in ec2.describe_snapshots()["Snapshots"]} > {"123456789012", "099720109477"}


def test_attachments_that_ec2_refuses(ec2: Any) -> None:
    here = run(ec2, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet(ec2, ZONE)}])["InstanceId"]
    there = run(ec2, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet(ec2, "us-east-1b")}])["InstanceId"]
    one, other = make(ec2), make(ec2)

    def attach(identifier: str, instance: str, device: str = "/dev/sdf") -> str:
        return refused(ec2.attach_volume, VolumeId=identifier, InstanceId=instance, Device=device)[0]

    assert attach(one, there) == "InvalidVolume.ZoneMismatch"
    ec2.attach_volume(VolumeId=one, InstanceId=here, Device="/dev/sdf")
    assert attach(one, here, "/dev/sdg") == "VolumeInUse"
    assert attach(other, here) == "InvalidParameterValue"
    assert refused(ec2.delete_volume, VolumeId=one)[0] == "VolumeInUse"
    ec2.terminate_instances(InstanceIds=[here])
    assert volume(ec2, one)["State"] == "available"
    assert attach(other, here, "/dev/sdh") == "IncorrectState"


def test_detachments_that_ec2_refuses(ec2: Any) -> None:
    instance = run(ec2)
    identifier, here = make(ec2), instance["InstanceId"]
    code, message = refused(ec2.detach_volume, VolumeId=identifier)
    assert (code, message) == ("IncorrectState", f"Volume '{identifier}' is in the 'available' state.")
    ec2.attach_volume(VolumeId=identifier, InstanceId=here, Device="/dev/sdf")
    for wrong in ({"Device": "/dev/sdg"}, {"InstanceId": run(ec2)["InstanceId"]}):
        assert refused(ec2.detach_volume, VolumeId=identifier, **wrong)[0] == "InvalidAttachment.NotFound"
    root = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert refused(ec2.detach_volume, VolumeId=root)[0] == "OperationNotPermitted"
    ec2.detach_volume(VolumeId=identifier)  # the volume alone says which attachment
    assert volume(ec2, identifier)["State"] == "available"
