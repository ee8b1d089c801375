"""The provider instances of a deployment: those that the program registers, and those that the state remembers."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from rehearsal.engine.builtin import PACKAGE, Builtin
from rehearsal.engine.errors import EngineError
from rehearsal.engine.plugin import Plugin
from rehearsal.engine.provider import Provider
from rehearsal.engine.resource import PROVIDER_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.engine.display import Display
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.wire import Properties

_OURS = {"version", "__internal"}
"""Inputs of a provider resource that are for the engine."""


def configuration(inputs: Properties) -> Properties:
    """Give the inputs of a provider resource that are for the plugin."""
    return {key: value for key, value in inputs.items() if key not in _OURS}


class Providers:
    """Starts one plugin process for each provider resource, and finds the one that a resource names."""

    def __init__(self, engine_address: str, olds: Mapping[str, Resource], display: Display) -> None:
        self._address = engine_address
        self._olds = olds
        self._display = display
        self._plugins: list[Plugin] = []
        self._registered: dict[str, tuple[Resource, Provider]] = {}
        self._remembered: dict[str, Provider] = {}
        self._lock = threading.RLock()

    def start(self, package: str) -> Provider:
        """Start a plugin; it still has to be configured."""
        if package == PACKAGE:
            return Builtin()
        plugin = Plugin(package, self._address, self._display.note)
        with self._lock:
            self._plugins.append(plugin)
        return Provider(plugin, self._address)

    def register(self, resource: Resource, provider: Provider) -> None:
        """Note what the program's provider resource became."""
        with self._lock:
            self._registered[resource.urn] = (resource, provider)

    def registered(self, reference: str) -> Resource:
        """Give the provider resource that a registration names; raise where the program never registered it."""
        urn = reference.rsplit("::", 1)[0]
        if urn not in self._registered:
            raise EngineError(f"unknown provider '{reference}'")
        return self._registered[urn][0]

    def remembered(self, reference: str) -> Resource | None:
        """Give the provider resource of the previous deployment, if it had this one."""
        return self._olds.get(reference.rsplit("::", 1)[0])

    def of(self, reference: str) -> Provider:
        """Give the provider that a resource names: as registered in this run, else as the state has it."""
        urn, ident = reference.rsplit("::", 1)
        with self._lock:
            resource, provider = self._registered.get(urn, (None, None))
            # In a preview a provider that is to be created has no id yet, and one URN is one provider.
            if (
                resource is not None
                and provider is not None
                and (resource.id in ("", ident) or not self._olds.get(urn))
            ):
                return provider
            if reference not in self._remembered:
                old = self._olds.get(urn)
                if old is None:
                    raise EngineError(f"unknown provider '{reference}'")
                remembered = self.start(old.type.removeprefix(PROVIDER_TYPE))
                remembered.configure(configuration(old.inputs))
                self._remembered[reference] = remembered
            return self._remembered[reference]

    def cancel(self) -> None:
        """Ask every plugin to end what it is doing."""
        for plugin in list(self._plugins):
            plugin.cancel()

    def close(self) -> None:
        """End every plugin."""
        with self._lock, contextlib.ExitStack() as stack:
            for plugin in self._plugins:
                stack.callback(plugin.close)
