"""Images made of instances."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from moto.ec2.responses import EC2Response

from rehearsal.cloud.hooks import intercept, parameter, refusal
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable


@intercept(EC2Response, "create_image")
def create_image(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse what EC2 refuses; show the snapshot as one of the root volume, with its tags."""
    backend, name = response.ec2_backend, parameter(response, "Name")
    instance = backend.get_instance(parameter(response, "InstanceId"))
    if any(image.name == name for image in backend.describe_images(owners=["self"])):
        raise refusal("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by this account")
    if instance.state not in ("running", "stopped"):
        raise refusal("IncorrectState", f"Instance '{instance.id}' is not 'running' or 'stopped'.")
    _refuse_the_unrehearsed(response, instance)
    tags: dict[str, dict[str, str]] = {"image": {}, "snapshot": {}}
    for given in parameter(response, "TagSpecifications", []):
        tags[given["ResourceType"]].update({tag["Key"]: tag["Value"] for tag in given["Tags"]})
    response.params.pop("TagSpecifications", None)
    result = proceed()
    image = backend.amis[result.result["ImageId"]]
    image.add_tags(tags["image"])
    image.root_device_name, image.root_device_type = instance.root_device_name, "ebs"
    root = backend.get_volume(instance.block_device_mapping[instance.root_device_name].volume_id)
    snapshot = image.ebs_snapshot
    snapshot.volume, snapshot.encrypted, snapshot.kms_key_id = copy.copy(root), root.encrypted, root.kms_key_id
    snapshot.add_tags(tags["snapshot"])
    return result


def _refuse_the_unrehearsed(response: Any, instance: Any) -> None:
    """Refuse what EC2 would do and the rehearsal does not: it would pass unseen there."""
    if instance.state == "running" and parameter(response, "NoReboot") not in (True, "true"):
        raise RehearsalError(f"{instance.id} runs, and EC2 would restart it: the rehearsal knows NoReboot only")
    left_out = {one["DeviceName"] for one in parameter(response, "BlockDeviceMappings", []) if "NoDevice" in one}
    if more := set(instance.block_device_mapping) - left_out - {instance.root_device_name}:
        others = ", ".join(sorted(more))
        raise RehearsalError(f"EC2 would put {others} into the image too: the rehearsal knows root volumes only")
