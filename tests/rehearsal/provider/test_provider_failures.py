"""What goes wrong at AWS: nothing billed is lost, nothing half-done is called done, and the words are AWS's own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import grpc
import pytest

from rehearsal.provider.wire import plain
from tests.rehearsal.provider.examples import EXAMPLES
from tests.rehearsal.provider.plugin import Resource, partial_failure

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud
    from tests.rehearsal.provider.world import World


def _failure(caught: pytest.ExceptionInfo[grpc.RpcError], token: str) -> Resource:
    """Return the unfinished resource as an engine would record it."""
    failure = partial_failure(caught.value)
    assert failure is not None, caught.value.details()
    return Resource(token, failure.id, plain(failure.inputs), plain(failure.properties))


def test_a_refused_creation_leaves_nothing_and_says_what_aws_said(cloud: Cloud, world: World) -> None:
    inputs = world.inputs("instance")
    cloud.fault("RunInstances", code="InstanceLimitExceeded", message="You have 0 left.")
    with pytest.raises(grpc.RpcError) as caught:
        world.plugin.create(EXAMPLES["instance"].token, inputs)
    words = caught.value.details()
    assert words.startswith(
        "creating EC2 Instance: operation error EC2: RunInstances, https response error StatusCode: 400"
    )
    assert words.endswith("api error InstanceLimitExceeded: You have 0 left.")
    assert partial_failure(caught.value) is None


@pytest.mark.parametrize(
    ("example", "action"),
    [
        ("vpc", "ModifyVpcAttribute"),
        ("subnet", "ModifySubnetAttribute"),
        ("gateway", "AttachInternetGateway"),
        ("group", "RevokeSecurityGroupEgress"),
        ("profile", "AddRoleToInstanceProfile"),
        ("volume", "DescribeVolumes"),
        ("instance", "DescribeInstances"),
        ("attachment", "DescribeVolumes"),
        ("budget", "CreateNotification"),
    ],
)
def test_what_was_made_and_not_finished_is_kept_and_finished_by_the_next_update(
    cloud: Cloud, world: World, example: str, action: str
) -> None:
    token, inputs = EXAMPLES[example].token, world.inputs(example)
    cloud.fault(action, code="UnauthorizedOperation", message="Not you.")
    with pytest.raises(grpc.RpcError) as caught:
        world.plugin.create(token, inputs)
    assert "UnauthorizedOperation: Not you." in caught.value.details()
    kept = _failure(caught, token)
    assert kept.id
    # As an engine does: the state holds the inputs that were wanted, and the next `up` updates without a diff.
    wanted = world.plugin.checked(token, inputs, kept.inputs)
    finished = world.plugin.update(Resource(token, kept.id, wanted, kept.outputs), wanted)
    assert world.plugin.read(finished).inputs == wanted


def test_an_update_that_broke_off_is_told_and_finished(cloud: Cloud, world: World) -> None:
    box = world.make("instance")
    news = {**box.inputs, "instanceType": "g5.2xlarge", "tags": {"Name": "new"}, "tagsAll": {"Name": "new"}}
    cloud.fault("CreateTags", code="UnauthorizedOperation", message="Not you.")
    with pytest.raises(grpc.RpcError) as caught:
        world.plugin.update(box, news)
    reached = _failure(caught, box.token)
    assert reached.id == box.id
    assert reached.outputs["instanceType"] == "g5.2xlarge"
    assert reached.outputs["tags"] == {"Name": "box"}
    assert world.plugin.update(Resource(box.token, box.id, news, reached.outputs), news).outputs["tags"] == {
        "Name": "new"
    }


def test_a_box_whose_change_is_refused_stays_stopped_as_the_official_provider_leaves_it(
    cloud: Cloud, world: World
) -> None:
    box = world.make("instance")
    cloud.fault("ModifyInstanceAttribute", code="InvalidInstanceAttributeValue", message="No such type.")
    with pytest.raises(grpc.RpcError):
        world.plugin.update(box, {**box.inputs, "instanceType": "g5.2xlarge"})
    assert world.plugin.read(box).outputs["instanceState"] == "stopped"


def test_a_change_of_type_starts_a_box_that_was_stopped(cloud: Cloud, world: World) -> None:
    box = world.make("instance")
    cloud.client("ec2").stop_instances(InstanceIds=[box.id])
    changed = world.plugin.update(box, {**box.inputs, "instanceType": "g5.2xlarge"})
    assert (changed.outputs["instanceType"], changed.outputs["instanceState"]) == ("g5.2xlarge", "running")


def test_requests_are_sent_as_often_as_max_retries_says(cloud: Cloud, world: World) -> None:
    inputs = world.inputs("volume")
    cloud.fault("CreateVolume", code="InternalError", status=500, times=5)
    with pytest.raises(grpc.RpcError, match="InternalError"):
        world.plugin.create(EXAMPLES["volume"].token, inputs)
    assert len(cloud.calls("CreateVolume")) == 2


def test_a_lost_answer_bills_nothing_twice(cloud: Cloud, world: World) -> None:
    inputs = world.inputs("instance")
    cloud.fault("RunInstances", lose=True)
    box = world.plugin.create(EXAMPLES["instance"].token, inputs)
    reservations = cloud.client("ec2").describe_instances()["Reservations"]
    assert [one["InstanceId"] for found in reservations for one in found["Instances"]] == [box.id]


def test_a_fresh_profile_is_waited_for(cloud: Cloud, world: World) -> None:
    inputs = world.inputs("instance")
    message = "Value (box) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
    cloud.fault("RunInstances", code="InvalidParameterValue", message=message, times=2)
    assert world.plugin.create(EXAMPLES["instance"].token, inputs).id


@pytest.mark.parametrize("example", ["volume", "vpc", "instance"])
def test_what_ec2_does_not_know_of_yet_is_waited_for(cloud: Cloud, world: World, example: str) -> None:
    inputs = world.inputs(example)
    cloud.fault("Describe*", stale=True, times=2)
    assert world.plugin.create(EXAMPLES[example].token, inputs).id
    assert cloud.armed() == 0


def test_a_delete_waits_for_what_hangs_on_it(cloud: Cloud, world: World) -> None:
    group = world.make("group")
    cloud.fault("DeleteSecurityGroup", code="DependencyViolation", message="in use", times=2)
    world.plugin.delete(group)
    assert world.plugin.read(group).id == ""


def test_a_delete_gives_up_when_the_program_says_and_names_the_reason(cloud: Cloud, world: World) -> None:
    group = world.make("group")
    cloud.fault("DeleteSecurityGroup", code="DependencyViolation", message="in use", times=100)
    with pytest.raises(grpc.RpcError) as caught:
        world.plugin.delete(group, timeout=1)
    assert caught.value.details().startswith(f"deleting EC2 Security Group ({group.id}): ")
    assert caught.value.details().endswith("api error DependencyViolation: in use")


def test_cancel_ends_a_wait(cloud: Cloud, world: World) -> None:
    group = world.make("group")
    cloud.fault("DeleteSecurityGroup", code="DependencyViolation", message="in use", times=1000)
    caught: list[grpc.RpcError] = []

    def delete() -> None:
        try:
            world.plugin.delete(group)
        except grpc.RpcError as error:
            caught.append(error)

    waiting = threading.Thread(target=delete)
    waiting.start()
    while not cloud.calls("DeleteSecurityGroup"):
        time.sleep(0.02)
    world.plugin.cancel()
    waiting.join()
    # What is cancelled stays so; the other tests of this module go on with a provider that is configured anew.
    world.plugin.configure(region="us-east-1", maxRetries="2")
    assert "cancelled" in caught[0].details()


def test_an_update_of_what_is_gone_asks_for_a_refresh(cloud: Cloud, world: World) -> None:
    volume = world.make("volume")
    cloud.client("ec2").delete_volume(VolumeId=volume.id)
    with pytest.raises(grpc.RpcError, match="no longer exists; run `pulumi refresh`"):
        world.plugin.update(volume, {**volume.inputs, "size": 30})
