"""What can be changed of an instance in place."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from rehearsal.provider.ebs import modify_volume
from rehearsal.provider.instance_view import METADATA, ROOT, profile_association, root_volume
from rehearsal.provider.model import request
from rehearsal.provider.power import describe_instance, start, stop
from rehearsal.provider.tags import all_tags, set_ec2_tags

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

PROFILE_S = 120.0
"""How long IAM may take to make a new instance profile known to EC2."""


def volume_tags(aws: Aws, inputs: Values) -> dict[str, str]:
    """Return the tags that the program wants on the root volume."""
    # The provider's defaults join only the tags of a described root volume.
    root = inputs.get("rootBlockDevice")
    return all_tags(root.get("tags") or {}, aws.settings) if root else {}


def reshape(aws: Aws, item: Item) -> None:
    """Change what EC2 changes only while an instance is stopped, one after the other.

    As the official provider does: each takes a stop and a start, an instance that was stopped is started as well, and
    one whose change is refused stays stopped.
    """
    wanted: list[dict[str, Any]] = []
    if item.values.get("instanceType") != item.before.get("instanceType"):
        wanted.append({"InstanceType": {"Value": item.values["instanceType"]}})
    if item.values.get("userDataBase64") != item.before.get("userDataBase64"):
        wanted.append({"UserData": {"Value": base64.b64decode(item.values.get("userDataBase64", ""))}})
    for attribute in wanted:
        stop(aws, item.id)
        aws.ec2("ModifyInstanceAttribute", InstanceId=item.id, **attribute)
        start(aws, item.id)


def regroup(aws: Aws, item: Item) -> None:
    """Put the instance into other security groups."""
    aws.ec2("ModifyInstanceAttribute", InstanceId=item.id, Groups=item.values["vpcSecurityGroupIds"])


def set_shutdown_behavior(aws: Aws, item: Item) -> None:
    """Change what a shutdown from inside does."""
    behavior = {"Value": item.values["instanceInitiatedShutdownBehavior"]}
    aws.ec2("ModifyInstanceAttribute", InstanceId=item.id, InstanceInitiatedShutdownBehavior=behavior)


def set_metadata_options(aws: Aws, item: Item) -> None:
    """Change how the instance reaches its metadata."""
    options = request(item.values["metadataOptions"], *METADATA)
    aws.ec2("ModifyInstanceMetadataOptions", InstanceId=item.id, **options)


def set_profile(aws: Aws, item: Item) -> None:
    """Give the instance another instance profile, or a first one."""
    wanted, present = item.values["iamInstanceProfile"], profile_association(aws, item.id)
    running = describe_instance(aws, item.id)["State"]["Name"] == "running"
    if present and not running:
        # Of a stopped instance AWS does not replace the profile: it wants the old one gone first.
        aws.ec2("DisassociateIamInstanceProfile", AssociationId=present["AssociationId"])
        present = None
    if present:
        params = {"IamInstanceProfile": {"Name": wanted}, "AssociationId": present["AssociationId"]}
        operation = "ReplaceIamInstanceProfileAssociation"
    else:
        params = {"IamInstanceProfile": {"Name": wanted}, "InstanceId": item.id}
        operation = "AssociateIamInstanceProfile"
    aws.insist(("InvalidParameterValue",), lambda: aws.ec2(operation, **params), seconds=PROFILE_S)


def change_root(aws: Aws, item: Item) -> None:
    """Change the root volume: figures, fate, tags."""
    wanted, present = item.values.get("rootBlockDevice", {}), item.before.get("rootBlockDevice", {})
    device, volume_id = root_volume(aws, item.id)
    changed = {name: wanted[name] for name in ROOT if name in wanted and wanted[name] != present.get(name)}
    changed.pop("encrypted", None)
    sizes = {("Size" if key == "VolumeSize" else key): value for key, value in request(changed, *ROOT).items()}
    if sizes:
        modify_volume(aws, volume_id, sizes)
    if wanted.get("deleteOnTermination") not in (None, present.get("deleteOnTermination")):
        mapping = {"DeviceName": device, "Ebs": {"DeleteOnTermination": wanted["deleteOnTermination"]}}
        aws.ec2("ModifyInstanceAttribute", InstanceId=item.id, BlockDeviceMappings=[mapping])
    if wanted.get("tags") != present.get("tags"):
        set_ec2_tags(aws, volume_id, volume_tags(aws, item.values))
