"""Values on Pulumi's wire: protobuf structs to plain Python and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import struct_pb2

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for a value that only the update will know; the constants here are the wire's own."""
_UNKNOWNS = {
    UNKNOWN,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
}
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the wire's mark, no password
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

Values = dict[str, Any]


def plain(struct: struct_pb2.Struct) -> Values:
    """Return a struct as Python values: secrets and outputs unwrapped, nulls dropped, whole numbers as int."""
    fields = {name: _plain(value) for name, value in struct.fields.items()}
    return {name: value for name, value in fields.items() if value is not None}


def pack(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return Python values as a struct; a `None` is left out."""
    struct = struct_pb2.Struct()
    struct.update({name: value for name, value in values.items() if value is not None})
    return struct


def has_unknown(value: Any) -> bool:
    """Tell whether a value is unknown, wholly or in part."""
    if isinstance(value, Mapping):
        return any(has_unknown(part) for part in value.values())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return any(has_unknown(part) for part in value)
    return bool(value == UNKNOWN)


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else None
        if signature in (_SECRET, _OUTPUT):
            return _plain(fields["value"]) if "value" in fields else UNKNOWN
        return plain(value.struct_value)
    if kind == "list_value":
        return [_plain(part) for part in value.list_value.values]
    if kind == "number_value":
        number: float = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    return value.bool_value if kind == "bool_value" else None
