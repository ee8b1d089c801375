"""Properties to and from ``google.protobuf.Struct``, the form in which programs and providers exchange them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import struct_pb2

from rehearsal.engine.values import SECRET_SIGNATURE, SIGNATURE, UNKNOWN, Secret, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.engine.values import Properties

OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWN_TEXTS: Final = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


def from_struct(message: struct_pb2.Struct) -> Properties:
    """Read the properties that came over the wire."""
    return {key: _from_wire(value) for key, value in message.fields.items()}


def _from_wire(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number: float = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWN_TEXTS else value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_from_wire(item) for item in value.list_value.values]
        case "struct_value":
            return _from_marked(from_struct(value.struct_value))
    return None


def _from_marked(value: Properties) -> Any:
    """Turn a marked object into what it stands for; give any other object back as it is."""
    match value.get(SIGNATURE):
        case sig if sig == SECRET_SIGNATURE:
            return Secret(plain(value.get("value")))
        case sig if sig == OUTPUT_SIGNATURE:
            inner = value.get("value", UNKNOWN)
            return Secret(plain(inner)) if value.get("secret") else inner
    return value


def to_struct(properties: Mapping[str, Any], *, secrets: bool = True) -> struct_pb2.Struct:
    """Write properties for the wire; without `secrets` the receiver gets them in clear, as older ones need."""
    message = struct_pb2.Struct()
    message.update({key: _to_wire(value, secrets=secrets) for key, value in properties.items()})
    return message


def _to_wire(value: Any, *, secrets: bool) -> Any:
    if isinstance(value, Secret):
        inner = _to_wire(value.value, secrets=secrets)
        return {SIGNATURE: SECRET_SIGNATURE, "value": inner} if secrets else inner
    if value is UNKNOWN:
        return UNKNOWN_TEXT
    if isinstance(value, dict):
        return {key: _to_wire(item, secrets=secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_wire(item, secrets=secrets) for item in value]
    return value
