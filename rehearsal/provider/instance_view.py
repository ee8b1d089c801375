"""An instance as a state shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.aws import Gone, ProviderError
from rehearsal.provider.model import answer, where
from rehearsal.provider.power import describe_instance
from rehearsal.provider.tags import as_read, mapping, own_tags

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

METADATA = ("httpEndpoint", "httpTokens", "httpPutResponseHopLimit")
ROOT = ("volumeSize", "volumeType", "encrypted")
SPOT = ("maxPrice", "spotInstanceType", "instanceInterruptionBehavior")


def read_instance(aws: Aws, item: Item) -> Values | None:
    """Return what the cloud says of an instance; None once it is terminated.

    Which state reads how is a table that the tests hold this to: tests/rehearsal/provider/states.yaml.
    """
    instance = describe_instance(aws, item.id)
    if instance["State"]["Name"] == "terminated":
        return None
    tie = profile_association(aws, item.id)
    return {
        **answer(instance, "instanceType", "keyName", "spotInstanceRequestId"),
        "privateIp": instance.get("PrivateIpAddress", ""),
        "ami": instance["ImageId"],
        "availabilityZone": instance["Placement"]["AvailabilityZone"],
        "vpcSecurityGroupIds": [group["GroupId"] for group in instance.get("SecurityGroups", [])],
        "iamInstanceProfile": tie["IamInstanceProfile"]["Arn"].rpartition("/")[2] if tie else None,
        "instanceState": instance["State"]["Name"],
        **_network(instance),
        **_attributes(aws, item),
        **(
            {"metadataOptions": answer(instance["MetadataOptions"], *METADATA)} if "MetadataOptions" in instance else {}
        ),
        **_market(aws, instance),
        **_volumes(aws, item, instance),
        **as_read(instance.get("Tags"), aws, item),
    }


def profile_association(aws: Aws, instance_id: str) -> dict[str, Any] | None:
    """Return the tie between an instance and its profile, if there is one."""
    about = where(instance_id=instance_id)
    ties = aws.ec2("DescribeIamInstanceProfileAssociations", **about)["IamInstanceProfileAssociations"]
    return next((tie for tie in ties if tie["State"] in ("associating", "associated")), None)


def root_volume(aws: Aws, instance_id: str) -> tuple[str, str]:
    """Return device name and volume id of an instance's root volume."""
    mapped = _root_mapping(describe_instance(aws, instance_id))
    if mapped is None:
        raise ProviderError(f"EC2 instance {instance_id} has no root volume")
    return mapped["DeviceName"], mapped["Ebs"]["VolumeId"]


def _root_mapping(instance: dict[str, Any]) -> dict[str, Any] | None:
    mappings: list[dict[str, Any]] = instance["BlockDeviceMappings"]
    return next((mapped for mapped in mappings if mapped["DeviceName"] == instance["RootDeviceName"]), None)


def _network(instance: dict[str, Any]) -> Values:
    """Return what the first network interface says: that of a stopped instance has no public address any more."""
    public, cards = instance.get("PublicIpAddress", ""), instance.get("NetworkInterfaces", [])
    if not cards:
        return {"associatePublicIpAddress": bool(public), "publicIp": public, "subnetId": instance.get("SubnetId")}
    card = next((card for card in cards if card["Attachment"]["DeviceIndex"] == 0), None)
    if card is None:
        return {"publicIp": public}
    return {
        "associatePublicIpAddress": bool(card.get("Association")),
        "publicIp": public,
        "subnetId": card["SubnetId"],
    }


def _attributes(aws: Aws, item: Item) -> Values:
    """Return what EC2 tells only one by one. User-data that was taken off is not missed."""
    found = {"instanceInitiatedShutdownBehavior": _attribute(aws, item.id, "instanceInitiatedShutdownBehavior")}
    if item.values.get("userDataBase64"):
        found["userDataBase64"] = _attribute(aws, item.id, "userData")
    return {name: value for name, value in found.items() if value is not None}


def _attribute(aws: Aws, instance_id: str, name: str) -> Any:
    record = aws.ec2("DescribeInstanceAttribute", InstanceId=instance_id, Attribute=name)
    return record.get(name[0].upper() + name[1:], {}).get("Value")


def _market(aws: Aws, instance: dict[str, Any]) -> Values:
    request_id = instance.get("SpotInstanceRequestId")
    if not request_id:
        return {"instanceMarketOptions": None}
    ids = {"SpotInstanceRequestIds": [request_id]}
    try:
        spot = aws.described("DescribeSpotInstanceRequests", "SpotInstanceRequests", **ids)
    except Gone as error:
        # EC2 forgets requests while their instances live: that must not read as an instance that is gone.
        raise ProviderError(f"reading EC2 Spot Instance Request ({request_id}): {error}") from error
    options = {
        "maxPrice": spot.get("SpotPrice"),
        "spotInstanceType": spot.get("Type"),
        "instanceInterruptionBehavior": spot.get("InstanceInterruptionBehavior"),
    }
    return {"instanceMarketOptions": {"marketType": "spot", "spotOptions": options}}


def _volumes(aws: Aws, item: Item, instance: dict[str, Any]) -> Values:
    """Return the root volume, with its own tags; nothing of one that was taken off, which is not missed."""
    mapped = _root_mapping(instance)
    if mapped is None:
        return {}
    volume = aws.described("DescribeVolumes", "Volumes", VolumeIds=[mapped["Ebs"]["VolumeId"]])
    known = (item.values.get("rootBlockDevice") or {}).get("tags")
    root = {
        **answer(volume, "volumeType", "encrypted", "volumeId"),
        "volumeSize": volume["Size"],
        "deviceName": mapped["DeviceName"],
        "deleteOnTermination": mapped["Ebs"]["DeleteOnTermination"],
        "tags": own_tags(mapping(volume.get("Tags"), aws), aws, known),
    }
    return {"rootBlockDevice": root}
