"""Settings that are each fine by themselves and wrong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.ranges import too_broad
from provision.platforms import images

if TYPE_CHECKING:
    from infra.settings import Settings


def problems(settings: Settings, region: str) -> list[str]:
    """Return everything in the settings that contradicts something else in them."""
    return [*_place(settings, region), *_reach(settings), *_image(settings), *_spot(settings), *_budget(settings)]


def _place(settings: Settings, region: str) -> list[str]:
    if not region:
        return ["aws:region: not set; for example: pulumi config set aws:region us-east-1"]
    if settings.zone and not settings.zone.startswith(region):
        return [f'gpurig:zone: "{settings.zone}" is not in the region {region}: pulumi config rm gpurig:zone']
    return []


def _reach(settings: Settings) -> list[str]:
    if settings.allow_public:
        return []
    return [
        f'gpurig:allowedCidrs: "{cidr}" opens the box to the public; name your own addresses ("auto" finds them), '
        "or set gpurig:allowPublic true if that is really wanted"
        for cidr in settings.allowed_cidrs
        if too_broad(cidr)
    ]


def _image(settings: Settings) -> list[str]:
    known = settings.image in images()
    if not known and not settings.image_os:
        rules = " or ".join(images())
        return [f"gpurig:image: an image by its id needs gpurig:imageOs, the image whose rules apply: {rules}"]
    if known and settings.image_os:
        return [f'gpurig:imageOs: goes with an image by its id (ami-…) only, and gpurig:image is "{settings.image}"']
    return []


def _spot(settings: Settings) -> list[str]:
    if not settings.spot:
        unused = "gpurig:spotMaxPrice: has no effect without gpurig:spot true"
        return [] if settings.spot_max_price is None else [unused]
    if settings.generation == 1:
        return []
    wrong = f"{settings.generation} on a spot box, which cannot be stopped to hand its volume over"
    way_out = "pulumi config set gpurig:generation 1; destroy and up make a new box, and bring the jobs back"
    return [f"gpurig:generation: {wrong}: {way_out}"]


def _budget(settings: Settings) -> list[str]:
    if (settings.budget_monthly_usd is None) == (not settings.budget_email):
        return []
    return ["gpurig:budgetMonthlyUsd and gpurig:budgetEmail: set both, or neither"]
