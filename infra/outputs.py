"""The contract between the program and everything that works on its hosts: one versioned, plain document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from infra.price import Price
from provision.model.host import OUTPUT, VERSION
from provision.model.platforms import NO_GPU, gpus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.box import Box
    from infra.cloud import Cloud


def export_document(cloud: Cloud, boxes: Sequence[Box]) -> None:
    """Export the stack output `gpurig`, which `provision.transport.inventory` reads."""
    stack = {"version": VERSION, "project": pulumi.get_project(), "stack": pulumi.get_stack(), "region": cloud.region}
    pulumi.export(OUTPUT, {**stack, "hosts": [_host(cloud, box) for box in boxes]})


def export_summary(boxes: Sequence[Box]) -> None:
    """Export what a user looks for after `pulumi up`: of several boxes, each by its name."""
    addresses = {box.settings.host_name: box.host.instance.public_ip for box in boxes}
    user = boxes[0].settings.system.user
    ssh_commands = {name: pulumi.Output.concat("ssh ", user, "@", address) for name, address in addresses.items()}
    pulumi.export("address", _single_or_by_name(addresses))
    pulumi.export("ssh", _single_or_by_name(ssh_commands))
    pulumi.export("price", str(Price.total([box.price for box in boxes])))
    pulumi.export("nextStep", f"fab setup-{boxes[0].settings.recipe}")


def _single_or_by_name(
    by_name: Mapping[str, pulumi.Output[str]],
) -> pulumi.Output[str] | Mapping[str, pulumi.Output[str]]:
    """Return the only value without its name; several with theirs."""
    values = list(by_name.values())
    return values[0] if len(values) == 1 else by_name


def _host(cloud: Cloud, box: Box) -> pulumi.Output[dict[str, Any]]:
    """Return one host of the document, as soon as AWS has given all its ids."""
    instance, settings = box.host.instance, box.settings
    fixed = {
        "name": settings.host_name,
        "user": settings.system.user,
        "port": 22,
        "region": cloud.region,
        "profile": cloud.profile,
        "image": settings.system.name,
        "recipe": settings.recipe,
        "ports": settings.ports,
        "pricePerHour": box.on_demand.usd if box.on_demand else None,
        "spot": settings.spot,
        "generation": settings.generation,
        "mountPoint": settings.mount_point,
        "gpu": _gpu(box),
    }
    known = pulumi.Output.all(
        address=instance.public_ip,
        instanceId=instance.id,
        instanceType=instance.instance_type,
        zone=instance.availability_zone,
        volumeId=box.job_volume.id,
    )
    return known.apply(lambda values: {**fixed, **values, "target": settings.target(values["volumeId"]).to_document()})


def _gpu(box: Box) -> dict[str, Any] | None:
    """Return the GPU that recipes may use; None where there is none, or where it is declared not to be used."""
    machine = box.settings.machine
    if NO_GPU in (machine.gpu, box.settings.gpu):
        return None
    model = gpus()[machine.gpu]
    return {"model": model.model, "compute": model.compute, "memoryGib": model.memory_gib, "count": machine.gpus}
