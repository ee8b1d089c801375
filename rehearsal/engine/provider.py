"""A provider's calls as functions over plain properties and resources."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pulumi.runtime.proto import provider_pb2 as pb

from rehearsal.engine.errors import ProviderError, Unsupported
from rehearsal.engine.wire import from_struct, has_unknown, to_struct

if TYPE_CHECKING:
    from rehearsal.engine.plugin import Plugin
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.wire import Properties

_REPLACING = {pb.PropertyDiff.ADD_REPLACE, pb.PropertyDiff.DELETE_REPLACE, pb.PropertyDiff.UPDATE_REPLACE}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diff:
    """What a provider says about the way from the old inputs to the new ones."""

    changes: bool
    changed: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    delete_before_replace: bool = False


class Provider:
    """One plugin, to be configured first."""

    def __init__(self, plugin: Plugin, engine_address: str) -> None:
        self._plugin = plugin
        plugin.call("Handshake", pb.ProviderHandshakeRequest(engine_address=engine_address))

    def check_config(self, urn: str, olds: Properties, news: Properties) -> Properties:
        """Validate a provider's own configuration; give it completed."""
        request = pb.CheckRequest(urn=urn, olds=to_struct(olds), news=to_struct(news))
        return self._checked(self._plugin.call("CheckConfig", request), urn)

    def diff_config(self, urn: str, olds: Properties, news: Properties) -> Diff:
        """Compare two configurations."""
        request = pb.DiffRequest(urn=urn, olds=to_struct(olds), old_inputs=to_struct(olds), news=to_struct(news))
        return _diff(self._plugin.call("DiffConfig", request))

    def configure(self, inputs: Properties) -> None:
        """Make the plugin ready for resources. Raises Unsupported where a part is not known yet."""
        if has_unknown(inputs):
            raise Unsupported("a provider whose configuration only another resource tells")
        request = pb.ConfigureRequest(
            args=to_struct(inputs), acceptResources=True, sends_old_inputs=True, sends_old_inputs_to_delete=True
        )
        for key, value in inputs.items():
            request.variables[f"{self._plugin.package}:config:{key}"] = str(value)
        self._plugin.call("Configure", request)

    def check(self, urn: str, olds: Properties, news: Properties, seed: bytes) -> Properties:
        """Validate inputs; give them completed with defaults."""
        request = pb.CheckRequest(urn=urn, olds=to_struct(olds), news=to_struct(news), randomSeed=seed)
        return self._checked(self._plugin.call("Check", request), urn)

    @staticmethod
    def _checked(answer: Any, urn: str) -> Properties:
        if answer.failures:
            kind, name = urn.split("::")[2].rsplit("$", 1)[-1], urn.rsplit("::", 1)[-1]
            raise ProviderError(
                "\n".join(
                    f"{kind} resource '{name}': property {f.property} has a problem: {f.reason}"
                    for f in answer.failures
                )
            )
        return from_struct(answer.inputs)

    def diff(self, old: Resource, news: Properties, ignore: tuple[str, ...]) -> Diff:
        """Compare a resource as it is with new inputs."""
        request = pb.DiffRequest(
            id=old.id,
            urn=old.urn,
            olds=to_struct(old.outputs),
            old_inputs=to_struct(old.inputs),
            news=to_struct(news),
            ignoreChanges=ignore,
        )
        return _diff(self._plugin.call("Diff", request))

    def create(self, new: Resource, *, preview: bool) -> tuple[str, Properties]:
        """Create an object; give its id (empty in a preview) and outputs."""
        request = pb.CreateRequest(
            urn=new.urn,
            properties=to_struct(new.inputs),
            timeout=new.custom_timeouts.get("create", 0),
            preview=preview,
        )
        answer = self._plugin.call("Create", request)
        if not preview and not answer.id:
            raise ProviderError("provider returned no ID for the created object")
        return "" if preview else answer.id, from_struct(answer.properties)

    def update(self, old: Resource, new: Resource, *, preview: bool) -> Properties:
        """Change an object in place; give its outputs."""
        request = pb.UpdateRequest(
            id=old.id,
            urn=new.urn,
            olds=to_struct(old.outputs),
            old_inputs=to_struct(old.inputs),
            news=to_struct(new.inputs),
            ignoreChanges=new.ignore_changes,
            timeout=new.custom_timeouts.get("update", 0),
            preview=preview,
        )
        return from_struct(self._plugin.call("Update", request).properties)

    def delete(self, old: Resource) -> None:
        """Delete an object."""
        request = pb.DeleteRequest(
            id=old.id,
            urn=old.urn,
            properties=to_struct(old.outputs),
            old_inputs=to_struct(old.inputs),
            timeout=old.custom_timeouts.get("delete", 0),
        )
        self._plugin.call("Delete", request)

    def read(self, old: Resource) -> tuple[str, Properties, Properties]:
        """Look at an object as it is; give its id (empty where it is gone), inputs and outputs."""
        request = pb.ReadRequest(
            id=old.id, urn=old.urn, properties=to_struct(old.outputs), inputs=to_struct(old.inputs)
        )
        answer = self._plugin.call("Read", request)
        return answer.id, from_struct(answer.inputs), from_struct(answer.properties)

    def invoke(self, token: str, args: Properties, *, preview: bool) -> Any:
        """Call a function; give the provider's own answer, or None where it cannot be known yet."""
        if has_unknown(args):
            return None
        return self._plugin.call("Invoke", pb.InvokeRequest(tok=token, args=to_struct(args), preview=preview))


def _diff(answer: Any) -> Diff:
    forced = [key for key, detail in answer.detailedDiff.items() if detail.kind in _REPLACING]
    return Diff(
        changes=answer.changes == pb.DiffResponse.DIFF_SOME,
        changed=tuple({**dict.fromkeys(answer.diffs), **dict.fromkeys(answer.detailedDiff)}),
        replaces=tuple({**dict.fromkeys(answer.replaces), **dict.fromkeys(forced)}),
        delete_before_replace=answer.deleteBeforeReplace,
    )
