"""Faults that are AWS's own ways to fail: cut off, behind its writes, sessions that ran out, clocks that are wrong."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.kit.cloud import run, show

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud

HOUR = 3600.0


def once(cloud: Cloud, service: str) -> Any:
    """Return a client that tries once."""
    return cloud.client(service, retries={"mode": "standard", "total_max_attempts": 1})


def test_what_is_cut_off_before_the_effect_has_none(cloud: Cloud) -> None:
    cloud.fault("CreateVolume", cut=True)
    ec2 = once(cloud, "ec2")
    with pytest.raises(ConnectionClosedError):
        ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    assert ec2.describe_volumes()["Volumes"] == []
    assert [call["note"] for call in cloud.calls("CreateVolume")] == ["fault"]


def test_a_fault_may_begin_in_the_middle_and_mean_all_calls(cloud: Cloud) -> None:
    cloud.fault("*", code="RequestLimitExceeded", status=503, after=2, times=2)
    ec2 = once(cloud, "ec2")
    ec2.describe_vpcs()
    ec2.describe_subnets()
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        ec2.describe_vpcs()
    assert cloud.disarm() == 1
    ec2.describe_vpcs()
    assert cloud.disarm() == 0


def test_a_read_may_be_behind_a_write(cloud: Cloud) -> None:
    ec2 = once(cloud, "ec2")
    box = run(ec2)["InstanceId"]
    ec2.stop_instances(InstanceIds=[box])
    cloud.fault("Describe*", stale=True)
    assert show(ec2, box)["State"]["Name"] == "running"
    assert show(ec2, box)["State"]["Name"] == "stopped"


def test_no_read_is_behind_a_snapshot_that_was_seen_completed(cloud: Cloud) -> None:
    ec2 = once(cloud, "ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    cloud.fault("DescribeSnapshots", stale=True)
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot])
    cloud.fault("DescribeSnapshots", stale=True)
    assert [one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]] == [snapshot]


def test_what_is_new_may_not_be_there_yet(cloud: Cloud) -> None:
    ec2 = once(cloud, "ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    cloud.fault("Describe*", stale=True)
    with pytest.raises(ClientError, match=r"InvalidVolume\.NotFound"):
        ec2.describe_volumes(VolumeIds=[volume])
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"]


ASKED = {
    "ec2": lambda client: client.describe_vpcs(),
    "sts": lambda client: client.get_caller_identity(),
    "iam": lambda client: client.list_roles(),
    "scheduler": lambda client: client.list_schedules(),
    "ssm": lambda client: client.describe_parameters(),
}


@pytest.mark.parametrize(
    ("service", "over", "behind", "ahead"),
    [
        ("ec2", "RequestExpired", "RequestExpired", "AuthFailure"),
        ("sts", "ExpiredToken", "SignatureDoesNotMatch", "SignatureDoesNotMatch"),
        ("iam", "ExpiredToken", "SignatureDoesNotMatch", "SignatureDoesNotMatch"),
        ("scheduler", "ExpiredTokenException", "InvalidSignatureException", "InvalidSignatureException"),
        ("ssm", "ExpiredTokenException", "InvalidSignatureException", "InvalidSignatureException"),
    ],
)
def test_each_service_has_its_word_for_a_session_that_ran_out_and_a_wrong_clock(
    cloud: Cloud, service: str, over: str, behind: str, ahead: str
) -> None:
    for code, seconds in ((over, 0.0), (behind, HOUR), (ahead, -HOUR)):
        cloud.fault("*", expired=not seconds, skew=seconds)
        with pytest.raises(ClientError) as refused:
            ASKED[service](once(cloud, service))
        assert refused.value.response["Error"]["Code"] == code
        date = refused.value.response["ResponseMetadata"]["HTTPHeaders"]["date"]
        off = email.utils.parsedate_to_datetime(date).timestamp() - time.time() - seconds
        assert abs(off) < 60
