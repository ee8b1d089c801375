"""A resource as the state remembers it, and its JSON in Pulumi's checkpoint."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.engine.wire import Properties

PROVIDER_TYPE = "pulumi:providers:"
STACK_TYPE = "pulumi:pulumi:Stack"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declared:
    """What a program declares of a resource and the state keeps as it was declared."""

    type: str
    custom: bool = True
    parent: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    ignore_changes: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Seconds, by ``create``, ``update``, ``delete``, ``read``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resource(Declared):
    """One resource: what the program asked for (`inputs`) and what the provider made of it (`outputs`)."""

    urn: str
    id: str = ""
    inputs: Properties = dataclasses.field(default_factory=dict)
    outputs: Properties = dataclasses.field(default_factory=dict)
    provider: str = ""
    """The provider's reference: its URN, ``::``, its id."""
    retain_on_delete: bool = False
    external: bool = False
    """Read, not managed."""
    delete: bool = False
    """Replaced, and still to be deleted."""
    init_errors: tuple[str, ...] = ()
    created: str = ""
    modified: str = ""

    @property
    def name(self) -> str:
        """The last part of the URN."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def is_provider(self) -> bool:
        """Whether it configures a provider plugin."""
        return self.type.startswith(PROVIDER_TYPE)

    @property
    def is_default_provider(self) -> bool:
        """Whether the engine itself made it for resources that name no provider; people are not shown these."""
        return self.is_provider and (self.name == "default" or self.name.startswith("default_"))

    @property
    def reference(self) -> str:
        """How resources of this provider refer to it."""
        return f"{self.urn}::{self.id}"

    @property
    def needs(self) -> set[str]:
        """The URNs that have to be there as long as this resource is."""
        listed = {urn for urns in self.property_dependencies.values() for urn in urns}
        provider = self.provider.rsplit("::", 1)[0]
        return (listed | {*self.dependencies, self.parent, provider}) - {""}

    def without_references_beyond(self, there: set[str]) -> Resource:
        """Give the resource with no dependency or parent outside of `there`."""
        if self.needs <= there:
            return self
        return dataclasses.replace(
            self,
            parent=self.parent if self.parent in there else "",
            dependencies=tuple(urn for urn in self.dependencies if urn in there),
            property_dependencies={
                key: [urn for urn in urns if urn in there] for key, urns in self.property_dependencies.items()
            },
        )

    def to_json(self) -> dict[str, Any]:
        """Give the checkpoint's form, without what is empty."""
        document: dict[str, Any] = {"urn": self.urn, "custom": self.custom}
        for field in dataclasses.fields(self):
            if value := getattr(self, field.name):
                document[_camel(field.name)] = value
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Resource:
        """Read the checkpoint's form; keys that this engine does not use are dropped."""
        known: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            if (value := document.get(_camel(field.name))) is not None:
                known[field.name] = tuple(value) if field.type == "tuple[str, ...]" else value
        return cls(**known)


@dataclasses.dataclass(frozen=True, eq=False)
class Operation:
    """What was asked of a provider and not yet answered; `kind` is ``creating``, ``updating``, ``deleting``…."""

    kind: str
    resource: Resource

    def to_json(self) -> dict[str, Any]:
        """Give the checkpoint's form."""
        return {"resource": self.resource.to_json(), "type": self.kind}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Operation:
        """Read the checkpoint's form."""
        return cls(kind=document["type"], resource=Resource.from_json(document["resource"]))


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)
