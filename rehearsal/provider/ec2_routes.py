"""Route table, route, association, gateway endpoint."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from rehearsal.provider.ec2 import Ec2
from rehearsal.provider.model import Fate, Field, Kind, answer, request, where
from rehearsal.provider.validate import cidr, one_of, same_set

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_TABLE = Ec2(api_name="RouteTable", noun="EC2 Route Table", tag_type="route-table", names=("vpcId",))
_ENDPOINT = Ec2(
    api_name="VpcEndpoint",
    noun="EC2 VPC Endpoint",
    tag_type="vpc-endpoint",
    names=("vpcId", "serviceName", "vpcEndpointType", "routeTableIds"),
)


def _create_route(aws: Aws, inputs: Values) -> str:
    aws.ec2("CreateRoute", **request(inputs, "routeTableId", "destinationCidrBlock", "gatewayId"))
    # A route has no id of its own; this is how the official provider makes one up.
    return f"r-{inputs['routeTableId']}{zlib.crc32(inputs['destinationCidrBlock'].encode())}"


def _redirect(aws: Aws, item: Item) -> None:
    aws.ec2("ReplaceRoute", **request(item.values, "routeTableId", "destinationCidrBlock", "gatewayId"))


def _read_route(aws: Aws, item: Item) -> Values | None:
    # An import names a route as `rtb-…_10.0.0.0/8`.
    table_id, _, destination = item.id.partition("_")
    table_id = item.values.get("routeTableId", table_id)
    destination = item.values.get("destinationCidrBlock", destination)
    for route in _TABLE.find(aws, table_id)["Routes"]:
        if route.get("DestinationCidrBlock") == destination:
            return {**answer(route, "destinationCidrBlock", "gatewayId"), "routeTableId": table_id}
    return None


def _delete_route(aws: Aws, item: Item) -> None:
    aws.ec2("DeleteRoute", **request(item.values, "routeTableId", "destinationCidrBlock"))


def _associate(aws: Aws, inputs: Values) -> str:
    return str(aws.ec2("AssociateRouteTable", **request(inputs, "subnetId", "routeTableId"))["AssociationId"])


def _association(aws: Aws, item: Item) -> dict[str, Any] | None:
    """Return the subnet's association: its id changes whenever it is given another table."""
    subnet_id = item.values.get("subnetId") or item.id.partition("/")[0]
    for table in aws.ec2("DescribeRouteTables", **where(**{"association.subnet-id": subnet_id}))["RouteTables"]:
        for association in table["Associations"]:
            if association.get("SubnetId") == subnet_id:
                return {"RouteTableId": table["RouteTableId"], **association}
    return None


def _read_association(aws: Aws, item: Item) -> Values | None:
    association = _association(aws, item)
    return answer(association, "subnetId", "routeTableId") if association else None


def _reassociate(aws: Aws, item: Item) -> None:
    association = _association(aws, item)
    if association:
        wanted = request(item.values, "routeTableId")
        aws.ec2("ReplaceRouteTableAssociation", AssociationId=association["RouteTableAssociationId"], **wanted)


def _dissociate(aws: Aws, item: Item) -> None:
    association = _association(aws, item)
    # Another stack may have taken the subnet over since: what it did stays.
    if association and association["RouteTableId"] == item.values.get("routeTableId"):
        aws.ec2("DisassociateRouteTable", AssociationId=association["RouteTableAssociationId"])


def _read_endpoint(aws: Aws, item: Item) -> Values | None:
    endpoint = _ENDPOINT.find(aws, item.id)
    return None if endpoint["State"].lower() == "deleted" else _ENDPOINT.properties(endpoint, aws, item)


def _change_endpoint(aws: Aws, item: Item) -> None:
    wanted, present = set(item.values.get("routeTableIds", [])), set(item.before.get("routeTableIds", []))
    params: dict[str, Any] = {"AddRouteTableIds": sorted(wanted - present)} if wanted - present else {}
    if present - wanted:
        params["RemoveRouteTableIds"] = sorted(present - wanted)
    aws.ec2("ModifyVpcEndpoint", VpcEndpointId=item.id, **params)


KINDS = {
    "aws:ec2/routeTable:RouteTable": _TABLE.kind({"vpcId": Field(required=True, on_change=Fate.REPLACE)}),
    "aws:ec2/route:Route": Kind(
        noun="EC2 Route",
        fields={
            "routeTableId": Field(required=True, on_change=Fate.REPLACE),
            "destinationCidrBlock": Field(required=True, on_change=Fate.REPLACE, why_not=cidr()),
            "gatewayId": Field(required=True, on_change=_redirect),
        },
        create=_create_route,
        read=_read_route,
        delete=_delete_route,
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Kind(
        noun="EC2 Route Table Association",
        fields={
            "subnetId": Field(required=True, on_change=Fate.REPLACE),
            "routeTableId": Field(required=True, on_change=_reassociate),
        },
        create=_associate,
        read=_read_association,
        delete=_dissociate,
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _ENDPOINT.kind(
        {
            "vpcId": Field(required=True, on_change=Fate.REPLACE),
            "serviceName": Field(required=True, on_change=Fate.REPLACE),
            "vpcEndpointType": Field(required=True, on_change=Fate.REPLACE, why_not=one_of("Gateway")),
            "routeTableIds": Field(type=list, computed=True, same=same_set, on_change=_change_endpoint),
        },
        settle=_ENDPOINT.settle,
        read=_read_endpoint,
        delete=lambda aws, item: aws.ec2("DeleteVpcEndpoints", VpcEndpointIds=[item.id]),
    ),
}
