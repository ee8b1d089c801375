"""Route table, route, association, gateway endpoint."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Kind, answer, request, where
from rehearsal.provider.tags import OUTPUTS, as_read, at_creation, retag_ec2, tag_fields
from rehearsal.provider.validate import cidr, one_of, same_set

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_SETTLE_S = 600.0
_TAGS = tag_fields(retag_ec2)


def _table(aws: Aws, table_id: str) -> dict[str, Any]:
    return aws.described("DescribeRouteTables", "RouteTables", RouteTableIds=[table_id])


def _create_table(aws: Aws, inputs: Values) -> str:
    params = {**request(inputs, "vpcId"), **at_creation(inputs, "route-table")}
    table_id: str = aws.ec2("CreateRouteTable", **params)["RouteTable"]["RouteTableId"]
    return table_id


def _read_table(aws: Aws, item: Item) -> Values:
    table = _table(aws, item.id)
    return {**answer(table, "vpcId"), **as_read(table.get("Tags"), aws, item)}


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
    for route in _table(aws, table_id)["Routes"]:
        if route.get("DestinationCidrBlock") == destination:
            return {**answer(route, "destinationCidrBlock", "gatewayId"), "routeTableId": table_id}
    return None


def _delete_route(aws: Aws, item: Item) -> None:
    aws.ec2("DeleteRoute", **request(item.values, "routeTableId", "destinationCidrBlock"))


def _associate(aws: Aws, inputs: Values) -> str:
    made = aws.ec2("AssociateRouteTable", **request(inputs, "subnetId", "routeTableId"))
    association_id: str = made["AssociationId"]
    return association_id


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


def _create_endpoint(aws: Aws, inputs: Values) -> str:
    params = request(inputs, "vpcId", "serviceName", "vpcEndpointType", "routeTableIds")
    made = aws.ec2("CreateVpcEndpoint", **params, **at_creation(inputs, "vpc-endpoint"))["VpcEndpoint"]
    endpoint_id: str = made["VpcEndpointId"]
    return endpoint_id


def _endpoint(aws: Aws, endpoint_id: str) -> dict[str, Any]:
    return aws.described("DescribeVpcEndpoints", "VpcEndpoints", VpcEndpointIds=[endpoint_id])


def _settle_endpoint(aws: Aws, item: Item) -> None:
    aws.until_available(f"VPC endpoint {item.id}", lambda: _endpoint(aws, item.id), seconds=_SETTLE_S)


def _read_endpoint(aws: Aws, item: Item) -> Values | None:
    endpoint = _endpoint(aws, item.id)
    if endpoint["State"].lower() in ("deleted", "deleting"):
        return None
    return {
        **answer(endpoint, "vpcId", "serviceName", "vpcEndpointType", "routeTableIds"),
        **as_read(endpoint.get("Tags"), aws, item),
    }


def _change_endpoint(aws: Aws, item: Item) -> None:
    wanted, present = set(item.values.get("routeTableIds", [])), set(item.before.get("routeTableIds", []))
    params: dict[str, Any] = {"AddRouteTableIds": sorted(wanted - present)} if wanted - present else {}
    if present - wanted:
        params["RemoveRouteTableIds"] = sorted(present - wanted)
    aws.ec2("ModifyVpcEndpoint", VpcEndpointId=item.id, **params)


def _delete_endpoint(aws: Aws, item: Item) -> None:
    aws.ec2("DeleteVpcEndpoints", VpcEndpointIds=[item.id])


KINDS = {
    "aws:ec2/routeTable:RouteTable": Kind(
        noun="EC2 Route Table",
        fields={"vpcId": Field(required=True, on_change=Fate.REPLACE), **_TAGS},
        outputs=OUTPUTS,
        create=_create_table,
        read=_read_table,
        delete=lambda aws, item: aws.ec2("DeleteRouteTable", RouteTableId=item.id),
    ),
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
    "aws:ec2/vpcEndpoint:VpcEndpoint": Kind(
        noun="EC2 VPC Endpoint",
        fields={
            "vpcId": Field(required=True, on_change=Fate.REPLACE),
            "serviceName": Field(required=True, on_change=Fate.REPLACE),
            "vpcEndpointType": Field(required=True, on_change=Fate.REPLACE, why_not=one_of("Gateway")),
            "routeTableIds": Field(type=list, computed=True, same=same_set, on_change=_change_endpoint),
            **_TAGS,
        },
        outputs=OUTPUTS,
        create=_create_endpoint,
        settle=_settle_endpoint,
        read=_read_endpoint,
        delete=_delete_endpoint,
    ),
}
