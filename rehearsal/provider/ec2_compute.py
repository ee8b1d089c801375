"""Instances: the launch, changes in place, the end."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from rehearsal.provider.aws import AwsError
from rehearsal.provider.instance_changes import (
    PROFILE_S,
    change_root,
    regroup,
    reshape,
    set_metadata_options,
    set_profile,
    set_shutdown_behavior,
    volume_tags,
)
from rehearsal.provider.instance_view import METADATA, ROOT, SPOT, read_instance
from rehearsal.provider.model import Fate, Field, Kind, request
from rehearsal.provider.power import OVER, await_state, describe_instance
from rehearsal.provider.tags import OUTPUTS, retag_ec2, specifications, tag_fields
from rehearsal.provider.validate import between, one_of, same_digits, same_set

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_LAUNCH_S = 600.0
_TERMINATE_S = 1200.0


def _create(aws: Aws, inputs: Values) -> str:
    """Run one instance, as soon as EC2 knows its profile."""
    params = _launch(aws, inputs)

    def run() -> dict[str, Any] | None:
        try:
            launched: dict[str, Any] = aws.ec2("RunInstances", MinCount=1, MaxCount=1, **params)
        except AwsError as error:
            if error.code == "InvalidParameterValue" and "iamInstanceProfile" in inputs and "Profile" in str(error):
                return None
            raise
        return launched

    profile = inputs.get("iamInstanceProfile")
    reservation = aws.until(f"EC2 to accept instance profile {profile!r}", run, seconds=PROFILE_S)
    instance_id: str = reservation["Instances"][0]["InstanceId"]
    return instance_id


def _launch(aws: Aws, inputs: Values) -> dict[str, Any]:
    names = ("instanceType", "keyName", "instanceInitiatedShutdownBehavior")
    params = {"ImageId": inputs["ami"], **request(inputs, *names), **_network(inputs), **_tags(aws, inputs)}
    if inputs.get("userDataBase64"):
        params["UserData"] = base64.b64decode(inputs["userDataBase64"])
    if inputs.get("iamInstanceProfile"):
        params["IamInstanceProfile"] = {"Name": inputs["iamInstanceProfile"]}
    if inputs.get("metadataOptions"):
        params["MetadataOptions"] = request(inputs["metadataOptions"], *METADATA)
    if inputs.get("rootBlockDevice"):
        image = aws.described("DescribeImages", "Images", ImageIds=[inputs["ami"]])
        ebs = request(inputs["rootBlockDevice"], *ROOT, "deleteOnTermination")
        params["BlockDeviceMappings"] = [{"DeviceName": image["RootDeviceName"], "Ebs": ebs}]
    market = inputs.get("instanceMarketOptions")
    if market:
        params["InstanceMarketOptions"] = request(market, "marketType")
        if market.get("spotOptions"):
            params["InstanceMarketOptions"]["SpotOptions"] = request(market["spotOptions"], *SPOT)
    return params


def _network(inputs: Values) -> dict[str, Any]:
    """Return where the instance is plugged in; a word on its public address moves all of it to an interface."""
    public = inputs.get("associatePublicIpAddress")
    groups = inputs.get("vpcSecurityGroupIds")
    if public is None:
        return {**request(inputs, "subnetId"), **({"SecurityGroupIds": groups} if groups else {})}
    interface = {"DeviceIndex": 0, "AssociatePublicIpAddress": public, **request(inputs, "subnetId")}
    return {"NetworkInterfaces": [{**interface, **({"Groups": groups} if groups else {})}]}


def _tags(aws: Aws, inputs: Values) -> dict[str, Any]:
    return specifications({"instance": inputs.get("tagsAll") or {}, "volume": volume_tags(aws, inputs)})


def _delete(aws: Aws, item: Item) -> None:
    if describe_instance(aws, item.id)["State"]["Name"] in OVER:
        await_state(aws, item.id, "terminated", seconds=_TERMINATE_S)
        return
    aws.ec2("TerminateInstances", InstanceIds=[item.id])
    spot_request = item.values.get("spotInstanceRequestId")
    if spot_request:
        aws.ec2("CancelSpotInstanceRequests", SpotInstanceRequestIds=[spot_request])
    await_state(aws, item.id, "terminated", seconds=_TERMINATE_S)


_ROOT_DEVICE = Field(
    type=dict,
    computed=True,
    on_change=change_root,
    outputs=("volumeId", "deviceName"),
    fields={
        "volumeSize": Field(type=int, computed=True, on_change=change_root, why_not=between(1, 16384)),
        "volumeType": Field(computed=True, on_change=change_root),
        "encrypted": Field(type=bool, computed=True, on_change=Fate.REPLACE),
        "deleteOnTermination": Field(type=bool, computed=True, on_change=change_root),
        "tags": Field(type=dict, on_change=change_root),
    },
)
_METADATA_OPTIONS = Field(
    type=dict,
    computed=True,
    on_change=set_metadata_options,
    fields={
        "httpEndpoint": Field(computed=True, on_change=set_metadata_options, why_not=one_of("enabled", "disabled")),
        "httpTokens": Field(computed=True, on_change=set_metadata_options, why_not=one_of("optional", "required")),
        "httpPutResponseHopLimit": Field(
            type=int, computed=True, on_change=set_metadata_options, why_not=between(1, 64)
        ),
    },
)
_MARKET_OPTIONS = Field(
    type=dict,
    computed=True,
    on_change=Fate.REPLACE,
    fields={
        "marketType": Field(computed=True, on_change=Fate.REPLACE, why_not=one_of("spot")),
        "spotOptions": Field(
            type=dict,
            computed=True,
            on_change=Fate.REPLACE,
            fields={
                "maxPrice": Field(computed=True, on_change=Fate.REPLACE, same=same_digits),
                # A persistent request would launch a new machine after the destroy of this one.
                "spotInstanceType": Field(computed=True, on_change=Fate.REPLACE, why_not=one_of("one-time")),
                "instanceInterruptionBehavior": Field(
                    computed=True, on_change=Fate.REPLACE, why_not=one_of("terminate")
                ),
            },
        ),
    },
)


KINDS = {
    "aws:ec2/instance:Instance": Kind(
        noun="EC2 Instance",
        fields={
            "ami": Field(required=True, on_change=Fate.REPLACE),
            "instanceType": Field(required=True, on_change=reshape),
            "subnetId": Field(computed=True, on_change=Fate.REPLACE),
            "associatePublicIpAddress": Field(type=bool, computed=True, on_change=Fate.REPLACE),
            "vpcSecurityGroupIds": Field(type=list, computed=True, same=same_set, on_change=regroup),
            "keyName": Field(computed=True, on_change=Fate.REPLACE),
            "iamInstanceProfile": Field(computed=True, on_change=set_profile),
            "userDataBase64": Field(computed=True, on_change=reshape),
            "metadataOptions": _METADATA_OPTIONS,
            "rootBlockDevice": _ROOT_DEVICE,
            "instanceMarketOptions": _MARKET_OPTIONS,
            "instanceInitiatedShutdownBehavior": Field(
                computed=True, on_change=set_shutdown_behavior, why_not=one_of("stop", "terminate")
            ),
            **tag_fields(retag_ec2),
        },
        outputs=("availabilityZone", "instanceState", "privateIp", "publicIp", "spotInstanceRequestId", *OUTPUTS),
        unsettled_by=dict.fromkeys(("instanceType", "userDataBase64"), ("publicIp", "instanceState")),
        create=_create,
        settle=lambda aws, item: await_state(aws, item.id, "running", seconds=_LAUNCH_S),
        read=read_instance,
        delete=_delete,
    ),
}
