"""VPC, subnet, internet gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.provider.ec2 import Ec2
from rehearsal.provider.model import Fate, Field, request
from rehearsal.provider.validate import cidr

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_DNS = ("enableDnsSupport", "enableDnsHostnames")

_VPC = Ec2(api_name="Vpc", noun="EC2 VPC", tag_type="vpc", names=("cidrBlock",))
_SUBNET = Ec2(
    api_name="Subnet",
    noun="EC2 Subnet",
    tag_type="subnet",
    names=("vpcId", "cidrBlock", "availabilityZone"),
    read_also=("mapPublicIpOnLaunch",),
)
_GATEWAY = Ec2(api_name="InternetGateway", noun="EC2 Internet Gateway", tag_type="internet-gateway")


def _settle_vpc(aws: Aws, item: Item) -> None:
    _VPC.settle(aws, item)
    _set_dns(aws, item)


def _set_dns(aws: Aws, item: Item) -> None:
    # One attribute a call: the API takes no two at once.
    for name in _DNS:
        if item.values.get(name) is not None:
            aws.ec2("ModifyVpcAttribute", VpcId=item.id, **request({name: {"Value": item.values[name]}}, name))


def _read_vpc(aws: Aws, item: Item) -> Values:
    dns = {
        name: aws.ec2("DescribeVpcAttribute", VpcId=item.id, Attribute=name)[name[0].upper() + name[1:]]["Value"]
        for name in _DNS
    }
    return {**_VPC.read(aws, item), **dns}


def _settle_subnet(aws: Aws, item: Item) -> None:
    _SUBNET.settle(aws, item)
    if item.values.get("mapPublicIpOnLaunch"):
        _set_public_addresses(aws, item)


def _set_public_addresses(aws: Aws, item: Item) -> None:
    wanted = {"Value": item.values.get("mapPublicIpOnLaunch", False)}
    aws.ec2("ModifySubnetAttribute", SubnetId=item.id, MapPublicIpOnLaunch=wanted)


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
    _GATEWAY.delete(aws, item)


def _attached(aws: Aws, gateway_id: str) -> list[str]:
    return [attachment["VpcId"] for attachment in _GATEWAY.find(aws, gateway_id).get("Attachments", [])]


def _read_gateway(aws: Aws, item: Item) -> Values:
    found = _GATEWAY.find(aws, item.id)
    attachments = found.get("Attachments") or [{}]
    return {"vpcId": attachments[0].get("VpcId"), **_GATEWAY.properties(found, aws, item)}


KINDS = {
    "aws:ec2/vpc:Vpc": _VPC.kind(
        {
            "cidrBlock": Field(required=True, on_change=Fate.REPLACE, why_not=cidr(longest=28, shortest=16)),
            "enableDnsSupport": Field(type=bool, default=True, on_change=_set_dns),
            "enableDnsHostnames": Field(type=bool, computed=True, on_change=_set_dns),
        },
        settle=_settle_vpc,
        read=_read_vpc,
    ),
    "aws:ec2/subnet:Subnet": _SUBNET.kind(
        {
            "vpcId": Field(required=True, on_change=Fate.REPLACE),
            "cidrBlock": Field(required=True, on_change=Fate.REPLACE, why_not=cidr(longest=28, shortest=16)),
            "availabilityZone": Field(computed=True, on_change=Fate.REPLACE),
            "mapPublicIpOnLaunch": Field(type=bool, default=False, on_change=_set_public_addresses),
        },
        settle=_settle_subnet,
    ),
    "aws:ec2/internetGateway:InternetGateway": _GATEWAY.kind(
        {"vpcId": Field(computed=True, on_change=_attach_gateway)},
        settle=_attach_gateway,
        read=_read_gateway,
        delete=_delete_gateway,
    ),
}
