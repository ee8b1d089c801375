"""Check: inputs made whole (names, tags), or every reason why they cannot stand."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from rehearsal.engine.wire import UNKNOWN, has_unknown
from rehearsal.provider.compare import DEFAULTS
from rehearsal.provider.tags import all_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rehearsal.provider.config import Settings
    from rehearsal.provider.model import Field, Kind
    from rehearsal.provider.wire import Values

Problem = tuple[str, str]
"""A property's path and what is wrong with it."""

_TAIL = 7
"""Random characters behind an automatic name, as many as the official provider takes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What an engine wants checked."""

    kind: Kind
    name: str
    """The resource's name in the program."""
    news: Values
    olds: Values
    seed: bytes
    """Makes automatic names repeatable; empty for truly random ones."""
    settings: Settings
    """The provider's own; its tags join those of the resource."""


def check(request: Request) -> tuple[Values, list[Problem]]:
    """Return the checked inputs and what is wrong with them; with a problem the inputs must not be used."""
    given = {name: value for name, value in request.news.items() if name not in (DEFAULTS, "tagsAll")}
    inputs, problems = _checked(request.kind.fields, given, "")
    _fill_in(request, inputs)
    return inputs, problems or [*_missing(request.kind.fields, inputs, ""), *_choice(request.kind.exactly_one, inputs)]


def _choice(names: tuple[str, ...], inputs: Values) -> list[Problem]:
    given = [name for name in names if inputs.get(name) is not None]
    return [] if not names or len(given) == 1 else [(names[0], f"exactly one of {', '.join(names)} is required")]


def _fill_in(request: Request, inputs: Values) -> None:
    kind = request.kind
    filled: list[str] = []
    if kind.auto_name and not inputs.get(kind.auto_name):
        kept = request.olds.get(kind.auto_name) if kind.auto_name in request.olds.get(DEFAULTS, ()) else None
        inputs[kind.auto_name] = kept or _automatic_name(request)
        filled.append(kind.auto_name)
    for name, field in kind.fields.items():
        if field.default is not None and inputs.get(name) is None:
            inputs[name] = field.default
            filled.append(name)
    if "tagsAll" in kind.fields:
        own = inputs.get("tags") or {}
        carried = UNKNOWN if own == UNKNOWN else all_tags(own, request.settings)
        if carried:
            inputs["tagsAll"] = carried
    inputs[DEFAULTS] = filled


def _automatic_name(request: Request) -> str:
    seed = request.seed or secrets.token_bytes(32)
    tail = hashlib.sha256(seed + request.name.encode()).hexdigest()[:_TAIL]
    return f"{request.name[: request.kind.name_limit - _TAIL - 1]}-{tail}"


def _checked(fields: Mapping[str, Field], given: Mapping[str, Any], prefix: str) -> tuple[Values, list[Problem]]:
    inputs: Values = {}
    problems: list[Problem] = []
    for name, value in given.items():
        path = prefix + name
        if name not in fields:
            known = ", ".join(fields)
            why = f"the stand-in provider does not know this property, the official pulumi-aws may; known are {known}"
            problems.append((path, why))
            continue
        inputs[name], found = _value(fields[name], value, path)
        problems.extend(found)
    return inputs, problems


def _value(field: Field, value: Any, path: str) -> tuple[Any, list[Problem]]:
    if value == UNKNOWN:
        return value, []
    try:
        value = _coerced(field.type, value)
    except ValueError:
        return value, [(path, f"expected {field.type.__name__}, got {value!r}")]
    if field.fields and isinstance(value, dict):
        return _checked(field.fields, value, path + ".")
    if field.fields and isinstance(value, list):
        parts = [_checked(field.fields, part, f"{path}[{index}].") for index, part in enumerate(value)]
        return [part for part, _ in parts], [problem for _, found in parts for problem in found]
    why = None if has_unknown(value) else field.why_not(value)
    return value, [(path, why)] if why else []


def _coerced(wanted: type, value: Any) -> Any:
    # As the official provider does: "50" is a number where one is wanted, 50 is text, "true" is a flag.
    if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return value
    if wanted is str and isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if wanted is bool and value in ("true", "false"):
        return value == "true"
    if wanted in (int, float) and isinstance(value, str | int | float) and not isinstance(value, bool):
        number = float(value)
        return int(number) if wanted is int and number.is_integer() else number
    raise ValueError(value)


def _missing(fields: Mapping[str, Field], inputs: Values, prefix: str) -> Iterator[Problem]:
    for name, field in fields.items():
        value = inputs.get(name)
        if field.required and value is None:
            yield prefix + name, f'missing required argument: "{prefix}{name}" is required, but no definition was found'
        elif field.fields and isinstance(value, dict):
            yield from _missing(field.fields, value, f"{prefix}{name}.")
        elif field.fields and isinstance(value, list):
            for index, part in enumerate(value):
                yield from _missing(field.fields, part, f"{prefix}{name}[{index}].")
