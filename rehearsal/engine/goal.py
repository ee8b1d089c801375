"""What a program asks for when it registers a resource."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import EngineError, Unsupported
from rehearsal.engine.resource import Declared, Resource
from rehearsal.engine.wire import from_struct

if TYPE_CHECKING:
    from rehearsal.engine.wire import Properties

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_REFUSED = {
    "importId": "the `import_` option",
    "aliases": "the `aliases` option",
    "protect": "the `protect` option",
    "replaceOnChanges": "the `replace_on_changes` option",
    "remote": "components that live in a plugin",
    "transforms": "transforms",
    "replacement_trigger": "the `replacement_trigger` option",
    "replace_with": "the `replace_with` option",
    "hooks": "resource hooks",
    "packageRef": "parameterized packages",
    "state_migrations": "state migrations",
    "envVarMappings": "the `env_var_mappings` option",
}
"""By the request's field. Left alone: `additional_secret_outputs`, which the SDK itself sets; a secret is refused."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Goal(Declared):
    """One registration, with every option that this engine honours."""

    name: str
    inputs: Properties = dataclasses.field(default_factory=dict)
    provider: str = ""
    version: str = ""
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None

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
            retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
            delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
            ignore_changes=tuple(request.ignoreChanges),
            custom_timeouts={
                field.name: seconds(value) for field, value in request.customTimeouts.ListFields() if value
            },
        )

    def inheriting(self, parent: Goal | None) -> Goal:
        """Take over from the parent what a child inherits where it says nothing itself."""
        if parent is None or self.retain_on_delete is not None:
            return self
        return dataclasses.replace(self, retain_on_delete=parent.retain_on_delete)

    def resource(self, urn: str, inputs: Properties, provider: str = "") -> Resource:
        """Give the resource that this goal is to become."""
        return Resource(
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(Declared)},
            urn=urn,
            inputs=inputs,
            provider=provider,
            retain_on_delete=bool(self.retain_on_delete),
        )


def seconds(text: str) -> float:
    """Read a duration as Go writes it: ``90s``, ``1h30m``."""
    if not re.fullmatch(r"(\d+(\.\d+)?(ms|h|m|s))+", text):
        raise EngineError(f"the custom timeout {text!r} is not a duration such as 90s, 20m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)(ms|h|m|s)", text))
