"""The functions that a program invokes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.rehearsal.provider.examples import EXAMPLES, IMAGE, OTHER_IMAGE

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud
    from tests.rehearsal.provider.plugin import Plugin
    from tests.rehearsal.provider.world import World

UBUNTU = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
IMAGES = [{"name": "name", "values": ["ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"]}]
CANONICAL = "099720109477"
OFFERINGS = "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings"
ZONES, AMI = "aws:index/getAvailabilityZones:getAvailabilityZones", "aws:ec2/getAmi:getAmi"
SNAPSHOTS = "aws:ebs/getSnapshotIds:getSnapshotIds"
SNAPSHOT = "aws:ebs/getSnapshot:getSnapshot"
VOLUMES, VOLUME = "aws:ebs/getEbsVolumes:getEbsVolumes", "aws:ebs/getVolume:getVolume"
PRODUCT, SPOT = "aws:pricing/getProduct:getProduct", "aws:ec2/getSpotPrice:getSpotPrice"
INSTANCES = "aws:ec2/getInstances:getInstances"


def test_parameter(plugin: Plugin) -> None:
    found = plugin.invoke("aws:ssm/getParameter:getParameter", name=UBUNTU)
    assert found["value"] == IMAGE


def test_a_missing_parameter_is_an_error_in_awss_words(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        plugin.invoke("aws:ssm/getParameter:getParameter", name="/none")
    assert "operation error SSM: GetParameter" in caught.value.details()
    assert "ParameterNotFound" in caught.value.details()


def test_zones(plugin: Plugin) -> None:
    found = plugin.invoke(ZONES, state="available")
    assert found["names"][:2] == ["us-east-1a", "us-east-1b"]


def test_offerings_say_in_which_zones_a_type_is(plugin: Plugin) -> None:
    wanted = [{"name": "instance-type", "values": ["g5.xlarge"]}]
    found = plugin.invoke(OFFERINGS, locationType="availability-zone", filters=wanted)
    assert "us-east-1a" in found["locations"]
    none = [{"name": "instance-type", "values": ["g99.xlarge"]}]
    assert plugin.invoke(OFFERINGS, locationType="availability-zone", filters=none)["locations"] == []


def test_instance_type_tells_its_gpu(plugin: Plugin) -> None:
    found = plugin.invoke("aws:ec2/getInstanceType:getInstanceType", instanceType="g5.xlarge")
    assert found["defaultVcpus"] == 4
    assert found["memorySize"] == 16 * 1024
    (gpu,) = found["gpuses"]
    assert gpu == {"count": 1, "name": "A10G"}
    assert plugin.invoke("aws:ec2/getInstanceType:getInstanceType", instanceType="m5.large")["gpuses"] == []


def test_image(plugin: Plugin) -> None:
    found = plugin.invoke(AMI, mostRecent=True, owners=[CANONICAL], filters=IMAGES)
    assert found == {"id": IMAGE, "tags": {}}


def test_an_image_that_is_not_the_only_one_must_be_chosen(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError, match="more than one result"):
        plugin.invoke(AMI, owners=[CANONICAL], filters=IMAGES)
    with pytest.raises(grpc.RpcError, match="returned no results"):
        plugin.invoke(AMI, owners=[CANONICAL], filters=[{"name": "image-id", "values": ["ami-none"]}])
    only = plugin.invoke(AMI, owners=[CANONICAL], filters=[{"name": "image-id", "values": [OTHER_IMAGE]}])
    assert only["id"] == OTHER_IMAGE


def test_a_product_has_to_be_the_only_one(cloud: Cloud, plugin: Plugin) -> None:
    facts = {"productFamily": "Storage", "regionCode": "eu-west-1"}
    several = [{"field": field, "value": value} for field, value in facts.items()]
    one = [*several, {"field": "volumeApiName", "value": "gp3"}]
    found = plugin.invoke(PRODUCT, serviceCode="AmazonEC2", filters=one)
    assert json.loads(found["result"])["product"]["attributes"]["usagetype"] == "EU-EBS:VolumeUsage.gp3"
    with pytest.raises(grpc.RpcError, match=r"not precise enough\. Returned 2 elements"):
        plugin.invoke(PRODUCT, serviceCode="AmazonEC2", filters=several)
    with pytest.raises(grpc.RpcError, match="did not return any elements"):
        plugin.invoke(PRODUCT, serviceCode="AmazonS3", filters=one)
    cloud.fault("GetProducts", code="AccessDeniedException", message="not you")
    with pytest.raises(grpc.RpcError) as caught:
        plugin.invoke(PRODUCT, serviceCode="AmazonEC2", filters=one)
    assert caught.value.details().endswith("api error AccessDeniedException: not you")


def test_the_spot_price_of_a_zone_now(plugin: Plugin) -> None:
    linux = [{"name": "product-description", "values": ["Linux/UNIX"]}]
    found = plugin.invoke(SPOT, instanceType="g4dn.xlarge", availabilityZone="us-east-1a", filters=linux)
    assert 0.1 < float(found["spotPrice"]) < 0.526
    with pytest.raises(grpc.RpcError, match="no EC2 Spot Price History found"):
        plugin.invoke(SPOT, instanceType="g4dn.xlarge", availabilityZone="us-east-9a", filters=linux)


def test_snapshots_come_newest_first_and_none_is_fine(cloud: Cloud, world: World) -> None:
    wanted = [{"name": "tag:Name", "values": ["jobs"]}]
    assert world.plugin.invoke(SNAPSHOTS, owners=["self"], filters=wanted)["ids"] == []
    for _ in range(2):
        inputs = world.inputs("volume", finalSnapshot=True)
        world.plugin.delete(world.plugin.create(EXAMPLES["volume"].token, inputs))
    ids = world.plugin.invoke(SNAPSHOTS, owners=["self"], filters=wanted)["ids"]
    snapshots = cloud.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
    found = {one["SnapshotId"]: one["StartTime"] for one in snapshots}
    assert ids == sorted(found, key=lambda one: found[one], reverse=True)
    assert len(ids) == 2


def test_one_snapshot_by_its_id(cloud: Cloud, world: World) -> None:
    ec2 = cloud.client("ec2")
    made = ec2.create_snapshot(VolumeId=world.make("volume").id)["SnapshotId"]
    found = world.plugin.invoke(SNAPSHOT, snapshotIds=[made])
    assert (found["id"], found["state"], found["volumeSize"]) == (made, "completed", 20)
    with pytest.raises(grpc.RpcError, match=r"api error InvalidSnapshot\.NotFound"):
        world.plugin.invoke(SNAPSHOT, snapshotIds=["snap-0123456789abcdef0"])


def test_volumes_by_filters_and_one_with_its_facts(world: World) -> None:
    free, held = world.plugin.create(EXAMPLES["volume"].token, world.inputs("volume")), world.make("attachment")
    named = [{"name": "tag:Name", "values": ["jobs"]}]
    held_id = held.outputs["volumeId"]
    assert set(world.plugin.invoke(VOLUMES, filters=named)["ids"]) == {free.id, held_id}
    available = [*named, {"name": "status", "values": ["available"]}]
    assert world.plugin.invoke(VOLUMES, filters=available)["ids"] == [free.id]
    of_the_box = [{"name": "attachment.instance-id", "values": [held.outputs["instanceId"]]}]
    assert held_id in world.plugin.invoke(VOLUMES, filters=of_the_box)["ids"]
    assert world.plugin.invoke(VOLUMES, filters=[{"name": "volume-id", "values": ["vol-none"]}])["ids"] == []
    found = world.plugin.invoke(VOLUME, filters=available)
    assert (found["id"], found["size"]) == (free.id, 20)
    assert (found["availabilityZone"], found["tags"]["Name"]) == ("us-east-1a", "jobs")


def test_instances_in_the_states_that_are_named(cloud: Cloud, world: World) -> None:
    box = world.make("instance").id
    assert world.plugin.invoke(INSTANCES, instanceStateNames=["running"])["ids"] == [box]
    cloud.client("ec2").stop_instances(InstanceIds=[box])
    assert world.plugin.invoke(INSTANCES, instanceStateNames=["running"])["ids"] == []
    assert world.plugin.invoke(INSTANCES, instanceStateNames=["running", "stopped"])["ids"] == [box]
    tagged = [{"name": "tag:Name", "values": ["none"]}]
    assert world.plugin.invoke(INSTANCES, filters=tagged, instanceStateNames=["stopped"])["ids"] == []


def test_what_it_has_not_is_refused_by_name(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        plugin.invoke("aws:s3/getBucket:getBucket")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "no function aws:s3/getBucket:getBucket; the official pulumi-aws has it" in caught.value.details()
    with pytest.raises(grpc.RpcError, match="knows no argument nameRegex"):
        plugin.invoke(AMI, nameRegex="x")
    with pytest.raises(grpc.RpcError, match="needs owners"):
        plugin.invoke(AMI, filters=IMAGES)
