"""Deleting resources: dependents first, independent ones side by side, and nothing that is protected."""

from __future__ import annotations

from concurrent import futures
from typing import TYPE_CHECKING

from rehearsal.engine.errors import EngineError, Stopped
from rehearsal.engine.steps import DELETE, DELETE_REPLACED

if TYPE_CHECKING:
    from rehearsal.engine.providers import Providers
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.steps import Op, Steps

PARALLEL = 16


def remove(
    steps: Steps, providers: Providers, resource: Resource, op: Op = DELETE, with_it: frozenset[str] = frozenset()
) -> None:
    """Delete one resource; `with_it` are the URNs that go in the same run."""
    managed = resource.custom and not resource.external and not resource.is_provider
    if resource.deleted_with in with_it:  # it goes with its host
        managed = False
    steps.delete(resource, providers.of(resource.provider) if managed else None, op)


def remove_all(steps: Steps, providers: Providers, doomed: list[Resource]) -> None:
    """Delete the resources, each after all that need it; raise Stopped where one cannot go."""
    refuse_protected(steps, doomed)
    urns = frozenset(resource.urn for resource in doomed if not resource.delete)

    def one(resource: Resource) -> None:
        with steps.work(resource.urn):
            remove(steps, providers, resource, DELETE_REPLACED if resource.delete else DELETE, urns)

    with futures.ThreadPoolExecutor(PARALLEL) as pool:
        for layer in layers(doomed):
            running = [pool.submit(one, resource) for resource in layer]
            futures.wait(running)
            for each in running:
                each.result()


def refuse_protected(steps: Steps, doomed: list[Resource]) -> None:
    """Report each protected resource, before anything is deleted."""
    protected = [resource for resource in doomed if resource.protect]
    for resource in protected:
        steps.fail(
            resource.urn,
            f'resource "{resource.urn}" cannot be deleted\nbecause it is protected. To unprotect the resource, remove '
            "the `protect` flag from the resource in your Pulumi program and run `pulumi up`",
        )
    if protected:
        raise Stopped


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
