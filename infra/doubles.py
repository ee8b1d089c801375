"""Instances that are made for a box and are not it: an answer of AWS that never came left one, and it is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from provision.model.tags import HOST, STACK_ID

if TYPE_CHECKING:
    from infra.cloud import Cloud


def tell_doubles(name: str, instance_id: str, cloud: Cloud) -> None:
    """Warn of instances beside the box's own, once that is known; those that are on their way out are none."""
    found = cloud.alive({STACK_ID: cloud.identity.id, HOST: name})
    if others := sorted(set(found) - {instance_id}):
        told = f"made for it too, in no state, and billed: {', '.join(others)}"
        pulumi.log.warn(f"{name}: {told}; `fab orphans` says what it is, `fab orphans --remove` ends it")
