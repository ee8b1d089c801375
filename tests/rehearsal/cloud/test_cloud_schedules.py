"""Schedules that happen: at their moment, with their role's permissions, and in the call log as AWS's own doing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.cloud import Wired, run, show
from tests.kit.schedules import ACCOUNT, allow, instance_arn, permit, role, schedule

HOUR = 3600


def state(wired: Wired, name: str) -> str:
    found: str = show(wired.ec2, name)["State"]["Name"]
    return found


def test_a_schedule_stops_its_box_at_its_moment_and_stays(wired: Wired) -> None:
    box = run(wired.ec2)["InstanceId"]
    arn = role(wired, allow("ec2:StopInstances", instance_arn(box)))
    scheduler = wired.cloud.client("scheduler")
    began = time.time()
    scheduler.create_schedule(**schedule(arn, "stopInstances", {"InstanceIds": [box]}, began + 2 * HOUR))
    wired.cloud.advance(1.9 * HOUR)
    assert state(wired, box) == "running"
    wired.cloud.advance(5 * HOUR)
    assert state(wired, box) == "stopped"
    (call,) = wired.cloud.calls("StopInstances")
    assert call["by"] == "scheduler.amazonaws.com"
    assert abs(call["time"] - began - 2 * HOUR) < 60
    assert ("stop", box) in wired.hypervisor.calls
    assert scheduler.get_schedule(Name="stop")["State"] == "ENABLED"
    wired.ec2.start_instances(InstanceIds=[box])
    wired.cloud.advance(48 * HOUR)
    assert state(wired, box) == "running"


def test_a_schedule_that_was_moved_happens_at_the_new_moment_only(wired: Wired) -> None:
    box = run(wired.ec2)["InstanceId"]
    arn = role(wired, allow("ec2:*", "*"))
    scheduler = wired.cloud.client("scheduler")
    began, stop = time.time(), ("stopInstances", {"InstanceIds": [box]})
    scheduler.create_schedule(**schedule(arn, *stop, began + HOUR))
    scheduler.update_schedule(**schedule(arn, *stop, began + 4 * HOUR, ActionAfterCompletion="DELETE"))
    wired.cloud.advance(3 * HOUR)
    assert state(wired, box) == "running"
    wired.cloud.advance(2 * HOUR)
    assert state(wired, box) == "stopped"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scheduler.get_schedule(Name="stop")


@pytest.mark.parametrize(
    "statement",
    [
        allow("ec2:StopInstances", instance_arn("i-0123456789abcdef0")),
        allow("ec2:TerminateInstances", "*"),
        allow("ec2:StopInstances", "*", Condition={"StringEquals": {"aws:ResourceTag/x": "y"}}),
    ],
)
def test_a_role_that_may_not_stop_this_box_does_not(wired: Wired, statement: dict[str, Any]) -> None:
    box = run(wired.ec2)["InstanceId"]
    arn = role(wired, statement)
    made = schedule(arn, "stopInstances", {"InstanceIds": [box]}, time.time() + HOUR)
    wired.cloud.client("scheduler").create_schedule(**made)
    wired.cloud.advance(2 * HOUR)
    assert state(wired, box) == "running"
    first = wired.cloud.calls("StopInstances")[0]
    assert (first["status"], first["by"]) == (403, "scheduler.amazonaws.com")
    assert f"may not ec2:StopInstances on {instance_arn(box)}" in first["note"]
    # It is tried again for a day, as its retry policy says: once it is allowed, it happens.
    permit(wired, allow("ec2:StopInstances", instance_arn(box)))
    wired.cloud.advance(2 * HOUR)
    assert state(wired, box) == "stopped"


def test_a_refusal_of_ec2_is_tried_again(wired: Wired) -> None:
    box = run(wired.ec2)["InstanceId"]
    arn = role(wired, allow("ec2:StopInstances", instance_arn(box)))
    wired.cloud.fault("StopInstances", code="RequestLimitExceeded", status=503, times=2)
    made = schedule(arn, "stopInstances", {"InstanceIds": [box]}, time.time() + HOUR)
    wired.cloud.client("scheduler").create_schedule(**made)
    wired.cloud.advance(2 * HOUR)
    assert [call["status"] for call in wired.cloud.calls("StopInstances")] == [503, 503, 200]
    assert state(wired, box) == "stopped"


def test_a_role_of_another_account_s_schedules_or_for_another_service_is_refused(wired: Wired) -> None:
    made = schedule(role(wired, account="210987654321"), "stopInstances", {}, time.time() + HOUR)
    for arn in (made["Target"]["RoleArn"], f"arn:aws:iam::{ACCOUNT}:role/nobody"):
        made["Target"]["RoleArn"] = arn
        with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume the role"):
            wired.cloud.client("scheduler").create_schedule(**made)


def test_a_time_that_there_is_not_is_refused(wired: Wired) -> None:
    made = schedule(role(wired), "stopInstances", {}, time.time())
    with pytest.raises(ClientError, match="Invalid Schedule Expression"):
        wired.cloud.client("scheduler").create_schedule(**{**made, "ScheduleExpression": "at(2026-13-01T00:00:00)"})


def test_a_snapshot_is_taken_with_its_tags_or_not_at_all(wired: Wired) -> None:
    volume = wired.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    made = "arn:aws:ec2:us-east-1::snapshot/*"
    arn = role(wired, allow("ec2:CreateSnapshot", f"arn:aws:ec2:us-east-1:{ACCOUNT}:volume/{volume}"))
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "gpurig:host", "Value": "box"}]}]
    params = {"VolumeId": volume, "TagSpecifications": tags}
    wired.cloud.client("scheduler").create_schedule(**schedule(arn, "createSnapshot", params, time.time() + HOUR))
    wired.cloud.advance(2 * HOUR)
    assert not wired.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    created = {"Condition": {"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}}}
    permit(wired, allow("ec2:CreateSnapshot", "*"), allow("ec2:CreateTags", made, **created))
    wired.cloud.advance(2 * HOUR)
    (snapshot,) = wired.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert snapshot["Tags"] == tags[0]["Tags"]
