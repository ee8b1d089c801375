"""A zone without capacity: the next one is tried, as often as it takes, but no volume with jobs leaves its zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.infra.stack import SETTINGS, Stack, open_stack

pytestmark = pytest.mark.life


def no_capacity(stack: Stack) -> str:
    """Update in vain, as the zone has no capacity; return what was said."""
    stack.refuse("box")
    said = stack.refused("up", "--yes", "--skip-preview")
    assert "InsufficientInstanceCapacity" in said
    return said


def zone(stack: Stack, name: str) -> None:
    """Set the zone."""
    stack.pulumi("config", "set", "gpurig:zone", name)


def volume(stack: Stack) -> dict[str, Any]:
    """Return the only job volume."""
    (found,) = stack.job_volumes()
    return found


def test_zones_are_tried_in_turn_until_one_has_capacity(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        for name, value in SETTINGS.items():
            stack.pulumi("config", "set", f"gpurig:{name}", value)
        a_box_whose_volume_was_not_attached(stack)
        zone(stack, "us-east-1b")
        no_capacity(stack)
        # The box went with its volume: a zone is that of both.
        assert (stack.boxes(), volume(stack)["AvailabilityZone"]) == ([], "us-east-1b")
        zone(stack, "us-east-1c")
        assert "never attached and gives way" in stack.pulumi("preview")
        stack.pulumi("up", "--yes", "--skip-preview")
        box, used = stack.box(), volume(stack)
        assert (box["Placement"]["AvailabilityZone"], used["AvailabilityZone"]) == ("us-east-1c", "us-east-1c")
        assert used["Attachments"][0]["InstanceId"] == box["InstanceId"]
        stack.pulumi("refresh", "--yes", "--expect-no-changes")
        stack.pulumi("preview", "--expect-no-changes")
        a_volume_that_was_attached_stays(stack, used["VolumeId"])
        it_goes_the_way_that_the_refusal_names(stack, used["VolumeId"])


def a_box_whose_volume_was_not_attached(stack: Stack) -> None:
    """What a `pulumi up` leaves that ends between the launch and the attachment."""
    stack.cloud.fault("CreateTags", match={"Key": "gpurig:attached"}, code="UnauthorizedOperation")
    assert "UnauthorizedOperation" in stack.refused("up", "--yes", "--skip-preview")
    assert (stack.box()["State"]["Name"], volume(stack)["State"]) == ("running", "available")


def a_volume_that_was_attached_stays(stack: Stack, volume_id: str) -> None:
    """The box is lost, and there is no capacity for a new one: the volume is as free as a blank one."""
    stack.ec2.terminate_instances(InstanceIds=[stack.box()["InstanceId"]])
    stack.pulumi("refresh", "--yes")
    no_capacity(stack)
    assert stack.boxes() == []
    assert (volume(stack)["VolumeId"], volume(stack)["State"]) == (volume_id, "available")
    zone(stack, "us-east-1b")
    said = stack.refused("preview")
    assert f'gpurig:zone: "us-east-1b", and the job volume of "box", {volume_id}' in said
    assert "to stay there: pulumi config set gpurig:zone us-east-1c" in said
    assert "to move: pulumi destroy, then pulumi up; the job volume follows by its snapshot" in said
    stack.refused("up", "--yes", "--skip-preview")
    assert volume(stack)["VolumeId"] == volume_id


def it_goes_the_way_that_the_refusal_names(stack: Stack, volume_id: str) -> None:
    """Both ways, word for word."""
    zone(stack, "us-east-1c")
    stack.pulumi("up", "--yes", "--skip-preview")
    assert volume(stack)["Attachments"][0]["InstanceId"] == stack.box()["InstanceId"]
    zone(stack, "us-east-1b")
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.job_volumes() == []
    (last,) = [one for one in stack.snapshots() if one["VolumeId"] == volume_id]
    stack.pulumi("up", "--yes", "--skip-preview")
    moved = volume(stack)
    assert (moved["AvailabilityZone"], moved["SnapshotId"]) == ("us-east-1b", last["SnapshotId"])
    assert stack.box()["Placement"]["AvailabilityZone"] == "us-east-1b"
