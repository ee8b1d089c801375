"""Boxes that are stopped: what `pulumi up` does about that, which is nothing, and how to start them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.tags import GENERATION, HOST, STACK_ID

if TYPE_CHECKING:
    from infra.cloud import Cloud
    from infra.settings import Settings


def stopped_boxes(settings: Settings, cloud: Cloud) -> dict[str, str]:
    """Return a line for each box of the stack that is stopped, by its name. One that is to be replaced is none."""
    ours = {STACK_ID: cloud.identity.id}
    if not cloud.stopped(ours):  # the rule, and so asked with one question for all
        return {}
    found = {}
    for box in settings.per_host():
        own = {**ours, HOST: box.host_name, GENERATION: str(box.generation)}
        for instance_id in cloud.stopped(own):
            starts = f"fab start --limit {box.host_name}" if settings.hosts > 1 else "fab start"
            if cloud.stopped(own, instance_type=box.machine.name):
                found[box.host_name] = f"{instance_id} is stopped, and stays so: {starts}"
            else:
                # The provider ends a change of the type with a start, whatever was before.
                found[box.host_name] = f"{instance_id} is stopped, and is started by the change of its type"
    return found
