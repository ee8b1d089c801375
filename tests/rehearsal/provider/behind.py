"""What is done behind the provider's back, as tables write it.

`$id`, `$inputs.NAME` and `$outputs.NAME` are the resource's own, `$made.EXAMPLE.id` is another's, and `$tags` are all
tags that the resource carries, as EC2 takes them.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.cloud.handle import Cloud
    from tests.rehearsal.provider.plugin import Resource
    from tests.rehearsal.provider.world import World


def filled(value: Any, resource: Resource, world: World) -> Any:
    """Return a table's value with what it refers to."""
    if isinstance(value, dict):
        return {key: filled(part, resource, world) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, resource, world) for part in value]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    tags = [{"Key": key, "Value": tag} for key, tag in resource.outputs.get("tagsAll", {}).items()]
    made = {name: dataclasses.asdict(other) for name, other in world.made.items()}
    known = {**dataclasses.asdict(resource), "made": made, "tags": tags}
    return functools.reduce(operator.getitem, value[1:].split("."), known)


def do(cloud: Cloud, calls: Iterable[dict[str, Any]], resource: Resource, world: World) -> None:
    """Make calls (`{ec2.stop_instances: {…}}`), one after the other."""
    for call in calls:
        for name, params in call.items():
            service, _, operation = name.partition(".")
            getattr(cloud.client(service), operation)(**filled(params, resource, world))
