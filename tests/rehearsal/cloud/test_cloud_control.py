"""Faults, lost answers and the call log, as a client meets them."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from rehearsal.errors import RehearsalError
from tests.kit.cloud import UBUNTU, run

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud


def once(cloud: Cloud, service: str) -> Any:
    """Return a client that tries once."""
    return cloud.client(service, retries={"mode": "standard", "total_max_attempts": 1})


def test_a_fault_refuses_what_it_matches_as_often_as_asked(cloud: Cloud) -> None:
    ec2 = once(cloud, "ec2")
    cloud.fault(
        "RunInstances",
        match={"InstanceType": "g5.xlarge"},
        code="InsufficientInstanceCapacity",
        message="no <capacity> & no hope",
        status=500,
        times=2,
    )
    run(ec2, InstanceType="g4dn.xlarge")
    for _ in range(2):
        with pytest.raises(ClientError) as refused:
            run(ec2)
        error = refused.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("InsufficientInstanceCapacity", "no <capacity> & no hope")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    run(ec2)
    assert [call.get("note", call["status"]) for call in cloud.calls("RunInstances")] == [200, "fault", "fault", 200]


@pytest.mark.parametrize(
    ("service", "action", "call"),
    [
        ("ssm", "GetParameter", lambda client: client.get_parameter(Name="x")),
        ("iam", "GetRole", lambda client: client.get_role(RoleName="x")),
    ],
)
def test_a_fault_speaks_the_protocol_of_its_service(cloud: Cloud, service: str, action: str, call: Any) -> None:
    cloud.fault(action, code="AccessDenied", message="not you")
    with pytest.raises(ClientError) as refused:
        call(once(cloud, service))
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    assert refused.value.response["Error"]["Message"] == "not you"


def test_faults_match_nested_and_listed_parameters(cloud: Cloud) -> None:
    ec2 = once(cloud, "ec2")
    network = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    cloud.fault("RunInstances", match={"SubnetId": network}, code="InsufficientFreeAddressesInSubnet")
    cloud.fault("DescribeVpcs", match={"VpcId": "vpc-2"}, code="UnauthorizedOperation")
    with pytest.raises(ClientError, match="InsufficientFreeAddressesInSubnet"):
        run(ec2, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": network}])
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.describe_vpcs(VpcIds=["vpc-1", "vpc-2"])


def test_a_slow_call_is_slow_and_right(cloud: Cloud) -> None:
    cloud.fault("GetCallerIdentity", seconds=0.5)
    started = time.monotonic()
    assert cloud.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert time.monotonic() - started >= 0.5


def test_a_lost_answer_is_given_again_and_nothing_is_done_twice(cloud: Cloud) -> None:
    cloud.fault("CreateVolume", lose=True)
    ec2 = cloud.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    assert [call["note"] for call in cloud.calls("CreateVolume")] == ["lost", "replayed"]
    assert [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]] == [volume["VolumeId"]]


def test_a_client_that_tries_once_sees_the_connection_drop(cloud: Cloud) -> None:
    cloud.fault("CreateVolume", lose=True)
    ec2 = once(cloud, "ec2")
    with pytest.raises(ConnectionClosedError):
        ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    assert len(ec2.describe_volumes()["Volumes"]) == 1


def test_the_next_attempt_after_a_refusal_is_not_a_replay(cloud: Cloud) -> None:
    cloud.fault("CreateVolume", code="RequestLimitExceeded", status=503)
    ec2 = cloud.client("ec2")
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    assert [(call["status"], call.get("note")) for call in cloud.calls("CreateVolume")] == [(503, "fault"), (200, None)]


def test_an_impatient_client_gets_the_answer_of_its_first_attempt(cloud: Cloud) -> None:
    cloud.fault("CreateVolume", seconds=3)
    ec2 = cloud.client("ec2", read_timeout=2)
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    time.sleep(1.5)  # the first attempt gets through only now, to nobody
    notes = {call.get("note") for call in cloud.calls("CreateVolume")}
    assert "replayed" in notes
    assert [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]] == [volume]


def test_the_log_names_what_matters_and_no_secret(cloud: Cloud, ec2: Any) -> None:
    secret = "correct-horse-battery"
    run(ec2, UserData=f"#cloud-config\npassword: {secret}\n")
    cloud.client("ssm").put_parameter(Name="/box/key", Value=secret, Type="SecureString")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        cloud.client("iam").delete_access_key(UserName="nobody", AccessKeyId="AKIA-VISIBLE-TO-NONE")
    launch, put = cloud.calls("RunInstances")[0], cloud.calls("PutParameter")[0]
    assert launch["params"]["ImageId"] == UBUNTU
    assert launch["params"]["InstanceType"] == "g5.xlarge"
    assert launch["service"] == "ec2"
    assert launch["status"] == 200
    assert launch["seconds"] >= 0
    assert put["params"] == {"Name": "/box/key", "Type": "SecureString"}
    written = (cloud.state / "calls.jsonl").read_text()
    assert json.loads(written.splitlines()[-1])["action"] == "DeleteAccessKey"
    for hidden in (secret, base64.b64encode(secret.encode()).decode()[4:-4], "AKIA-VISIBLE-TO-NONE", "password"):
        assert hidden not in written


def test_reset_forgets_calls_and_faults_but_no_resources(cloud: Cloud, ec2: Any) -> None:
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    cloud.fault("DescribeVolumes", code="Never")
    cloud.reset()
    assert cloud.calls() == []
    assert len(ec2.describe_volumes()["Volumes"]) == 1


def test_a_malformed_fault_is_refused_with_its_problem(cloud: Cloud) -> None:
    with pytest.raises(RehearsalError, match="unexpected keyword argument 'tmies'"):
        cloud.fault("RunInstances", code="X", tmies=2)


def test_an_unknown_control_is_refused_with_the_known_ones(cloud: Cloud) -> None:
    with pytest.raises(
        RehearsalError,
        match="there is no GET /_rehearsal/nothing; there are GET address, calls, faults; "
        "POST clock, disarm, faults, interrupt, load, quotas, reset, spend",
    ):
        cloud._control("GET", "nothing")


def test_what_is_not_implemented_is_said_once_and_not_tried_again(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.client("ec2").describe_volume_status()
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert refused.value.response["Error"]["Message"] == "the rehearsal cloud does not know DescribeVolumeStatus"
    assert len(cloud.calls("DescribeVolumeStatus")) == 1


def test_many_clients_at_once_are_all_served(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2", max_pool_connections=8)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"], range(40)))
    assert sorted(made) == sorted(one["VolumeId"] for one in ec2.describe_volumes()["Volumes"])
