"""The functions that a program invokes to look things up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.provider.lookups_disks import DISKS
from rehearsal.provider.model import answer
from rehearsal.provider.query import filtered, the_one
from rehearsal.provider.tags import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.provider.aws import Aws
    from rehearsal.provider.wire import Values


def _parameter(aws: Aws, args: Values) -> Values:
    decrypted = args.get("withDecryption", True)
    found = aws.ssm("GetParameter", Name=args["name"], WithDecryption=decrypted)["Parameter"]
    value = found["Value"]
    return {
        **answer(found, "name", "type", "version"),
        "arn": found.get("ARN"),
        "id": found["Name"],
        "value": value,
        "insecureValue": "" if found.get("Type") == "SecureString" else value,
        "withDecryption": decrypted,
    }


def _zones(aws: Aws, args: Values) -> Values:
    also = {"state": args["state"]} if args.get("state") else {}
    found = aws.ec2("DescribeAvailabilityZones", **filtered(args, **also))["AvailabilityZones"]
    left_out = {*args.get("excludeNames", []), *args.get("excludeZoneIds", [])}
    kept = sorted(
        (zone for zone in found if not left_out & {zone["ZoneName"], zone.get("ZoneId")}),
        key=lambda zone: zone["ZoneName"],
    )
    return {
        **args,
        "id": aws.settings.region,
        "names": [zone["ZoneName"] for zone in kept],
        "zoneIds": [zone.get("ZoneId") for zone in kept],
        "groupNames": sorted({zone["GroupName"] for zone in kept if zone.get("GroupName")}),
    }


def _offerings(aws: Aws, args: Values) -> Values:
    kind = args.get("locationType", "region")
    found = aws.listed(
        "ec2", "DescribeInstanceTypeOfferings", "InstanceTypeOfferings", LocationType=kind, **filtered(args)
    )
    return {
        **args,
        "id": aws.settings.region,
        "instanceTypes": [offer["InstanceType"] for offer in found],
        "locations": [offer["Location"] for offer in found],
        "locationTypes": [offer["LocationType"] for offer in found],
    }


def _instance_type(aws: Aws, args: Values) -> Values:
    name = args["instanceType"]
    found = aws.described("DescribeInstanceTypes", "InstanceTypes", InstanceTypes=[name])
    cpu, gpu, disks = found.get("VCpuInfo", {}), found.get("GpuInfo", {}), found.get("InstanceStorageInfo", {})
    return {
        **answer(found, "instanceType", "bareMetal", "currentGeneration", "hypervisor", "hibernationSupported"),
        "id": name,
        "defaultVcpus": cpu.get("DefaultVCpus"),
        "defaultCores": cpu.get("DefaultCores"),
        "defaultThreadsPerCore": cpu.get("DefaultThreadsPerCore"),
        "memorySize": found["MemoryInfo"]["SizeInMiB"],
        "gpuses": [_gpu(one) for one in gpu.get("Gpus", [])],
        "totalGpuMemory": gpu.get("TotalGpuMemoryInMiB", 0),
        "instanceStorageSupported": found.get("InstanceStorageSupported", False),
        "totalInstanceStorage": disks.get("TotalSizeInGB", 0),
        "supportedArchitectures": found.get("ProcessorInfo", {}).get("SupportedArchitectures", []),
        "supportedUsagesClasses": found.get("SupportedUsageClasses", []),
        "supportedVirtualizationTypes": found.get("SupportedVirtualizationTypes", []),
        "networkPerformance": found.get("NetworkInfo", {}).get("NetworkPerformance"),
        "ebsEncryptionSupport": found.get("EbsInfo", {}).get("EncryptionSupport"),
        "ebsNvmeSupport": found.get("EbsInfo", {}).get("NvmeSupport"),
    }


def _gpu(one: dict[str, Any]) -> Values:
    return {
        **answer(one, "count", "manufacturer", "name"),
        "memorySize": one.get("MemoryInfo", {}).get("SizeInMiB"),
    }


def _image(aws: Aws, args: Values) -> Values:
    owners = {"Owners": args["owners"]} if args.get("owners") else {}
    found = aws.ec2("DescribeImages", **owners, **filtered(args))["Images"]
    image = the_one(args, found, lambda one: (one.get("CreationDate", ""), one["ImageId"]))
    names = ("imageId", "name", "description", "architecture", "creationDate", "ownerId", "public", "state")
    return {
        **args,
        **answer(image, *names, "rootDeviceName", "rootDeviceType", "virtualizationType", "hypervisor", "enaSupport"),
        "id": image["ImageId"],
        "arn": f"arn:aws:ec2:{aws.settings.region}::image/{image['ImageId']}",
        "tags": mapping(image.get("Tags")),
        "blockDeviceMappings": [_mapping(one) for one in image.get("BlockDeviceMappings", [])],
    }


def _mapping(one: dict[str, Any]) -> Values:
    # The official provider gives every figure in here as text.
    ebs = {key[0].lower() + key[1:]: value for key, value in one.get("Ebs", {}).items()}
    return {
        "deviceName": one["DeviceName"],
        "ebs": {key: value if isinstance(value, str) else json.dumps(value) for key, value in ebs.items()},
    }


def _instances(aws: Aws, args: Values) -> Values:
    states = args.get("instanceStateNames") or ["running"]
    filters = [*filtered(args).get("Filters", []), {"Name": "instance-state-name", "Values": states}]
    reservations = aws.listed("ec2", "DescribeInstances", "Reservations", Filters=filters)
    found = [one for reservation in reservations for one in reservation["Instances"]]
    return {
        **args,
        "id": aws.settings.region,
        "ids": [one["InstanceId"] for one in found],
        "privateIps": [one["PrivateIpAddress"] for one in found if one.get("PrivateIpAddress")],
        "publicIps": [one["PublicIpAddress"] for one in found if one.get("PublicIpAddress")],
    }


def _caller(aws: Aws, _: Values) -> Values:
    found = aws.sts("GetCallerIdentity")
    return {"id": found["Account"], "accountId": found["Account"], **answer(found, "arn", "userId")}


def _region(aws: Aws, _: Values) -> Values:
    region = aws.settings.region
    names = dict.fromkeys(("id", "name", "region"), region)
    return {**names, "endpoint": f"ec2.{region}.amazonaws.com", "description": region}


LOOKUPS: Mapping[str, tuple[Callable[[Aws, Values], Values], frozenset[str]]] = {
    token: (look_up, frozenset(("id", *arguments)))
    for token, look_up, arguments in (
        ("aws:ssm/getParameter:getParameter", _parameter, ("name", "withDecryption")),
        (
            "aws:index/getAvailabilityZones:getAvailabilityZones",
            _zones,
            ("state", "filters", "excludeNames", "excludeZoneIds"),
        ),
        (
            "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings",
            _offerings,
            ("filters", "locationType"),
        ),
        ("aws:ec2/getInstanceType:getInstanceType", _instance_type, ("instanceType",)),
        ("aws:ec2/getAmi:getAmi", _image, ("filters", "mostRecent", "owners")),
        ("aws:ec2/getInstances:getInstances", _instances, ("filters", "instanceStateNames")),
        *DISKS,
        ("aws:index/getCallerIdentity:getCallerIdentity", _caller, ()),
        ("aws:index/getRegion:getRegion", _region, ()),
    )
}
"""Token to what looks it up, and the arguments that it takes."""
