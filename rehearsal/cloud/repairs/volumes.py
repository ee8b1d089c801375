"""Volumes and snapshots."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.responses import EC2Response

from rehearsal.cloud.hooks import intercept, parameter, refusal

if TYPE_CHECKING:
    from collections.abc import Callable


@intercept(EC2Response, "create_volume")
def refuse_small_volume(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse a volume that cannot hold its snapshot."""
    size, snapshot_id = parameter(response, "Size"), parameter(response, "SnapshotId")
    if size and snapshot_id:
        least = response.ec2_backend.get_snapshot(snapshot_id).volume_size
        if size < least:
            message = f"Volume of size {size}GB is smaller than snapshot '{snapshot_id}', expect size >= {least}GB"
            raise refusal("InvalidParameterValue", message)
    return proceed()


@intercept(EC2Response, "modify_volume")
def modify_volume(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse to shrink; show the new size on the instance."""
    volume = response.ec2_backend.get_volume(parameter(response, "VolumeId"))
    size = parameter(response, "Size")
    if size and size < volume.size:
        raise refusal("InvalidParameterValue", f"New size cannot be smaller than existing size: {volume.size} GiB")
    result = proceed()
    if volume.attachment:
        volume.attachment.instance.block_device_mapping[volume.attachment.device].size = volume.size
    return result


@intercept(EC2Response, "attach_volume")
def attach_volume(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse what EC2 refuses; moto attaches anything to anything."""
    backend = response.ec2_backend
    volume, instance, device = (
        backend.get_volume(parameter(response, "VolumeId")),
        backend.get_instance(parameter(response, "InstanceId")),
        parameter(response, "Device"),
    )
    if volume.availability_zone != instance.availability_zone:
        message = f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'"
        raise refusal("InvalidVolume.ZoneMismatch", message)
    if volume.attachment:
        raise refusal("VolumeInUse", f"{volume.id} is already attached to an instance")
    if instance.state not in ("running", "stopped"):
        raise refusal("IncorrectState", f"Instance '{instance.id}' is not 'running' or 'stopped'.")
    if device in instance.block_device_mapping:
        message = f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        raise refusal("InvalidParameterValue", message)
    return proceed()


@intercept(EC2Response, "detach_volume")
def detach_volume(response: Any, proceed: Callable[[], Any]) -> Any:
    """Let the volume alone name the attachment, and refuse what EC2 refuses."""
    volume = response.ec2_backend.get_volume(parameter(response, "VolumeId"))
    if not volume.attachment:
        raise refusal("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
    instance, device = volume.attachment.instance, volume.attachment.device
    if parameter(response, "InstanceId", instance.id) != instance.id or parameter(response, "Device", device) != device:
        place = f"{parameter(response, 'InstanceId', instance.id)} as device '{parameter(response, 'Device', device)}'"
        raise refusal("InvalidAttachment.NotFound", f"The volume '{volume.id}' is not attached to instance {place}.")
    if device == instance.root_device_name and instance.state != "stopped":
        raise refusal(
            "OperationNotPermitted", f"Unable to detach root volume '{volume.id}' from instance '{instance.id}'"
        )
    response.params.update(InstanceId=instance.id, Device=device)
    return proceed()


@intercept(EBSBackend, "create_snapshot")
def freeze(_: Any, proceed: Callable[[], Any]) -> Any:
    """Remember the volume as it was: moto's snapshot grows with the volume it was taken of."""
    snapshot = proceed()
    snapshot.volume = copy.copy(snapshot.volume)
    return snapshot


@intercept(EBSBackend, "copy_snapshot")
def copy_snapshot(_: Any, proceed: Callable[[], Any]) -> Any:
    """Name the volume that EC2 names for every copy."""
    snapshot = proceed()
    snapshot.volume = copy.copy(snapshot.volume)
    snapshot.volume.id = "vol-ffffffff"
    return snapshot


@intercept(EC2Response, "describe_snapshots")
def describe_snapshots(response: Any, proceed: Callable[[], Any]) -> Any:
    """Honour the owners asked for; moto answers with every image's snapshots."""
    owners = parameter(response, "OwnerIds", [])
    wanted = {response.current_account if owner == "self" else owner for owner in owners}
    snapshots = proceed().result["Snapshots"]
    return ActionResult({"Snapshots": [one for one in snapshots if not wanted or one.owner_id in wanted]})
