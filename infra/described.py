"""What is known of a host before AWS has made anything: the part of its description that the settings decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provision.model.platforms import NO_GPU, gpus

if TYPE_CHECKING:
    from infra.cloud import Cloud
    from infra.settings import Settings
    from provision.model.limit import Limit
    from provision.model.prices import Quote


def host_document(cloud: Cloud, settings: Settings, on_demand: Quote | None, limit: Limit) -> dict[str, Any]:
    """Return a host's row without what AWS makes of it, which `provision.model.host.row_of` adds."""
    return {
        "name": settings.host_name,
        "user": settings.system.user,
        "port": 22,
        "access": settings.access,
        "jump": settings.bastion,
        "keys": [settings.ssh_public_key, *settings.ssh_keys],
        "region": cloud.region,
        "profile": cloud.reach or None,
        "image": settings.system.name,
        "recipe": settings.recipe,
        "ports": settings.ports,
        "pricePerHour": on_demand.usd if on_demand else None,
        "spot": settings.spot,
        "generation": settings.generation,
        "mountPoint": settings.mount_point,
        "gpu": _gpu(settings),
        "limit": limit.to_document(),
        "target": settings.target(lifetime_hours=limit.box_hours).to_document(),
    }


def _gpu(settings: Settings) -> dict[str, Any] | None:
    """Return the GPU that recipes may use; None where there is none, or where it is declared not to be used."""
    machine = settings.machine
    if NO_GPU in (machine.gpu, settings.gpu):
        return None
    model = gpus()[machine.gpu]
    return {"model": model.model, "compute": model.compute, "memoryGib": model.memory_gib, "count": machine.gpus}
