"""Instances after their launch, and the network around them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.cloud import group, run, show, tcp


def refused(call: Any, **arguments: Any) -> str:
    """Return the code that a call is refused with."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    code: str = error.value.response["Error"]["Code"]
    return code


def attribute(ec2: Any, identifier: str, name: str) -> Any:
    shown = ec2.describe_instance_attribute(InstanceId=identifier, Attribute=name)
    return shown[name[0].upper() + name[1:]]["Value"]


def test_type_and_user_data_change_only_while_stopped(ec2: Any) -> None:
    identifier = run(ec2)["InstanceId"]
    changes: list[dict[str, Any]] = [{"InstanceType": {"Value": "g6.xlarge"}}, {"UserData": {"Value": b"\x1f\x8b\xff"}}]
    for change in changes:
        assert refused(ec2.modify_instance_attribute, InstanceId=identifier, **change) == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[identifier])
    for change in changes:
        assert refused(ec2.modify_instance_attribute, InstanceId=identifier, DryRun=True, **change) == "DryRunOperation"
        ec2.modify_instance_attribute(InstanceId=identifier, **change)
    assert show(ec2, identifier)["InstanceType"] == "g6.xlarge"
    assert base64.b64decode(attribute(ec2, identifier, "userData")) == b"\x1f\x8b\xff"


def test_shutdown_behavior_changes_and_the_groups_stay(ec2: Any) -> None:
    wanted = group(ec2)
    identifier = run(ec2, SecurityGroupIds=[wanted])["InstanceId"]
    ec2.modify_instance_attribute(InstanceId=identifier, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    assert attribute(ec2, identifier, "instanceInitiatedShutdownBehavior") == "terminate"
    assert [one["GroupId"] for one in show(ec2, identifier)["SecurityGroups"]] == [wanted]


def test_new_groups_replace_the_old_everywhere(ec2: Any) -> None:
    old, new = group(ec2, "old"), group(ec2, "new")
    instance = run(ec2, SecurityGroupIds=[old])
    ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], Groups=[new])
    instance = show(ec2, instance["InstanceId"])
    assert [one["GroupId"] for one in instance["SecurityGroups"]] == [new]
    assert [one["GroupId"] for one in instance["NetworkInterfaces"][0]["Groups"]] == [new]


def test_metadata_options_that_are_not_named_stay(ec2: Any) -> None:
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "InstanceMetadataTags": "enabled"}
    identifier = run(ec2, MetadataOptions=options)["InstanceId"]
    change = {"InstanceId": identifier, "HttpPutResponseHopLimit": 1}
    assert refused(ec2.modify_instance_metadata_options, DryRun=True, **change) == "DryRunOperation"
    ec2.modify_instance_metadata_options(**change)
    shown = show(ec2, identifier)["MetadataOptions"]
    assert {name: shown[name] for name in options} == {**options, "HttpPutResponseHopLimit": 1}
    assert shown["HttpEndpoint"] == "enabled"


def test_a_one_time_spot_instance_cannot_be_stopped(ec2: Any) -> None:
    identifier = run(ec2, InstanceMarketOptions={"MarketType": "spot"})["InstanceId"]
    assert refused(ec2.stop_instances, InstanceIds=[identifier]) == "UnsupportedOperation"
    assert show(ec2, identifier)["State"]["Name"] == "running"


def test_what_is_terminated_stays_so(ec2: Any) -> None:
    identifier = run(ec2)["InstanceId"]
    for _ in range(2):
        ec2.terminate_instances(InstanceIds=[identifier])
    assert refused(ec2.start_instances, InstanceIds=[identifier]) == "IncorrectInstanceState"
    assert refused(ec2.stop_instances, InstanceIds=[identifier]) == "IncorrectInstanceState"
    assert refused(ec2.reboot_instances, InstanceIds=[identifier]) == "IncorrectState"
    assert show(ec2, identifier)["State"]["Name"] == "terminated"
    assert "PublicIpAddress" not in show(ec2, identifier)


def test_a_group_in_use_is_not_deleted(ec2: Any) -> None:
    used, named = group(ec2, "used"), group(ec2, "named")
    pair = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": named}]}]
    ec2.authorize_security_group_ingress(GroupId=used, IpPermissions=pair)
    identifier = run(ec2, SecurityGroupIds=[used])["InstanceId"]
    assert refused(ec2.delete_security_group, GroupId=used) == "DependencyViolation"
    assert refused(ec2.delete_security_group, GroupId=named) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[identifier])
    for identifier in (used, named):
        ec2.delete_security_group(GroupId=identifier)


def test_a_group_that_allows_itself_can_be_deleted(ec2: Any) -> None:
    own = group(ec2)
    ec2.authorize_security_group_ingress(
        GroupId=own, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": own}]}]
    )
    ec2.delete_security_group(GroupId=own)


def test_the_default_group_cannot_be_deleted_and_new_ones_let_everything_out(ec2: Any) -> None:
    default = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    assert refused(ec2.delete_security_group, GroupId=default) == "CannotDelete"
    made = ec2.describe_security_groups(GroupIds=[group(ec2)])["SecurityGroups"][0]
    assert made["IpPermissions"] == []
    assert [one["IpRanges"] for one in made["IpPermissionsEgress"]] == [[{"CidrIp": "0.0.0.0/0"}]]


def test_a_network_is_taken_down_in_order_only(ec2: Any) -> None:
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    net = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    own = ec2.create_security_group(GroupName="own", Description="own", VpcId=vpc)["GroupId"]
    card = {"DeviceIndex": 0, "SubnetId": net, "AssociatePublicIpAddress": True, "Groups": [own]}
    identifier = run(ec2, NetworkInterfaces=[card])["InstanceId"]
    assert refused(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc) == "DependencyViolation"
    assert refused(ec2.delete_subnet, SubnetId=net) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[identifier])
    ec2.delete_subnet(SubnetId=net)
    assert refused(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert refused(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_security_group(GroupId=own)
    ec2.delete_vpc(VpcId=vpc)
    assert refused(ec2.describe_vpcs, VpcIds=[vpc]) == "InvalidVpcID.NotFound"


def test_dry_runs_change_nothing(ec2: Any) -> None:
    instance, own = run(ec2), group(ec2)
    identifier = instance["InstanceId"]
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    for call, arguments in (
        (ec2.stop_instances, {"InstanceIds": [identifier]}),
        (ec2.terminate_instances, {"InstanceIds": [identifier]}),
        (ec2.attach_volume, {"VolumeId": volume, "InstanceId": identifier, "Device": "/dev/sdf"}),
        (ec2.create_volume, {"AvailabilityZone": "us-east-1a", "Size": 1}),
        (ec2.modify_volume, {"VolumeId": volume, "Size": 2}),
        (ec2.delete_volume, {"VolumeId": volume}),
        (ec2.create_snapshot, {"VolumeId": volume}),
        (ec2.authorize_security_group_ingress, {"GroupId": own, "IpPermissions": tcp(22, "192.0.2.1/32")}),
    ):
        assert refused(call, DryRun=True, **arguments) == "DryRunOperation"
    assert show(ec2, identifier) == instance
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"] == 1
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
