"""Bringing the state up to what the providers find, without running the program."""

from __future__ import annotations

import dataclasses
import functools
from concurrent import futures
from typing import TYPE_CHECKING

from rehearsal.engine.compare import describe
from rehearsal.engine.ops import DELETE, SAME, UPDATE, Op
from rehearsal.engine.removal import PARALLEL
from rehearsal.engine.state import touched

if TYPE_CHECKING:
    from rehearsal.engine.providers import Providers
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.steps import Steps

REFRESH = Op("~", "refreshing", "refreshing", "refreshed")


def refresh_all(steps: Steps, providers: Providers) -> None:
    """Read every managed object, and forget those that are gone."""

    def refresh_one(resource: Resource) -> None:
        with steps.work(resource.urn):
            _refresh(steps, providers, resource)

    with futures.ThreadPoolExecutor(PARALLEL) as pool:
        running = [pool.submit(refresh_one, resource) for resource in list(steps.state.resources)]
        futures.wait(running)
    for each in running:
        each.result()
    steps.state.forget_interrupted()
    steps.state.forget_gone()
    steps.state.end()


def _refresh(steps: Steps, providers: Providers, old: Resource) -> None:
    if not old.custom or old.is_provider:
        steps.display.end(SAME, old)
        return
    provider = providers.of(old.provider)
    steps.display.begin(REFRESH, old)
    ident, inputs, outputs = provider.read(old)
    if not ident:
        steps.state.end(None, [functools.partial(steps.state.remove, old)])
        steps.display.end(DELETE, old)
        return
    new = dataclasses.replace(old, id=ident, inputs=inputs, outputs=outputs)
    if (new.inputs, new.outputs) == (old.inputs, old.outputs):
        steps.display.end(SAME, old)
        return
    steps.state.end(None, [functools.partial(steps.state.swap, old, touched(new, old))])
    # What counts as drift is what the next `up` would undo: the object as found, against the inputs as they were.
    diff = provider.diff(new, old.inputs, old.ignore_changes)
    steps.display.end(UPDATE if diff.changes else SAME, new, describe(diff.changed, old.inputs, new.inputs))
