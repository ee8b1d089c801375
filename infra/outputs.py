"""The contract between the program and everything that works on its hosts: one versioned, plain document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from infra.price import Price
from provision.model.access import PUBLIC
from provision.model.host import OUTPUT, VERSION, row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.box import Box
    from infra.cloud import Cloud


def export_document(cloud: Cloud, boxes: Sequence[Box]) -> None:
    """Export the stack output `gpurig`, for whatever else works on the hosts.

    The engine keeps it for the end of a `pulumi up` that went well: `fab` reads the same rows out of the state.
    """
    stack = {"version": VERSION, "project": pulumi.get_project(), "stack": pulumi.get_stack(), "region": cloud.region}
    pulumi.export(OUTPUT, {**stack, "hosts": [_row(cloud, box) for box in boxes]})


def export_summary(boxes: Sequence[Box]) -> None:
    """Export what a user looks for after `pulumi up`: of several boxes, each by its name."""
    addresses = {box.settings.host_name: box.address for box in boxes}
    ssh_commands = {box.settings.host_name: _ssh(box, alone=len(boxes) == 1) for box in boxes}
    pulumi.export("address", _single_or_by_name(addresses))
    pulumi.export("ssh", _single_or_by_name(ssh_commands))
    pulumi.export("price", str(Price.total([box.price for box in boxes])))
    pulumi.export("nextStep", f"fab setup-{boxes[0].settings.recipe}")


def _ssh(box: Box, *, alone: bool) -> pulumi.Output[str]:
    """Return the command that logs in, by the host key that is pinned; of a box that is stopped, what starts it."""
    name = box.settings.host_name
    which = "" if alone else f" --limit {name}"
    if box.settings.access != PUBLIC:
        return box.host.instance.id.apply(lambda _: f"fab ssh{which}")  # it has no public address in any state
    return box.host.instance.public_ip.apply(
        lambda address: f"fab ssh{which}" if address else f"{name} is stopped: fab start{which}"
    )


def _single_or_by_name(
    by_name: Mapping[str, pulumi.Output[str]],
) -> pulumi.Output[str] | Mapping[str, pulumi.Output[str]]:
    """Return the only value without its name; several with theirs."""
    values = list(by_name.values())
    return values[0] if len(values) == 1 else by_name


def _row(cloud: Cloud, box: Box) -> pulumi.Output[dict[str, Any]]:
    """Return one host of the description, as its box is and not as it would be, once AWS has given all its ids."""
    instance, document = box.host.instance, box.described(cloud)
    made = pulumi.Output.all(
        address=box.address,
        innerAddress=instance.private_ip,
        instanceId=instance.id,
        instanceType=instance.instance_type,
        zone=instance.availability_zone,
        volumeId=box.job_volume.id,
    )
    return pulumi.Output.all(made, instance.tags).apply(lambda known: row_of(document, known[0], known[1] or {}))
