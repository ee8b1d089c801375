"""Values on Pulumi's wire as the resource types take them: what is null is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.engine.wire import from_struct, to_struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf import struct_pb2

Values = dict[str, Any]


def plain(struct: struct_pb2.Struct) -> Values:
    """Return a struct as Python values."""
    values: Values = _without_nulls(from_struct(struct))
    return values


def pack(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return Python values as a struct; a `None` is left out."""
    return to_struct({name: value for name, value in values.items() if value is not None})


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value
