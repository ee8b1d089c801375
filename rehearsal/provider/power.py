"""Starting and stopping instances, with the wait until they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.aws import ProviderError

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws

_CHANGE_S = 600.0
OVER = ("terminated", "shutting-down")


def describe_instance(aws: Aws, instance_id: str) -> dict[str, Any]:
    """Return an instance's record; raises Gone where there is none."""
    reservation = aws.described("DescribeInstances", "Reservations", InstanceIds=[instance_id])
    instance: dict[str, Any] = reservation["Instances"][0]
    return instance


def await_state(aws: Aws, instance_id: str, wanted: str, *, seconds: float = _CHANGE_S) -> None:
    """Wait until an instance is `wanted`; raises ProviderError with AWS's reason where it ends instead."""

    def reached() -> bool:
        instance = describe_instance(aws, instance_id)
        state = instance["State"]["Name"]
        if state in OVER and wanted not in OVER:
            reason = instance.get("StateReason", {}).get("Message") or "AWS gives no reason"
            raise ProviderError(f"EC2 instance {instance_id} is {state} where {wanted} was awaited: {reason}")
        return bool(state == wanted)

    aws.until(f"EC2 instance {instance_id} to be {wanted}", reached, seconds=seconds)


def stop(aws: Aws, instance_id: str) -> None:
    """Stop an instance that is not stopped yet; EC2 refuses to stop what is over."""
    if describe_instance(aws, instance_id)["State"]["Name"] != "stopped":
        aws.ec2("StopInstances", InstanceIds=[instance_id])
        await_state(aws, instance_id, "stopped")


def start(aws: Aws, instance_id: str) -> None:
    """Start a stopped instance."""
    aws.ec2("StartInstances", InstanceIds=[instance_id])
    await_state(aws, instance_id, "running")
