"""VPC, subnet, internet gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Kind, answer, request
from rehearsal.provider.tags import OUTPUTS, as_read, at_creation, retag_ec2, tag_fields
from rehearsal.provider.validate import cidr

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_DNS = ("enableDnsSupport", "enableDnsHostnames")
_SETTLE_S = 300.0
_TAGS = tag_fields(retag_ec2)


def _vpc(aws: Aws, vpc_id: str) -> dict[str, Any]:
    return aws.described("DescribeVpcs", "Vpcs", VpcIds=[vpc_id])


def _create_vpc(aws: Aws, inputs: Values) -> str:
    vpc_id: str = aws.ec2("CreateVpc", **request(inputs, "cidrBlock"), **at_creation(inputs, "vpc"))["Vpc"]["VpcId"]
    return vpc_id


def _settle_vpc(aws: Aws, item: Item) -> None:
    aws.until_available(f"VPC {item.id}", lambda: _vpc(aws, item.id), seconds=_SETTLE_S)
    _set_dns(aws, item)


def _set_dns(aws: Aws, item: Item) -> None:
    # One attribute a call: the API takes no two at once.
    for name in _DNS:
        if item.values.get(name) is not None:
            aws.ec2("ModifyVpcAttribute", VpcId=item.id, **request({name: {"Value": item.values[name]}}, name))


def _read_vpc(aws: Aws, item: Item) -> Values:
    vpc = _vpc(aws, item.id)
    dns = {
        name: aws.ec2("DescribeVpcAttribute", VpcId=item.id, Attribute=name)[name[0].upper() + name[1:]]["Value"]
        for name in _DNS
    }
    return {**answer(vpc, "cidrBlock"), **dns, **as_read(vpc.get("Tags"), aws, item)}


def _subnet(aws: Aws, subnet_id: str) -> dict[str, Any]:
    return aws.described("DescribeSubnets", "Subnets", SubnetIds=[subnet_id])


def _create_subnet(aws: Aws, inputs: Values) -> str:
    params = request(inputs, "vpcId", "cidrBlock", "availabilityZone")
    subnet_id: str = aws.ec2("CreateSubnet", **params, **at_creation(inputs, "subnet"))["Subnet"]["SubnetId"]
    return subnet_id


def _settle_subnet(aws: Aws, item: Item) -> None:
    aws.until_available(f"subnet {item.id}", lambda: _subnet(aws, item.id), seconds=_SETTLE_S)
    if item.values.get("mapPublicIpOnLaunch"):
        _set_public_addresses(aws, item)


def _set_public_addresses(aws: Aws, item: Item) -> None:
    wanted = {"Value": item.values.get("mapPublicIpOnLaunch", False)}
    aws.ec2("ModifySubnetAttribute", SubnetId=item.id, MapPublicIpOnLaunch=wanted)


def _read_subnet(aws: Aws, item: Item) -> Values:
    subnet = _subnet(aws, item.id)
    return {
        **answer(subnet, "vpcId", "cidrBlock", "availabilityZone", "mapPublicIpOnLaunch"),
        **as_read(subnet.get("Tags"), aws, item),
    }


def _create_gateway(aws: Aws, inputs: Values) -> str:
    made = aws.ec2("CreateInternetGateway", **at_creation(inputs, "internet-gateway"))["InternetGateway"]
    gateway_id: str = made["InternetGatewayId"]
    return gateway_id


def _attach_gateway(aws: Aws, item: Item) -> None:
    """Attach the gateway to the VPC that is asked for, away from any other."""
    wanted = item.values.get("vpcId")
    for vpc_id in _attached(aws, item.id):
        if vpc_id == wanted:
            return
        aws.ec2("DetachInternetGateway", InternetGatewayId=item.id, VpcId=vpc_id)
    if wanted:
        aws.ec2("AttachInternetGateway", InternetGatewayId=item.id, VpcId=wanted)


def _delete_gateway(aws: Aws, item: Item) -> None:
    for vpc_id in _attached(aws, item.id):
        aws.ec2("DetachInternetGateway", InternetGatewayId=item.id, VpcId=vpc_id)
    aws.ec2("DeleteInternetGateway", InternetGatewayId=item.id)


def _gateway(aws: Aws, gateway_id: str) -> dict[str, Any]:
    return aws.described("DescribeInternetGateways", "InternetGateways", InternetGatewayIds=[gateway_id])


def _attached(aws: Aws, gateway_id: str) -> list[str]:
    return [attachment["VpcId"] for attachment in _gateway(aws, gateway_id).get("Attachments", [])]


def _read_gateway(aws: Aws, item: Item) -> Values:
    found = _gateway(aws, item.id)
    attachments = found.get("Attachments") or [{}]
    return {"vpcId": attachments[0].get("VpcId"), **as_read(found.get("Tags"), aws, item)}


KINDS = {
    "aws:ec2/vpc:Vpc": Kind(
        noun="EC2 VPC",
        fields={
            "cidrBlock": Field(required=True, on_change=Fate.REPLACE, why_not=cidr(longest=28, shortest=16)),
            **dict.fromkeys(_DNS, Field(type=bool, computed=True, on_change=_set_dns)),
            **_TAGS,
        },
        outputs=OUTPUTS,
        create=_create_vpc,
        settle=_settle_vpc,
        read=_read_vpc,
        delete=lambda aws, item: aws.ec2("DeleteVpc", VpcId=item.id),
    ),
    "aws:ec2/subnet:Subnet": Kind(
        noun="EC2 Subnet",
        fields={
            "vpcId": Field(required=True, on_change=Fate.REPLACE),
            "cidrBlock": Field(required=True, on_change=Fate.REPLACE, why_not=cidr(longest=28, shortest=16)),
            "availabilityZone": Field(computed=True, on_change=Fate.REPLACE),
            "mapPublicIpOnLaunch": Field(type=bool, computed=True, on_change=_set_public_addresses),
            **_TAGS,
        },
        outputs=OUTPUTS,
        create=_create_subnet,
        settle=_settle_subnet,
        read=_read_subnet,
        delete=lambda aws, item: aws.ec2("DeleteSubnet", SubnetId=item.id),
    ),
    "aws:ec2/internetGateway:InternetGateway": Kind(
        noun="EC2 Internet Gateway",
        fields={"vpcId": Field(computed=True, on_change=_attach_gateway), **_TAGS},
        outputs=OUTPUTS,
        create=_create_gateway,
        settle=_attach_gateway,
        read=_read_gateway,
        delete=_delete_gateway,
    ),
}
