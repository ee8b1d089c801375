"""Property values: what a program, a provider and the state file exchange.

Inside the engine a property is plain JSON data, plus two things that JSON lacks: `Secret`, a value that is never shown
or stored in clear, and `UNKNOWN`, a value that only a later `up` will tell. On the wire both are marked by magic
strings that the SDKs fix (``sdk/go/common/resource/properties.go`` of Pulumi); `rehearsal.engine.wire` does that.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, Final

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a mark on the wire, the same for all


class Unknown(enum.Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = enum.auto()


UNKNOWN: Final = Unknown.UNKNOWN


@dataclasses.dataclass(frozen=True)
class Secret:
    """A value to encrypt in the state and to hide on the screen."""

    value: Any

    def __repr__(self) -> str:
        return "[secret]"


Properties = dict[str, Any]


def plain(value: Any) -> Any:
    """Give the value with its secrets in clear; unknowns stay."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Say whether any part is not known yet."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def masked(value: Any) -> Any:
    """Give plain JSON data for people to read, with secrets and unknowns as words in brackets."""
    if value is UNKNOWN or value == Secret(UNKNOWN):
        return "[unknown]"
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def keep_secrets(values: Properties, like: Properties) -> Properties:
    """Mark as secret what is secret in `like`: for providers that lose the mark between inputs and outputs."""
    return {key: _keep(value, like[key]) if key in like else value for key, value in values.items()}


def _keep(value: Any, like: Any) -> Any:
    if isinstance(like, Secret):
        return value if isinstance(value, Secret) or value is UNKNOWN else Secret(value)
    if isinstance(value, dict) and isinstance(like, dict):
        return keep_secrets(value, like)
    if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
        return [_keep(item, twin) for item, twin in zip(value, like, strict=True)]
    return value


def mark_secrets(values: Properties, names: tuple[str, ...]) -> Properties:
    """Mark the named top-level properties as secret (the `additional_secret_outputs` option)."""
    return {key: _keep(value, Secret(None)) if key in names else value for key, value in values.items()}
