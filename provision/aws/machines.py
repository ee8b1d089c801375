"""Which instance types with GPUs a region has, and in which of its zones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from provision.aws.clients import aws_errors, client, listed
from provision.model.platforms import NO_GPU, InstanceType, gpu_model, gpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FAMILIES = ("g*", "p*")
"""EC2 has no filter for GPUs; it names what has them with these letters."""


def with_known_gpus(profile: str, region: str) -> dict[str, InstanceType]:
    """Return the x86 instance types of a region whose GPU recipes know, by name. Raises `GpurigError`."""
    filters = [
        {"Name": "instance-type", "Values": list(_FAMILIES)},
        {"Name": "processor-info.supported-architecture", "Values": ["x86_64"]},
    ]
    with aws_errors(f"EC2 does not describe the instance types of {region}"):
        ec2 = client("ec2", profile, region)
        found = [_read(row) for row in listed(ec2, "describe_instance_types", "InstanceTypes", Filters=filters)]
    return {kind.name: kind for kind in found if kind.gpu in gpus() and kind.gpus}


def described(profile: str, region: str, name: str) -> InstanceType | None:
    """Return one instance type as EC2 describes it; None where the region has none of that name.

    Raises `GpurigError` where EC2 does not answer.
    """
    filters = [{"Name": "instance-type", "Values": [name]}]
    with aws_errors(f"EC2 does not describe {name} in {region}"):
        rows = client("ec2", profile, region).describe_instance_types(Filters=filters)["InstanceTypes"]
    return _read(rows[0]) if rows else None


def zones_with(profile: str, region: str, names: Iterable[str], *, subnets: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return the availability zones that offer each of these types, without local and wavelength zones.

    `subnets`: where a box has to stand in one of these, their zones alone.

    Raises `GpurigError` where EC2 does not answer.
    """
    wanted = sorted(set(names))
    found: dict[str, list[str]] = {name: [] for name in wanted}
    if not wanted:
        return found
    with aws_errors(f"EC2 does not tell what the zones of {region} offer"):
        ec2 = client("ec2", profile, region)
        states = [{"Name": "state", "Values": ["available"]}]
        zones = {row["ZoneName"] for row in ec2.describe_availability_zones(Filters=states)["AvailabilityZones"]}
        if subnets:
            zones &= {row["AvailabilityZone"] for row in ec2.describe_subnets(SubnetIds=[*subnets])["Subnets"]}
        filters = [{"Name": "instance-type", "Values": wanted}]
        where = {"LocationType": "availability-zone", "Filters": filters}
        rows = listed(ec2, "describe_instance_type_offerings", "InstanceTypeOfferings", **where)
    for row in rows:
        zone = row["Location"]
        if zone in zones and re.fullmatch(f"{re.escape(region)}[a-z]", zone):
            found[row["InstanceType"]].append(zone)
    return {name: sorted(there) for name, there in found.items()}


def _read(row: Any) -> InstanceType:
    cards = [card for card in row.get("GpuInfo", {}).get("Gpus", ()) if card.get("Count")]
    memory = cards[0].get("MemoryInfo", {}).get("SizeInMiB") if cards else None
    return InstanceType(
        name=row["InstanceType"],
        gpu=(gpu_model(cards[0]["Name"]) or cards[0]["Name"]) if cards else NO_GPU,
        gpus=sum(card["Count"] for card in cards),
        gpu_memory_gib=memory and round(memory / 1024),
        vcpus=row["VCpuInfo"]["DefaultVCpus"],
        memory_gib=row["MemoryInfo"]["SizeInMiB"] // 1024,
    )
