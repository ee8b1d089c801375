"""Volumes and attachments on their way out: what is kept, and what is stopped first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.rehearsal.provider.examples import EXAMPLES

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud
    from tests.rehearsal.provider.world import World

VOLUME, ATTACHMENT = EXAMPLES["volume"].token, EXAMPLES["attachment"].token


def _snapshots(cloud: Cloud) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return found


def test_a_final_snapshot_is_complete_tagged_like_the_volume_and_restores(cloud: Cloud, world: World) -> None:
    volume = world.plugin.create(VOLUME, {**world.inputs("volume"), "finalSnapshot": True})
    world.plugin.delete(volume)
    (snapshot,) = _snapshots(cloud)
    assert snapshot["State"] == "completed"
    assert snapshot["VolumeSize"] == 20
    tags = {tag["Key"]: tag["Value"] for tag in snapshot["Tags"]}
    assert tags == {"Name": "jobs", "project": "gpurig", "stack": "dev"}
    assert world.plugin.read(volume).id == ""
    restored = {"availabilityZone": "us-east-1a", "snapshotId": snapshot["SnapshotId"], "type": "gp3"}
    assert world.plugin.create(VOLUME, restored).outputs["size"] == 20


def test_a_failed_final_snapshot_keeps_the_volume(cloud: Cloud, world: World) -> None:
    volume = world.plugin.create(VOLUME, {**world.inputs("volume"), "finalSnapshot": True})
    cloud.fault("CreateSnapshot", code="SnapshotLimitExceeded")
    with pytest.raises(grpc.RpcError, match="SnapshotLimitExceeded"):
        world.plugin.delete(volume)
    assert world.plugin.read(volume).id == volume.id


def test_without_one_nothing_is_left(cloud: Cloud, world: World) -> None:
    world.plugin.delete(world.make("volume"))
    assert _snapshots(cloud) == []


def test_the_instance_is_stopped_before_its_disk_is_pulled(cloud: Cloud, world: World) -> None:
    attachment = world.plugin.create(ATTACHMENT, world.inputs("attachment", stopInstanceBeforeDetaching=True))
    world.plugin.delete(attachment)
    assert world.plugin.read(world.make("instance")).outputs["instanceState"] == "stopped"
    order = [call["action"] for call in cloud.calls() if call["action"] in ("StopInstances", "DetachVolume")]
    assert order == ["StopInstances", "DetachVolume"]


def test_a_box_that_was_terminated_by_hand_fails_the_detaching_until_a_refresh(cloud: Cloud, world: World) -> None:
    attachment = world.plugin.create(ATTACHMENT, world.inputs("attachment", stopInstanceBeforeDetaching=True))
    cloud.client("ec2").terminate_instances(InstanceIds=[attachment.inputs["instanceId"]])
    with pytest.raises(grpc.RpcError, match=r"StopInstances.*IncorrectInstanceState"):
        world.plugin.delete(attachment)
    assert world.plugin.read(attachment).id == ""


def test_it_goes_on_running_where_that_was_not_asked(world: World) -> None:
    world.plugin.delete(world.make("attachment"))
    assert world.plugin.read(world.make("instance")).outputs["instanceState"] == "running"


def test_skip_destroy_leaves_the_disk_in_place(cloud: Cloud, world: World) -> None:
    attachment = world.plugin.create(ATTACHMENT, world.inputs("attachment", skipDestroy=True))
    world.plugin.delete(attachment)
    assert not cloud.calls("DetachVolume")
    assert world.plugin.read(attachment).id == attachment.id
