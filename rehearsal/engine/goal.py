"""What a program asks for when it registers a resource."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import EngineError, Unsupported
from rehearsal.engine.names import Names, qualified_type
from rehearsal.engine.resource import Declared, Resource
from rehearsal.engine.wire import from_struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.engine.values import Properties

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_REFUSED = {
    "importId": "the `import_` option",
    "remote": "components that live in a plugin",
    "transforms": "transforms",
    "replacement_trigger": "the `replacement_trigger` option",
    "replace_with": "the `replace_with` option",
    "hooks": "resource hooks",
    "packageRef": "parameterized packages",
    "state_migrations": "state migrations",
    "envVarMappings": "the `env_var_mappings` option",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Goal(Declared):
    """One registration, with every option that this engine honours."""

    name: str
    inputs: Properties = dataclasses.field(default_factory=dict)
    provider: str = ""
    version: str = ""
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    aliases: tuple[Any, ...] = ()
    """Messages of the type ``pulumirpc.Alias``."""

    @classmethod
    def of(cls, request: Any) -> Goal:
        """Read a RegisterResourceRequest; raise Unsupported where an option would be silently lost."""
        for field, _value in request.ListFields():
            if field.name in _REFUSED and (field.name != "hooks" or request.hooks.ListFields()):
                raise Unsupported(_REFUSED[field.name])
        return cls(
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            inputs=from_struct(request.object),
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={k: sorted(v.urns) for k, v in sorted(request.propertyDependencies.items())},
            provider=request.provider,
            version=request.version,
            protect=request.protect if request.HasField("protect") else None,
            retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
            deleted_with=request.deletedWith,
            delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            custom_timeouts={
                field.name: seconds(value) for field, value in request.customTimeouts.ListFields() if value
            },
            aliases=tuple(request.aliases),
        )

    def inheriting(self, parent: Goal | None) -> Goal:
        """Take over from the parent what a child inherits where it says nothing itself."""
        if parent is None:
            return self
        return dataclasses.replace(
            self,
            protect=parent.protect if self.protect is None else self.protect,
            retain_on_delete=parent.retain_on_delete if self.retain_on_delete is None else self.retain_on_delete,
            deleted_with=self.deleted_with or parent.deleted_with,
        )

    def resource(self, urn: str, inputs: Properties, provider: str = "") -> Resource:
        """Give the resource that this goal is to become."""
        return Resource(
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(Declared)},
            urn=urn,
            inputs=inputs,
            provider=provider,
            protect=bool(self.protect),
            retain_on_delete=bool(self.retain_on_delete),
        )

    def alias_urns(self, names: Names, renamed: Mapping[str, str]) -> list[str]:
        """Give the URNs under which the resource may be known from before.

        `renamed` maps each parent that was itself found under an alias to its old URN: children follow.
        """
        urns = [self._alias(alias, names, renamed) for alias in self.aliases]
        if (old_parent := renamed.get(self.parent)) is not None:
            for urn in (names.urn(self.type, self.name, self.parent), *urns):
                kind = qualified_type(urn).rsplit("$", 1)[-1]
                urns.append(names.urn(kind, self._follow(urn.rsplit("::", 1)[-1], old_parent), old_parent))
        return urns

    def _follow(self, name: str, old_parent: str) -> str:
        """Give the former name of a child that is named after its parent, as ``web-disk`` under ``web``."""
        parent_name = self.parent.rsplit("::", 1)[-1]
        if name.startswith(parent_name):
            return old_parent.rsplit("::", 1)[-1] + name.removeprefix(parent_name)
        return name

    def _alias(self, alias: Any, names: Names, renamed: Mapping[str, str]) -> str:
        if alias.WhichOneof("alias") == "urn":
            return str(alias.urn)
        spec = alias.spec
        parent = spec.parentUrn or self.parent
        parent = "" if spec.noParent else renamed.get(parent, parent)
        then = Names(spec.project or names.project, spec.stack or names.stack)
        return then.urn(spec.type or self.type, spec.name or self.name, parent)


def seconds(text: str) -> float:
    """Read a duration as Go writes it: ``90s``, ``1h30m``."""
    if not re.fullmatch(r"(\d+(\.\d+)?(ms|h|m|s))+", text):
        raise EngineError(f"the custom timeout {text!r} is not a duration such as 90s, 20m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)(ms|h|m|s)", text))
