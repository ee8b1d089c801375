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
def _hints(declared: type) -> dict[str, Any]:
    return get_type_hints(declared)


def is_event(found: dict[str, Any]) -> bool:
    """Tell whether an event, its kind among them, has the keys of one of its kind, and values of their types.

    What is inside a value is not looked at: much of it was written by versions of before, and is read with care.
    """
    return any(_has(found, declared) for declared in _declared().get(found["event"], ()))


def _has(found: dict[str, Any], declared: type) -> bool:
    needed: frozenset[str] = declared.__required_keys__  # type: ignore[attr-defined] # a TypedDict has it
    return needed <= found.keys() and all(
        _is(found[key], hint) for key, hint in _hints(declared).items() if key in found
    )


def _is(value: object, hint: Any) -> bool:
    origin = get_origin(hint) or hint
    if origin in (Union, types.UnionType):
        return any(_is(value, one) for one in get_args(hint))
    if origin in (typing.Literal, Any, object):
        return True
    if typing.is_typeddict(origin):
        origin = dict
    elif isinstance(origin, type) and issubclass(origin, enum.Enum):
        origin = str  # a newer box has more words
    return type(value) in {float: (int, float), tuple: (list,)}.get(origin, (origin,))
