"""Instances that are made for a box and are not it: an answer of AWS that never came left one, and it is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra.cloud import stack_tags
from provision.model.tags import HOST, PROJECT, STACK

if TYPE_CHECKING:
    from infra.cloud import Cloud


def tell_doubles(name: str, instance_id: str, cloud: Cloud) -> None:
    """Warn of instances beside the box's own, once that is known; those that are on their way out are none."""
    ours = {key: value for key, value in stack_tags().items() if key in (PROJECT, STACK)}
    found = cloud.alive({**ours, HOST: name})
    if others := sorted(set(found) - {instance_id}):
        told = f"made for it too, in no state, and billed: {', '.join(others)}"
        pulumi.log.warn(f"{name}: {told}; `fab orphans` says what it is, `fab orphans --remove` ends it")
