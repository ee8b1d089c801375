"""RunInstances: what it refuses, and what an instance shows of what was asked for."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.cloud import UBUNTU, group, run, show, subnet

DEBIAN = "ami-0de12000020260904"


def root_volume(ec2: Any, instance: dict[str, Any]) -> dict[str, Any]:
    (identifier,) = [
        mapping["Ebs"]["VolumeId"]
        for mapping in instance["BlockDeviceMappings"]
        if mapping["DeviceName"] == instance["RootDeviceName"]
    ]
    volume: dict[str, Any] = ec2.describe_volumes(VolumeIds=[identifier])["Volumes"][0]
    return volume


def test_groups_of_the_network_interface_are_the_instances_groups(ec2: Any) -> None:
    wanted = group(ec2)
    instance = run(ec2, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet(ec2), "Groups": [wanted]}])
    assert [one["GroupId"] for one in instance["SecurityGroups"]] == [wanted]
    assert [one["GroupId"] for one in instance["NetworkInterfaces"][0]["Groups"]] == [wanted]


def test_without_groups_it_is_the_default_one(ec2: Any) -> None:
    assert [one["GroupName"] for one in run(ec2)["SecurityGroups"]] == ["default"]


def test_the_root_volume_is_what_was_asked_for(ec2: Any) -> None:
    ebs = {"VolumeSize": 40, "VolumeType": "gp3", "Encrypted": True}
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "project", "Value": "p"}]}]
    mappings = [{"DeviceName": "/dev/sda1", "Ebs": ebs}]
    volume = root_volume(ec2, run(ec2, BlockDeviceMappings=mappings, TagSpecifications=tags))
    shown = {"VolumeSize": volume["Size"], **{key: volume[key] for key in ebs if key != "VolumeSize"}}
    assert shown == ebs
    assert volume["KmsKeyId"].startswith("arn:aws:kms:")
    assert volume["Tags"] == tags[0]["Tags"]


def test_a_root_volume_left_open_is_the_images(ec2: Any) -> None:
    image = ec2.describe_images(ImageIds=[DEBIAN])["Images"][0]
    instance = run(ec2, ImageId=DEBIAN)
    volume = root_volume(ec2, instance)
    assert instance["RootDeviceName"] == image["RootDeviceName"] == "/dev/xvda"
    assert volume["Size"] == image["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"]
    assert volume["VolumeType"] == "gp3"


def test_root_volume_and_network_interface_go_with_the_instance(ec2: Any) -> None:
    kept = {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 2, "DeleteOnTermination": False}}
    gone = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}
    instance = run(ec2, BlockDeviceMappings=[gone, kept])
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert [volume["Size"] for volume in ec2.describe_volumes()["Volumes"]] == [2]
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_a_spot_instance_has_its_request(ec2: Any) -> None:
    market = {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.5", "SpotInstanceType": "one-time"}}
    instance = run(ec2, InstanceMarketOptions=market)
    identifier = instance["SpotInstanceRequestId"]
    assert instance["InstanceLifecycle"] == "spot"

    def request() -> dict[str, Any]:
        found: dict[str, Any] = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[identifier])
        one: dict[str, Any] = found["SpotInstanceRequests"][0]
        return one

    shown = request()
    assert (shown["State"], shown["Status"]["Code"], shown["Type"]) == ("active", "fulfilled", "one-time")
    assert (float(shown["SpotPrice"]), shown["InstanceInterruptionBehavior"]) == (0.5, "terminate")
    assert shown["InstanceId"] == instance["InstanceId"]
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert (request()["State"], request()["Status"]["Code"]) == ("closed", "instance-terminated-by-user")


def test_attributes_are_readable_as_they_were_given(ec2: Any) -> None:
    data = gzip.compress(b"#cloud-config\n", mtime=0)
    instance = run(
        ec2,
        UserData=data,
        InstanceInitiatedShutdownBehavior="terminate",
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "InstanceMetadataTags": "enabled"},
    )

    def attribute(name: str) -> Any:
        shown = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute=name)
        return shown[name[0].upper() + name[1:]]["Value"]

    assert base64.b64decode(attribute("userData")) == data
    assert attribute("instanceInitiatedShutdownBehavior") == "terminate"
    options = instance["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)
    assert (options["HttpEndpoint"], options["InstanceMetadataTags"]) == ("enabled", "enabled")


def test_the_same_client_token_is_the_same_launch(ec2: Any) -> None:
    first, second, other = run(ec2, ClientToken="a"), run(ec2, ClientToken="a"), run(ec2, ClientToken="b")
    assert first["InstanceId"] == second["InstanceId"]
    assert other["InstanceId"] != first["InstanceId"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"InstanceType": "p2.xlarge"}, "InvalidParameterValue"),
        ({"InstanceType": "g5.xlarge", "Placement": {"AvailabilityZone": "us-east-1e"}}, "Unsupported"),
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"KeyName": "nobody"}, "InvalidKeyPair.NotFound"),
        ({"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 4}}]}, "InvalidBlockDeviceMapping"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_what_ec2_refuses_is_refused_and_leaves_nothing(ec2: Any, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        run(ec2, **asked)
    assert refused.value.response["Error"]["Code"] == code
    assert ec2.describe_instances()["Reservations"] == []
    assert ec2.describe_volumes()["Volumes"] == []


def test_a_type_is_refused_in_the_zone_of_a_subnet_that_lacks_it(ec2: Any) -> None:
    network = [{"DeviceIndex": 0, "SubnetId": subnet(ec2, "us-east-1e")}]
    with pytest.raises(ClientError, match=r"\(us-east-1e\).* choosing us-east-1a, us-east-1b, us-east-1c"):
        run(ec2, ImageId=UBUNTU, NetworkInterfaces=network)


def test_gpu_types_say_their_gpu_and_their_zones(ec2: Any) -> None:
    gpus = {"g4dn.xlarge": ("T4", 1), "g5.xlarge": ("A10G", 1), "g6.xlarge": ("L4", 1), "p5.48xlarge": ("H100", 8)}
    types = ec2.describe_instance_types(InstanceTypes=list(gpus))["InstanceTypes"]
    shown = {one["InstanceType"]: one["GpuInfo"]["Gpus"][0] for one in types}
    assert {kind: (gpu["Name"], gpu["Count"]) for kind, gpu in shown.items()} == gpus
    wanted = [{"Name": "instance-type", "Values": ["g5.xlarge"]}]
    offers = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=wanted)
    zones = [offer["Location"] for offer in offers["InstanceTypeOfferings"]]
    assert "us-east-1a" in zones
    assert "us-east-1e" not in zones


def _addressed(ec2: Any, identifier: str) -> bool:
    """Say whether an instance has a public address, as it says itself and as its network interface does."""
    instance = show(ec2, identifier)
    (card,) = instance["NetworkInterfaces"]
    addressed = "PublicIpAddress" in instance
    assert bool(card.get("Association")) == addressed
    return addressed


@pytest.mark.parametrize("gives", [True, False])
def test_an_instance_without_a_word_on_an_address_gets_what_its_subnet_gives(ec2: Any, *, gives: bool) -> None:
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    net = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=net, MapPublicIpOnLaunch={"Value": gives})
    own = ec2.create_security_group(GroupName="own", Description="own", VpcId=vpc)["GroupId"]
    identifier = run(ec2, SubnetId=net, SecurityGroupIds=[own])["InstanceId"]
    assert _addressed(ec2, identifier) == gives
    ec2.stop_instances(InstanceIds=[identifier])
    assert not _addressed(ec2, identifier)
    # What the subnet gives by now is for new instances.
    ec2.modify_subnet_attribute(SubnetId=net, MapPublicIpOnLaunch={"Value": not gives})
    ec2.start_instances(InstanceIds=[identifier])
    assert _addressed(ec2, identifier) == gives


def test_a_word_on_an_address_goes_before_what_the_subnet_gives(ec2: Any) -> None:
    card = {"DeviceIndex": 0, "SubnetId": subnet(ec2), "AssociatePublicIpAddress": False}
    assert not _addressed(ec2, run(ec2, NetworkInterfaces=[card])["InstanceId"])
