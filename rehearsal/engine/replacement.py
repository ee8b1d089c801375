"""Replacing an object by a new one, before or after the old one is deleted."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from rehearsal.engine.ops import CREATE_REPLACEMENT, DELETE_REPLACED, REPLACE
from rehearsal.engine.removal import remove
from rehearsal.engine.wire import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from rehearsal.engine.provider import Provider
    from rehearsal.engine.providers import Providers
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.steps import Steps


class Replacements:
    """The replacements of one deployment. `claimed` holds the URNs that the program has registered so far."""

    def __init__(self, steps: Steps, providers: Providers, claimed: Container[str]) -> None:
        self.steps = steps
        self.providers = providers
        self._claimed = claimed
        self._ahead: dict[str, str] = {}

    def deleted_ahead(self, urn: str) -> str | None:
        """Say whether the resource was deleted before its registration, because what it depends on was, and why."""
        return self._ahead.get(urn)

    def replace(self, old: Resource, new: Resource, provider: Provider, detail: str, *, delete_first: bool) -> Resource:
        """Replace `old` by `new`."""
        if not delete_first:
            return self.create(new, provider, detail, self.condemn(old))
        for dependent in reversed(self._replaced_with(old)):
            self._ahead[dependent.urn] = ""
            remove(self.steps, self.providers, dependent, DELETE_REPLACED)
        remove(self.steps, self.providers, old, DELETE_REPLACED)
        return self.create(new, provider, detail)

    def create(
        self, new: Resource, provider: Provider, detail: str, also: Callable[[], object] | None = None
    ) -> Resource:
        """Create the new object of a replacement."""
        made = self.steps.create(new, provider, CREATE_REPLACEMENT, detail, [also] if also else [])
        self.steps.display.end(REPLACE, made, detail)
        return made

    def condemn(self, old: Resource) -> Callable[[], object]:
        """Give the change to the state that leaves the old object to be deleted when nothing uses it any more."""
        return functools.partial(self.steps.state.swap, old, dataclasses.replace(old, delete=True))

    def _replaced_with(self, root: Resource) -> list[Resource]:
        """Give the resources that cannot outlive `root`, in dependency order.

        They are those which depend on it by a property, and whose own provider says that a change of that property
        (whatever it will be) means a replacement; and then in the same way those that depend on these.
        """
        gone = {root.urn}
        chain = []
        for resource in self.steps.state.unhandled:
            if resource.urn not in gone and resource.urn not in self._claimed and self._falls(resource, gone):
                gone.add(resource.urn)
                chain.append(resource)
        return chain

    def _falls(self, resource: Resource, gone: set[str]) -> bool:
        if not resource.custom or resource.external or resource.is_provider:
            return False
        if resource.delete:
            return bool(resource.needs & gone)
        if resource.provider.rsplit("::", 1)[0] in gone:
            return True
        moved = {key for key, urns in resource.property_dependencies.items() if gone.intersection(urns)}
        if not moved & resource.inputs.keys():
            return False
        inputs = {key: UNKNOWN if key in moved else value for key, value in resource.inputs.items()}
        return bool(self.providers.of(resource.provider).diff(resource, inputs, resource.ignore_changes).replaces)
