"""Where and from what a box starts: the answers that only AWS can give, asked before anything is made."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from infra import keys
from infra.cloud import stack_tags
from infra.image import find_image
from provision.errors import BadInput

if TYPE_CHECKING:
    from infra.cloud import Cloud
    from infra.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placement:
    """What AWS has for a box's settings."""

    ami: str
    zones: tuple[str, str]
    """The availability zone to use, then another one of the region."""
    snapshot: str | None
    """What the job volume is made from; None: blank."""

    @classmethod
    def find(cls, settings: Settings, cloud: Cloud) -> Placement:
        """Ask AWS. Raises `BadInput` where it does not have what the settings want."""
        zones = _zones(settings, cloud)
        return cls(
            ami=find_image(cloud, settings.image),
            zones=zones,
            snapshot=_snapshot(settings, cloud),
        )


def job_tags(settings: Settings) -> dict[str, str]:
    """Return the tags that tell a box's job volume, and its snapshots, from those of other boxes in the stack."""
    return {"gpurig:host": settings.host_name, "gpurig:volume": "jobs"}


def _zones(settings: Settings, cloud: Cloud) -> tuple[str, str]:
    """Return the zone to use, then another one. Raises `BadInput` when no zone will do."""
    name = settings.machine.name
    available, offering = cloud.zones(), cloud.zones_with(name)
    usable = [zone for zone in available if zone in offering]
    if not usable:
        raise BadInput([f'gpurig:instanceType: "{name}" is not offered in {cloud.region}; take another region'])
    zone = settings.zone or usable[0]
    if zone not in usable:
        wrong = f"does not offer {name}" if zone in available else "is not available"
        raise BadInput([f'gpurig:zone: "{zone}" {wrong}; take {" or ".join(usable)}'])
    return zone, available[(available.index(zone) + 1) % len(available)]


def _snapshot(settings: Settings, cloud: Cloud) -> str | None:
    if settings.job_snapshot == keys.NO_SNAPSHOT:
        return None
    if settings.job_snapshot != keys.NEWEST:
        return settings.job_snapshot
    return next(iter(cloud.snapshots({**stack_tags(), **job_tags(settings)})), None)
