"""EBS volumes and their attachment to instances."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from rehearsal.provider.aws import AwsError
from rehearsal.provider.ec2 import Ec2
from rehearsal.provider.model import Fate, Field, Item, Kind, answer, request
from rehearsal.provider.power import stop
from rehearsal.provider.tags import at_creation
from rehearsal.provider.validate import between

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.wire import Values

_SETTLE_S = 300.0
_SNAPSHOT_S = 600.0
_VOLUME = Ec2(
    api_name="Volume",
    noun="EBS Volume",
    tag_type="volume",
    names=("availabilityZone", "size", "encrypted", "snapshotId"),
    renamed={"type": "VolumeType"},
)


def modify_volume(aws: Aws, volume_id: str, wanted: dict[str, Any]) -> None:
    """Change size or type, and wait until the new figures hold; `wanted` is as ModifyVolume takes it."""
    aws.ec2("ModifyVolume", VolumeId=volume_id, **wanted)
    aws.until(
        f"EBS volume {volume_id} to be modified",
        lambda: all(
            change["ModificationState"] in ("optimizing", "completed")
            for change in aws.ec2("DescribeVolumesModifications", VolumeIds=[volume_id])["VolumesModifications"]
        ),
        seconds=_SETTLE_S,
    )


def _modify(aws: Aws, item: Item) -> None:
    changed = {name: item.values[name] for name in ("size", "type") if item.values.get(name) != item.before.get(name)}
    modify_volume(aws, item.id, request(changed, "size", type="VolumeType"))


def _delete_volume(aws: Aws, item: Item) -> None:
    if item.values.get("finalSnapshot"):
        made = aws.ec2("CreateSnapshot", VolumeId=item.id, **at_creation(item.values, "snapshot"))["SnapshotId"]
        aws.until(f"snapshot {made} of EBS volume {item.id}", lambda: _is_complete(aws, made), seconds=_SNAPSHOT_S)
    _VOLUME.delete(aws, item)


def _is_complete(aws: Aws, snapshot_id: str) -> bool:
    state = aws.described("DescribeSnapshots", "Snapshots", SnapshotIds=[snapshot_id])["State"]
    return bool(state == "completed")


def _attach(aws: Aws, inputs: Values) -> str:
    volume_id, instance_id, device = inputs["volumeId"], inputs["instanceId"], inputs["deviceName"]
    aws.insist(
        # The instance may still be pending, the volume still leaving another one.
        ("IncorrectState", "IncorrectInstanceState"),
        lambda: aws.ec2("AttachVolume", VolumeId=volume_id, InstanceId=instance_id, Device=device),
        seconds=_SETTLE_S,
    )
    # An attachment has no id of its own; this is how the official provider makes one up.
    return f"vai-{zlib.crc32(f'{device}-{instance_id}-{volume_id}-'.encode())}"


def _attachment(aws: Aws, values: Values) -> dict[str, Any] | None:
    """Return the volume's attachment to this instance as this device; None where there is no such one."""
    wanted = (values["instanceId"], values["deviceName"])
    for found in _VOLUME.find(aws, values["volumeId"]).get("Attachments", []):
        if (found["InstanceId"], found["Device"]) == wanted and found["State"] != "detached":
            attachment: dict[str, Any] = found
            return attachment
    return None


def _settle_attachment(aws: Aws, item: Item) -> None:
    aws.until(
        f"EBS volume {item.values['volumeId']} to be attached to {item.values['instanceId']}",
        lambda: (_attachment(aws, item.values) or {}).get("State") == "attached",
        seconds=_SETTLE_S,
    )


def _read_attachment(aws: Aws, item: Item) -> Values | None:
    if "volumeId" not in item.values:
        # An import names an attachment as `/dev/sdf:vol-…:i-…`.
        device, volume_id, instance_id = item.id.split(":")
        item = Item(item.id, {"deviceName": device, "volumeId": volume_id, "instanceId": instance_id})
    found = _attachment(aws, item.values)
    return {"deviceName": found["Device"], **answer(found, "volumeId", "instanceId")} if found else None


def _detach(aws: Aws, item: Item) -> None:
    # Nobody looks first, as in the official provider: an instance that was terminated by hand, and cannot be stopped,
    # fails this until a refresh has forgotten the attachment.
    if item.values.get("stopInstanceBeforeDetaching"):
        stop(aws, item.values["instanceId"])
    where = {"InstanceId": item.values["instanceId"], "Device": item.values["deviceName"]}
    try:
        aws.ec2("DetachVolume", VolumeId=item.values["volumeId"], **where)
    except AwsError as error:
        if error.code != "IncorrectState" or "available" not in str(error):
            raise


KINDS = {
    "aws:ebs/volume:Volume": _VOLUME.kind(
        {
            "availabilityZone": Field(required=True, on_change=Fate.REPLACE),
            "size": Field(type=int, computed=True, on_change=_modify, why_not=between(1, 65536)),
            "type": Field(computed=True, on_change=_modify),
            "encrypted": Field(type=bool, computed=True, on_change=Fate.REPLACE),
            "snapshotId": Field(computed=True, on_change=Fate.REPLACE),
            "finalSnapshot": Field(type=bool, default=False, on_change=Fate.RECORD),
        },
        settle=_VOLUME.settle,
        delete=_delete_volume,
    ),
    "aws:ec2/volumeAttachment:VolumeAttachment": Kind(
        noun="EBS Volume Attachment",
        fields={
            "deviceName": Field(required=True, on_change=Fate.REPLACE),
            "instanceId": Field(required=True, on_change=Fate.REPLACE),
            "volumeId": Field(required=True, on_change=Fate.REPLACE),
            "skipDestroy": Field(type=bool, on_change=Fate.RECORD),
            "stopInstanceBeforeDetaching": Field(type=bool, on_change=Fate.RECORD),
        },
        create=_attach,
        settle=_settle_attachment,
        read=_read_attachment,
        delete=_detach,
        forgets=lambda values: bool(values.get("skipDestroy")),
    ),
}
