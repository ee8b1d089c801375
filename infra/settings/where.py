"""Settings that ask for what AWS does not have in the partition of the region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.partitions import AWS, UNKNOWN, partition_of
from provision.model.platforms import images

if TYPE_CHECKING:
    from infra.settings import Settings


def problems(settings: Settings, region: str) -> list[str]:
    """Return what is not to be had there."""
    partition = partition_of(region)
    if region.startswith(UNKNOWN):
        return [f"aws:region: {region} is in a partition of AWS that gpurig does not know: its addresses and images"]
    found = []
    if settings.budget_monthly_usd is not None and not partition.budgets:
        wrong = f"AWS Budgets does not count in USD in {partition.name}"
        found.append(f"gpurig:budgetMonthlyUsd: {wrong}: set gpurig:maxSpend, which AWS enforces box by box")
    image = images().get(settings.image)
    if image and image.owner and partition is not AWS:
        wrong = f'whose account "{image.name}" is published from in {partition.name} is not known here'
        found.append(f"gpurig:image: {wrong}: name it by its id (ami-…), with gpurig:imageOs {image.name}")
    return found
