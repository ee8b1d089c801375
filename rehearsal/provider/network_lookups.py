"""The functions by which a program looks a network up that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.aws import ProviderError
from rehearsal.provider.model import answer, where

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.wire import Values

_TARGETS = ("gatewayId", "natGatewayId", "transitGatewayId", "networkInterfaceId", "vpcPeeringConnectionId")


def subnet(aws: Aws, args: Values) -> Values:
    """Return a subnet by its id."""
    found = aws.described("DescribeSubnets", "Subnets", SubnetIds=[args["id"]])
    told = answer(found, "vpcId", "availabilityZone", "cidrBlock", "mapPublicIpOnLaunch", "availableIpAddressCount")
    return {**told, "id": found["SubnetId"]}


def vpc(aws: Aws, args: Values) -> Values:
    """Return a VPC by its id: what it does with names, and its main route table."""
    found = aws.described("DescribeVpcs", "Vpcs", VpcIds=[args["id"]])
    names = {
        name: aws.ec2("DescribeVpcAttribute", VpcId=args["id"], Attribute=name)[name[0].upper() + name[1:]]["Value"]
        for name in ("enableDnsSupport", "enableDnsHostnames")
    }
    main = aws.described(
        "DescribeRouteTables", "RouteTables", **where(**{"association.main": "true"}, vpc_id=args["id"])
    )
    return {"id": found["VpcId"], "cidrBlock": found["CidrBlock"], **names, "mainRouteTableId": main["RouteTableId"]}


def route_tables(aws: Aws, args: Values) -> Values:
    """Return the ids of the route tables that match."""
    filters = [{"Name": part["name"], "Values": part["values"]} for part in args["filters"]]
    found = aws.listed("ec2", "DescribeRouteTables", "RouteTables", Filters=filters)
    return {"ids": [one["RouteTableId"] for one in found]}


def route_table(aws: Aws, args: Values) -> Values:
    """Return a route table by its id, with the routes that the official provider tells of."""
    found = aws.listed("ec2", "DescribeRouteTables", "RouteTables", RouteTableIds=[args["routeTableId"]])
    if not found:
        raise ProviderError("query returned no results. Please change your search criteria and try again")
    return {"id": args["routeTableId"], "routes": [_route(one) for one in found[0]["Routes"] if _is_told(one)]}


def _is_told(route: dict[str, Any]) -> bool:
    """Say whether the provider tells of a route: not of the local one, an endpoint's, nor what a VPN has announced."""
    gateway = route.get("GatewayId") or ""
    return gateway != "local" and route.get("Origin") != "EnableVgwRoutePropagation" and "vpce-" not in gateway


def _route(route: dict[str, Any]) -> Values:
    told = answer(route, *_TARGETS)
    return {"cidrBlock": route.get("DestinationCidrBlock", ""), **{name: value or "" for name, value in told.items()}}
