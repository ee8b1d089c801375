"""Property values: what a program, a provider and the state file exchange.

Inside the engine a property is plain JSON data, plus what JSON lacks: `UNKNOWN`, a value that only a later `up` will
tell. On the wire it is marked by a magic string that the SDKs fix (``sdk/go/common/resource/properties.go`` of Pulumi);
`rehearsal.engine.wire` does that. Secrets are refused there: no program here has one.
"""

from __future__ import annotations

import enum
from typing import Any, Final


class Unknown(enum.Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = enum.auto()


UNKNOWN: Final = Unknown.UNKNOWN

Properties = dict[str, Any]


def has_unknown(value: Any) -> bool:
    """Say whether any part is not known yet."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN
