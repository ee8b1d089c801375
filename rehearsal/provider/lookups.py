"""The functions that a program invokes to look things up, with what it reads of their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    found = {**answer(snapshot, "state", "volumeSize"), "tags": mapping(snapshot.get("Tags"), aws)}
    return {**found, "id": snapshot["SnapshotId"]}


LOOKUPS: Mapping[str, tuple[Callable[[Aws, Values], Values], tuple[str, ...]]] = {
    "aws:ssm/getParameter:getParameter": (_parameter, ("name",)),
    "aws:index/getAvailabilityZones:getAvailabilityZones": (_zones, ("state",)),
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": (_offerings, ("filters", "locationType")),
    "aws:ec2/getInstanceType:getInstanceType": (_instance_type, ("instanceType",)),
    "aws:ec2/getAmi:getAmi": (_image, ("filters", "mostRecent", "owners")),
    "aws:ec2/getInstances:getInstances": (_instances, ("filters", "instanceStateNames")),
    "aws:ebs/getEbsVolumes:getEbsVolumes": (_volumes, ("filters",)),
    "aws:ebs/getVolume:getVolume": (_volume, ("filters",)),
    "aws:ebs/getSnapshotIds:getSnapshotIds": (_snapshots, ("filters", "owners")),
    "aws:ebs/getSnapshot:getSnapshot": (_snapshot, ("snapshotIds",)),
}
"""Token to what looks it up, and the arguments that it takes."""
