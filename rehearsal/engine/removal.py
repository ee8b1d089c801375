"""Deleting resources: dependents first, independent ones side by side."""

from __future__ import annotations

from concurrent import futures
from typing import TYPE_CHECKING

from rehearsal.engine.errors import EngineError
from rehearsal.engine.ops import DELETE, DELETE_REPLACED

if TYPE_CHECKING:
    from rehearsal.engine.ops import Op
    from rehearsal.engine.providers import Providers
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.steps import Steps

PARALLEL = 16


def remove(steps: Steps, providers: Providers, resource: Resource, op: Op = DELETE) -> None:
    """Delete one resource."""
    managed = resource.custom and not resource.external and not resource.is_provider
    steps.delete(resource, providers.of(resource.provider) if managed else None, op)


def remove_all(steps: Steps, providers: Providers, doomed: list[Resource]) -> None:
    """Delete the resources, each after all that need it; raise Stopped where one cannot go."""

    def delete_one(resource: Resource) -> None:
        with steps.work(resource.urn):
            remove(steps, providers, resource, DELETE_REPLACED if resource.delete else DELETE)

    with futures.ThreadPoolExecutor(PARALLEL) as pool:
        for layer in layers(doomed):
            running = [pool.submit(delete_one, resource) for resource in layer]
            futures.wait(running)
            for each in running:
                each.result()


def layers(doomed: list[Resource]) -> list[list[Resource]]:
    """Group resources so that each comes in an earlier group than all that it needs."""
    remaining = list(doomed)
    groups = []
    while remaining:
        group = [each for each in remaining if not any(each.urn in other.needs for other in remaining)]
        if not group:
            raise EngineError(f"the state has a cycle of dependencies through {remaining[0].urn}")
        groups.append(group)
        remaining = [each for each in remaining if not any(each is gone for gone in group)]
    return groups
