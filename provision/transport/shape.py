"""Whether what a host says is an event as the wire declares it: it is another machine, and may be somebody else's."""

from __future__ import annotations

import enum
import functools
import types
import typing
from typing import Any, Union, get_args, get_origin, get_type_hints

from provision.agent.wire.events import Event

if typing.TYPE_CHECKING:
    from provision.agent.words import Kind


@functools.cache
def _declared() -> dict[Kind, list[type]]:
    """Return the types of events by their kinds; some have two of them."""
    found: dict[Kind, list[type]] = {}
    for declared in get_args(Event):
        for kind in get_args(get_type_hints(declared)["event"]):
            found.setdefault(kind, []).append(declared)
    return found


@functools.cache
def _types(declared: type) -> dict[str, frozenset[type] | None]:
    """Return what the values of each key may be, worked out once: a busy step sends thousands of events."""
    return {key: _accepted(hint) for key, hint in get_type_hints(declared).items()}


def is_event(found: dict[str, Any]) -> bool:
    """Tell whether an event, its kind among them, has the keys of one of its kind, and values of their types.

    What is inside a value is not looked at: much of it was written by versions of before, and is read with care.
    """
    return any(_has(found, declared) for declared in _declared().get(found["event"], ()))


def _has(found: dict[str, Any], declared: type) -> bool:
    needed: frozenset[str] = declared.__required_keys__  # type: ignore[attr-defined] # a TypedDict has it
    allowed = _types(declared)
    return needed <= found.keys() and all(
        (accepted := allowed.get(key)) is None or type(value) in accepted for key, value in found.items()
    )


def _accepted(hint: Any) -> frozenset[type] | None:
    """Return the types that a value may be of, None: of any."""
    origin = get_origin(hint) or hint
    if origin in (Union, types.UnionType):
        of_each = [_accepted(one) for one in get_args(hint)]
        return None if None in of_each else frozenset().union(*filter(None, of_each))
    if origin in (typing.Literal, Any, object):
        return None
    if typing.is_typeddict(origin):
        return frozenset({dict})
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return frozenset({str})  # a newer box has more words
    return frozenset({float: (int, float), tuple: (list,)}.get(origin, (origin,)))
