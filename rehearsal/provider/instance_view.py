"""An instance as a state shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import answer, where
from rehearsal.provider.power import OVER, describe_instance
from rehearsal.provider.tags import as_read, mapping, own_tags

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

METADATA = ("httpEndpoint", "httpTokens", "httpPutResponseHopLimit")
ROOT = ("volumeSize", "volumeType", "encrypted")
SPOT = ("maxPrice", "spotInstanceType", "instanceInterruptionBehavior")
_ASKED_SINGLY = {"instanceInitiatedShutdownBehavior": "instanceInitiatedShutdownBehavior", "userDataBase64": "userData"}
"""What EC2 tells only one by one, and is therefore asked only where the program has a word on it: by EC2's name."""


def read_instance(aws: Aws, item: Item) -> Values | None:
    """Return what the cloud says of an instance; None once it is on its way out."""
    instance = describe_instance(aws, item.id)
    if instance["State"]["Name"] in OVER:
        return None
    tie = profile_association(aws, item.id)
    return {
        **answer(instance, "instanceType", "subnetId", "keyName", "spotInstanceRequestId"),
        "ami": instance["ImageId"],
        "availabilityZone": instance["Placement"]["AvailabilityZone"],
        "vpcSecurityGroupIds": [group["GroupId"] for group in instance.get("SecurityGroups", [])],
        "iamInstanceProfile": tie["IamInstanceProfile"]["Arn"].rpartition("/")[2] if tie else None,
        "instanceState": instance["State"]["Name"],
        **_addresses(instance),
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
    return mapped["DeviceName"], mapped["Ebs"]["VolumeId"]


def _root_mapping(instance: dict[str, Any]) -> dict[str, Any]:
    mappings: list[dict[str, Any]] = instance["BlockDeviceMappings"]
    return next(mapped for mapped in mappings if mapped["DeviceName"] == instance["RootDeviceName"])


def _addresses(instance: dict[str, Any]) -> Values:
    public = instance.get("PublicIpAddress", "")
    # A stopped instance has no public address and says nothing of the one that it will get.
    asked = {"associatePublicIpAddress": bool(public)} if instance["State"]["Name"] == "running" else {}
    return {**asked, "publicIp": public}


def _attributes(aws: Aws, item: Item) -> Values:
    found: Values = {}
    for name, attribute in _ASKED_SINGLY.items():
        if name in item.values:
            record = aws.ec2("DescribeInstanceAttribute", InstanceId=item.id, Attribute=attribute)
            found[name] = record.get(attribute[0].upper() + attribute[1:], {}).get("Value")
    return found


def _market(aws: Aws, instance: dict[str, Any]) -> Values:
    request_id = instance.get("SpotInstanceRequestId")
    if not request_id:
        return {}
    spot = aws.described("DescribeSpotInstanceRequests", "SpotInstanceRequests", SpotInstanceRequestIds=[request_id])
    options = {
        "maxPrice": spot.get("SpotPrice"),
        "spotInstanceType": spot.get("Type"),
        "instanceInterruptionBehavior": spot.get("InstanceInterruptionBehavior"),
    }
    return {"instanceMarketOptions": {"marketType": "spot", "spotOptions": options}}


def _volumes(aws: Aws, item: Item, instance: dict[str, Any]) -> Values:
    """Return the root volume, with its own tags."""
    mapped = _root_mapping(instance)
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
