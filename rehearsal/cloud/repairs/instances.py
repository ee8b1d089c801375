"""Instances after their launch: attributes, and what their state allows."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from moto.core.responses import EmptyResult
from moto.core.types import Base64EncodedString
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

from rehearsal.cloud import clock
from rehearsal.cloud.hooks import intercept, parameter, refusal, spot_request

if TYPE_CHECKING:
    from collections.abc import Callable

_STOPPED_ONLY = ("InstanceType", "UserData", "Kernel", "Ramdisk")


@intercept(EC2Response, "modify_instance_attribute")
def modify_attribute(response: Any, proceed: Callable[[], Any]) -> Any:
    """Change what may be changed now; moto changes all at any time, drops some, and clears the groups for the rest."""
    instance = response.ec2_backend.get_instance(parameter(response, "InstanceId"))
    if any(parameter(response, name) is not None for name in _STOPPED_ONLY) and instance.state != "stopped":
        raise refusal("IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state.")
    user_data = parameter(response, "UserData.Value")
    behavior = parameter(response, "InstanceInitiatedShutdownBehavior.Value")
    if user_data is not None:
        response.error_on_dryrun()
        raw = user_data if isinstance(user_data, bytes) else base64.b64decode(user_data)
        instance.user_data = Base64EncodedString.from_encoded_bytes(base64.b64encode(raw))
        return EmptyResult()
    if behavior is not None:
        response.error_on_dryrun()
        instance.instance_initiated_shutdown_behavior = behavior
        return EmptyResult()
    result = proceed()
    if parameter(response, "Groups"):
        instance.nics[0]._group_set = list(instance.security_groups)  # noqa: SLF001 - moto shows both, joined
    return result


@intercept(EC2Response, "modify_instance_metadata_options")
def modify_metadata_options(response: Any, proceed: Callable[[], Any]) -> Any:
    """Keep the options that the request does not name; moto forgets them."""
    response.error_on_dryrun()
    present = response.ec2_backend.get_instance(parameter(response, "InstanceId")).metadata_options
    for name, value in (
        ("HttpTokens", present.http_tokens),
        ("HttpPutResponseHopLimit", present.http_put_response_hop_limit),
        ("HttpEndpoint", present.http_endpoint),
        ("HttpProtocolIpv6", present.http_protocol_ipv6),
        ("InstanceMetadataTags", present.instance_metadata_tags),
    ):
        response.params.setdefault(name, value)
    return proceed()


@intercept(EC2Response, "stop_instances")
def stop_instances(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse what EC2 refuses to stop."""
    for instance in _named(response):
        _refuse_terminated(instance, "stopped")
        request = spot_request(instance)
        if request and request.type == "one-time":
            message = (
                f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot "
                "Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests."
            )
            raise refusal("UnsupportedOperation", message)
    return proceed()


@intercept(EC2Response, "start_instances")
def start_instances(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse to start what is gone."""
    for instance in _named(response):
        _refuse_terminated(instance, "started")
    return proceed()


@intercept(EC2Response, "reboot_instances")
def reboot_instances(response: Any, proceed: Callable[[], Any]) -> Any:
    """Reboot what runs; moto's reboot starts anything, terminated or not."""
    for instance in _named(response):
        if instance.state != "running":
            raise refusal("IncorrectState", f"The instance '{instance.id}' is not in the 'running' state.")
    return proceed()


def _named(response: Any) -> list[Any]:
    """Return the instances that a request is about."""
    found: list[Any] = response.ec2_backend.get_multi_instances_by_id(parameter(response, "InstanceIds", []))
    return found


def _refuse_terminated(instance: Any, what: str) -> None:
    if instance.state == "terminated":
        message = f"The instance '{instance.id}' is not in a state from which it can be {what}."
        raise refusal("IncorrectInstanceState", message)


@intercept(Instance, "terminate")
def terminate(instance: Any, proceed: Callable[[], Any]) -> Any:
    """Terminate once, close the spot request, and let go of the network interface."""
    if instance.state == "terminated":
        return instance.instance_state
    previous = proceed()
    _tell(instance)
    for index in [index for index, nic in instance.nics.items() if nic.delete_on_termination and index > 0]:
        del instance.nics[index]
    if request := spot_request(instance):
        request.state = "closed"
        request._status_code = "instance-terminated-by-user"  # noqa: SLF001 - it has no other name
    return previous


@intercept(Instance, "stop")
def stop(instance: Any, proceed: Callable[[], Any]) -> Any:
    """Say since when it is stopped, in EC2's own way; stopping it once more changes nothing of that."""
    if instance.state == "stopped":
        return instance.instance_state
    previous = proceed()
    _tell(instance)
    return previous


@intercept(Instance, "start")
def start(instance: Any, proceed: Callable[[], Any]) -> Any:
    """Count from here: EC2's launch time is that of the last start."""
    if instance.state in ("stopped", "pending"):
        instance.launch_time = clock.utcnow()
    return proceed()


def _tell(instance: Any) -> None:
    instance._reason = f"User initiated ({clock.utcnow():%Y-%m-%d %H:%M:%S} GMT)"  # noqa: SLF001 - it has no other name
