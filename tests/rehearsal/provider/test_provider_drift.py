"""What is changed behind the provider's back shows in the next read, and the next update puts it right."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.rehearsal.provider.examples import EXAMPLES, policy, trust

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud
    from tests.rehearsal.provider.plugin import Resource
    from tests.rehearsal.provider.world import World

Meddle = Callable[["Cloud", "Resource"], object]


@dataclasses.dataclass(frozen=True)
class Case:
    example: str
    path: str
    """Of the diff that leads back."""
    meddle: Meddle


def _ec2(operation: str, **params: Any) -> Meddle:
    """Call EC2; "ID" stands for the resource's id."""

    def meddle(cloud: Cloud, resource: Resource) -> object:
        filled = {
            key: json.loads(json.dumps(value).replace('"ID"', f'"{resource.id}"')) for key, value in params.items()
        }
        return getattr(cloud.client("ec2"), operation)(**filled)

    return meddle


def _iam(operation: str, **params: Any) -> Meddle:
    def meddle(cloud: Cloud, resource: Resource) -> object:
        return getattr(cloud.client("iam"), operation)(RoleName=resource.id.partition(":")[0], **params)

    return meddle


def _tag(key: str, value: str) -> Meddle:
    return _ec2("create_tags", Resources=["ID"], Tags=[{"Key": key, "Value": value}])


def _rule(cloud: Cloud, resource: Resource) -> object:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}
    return cloud.client("ec2").modify_security_group_rules(
        GroupId=resource.inputs["securityGroupId"],
        SecurityGroupRules=[{"SecurityGroupRuleId": resource.id, "SecurityGroupRule": rule}],
    )


def _open(cloud: Cloud, resource: Resource) -> object:
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    return cloud.client("ec2").authorize_security_group_ingress(GroupId=resource.id, IpPermissions=[everything])


def _retag_root(cloud: Cloud, resource: Resource) -> object:
    tags = [{"Key": "Name", "Value": "theirs"}]
    return cloud.client("ec2").create_tags(Resources=[resource.outputs["rootBlockDevice"]["volumeId"]], Tags=tags)


def _leave_endpoint(cloud: Cloud, resource: Resource) -> object:
    tables = resource.inputs["routeTableIds"]
    return cloud.client("ec2").modify_vpc_endpoint(VpcEndpointId=resource.id, RemoveRouteTableIds=tables)


def _detach_gateway(cloud: Cloud, resource: Resource) -> object:
    return cloud.client("ec2").detach_internet_gateway(InternetGatewayId=resource.id, VpcId=resource.inputs["vpcId"])


def _replace_role_policy(cloud: Cloud, resource: Resource) -> object:
    role, _, name = resource.id.partition(":")
    return cloud.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy("*"))


def _drop_notification(cloud: Cloud, resource: Resource) -> object:
    account, _, name = resource.id.partition(":")
    client = cloud.client("budgets")
    (found,) = client.describe_notifications_for_budget(AccountId=account, BudgetName=name)["Notifications"]
    keys = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    about = {key: found[key] for key in keys if key in found}
    return client.delete_notification(AccountId=account, BudgetName=name, Notification=about)


CASES = [
    Case("vpc", "enableDnsHostnames", _ec2("modify_vpc_attribute", VpcId="ID", EnableDnsHostnames={"Value": False})),
    Case("vpc", "tags.Name", _tag("Name", "theirs")),
    Case("other-vpc", "tags", _tag("added", "by hand")),
    Case(
        "subnet",
        "mapPublicIpOnLaunch",
        _ec2("modify_subnet_attribute", SubnetId="ID", MapPublicIpOnLaunch={"Value": False}),
    ),
    Case("gateway", "vpcId", _detach_gateway),
    Case("table", "tagsAll.stack", _ec2("delete_tags", Resources=["ID"], Tags=[{"Key": "stack"}])),
    Case("endpoint", "routeTableIds", _leave_endpoint),
    Case("default-group", "ingress", _open),
    Case("ingress", "cidrIpv4", _rule),
    Case("role", "assumeRolePolicy", _iam("update_assume_role_policy", PolicyDocument=trust("lambda.amazonaws.com"))),
    Case("role", "tags", _iam("tag_role", Tags=[{"Key": "added", "Value": "by hand"}])),
    Case("role-policy", "policy", _replace_role_policy),
    Case("volume", "size", _ec2("modify_volume", VolumeId="ID", Size=30)),
    Case(
        "instance",
        "metadataOptions.httpTokens",
        _ec2("modify_instance_metadata_options", InstanceId="ID", HttpTokens="optional"),
    ),
    Case("instance", "rootBlockDevice.tags.Name", _retag_root),
    Case("budget", "notifications", _drop_notification),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.example}-{case.path}")
def test_drift_shows_and_is_put_right(cloud: Cloud, world: World, case: Case) -> None:
    resource = world.make(case.example)
    case.meddle(cloud, resource)
    found = world.plugin.read(resource)
    diff = world.plugin.diff(found, resource.inputs)
    assert case.path in diff.paths
    assert not diff.replaces
    if case.path == "size":
        return  # a volume does not shrink
    mended = world.plugin.update(found, resource.inputs)
    assert world.plugin.read(mended).inputs == resource.inputs
    assert mended.outputs == resource.outputs


GONE = {
    "vpc": ("delete_vpc", "VpcId"),
    "gateway": ("delete_internet_gateway", "InternetGatewayId"),
    "table": ("delete_route_table", "RouteTableId"),
    "group": ("delete_security_group", "GroupId"),
    "key": ("delete_key_pair", "KeyName"),
    "volume": ("delete_volume", "VolumeId"),
}


@pytest.mark.parametrize("example", GONE)
def test_what_was_deleted_by_hand_reads_as_gone_and_may_be_deleted_again(
    cloud: Cloud, world: World, example: str
) -> None:
    resource, (operation, key) = world.make(example), GONE[example]
    if example == "gateway":
        _detach_gateway(cloud, resource)
    getattr(cloud.client("ec2"), operation)(**{key: resource.id})
    assert world.plugin.read(resource).id == ""
    world.plugin.delete(resource)


def test_a_terminated_instance_is_gone_and_its_attachment_with_it(cloud: Cloud, world: World) -> None:
    attachment, instance = world.make("attachment"), world.make("instance")
    cloud.client("ec2").terminate_instances(InstanceIds=[instance.id])
    assert world.plugin.read(instance).id == ""
    assert world.plugin.read(attachment).id == ""
    world.plugin.delete(attachment)


def test_a_stopped_instance_is_no_drift(cloud: Cloud, world: World) -> None:
    instance = world.make("instance")
    cloud.client("ec2").stop_instances(InstanceIds=[instance.id])
    found = world.plugin.read(instance)
    assert found.outputs["instanceState"] == "stopped"
    assert not world.plugin.diff(found, instance.inputs).some


@pytest.mark.parametrize(
    "example", ["vpc", "subnet", "gateway", "group", "key", "role", "profile", "volume", "instance"]
)
def test_import_by_id_adopts_what_is_there(world: World, example: str) -> None:
    made = world.make(example)
    adopted = world.plugin.read(dataclasses.replace(made, inputs={}, outputs={}))
    assert adopted.id == made.id
    unread = {"userDataBase64", "publicKey", "instanceInitiatedShutdownBehavior"}
    for name, value in EXAMPLES[example].inputs.items():
        if isinstance(value, str | int | bool) and name not in unread:
            assert adopted.inputs[name] == value, name
