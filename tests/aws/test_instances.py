"""What EC2 says of an instance, and its two switches, against the cloud without boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.aws import instances
from provision.aws.clients import tag_filters
from provision.model.errors import BadInput, GpurigError
from provision.model.host import Host
from tests.kit.cloud import Wired, as_user, run, serve


@pytest.fixture
def wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wired]:
    """Serve a cloud that the product's own clients reach."""
    monkeypatch.setattr(instances, "LOOK", 0.02)
    with serve(tmp_path) as cloud:
        as_user(cloud.cloud, monkeypatch)
        yield cloud


def host_of(row: dict[str, Any]) -> Host:
    return Host(name="box", address="", instance_id=row["InstanceId"], region="us-east-1")


def test_a_running_instance_says_where_it_is_and_since_when(wired: Wired) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "gpurig:host", "Value": "box"}]}]
    row = run(wired.ec2, TagSpecifications=tags)
    found = instances.find(host_of(row))
    assert (found.state, found.address, found.type) == ("running", row["PublicIpAddress"], "g5.xlarge")
    assert found.zone == row["Placement"]["AvailabilityZone"]
    assert (found.launched, found.stopped, found.reason) == (row["LaunchTime"].timestamp(), None, "")
    assert (found.spot, found.tags) == (False, {"gpurig:host": "box"})
    assert found.volumes == (row["BlockDeviceMappings"][0]["Ebs"]["VolumeId"],)


def test_a_stop_shows_its_time_and_no_address_and_a_start_is_a_new_launch(wired: Wired) -> None:
    host = host_of(run(wired.ec2))
    first = instances.find(host)
    stopped = instances.stop(host)
    assert (stopped.state, stopped.address, stopped.reason) == ("stopped", "", "Client.UserInitiatedShutdown")
    assert stopped.stopped is not None
    assert stopped.stopped >= int(stopped.launched) == int(first.launched)
    wired.cloud.advance(60)
    started = instances.start(host)
    assert (started.state, started.stopped) == ("running", None)
    assert started.launched > first.launched
    assert started.address


def test_one_that_switched_itself_off_is_stopped_at_a_time_that_ec2_does_not_tell(wired: Wired) -> None:
    host = host_of(run(wired.ec2))
    wired.ec2.modify_instance_attribute(
        InstanceId=host.instance_id, InstanceInitiatedShutdownBehavior={"Value": "stop"}
    )
    wired.hypervisor.tell_power_off(host.instance_id)
    found = instances.find(host)
    assert (found.state, found.stopped, found.reason) == ("stopped", None, "Client.InstanceInitiatedShutdown")


def test_a_spot_instance_says_so_and_ec2_refuses_to_stop_it(wired: Wired) -> None:
    host = host_of(run(wired.ec2, InstanceMarketOptions={"MarketType": "spot"}))
    assert instances.find(host).spot
    with pytest.raises(GpurigError, match="one-time Spot"):
        instances.stop(host)


def test_no_capacity_at_a_start_is_an_error_of_its_own_and_the_box_stays_stopped(wired: Wired) -> None:
    host = host_of(run(wired.ec2))
    instances.stop(host)
    wired.cloud.fault("StartInstances", code="InsufficientInstanceCapacity", message="none here", status=500, times=9)
    with pytest.raises(instances.NoCapacity, match="none here"):
        instances.start(host)
    assert instances.find(host).state == "stopped"


def test_what_ec2_does_not_know_and_what_is_none_of_its_own(wired: Wired) -> None:
    with pytest.raises(instances.NoInstance, match="i-0123456789abcdef0"):
        instances.find(Host(name="box", address="", instance_id="i-0123456789abcdef0", region="us-east-1"))
    with pytest.raises(BadInput, match="is no EC2 instance"):
        instances.find(Host(name="mine", address="10.1.2.3"))
    host = host_of(run(wired.ec2))
    wired.ec2.terminate_instances(InstanceIds=[host.instance_id])
    assert instances.find(host).state == "terminated"
    with pytest.raises(GpurigError, match="terminated"):
        instances.wait(host, instances.RUNNING)


def test_a_refusal_is_an_error_with_ec2s_words(wired: Wired) -> None:
    host = host_of(run(wired.ec2))
    wired.cloud.fault("DescribeInstances", code="UnauthorizedOperation", message="you may not", status=403)
    with pytest.raises(GpurigError, match="you may not"):
        instances.find(host)


def test_those_of_a_stack_are_found_by_their_tags(wired: Wired) -> None:
    def tagged(stack: str) -> str:
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "gpurig:stack", "Value": stack}]}]
        identifier: str = run(wired.ec2, TagSpecifications=tags)["InstanceId"]
        return identifier

    ours = [tagged("dev"), tagged("dev")]
    tagged("other")
    wired.ec2.stop_instances(InstanceIds=ours[:1])
    found = map(instances.Instance.from_aws, instances.rows(wired.ec2, tag_filters({"gpurig:stack": "dev"})))
    assert {(one.id, one.state) for one in found} == {(ours[0], "stopped"), (ours[1], "running")}


def test_no_account_is_an_error_that_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(GpurigError, match="no AWS credentials"):
        instances.find(Host(name="box", address="", instance_id="i-0123456789abcdef0", region="us-east-1"))
