"""Where and from what boxes start: the answers that only AWS can give, asked before anything is made."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from infra.ceiling import limit_of
from infra.image import find_image
from infra.price import Price
from infra.prices import Prices
from infra.site import find_site
from infra.stopped import stopped_boxes
from infra.volume_plan import plan_job_volumes
from provision.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cloud import Cloud
    from infra.network import Site
    from infra.settings import Settings
    from infra.volume_plan import VolumePlan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placement:
    """What AWS has for the boxes of some settings."""

    cloud: Cloud
    """Whose answers these are."""
    ami: str
    site: Site | None
    """The network that is there already, where the settings name its subnets."""
    zones: tuple[str, ...]
    """Where a subnet is needed: in the zone to use, another one of the region, and wherever a job volume is."""
    volume_plans: Mapping[str, VolumePlan]
    """What each box starts from, by its name."""
    stopped: Mapping[str, str]
    """A line for each box that is stopped, by its name."""
    prices: Prices
    """What the parts of a box cost there."""

    @classmethod
    def find(cls, settings: Settings, cloud: Cloud) -> Placement:
        """Ask AWS. Raises `BadInput` where it does not have what the settings want."""
        available, usable, site = cloud.zones(), _usable(settings, cloud), find_site(settings, cloud)
        if site:
            usable = _usable_in(settings, site, usable)
        zone = _zone(settings, available, usable)
        plans = plan_job_volumes(settings, cloud, zone, usable)
        other = available[(available.index(zone) + 1) % len(available)]
        prices = Prices.find(settings, cloud, zone)
        for plan in plans.values():
            limit_of(settings, Price.of(settings, plan.size_gib, prices))  # refuses, before anything is made
        return cls(
            cloud=cloud,
            ami=find_image(cloud, settings),
            site=site,
            zones=(zone, other, *(plan.zone for plan in plans.values())),
            volume_plans=plans,
            stopped=stopped_boxes(settings, cloud),
            prices=prices,
        )


def _usable(settings: Settings, cloud: Cloud) -> list[str]:
    """Return the zones that offer the instance type. Raises `BadInput` when there is none."""
    name = settings.machine.name
    offering = cloud.zones_with(name)
    usable = [zone for zone in cloud.zones() if zone in offering]
    if not usable:
        raise BadInput([f'gpurig:instanceType: "{name}" is not offered in {cloud.region}; take another region'])
    return usable


def _usable_in(settings: Settings, site: Site, usable: list[str]) -> list[str]:
    """Return the zones of the named subnets that offer the instance type. Raises `BadInput` when there is none."""
    found = [zone for zone in usable if zone in site.subnets]
    if not found:
        wrong = f"{settings.machine.name} is not offered in {', '.join(site.subnets)}, where the subnet is"
        raise BadInput([f"gpurig:subnetId: {wrong}; take one in {' or '.join(usable)}, or another instance type"])
    return found


def _zone(settings: Settings, available: list[str], usable: list[str]) -> str:
    """Return the zone for what is new. Raises `BadInput` where the wanted one will not do."""
    zone = settings.zone or usable[0]
    if zone not in usable:
        wrong = f"does not offer {settings.machine.name}" if zone in available else "is not available"
        raise BadInput([f'gpurig:zone: "{zone}" {wrong}; take {" or ".join(usable)}'])
    return zone
