"""RunInstances: what EC2 refuses, what it adds to a request, and what an instance then shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core import utils
from moto.core.responses import ActionResult
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.ec2.models.spot_requests import LaunchSpecification, SpotInstanceRequest
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_spot_request_id

from rehearsal.cloud import clock, market, quotas
from rehearsal.cloud.hooks import intercept, parameter, refusal

if TYPE_CHECKING:
    from collections.abc import Callable


@intercept(EC2Response, "run_instances")
def run_instances(response: Any, proceed: Callable[[], Any]) -> Any:
    """Launch as EC2 does; the same client token again is the same launch."""
    token = parameter(response, "ClientToken")
    for reservation in response.ec2_backend.all_reservations():
        if token and any(instance.client_token == token for instance in reservation.instances):
            return ActionResult(reservation)
    _refuse(response)
    image = response.ec2_backend.amis[parameter(response, "ImageId")]
    response.params["BlockDeviceMappings"] = _mappings(image, parameter(response, "BlockDeviceMappings", []))
    result = proceed()
    for instance in result.result.instances:
        _complete(response, instance)
    return result


def _refuse(response: Any) -> None:
    backend, image_id = response.ec2_backend, parameter(response, "ImageId")
    kind, key = parameter(response, "InstanceType", "m1.small"), parameter(response, "KeyName")
    if image_id not in backend.amis:
        raise refusal("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    if backend.amis[image_id].state != "available":
        message = f"The image ID '[{image_id}]' is not available: it is {backend.amis[image_id].state}"
        raise refusal("InvalidAMIID.Unavailable", message)
    if kind not in INSTANCE_TYPES:
        raise refusal("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    if key and key not in backend.key_pairs:
        raise refusal("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
    zone, zones = _zone(response), _zones(response.region, kind)
    if zone and zone not in zones:
        message = (
            f"Your requested instance type ({kind}) is not supported in your requested Availability Zone ({zone}). "
            f"Please retry your request by not specifying an Availability Zone or choosing {', '.join(zones)}."
        )
        raise refusal("Unsupported", message)
    _refuse_more(response, kind)
    _refuse_cheap(response, kind, zone or (zones or [""])[0])


def _refuse_more(response: Any, kind: str) -> None:
    """Refuse what the account's quota has no vCPUs for."""
    spot = _is_spot(response)
    code = quotas.code_of(kind, spot=spot)
    if code is None:
        return
    wanted = quotas.vcpus(kind) * int(parameter(response, "MinCount", 1))
    if quotas.used(response.ec2_backend, code) + wanted <= quotas.value(code):
        return
    if spot:
        raise refusal("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
    message = (
        f"You have requested more vCPU capacity than your current vCPU limit of {quotas.value(code):.0f} allows for "
        "the instance bucket that the specified instance type belongs to. Please visit "
        "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
    )
    raise refusal("VcpuLimitExceeded", message)


def _refuse_cheap(response: Any, kind: str, zone: str) -> None:
    """Refuse a spot instance for less than spot costs."""
    options = (parameter(response, "InstanceMarketOptions") or {}).get("SpotOptions") or {}
    asks = market.spot(kind, zone, int(utils.unix_time() // market.SPOT_STEP_S)) if zone else None
    if not _is_spot(response) or asks is None or not options.get("MaxPrice"):
        return
    if float(options["MaxPrice"]) < asks:
        message = (
            f"Your Spot request price of {options['MaxPrice']} is lower than the minimum required Spot request "
            f"fulfillment price of {asks}."
        )
        raise refusal("SpotMaxPriceTooLow", message)


def _is_spot(response: Any) -> bool:
    return (parameter(response, "InstanceMarketOptions") or {}).get("MarketType") == "spot"


def _zone(response: Any) -> str | None:
    """Return the zone asked for, directly or by a subnet."""
    interfaces = parameter(response, "NetworkInterfaces", [])
    subnets = [parameter(response, "SubnetId"), *(interface.get("SubnetId") for interface in interfaces)]
    for subnet_id in filter(None, subnets):
        zone: str = response.ec2_backend.get_subnet(subnet_id).availability_zone
        return zone
    placed: str | None = parameter(response, "Placement.AvailabilityZone")
    return placed


def _zones(region: str, kind: str) -> list[str]:
    offers = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return sorted(offer["Location"] for offer in offers if offer["InstanceType"] == kind)


def _mappings(image: Any, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the image's root volume to the mappings, or what the request leaves open of it."""
    (root,) = image.block_device_mappings
    root_mappings = [mapping for mapping in given if mapping["DeviceName"] == root["DeviceName"]]
    others = [mapping for mapping in given if mapping["DeviceName"] != root["DeviceName"]]
    ebs = {**root["Ebs"], **(root_mappings[0].get("Ebs", {}) if root_mappings else {})}
    least = root["Ebs"]["VolumeSize"]
    if ebs["VolumeSize"] < least:
        size = f"Volume of size {ebs['VolumeSize']}GB"
        message = f"{size} is smaller than snapshot '{ebs['SnapshotId']}', expect size >= {least}GB"
        raise refusal("InvalidBlockDeviceMapping", message)
    for mapping in others:
        mapping.get("Ebs", {}).setdefault("DeleteOnTermination", True)
    return [{"DeviceName": root["DeviceName"], "Ebs": ebs}, *others]


def _complete(response: Any, instance: Any) -> None:
    """Show on the instance what moto drops of the request."""
    backend = response.ec2_backend
    # Groups asked for on the network interface are the instance's groups, and so is the default group.
    instance.security_groups = list(instance.nics[0]._group_set)  # noqa: SLF001 - `group_set` mixes in what is set here
    interfaces = {int(spec.get("DeviceIndex", 0)): spec for spec in parameter(response, "NetworkInterfaces", [])}
    for index, nic in instance.nics.items():
        spec = interfaces.get(index, {})
        nic.delete_on_termination = spec.get("DeleteOnTermination", "NetworkInterfaceId" not in spec)
    market = parameter(response, "InstanceMarketOptions") or {}
    if market.get("MarketType") == "spot":
        request = _spot_request(backend, instance, market.get("SpotOptions") or {})
        backend.spot_instance_requests[request.id] = request
        instance.spot_instance_request_id = request.id


def _spot_request(backend: Any, instance: Any, options: dict[str, Any]) -> Any:
    """Make the request behind a spot instance, which RunInstances makes and moto does not."""
    request = object.__new__(SpotInstanceRequest)  # its constructor would launch another instance
    specification = LaunchSpecification(
        kernel_id=None,
        ramdisk_id=None,
        image_id=instance.image_id,
        key_name=instance.key_name,
        instance_type=instance.instance_type,
        placement=instance.availability_zone,
        monitored=instance.monitored,
        subnet_id=instance.subnet_id,
    )
    specification.groups = instance.security_groups
    vars(request).update(
        ec2_backend=backend,
        id=random_spot_request_id(),
        instance=instance,
        launch_specification=specification,
        price=f"{float(options.get('MaxPrice') or 1):.6f}",
        type=options.get("SpotInstanceType") or "one-time",
        instance_interruption_behaviour=options.get("InstanceInterruptionBehavior") or "terminate",
        state="active",
        _status_code="fulfilled",
        status_message="Your Spot request is fulfilled.",
        valid_from=clock.utcnow(),
        valid_until=options.get("ValidUntil"),
        launch_group=None,
        availability_zone_group=None,
        spot_fleet_id=None,
        user_data=instance.user_data,
        launch_spec=None,
        all_tags={},
    )
    return request
