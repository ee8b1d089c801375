"""The functions that a program invokes to look things up, with what it reads of their answers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from rehearsal.provider import network_lookups
from rehearsal.provider.aws import ProviderError
from rehearsal.provider.model import answer, where
from rehearsal.provider.tags import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.provider.aws import Aws
    from rehearsal.provider.wire import Values


def _filters(args: Values) -> list[dict[str, Any]]:
    return [{"Name": part["name"], "Values": part["values"]} for part in args.get("filters") or []]


def _only(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the only record. Raises `ProviderError`, in the official provider's words."""
    if not found:
        raise ProviderError("Your query returned no results. Please change your search criteria and try again.")
    if len(found) > 1:
        raise ProviderError(
            "Your query returned more than one result. Please try a more specific search criteria, or set "
            "`mostRecent` attribute to true."
        )
    return found[0]


def _parameter(aws: Aws, args: Values) -> Values:
    return answer(aws.ssm("GetParameter", Name=args["name"], WithDecryption=True)["Parameter"], "value")


def _zones(aws: Aws, args: Values) -> Values:
    found = aws.ec2("DescribeAvailabilityZones", **where(state=args["state"]))["AvailabilityZones"]
    return {"names": sorted(zone["ZoneName"] for zone in found)}


def _offerings(aws: Aws, args: Values) -> Values:
    found = aws.listed(
        "ec2",
        "DescribeInstanceTypeOfferings",
        "InstanceTypeOfferings",
        LocationType=args["locationType"],
        Filters=_filters(args),
    )
    return {"locations": [offer["Location"] for offer in found]}


def _instance_type(aws: Aws, args: Values) -> Values:
    found = aws.described("DescribeInstanceTypes", "InstanceTypes", InstanceTypes=[args["instanceType"]])
    return {
        "defaultVcpus": found["VCpuInfo"]["DefaultVCpus"],
        "memorySize": found["MemoryInfo"]["SizeInMiB"],
        "gpuses": [answer(gpu, "count", "name") for gpu in found.get("GpuInfo", {}).get("Gpus", [])],
    }


def _image(aws: Aws, args: Values) -> Values:
    found = aws.ec2("DescribeImages", Owners=args["owners"], Filters=_filters(args))["Images"]
    if args.get("mostRecent"):
        found = sorted(found, key=lambda one: (one.get("CreationDate", ""), one["ImageId"]))[-1:]
    image = _only(found)
    return {"id": image["ImageId"], "tags": mapping(image.get("Tags"), aws)}


def _instances(aws: Aws, args: Values) -> Values:
    filters = [*_filters(args), {"Name": "instance-state-name", "Values": args["instanceStateNames"]}]
    reservations = aws.listed("ec2", "DescribeInstances", "Reservations", Filters=filters)
    return {"ids": [one["InstanceId"] for reservation in reservations for one in reservation["Instances"]]}


def _volumes(aws: Aws, args: Values) -> Values:
    found = aws.listed("ec2", "DescribeVolumes", "Volumes", Filters=_filters(args))
    return {"ids": [one["VolumeId"] for one in found]}


def _volume(aws: Aws, args: Values) -> Values:
    volume = _only(aws.listed("ec2", "DescribeVolumes", "Volumes", Filters=_filters(args)))
    return {
        **answer(volume, "availabilityZone", "size", "snapshotId"),
        "id": volume["VolumeId"],
        "tags": mapping(volume.get("Tags"), aws),
    }


def _snapshots(aws: Aws, args: Values) -> Values:
    owners, filters = args["owners"], _filters(args)
    found = aws.listed("ec2", "DescribeSnapshots", "Snapshots", OwnerIds=owners, Filters=filters)
    found.sort(key=lambda one: one["StartTime"], reverse=True)
    return {"ids": [one["SnapshotId"] for one in found]}


def _snapshot(aws: Aws, args: Values) -> Values:
    snapshot = _only(aws.ec2("DescribeSnapshots", SnapshotIds=args["snapshotIds"])["Snapshots"])
    found = {**answer(snapshot, "state", "volumeId", "volumeSize"), "tags": mapping(snapshot.get("Tags"), aws)}
    began = snapshot["StartTime"].strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**found, "id": snapshot["SnapshotId"], "startTime": began, "description": snapshot.get("Description", "")}


