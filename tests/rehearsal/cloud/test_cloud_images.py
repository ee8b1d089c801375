"""Images of instances: what EC2 shows of them, what it refuses, and what the hypervisor is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.errors import RehearsalError
from tests.kit.cloud import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kit.cloud import Wired

ROOT = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "Encrypted": True}}
JOBS = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 5}}


def make(ec2: Any, instance: str, name: str = "one", **more: Any) -> str:
    image: str = ec2.create_image(**{"InstanceId": instance, "Name": name, "NoReboot": True, **more})["ImageId"]
    return image


def shown(ec2: Any, image: str) -> dict[str, Any]:
    row: dict[str, Any] = ec2.describe_images(ImageIds=[image])["Images"][0]
    return row


def wait(ec2: Any, image: str, state: str = "available") -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while (row := shown(ec2, image))["State"] != state:
        assert time.monotonic() < deadline, row
        time.sleep(0.02)
    return row


def image_calls(wired: Wired) -> list[tuple[Any, ...]]:
    return [call for call in wired.hypervisor.calls if call[0].endswith("_image")]


def test_an_image_lives_with_its_snapshot_and_its_tags(wired: Wired) -> None:
    ec2 = wired.ec2
    instance = run(ec2, BlockDeviceMappings=[ROOT])["InstanceId"]
    tags = {kind: [{"Key": "kind", "Value": kind}] for kind in ("image", "snapshot")}
    specifications = [{"ResourceType": kind, "Tags": rows} for kind, rows in tags.items()]
    image = make(ec2, instance, TagSpecifications=specifications)
    row = wait(ec2, image)
    (root,) = row["BlockDeviceMappings"]
    assert (row["SourceInstanceId"], row["Tags"], root["DeviceName"]) == (instance, tags["image"], "/dev/sda1")
    assert (root["Ebs"]["VolumeSize"], root["Ebs"]["Encrypted"]) == (20, True)
    found = ec2.describe_images(Owners=["self"], Filters=[{"Name": "tag:kind", "Values": ["image"]}])["Images"]
    assert [one["ImageId"] for one in found] == [image]
    snapshot = ec2.describe_snapshots(SnapshotIds=[root["Ebs"]["SnapshotId"]])["Snapshots"][0]
    assert (snapshot["State"], snapshot["VolumeSize"], snapshot["Tags"]) == ("completed", 20, tags["snapshot"])
    with pytest.raises(ClientError, match=r"InvalidSnapshot\.InUse"):
        ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
    ec2.deregister_image(ImageId=image)
    ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
    assert image_calls(wired) == [("create_image", image, instance), ("delete_image", image)]
    assert ec2.describe_images(Owners=["self"])["Images"] == []


def test_an_image_is_pending_and_boots_nothing_until_its_bytes_are_kept(wired: Wired) -> None:
    ec2 = wired.ec2
    instance = run(ec2)["InstanceId"]

    def meanwhile() -> tuple[str, str]:
        row = wired.ec2.describe_images(Owners=["self"])["Images"][0]
        try:
            run(wired.ec2, ImageId=row["ImageId"])
        except ClientError as error:
            return row["State"], error.response["Error"]["Code"]
        return row["State"], "it was launched"

    wired.hypervisor.during["create_image"] = meanwhile
    wait(ec2, make(ec2, instance))
    assert wired.hypervisor.seen == [("pending", "InvalidAMIID.Unavailable")]


def test_a_box_boots_from_an_image_whose_root_volume_fits(wired: Wired) -> None:
    ec2 = wired.ec2
    image = make(ec2, run(ec2, BlockDeviceMappings=[ROOT])["InstanceId"])
    wait(ec2, image)
    small = {**ROOT, "Ebs": {"VolumeSize": 19}}
    with pytest.raises(ClientError, match="expect size >= 20GB"):
        run(ec2, ImageId=image, BlockDeviceMappings=[small])
    run(ec2, ImageId=image)
    assert wired.hypervisor.specs[-1].image_id == image


def test_an_image_that_fails_says_why(wired: Wired) -> None:
    ec2 = wired.ec2
    instance = run(ec2)["InstanceId"]
    wired.hypervisor.fail["create_image"] = RehearsalError("no space left")
    row = wait(ec2, make(ec2, instance), "failed")
    assert row["StateReason"]["Message"] == "no space left"
    ec2.deregister_image(ImageId=row["ImageId"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (make, r"InvalidAMIName\.Duplicate.*one is already in use"),
        (lambda ec2, instance: make(ec2, instance, "two", NoReboot=False), "EC2 would restart it"),
        (
            lambda ec2, instance: make(ec2, instance, "two", BlockDeviceMappings=[]),
            "EC2 would put /dev/sdf into the image too",
        ),
    ],
)
def test_what_is_refused(wired: Wired, change: Callable[[Any, str], Any], message: str) -> None:
    ec2 = wired.ec2
    instance = run(ec2, BlockDeviceMappings=[ROOT, JOBS])["InstanceId"]
    without_jobs = [{"DeviceName": "/dev/sdf", "NoDevice": ""}]
    wait(ec2, make(ec2, instance, BlockDeviceMappings=without_jobs))
    with pytest.raises(ClientError, match=message):
        change(ec2, instance)
    assert len(ec2.describe_images(Owners=["self"])["Images"]) == 1


def test_a_terminated_instance_gives_no_image(wired: Wired) -> None:
    ec2 = wired.ec2
    instance = run(ec2)["InstanceId"]
    ec2.terminate_instances(InstanceIds=[instance])
    with pytest.raises(ClientError, match="IncorrectState"):
        make(ec2, instance)
