"""Properties to and from ``google.protobuf.Struct``, the form in which programs, engine and providers exchange them.

Here a property is plain JSON data; one that only a later `up` will tell is `UNKNOWN`. The marks are those that the SDKs
fix (``sdk/go/common/resource/properties.go`` of Pulumi). Secrets are refused: no program here has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import struct_pb2

from rehearsal.engine.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

Properties = dict[str, Any]

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a mark on the wire, the same for all
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


def from_struct(message: struct_pb2.Struct) -> Properties:
    """Read the properties that came over the wire; raise Unsupported where one is secret."""
    return {key: _from_wire(value) for key, value in message.fields.items()}


def _from_wire(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number: float = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_from_wire(item) for item in value.list_value.values]
        case "struct_value":
            return _from_marked(from_struct(value.struct_value))
    return None


def _from_marked(value: Properties) -> Any:
    """Turn a marked object into what it stands for; give any other object back as it is."""
    signature = value.get(_SIGNATURE)
    if signature == _SECRET or (signature == _OUTPUT and value.get("secret")):
        raise Unsupported("secrets")
    return value.get("value", UNKNOWN) if signature == _OUTPUT else value


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Write properties for the wire."""
    message = struct_pb2.Struct()
    message.update(properties)
    return message


def has_unknown(value: Any) -> bool:
    """Say whether any part is not known yet."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return bool(value == UNKNOWN)
