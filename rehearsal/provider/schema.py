"""The package's schema: the types of `KINDS`, as far as `pulumi import` needs them to write a program's lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.catalogue import KINDS

if TYPE_CHECKING:
    from rehearsal.provider.model import Field, Kind

_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
_ANYTHING = {"$ref": "pulumi.json#/Any"}
_MODULES = "(.*)(?:/[^/]*)"
"""How a module of the SDK is read out of a token: `ec2` of `aws:ec2/vpc:Vpc`."""


def schema(version: str) -> dict[str, Any]:
    """Return the schema as JSON data."""
    resources = {token: _resource(kind) for token, kind in KINDS.items()}
    return {"name": "aws", "version": version, "meta": {"moduleFormat": _MODULES}, "resources": resources}


def _resource(kind: Kind) -> dict[str, Any]:
    inputs = {name: _type(field) for name, field in kind.fields.items() if name != "tagsAll"}
    required = [name for name, field in kind.fields.items() if field.required]
    outputs = {name: _ANYTHING for name in kind.outputs if name not in inputs}
    return {"inputProperties": inputs, "requiredInputs": required, "properties": {**inputs, **outputs}}


def _type(field: Field) -> dict[str, Any]:
    inside = {"array": {"items": _ANYTHING}, "object": {"additionalProperties": _ANYTHING}}
    name = _NAMES[field.type]
    return {"type": name, **inside.get(name, {})}