def _groups(aws: Aws, args: Values) -> Values:
    found = aws.listed("ec2", "DescribeSecurityGroups", "SecurityGroups", Filters=_filters(args))
    return {"ids": [one["GroupId"] for one in found]}


def _product(aws: Aws, args: Values) -> Values:
    filters = [{"Type": "TERM_MATCH", "Field": part["field"], "Value": part["value"]} for part in args["filters"]]
    found = aws.call("pricing", "GetProducts", ServiceCode=args["serviceCode"], Filters=filters)["PriceList"]
    if not found:
        raise ProviderError("Pricing product query did not return any elements")
    if len(found) > 1:
        raise ProviderError(f"Pricing product query not precise enough. Returned {len(found)} elements")
    return {"result": found[0]}


def _spot_price(aws: Aws, args: Values) -> Values:
    wanted = {"AvailabilityZone": args["availabilityZone"], "InstanceTypes": [args["instanceType"]]}
    now = dt.datetime.now(dt.UTC)
    found = aws.listed(
        "ec2", "DescribeSpotPriceHistory", "SpotPriceHistory", StartTime=now, Filters=_filters(args), **wanted
    )
    if not found:
        raise ProviderError("no EC2 Spot Price History found matching criteria; try different search")
    if len(found) > 1:
        raise ProviderError("multiple EC2 Spot Price History results found matching criteria; try different search")
    return {"spotPrice": found[0]["SpotPrice"], "spotPriceTimestamp": found[0]["Timestamp"].isoformat()}


def _instance(aws: Aws, args: Values) -> Values:
    found = aws.described("DescribeInstances", "Reservations", InstanceIds=[args["instanceId"]])["Instances"][0]
    return {"id": found["InstanceId"], "launchTime": found["LaunchTime"].strftime("%Y-%m-%dT%H:%M:%SZ")}


def _caller(aws: Aws, _: Values) -> Values:
    found = aws.sts("GetCallerIdentity")
    return {"id": found["Account"], "accountId": found["Account"], **answer(found, "arn", "userId")}


LOOKUPS: Mapping[str, tuple[Callable[[Aws, Values], Values], tuple[str, ...]]] = {
    "aws:ssm/getParameter:getParameter": (_parameter, ("name",)),
    "aws:index/getAvailabilityZones:getAvailabilityZones": (_zones, ("state",)),
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": (_offerings, ("filters", "locationType")),
    "aws:ec2/getInstanceType:getInstanceType": (_instance_type, ("instanceType",)),
    "aws:ec2/getSpotPrice:getSpotPrice": (_spot_price, ("availabilityZone", "filters", "instanceType")),
    "aws:pricing/getProduct:getProduct": (_product, ("filters", "serviceCode")),
    "aws:ec2/getAmi:getAmi": (_image, ("filters", "mostRecent", "owners")),
    "aws:ec2/getInstance:getInstance": (_instance, ("instanceId",)),
    "aws:index/getCallerIdentity:getCallerIdentity": (_caller, ()),
    "aws:ec2/getInstances:getInstances": (_instances, ("filters", "instanceStateNames")),
    "aws:ec2/getSecurityGroups:getSecurityGroups": (_groups, ("filters",)),
    "aws:ebs/getEbsVolumes:getEbsVolumes": (_volumes, ("filters",)),
    "aws:ebs/getVolume:getVolume": (_volume, ("filters",)),
    "aws:ebs/getSnapshotIds:getSnapshotIds": (_snapshots, ("filters", "owners")),
    "aws:ebs/getSnapshot:getSnapshot": (_snapshot, ("snapshotIds",)),
    "aws:ec2/getSubnet:getSubnet": (network_lookups.subnet, ("id",)),
    "aws:ec2/getVpc:getVpc": (network_lookups.vpc, ("id",)),
    "aws:ec2/getRouteTables:getRouteTables": (network_lookups.route_tables, ("filters",)),
    "aws:ec2/getRouteTable:getRouteTable": (network_lookups.route_table, ("routeTableId",)),
}
"""Token to what looks it up, and the arguments that it takes."""
