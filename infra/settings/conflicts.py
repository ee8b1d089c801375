"""Settings that are each fine by themselves and wrong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.network import hosts_per_zone
from infra.settings import NEWEST, NO_SNAPSHOT, ranges, where
from provision.model.access import PRIVATE, PUBLIC, SSM
from provision.model.platforms import BAKED, images

if TYPE_CHECKING:
    from infra.settings import Settings

_NO_WAY_OUT = (
    "in the network that gpurig makes a box has its way out by a public address, and a NAT gateway in its place would "
    "cost about 33 USD a month and 0.045 USD per GB (us-east-1); name a subnet that has a way out: pulumi config set "
    "gpurig:subnetId subnet-…"
)


def problems(settings: Settings, region: str) -> list[str]:
    """Return everything in the settings that contradicts something else in them."""
    found = [*_region(settings, region), *_ranges(settings), *_reach(settings), *_image(settings), *_jobs(settings)]
    return [*found, *_spot(settings), *_budget(settings), *where.problems(settings, region)]


def _region(settings: Settings, region: str) -> list[str]:
    if not region:
        return ["aws:region: not set; for example: pulumi config set aws:region us-east-1"]
    found = []
    if settings.zone and not settings.zone.startswith(region):
        found.append(f'gpurig:zone: "{settings.zone}" is not in the region {region}: pulumi config rm gpurig:zone')
    if not settings.subnet_id and settings.hosts > (most := hosts_per_zone(settings.vpc_cidr)):
        wrong = f"a zone's part of {settings.vpc_cidr} has room for {most} boxes, and gpurig:hosts is {settings.hosts}"
        found.append(f"gpurig:vpcCidr: {wrong}: take a broader range, up to /16")
    return found


def _ranges(settings: Settings) -> list[str]:
    found = ranges.problems(settings.allowed_cidrs, allow_public=settings.allow_public)
    return [f"gpurig:allowedCidrs: {problem}" for problem in found]


def _reach(settings: Settings) -> list[str]:
    """Return what is wrong with how a box is to be reached."""
    private, ssm = settings.access == PRIVATE, settings.access == SSM
    unused = {"bastion": settings.bastion, "bastionGroup": settings.bastion_group}
    found = [
        f"gpurig:{key}: goes with gpurig:access {PRIVATE} only" for key, on in unused.items() if on and not private
    ]
    if settings.access != PUBLIC and not settings.subnet_id:
        found.append(f"gpurig:access: {settings.access} needs a subnet of yours: {_NO_WAY_OUT}")
    if private and not (settings.allowed_cidrs or settings.bastion_group):
        ways = "gpurig:bastionGroup, or the ranges that it or your VPN comes from by gpurig:allowedCidrs"
        found.append(f"gpurig:access: nobody could reach the box: name the bastion's group by {ways}")
    if ssm and settings.allowed_cidrs:
        found.append(
            "gpurig:allowedCidrs: with gpurig:access ssm no port is open: pulumi config rm gpurig:allowedCidrs"
        )
    if ssm and (settings.image_os or settings.image) in images() and not settings.system.ssm:
        having = " or ".join(name for name, image in images().items() if image.ssm)
        found.append(f"gpurig:access: {settings.system.name} has no agent of Session Manager; take {having}")
    return found


def _image(settings: Settings) -> list[str]:
    known = settings.image in images()
    if not known and not settings.image_os:
        rules = " or ".join(images())
        kind = "a baked image" if settings.image == BAKED else "an image by its id"
        return [f"gpurig:image: {kind} needs gpurig:imageOs, the image whose rules apply: {rules}"]
    if known and settings.image_os:
        only = f"goes with {BAKED} or an image by its id (ami-…) only"
        return [f'gpurig:imageOs: {only}, and gpurig:image is "{settings.image}"']
    return []


def _jobs(settings: Settings) -> list[str]:
    """Return what is wrong with the choice of volumes and snapshots."""
    named = len(settings.job_volume) if settings.looks_for_volumes else 0
    if named > settings.hosts:
        return [f"gpurig:jobVolume: {named} volumes for {settings.hosts} boxes: a box has one"]
    if named == settings.hosts and settings.job_snapshot not in (NEWEST, NO_SNAPSHOT):
        unused = f"gpurig:jobSnapshot: {settings.job_snapshot} has no effect where gpurig:jobVolume names the volume"
        return [f"{unused}: pulumi config rm gpurig:jobSnapshot (or gpurig:jobVolume)"]
    return []


def _spot(settings: Settings) -> list[str]:
    if not settings.spot:
        unused = {
            "spotMaxPrice": settings.spot_max_price is not None,
            "spotRebalance": settings.spot_rebalance != "tell",
        }
        return [f"gpurig:{key}: has no effect without gpurig:spot true" for key, holds in unused.items() if holds]
    if settings.generation == 1:
        return []
    wrong = f"{settings.generation} on a spot box, which cannot be stopped to hand its volume over"
    way_out = "pulumi config set gpurig:generation 1; destroy and up make a new box, and bring the jobs back"
    return [f"gpurig:generation: {wrong}: {way_out}"]


def _budget(settings: Settings) -> list[str]:
    if settings.budget_monthly_usd is None:
        extras = {"budgetForecast": settings.budget_forecast, "budgetAction": settings.budget_action != "none"}
        alone = [f"gpurig:{key}: has no effect without gpurig:budgetMonthlyUsd" for key, on in extras.items() if on]
    else:
        alone = []
        if settings.budget_action != "none" and settings.spot:
            wrong = "AWS cannot stop a spot box, and a budget can do nothing else to it"
            alone = [f"gpurig:budgetAction: {wrong}: set gpurig:maxSpend, which terminates it"]
    if (settings.budget_monthly_usd is None) == (not settings.budget_email):
        return alone
    return ["gpurig:budgetMonthlyUsd and gpurig:budgetEmail: set both, or neither", *alone]
