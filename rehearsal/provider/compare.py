"""Old against new: the diff that replaces or updates, the drift that a read shows, the outputs that a state keeps."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from rehearsal.engine.wire import UNKNOWN
from rehearsal.provider.model import Fate, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rehearsal.provider.model import Kind
    from rehearsal.provider.wire import Values

DEFAULTS = "__defaults"
"""Lists the inputs that the provider filled in, as the official one does; engines do not show it."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One property that differs."""

    path: str
    """As Pulumi writes it: `metadataOptions.httpTokens`, `tags["a.b"]`."""
    verb: str
    """ADD, DELETE or UPDATE."""
    replaces: bool

    @property
    def property(self) -> str:
        """The top-level property that it belongs to."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


def changes(kind: Kind, old: Values, new: Values, ignored: Iterable[str] = ()) -> list[Change]:
    """Return how the inputs `new` differ from `old`, less what lies under an ignored path."""
    ignored = tuple(ignored)
    return [
        change
        for change in _differences(kind.fields, old, new, "", replaces=False)
        if not any(re.match(re.escape(path) + r"([.\[]|$)", change.path) for path in ignored)
    ]


def drift(fields: Mapping[str, Field], inputs: Values, live: Values, *, adopt: bool = False) -> Values:
    """Return the inputs as they hold in the cloud.

    What cannot be read stays; what the program never set shows only where the cloud should not have decided it, or
    where the whole resource is adopted (an import).
    """
    found: Values = {DEFAULTS: inputs[DEFAULTS]} if DEFAULTS in inputs else {}
    for name, field in fields.items():
        mine, theirs = inputs.get(name), live.get(name)
        if name not in live or (_unset(mine) and _unset(theirs)):
            value = mine
        elif mine is None:
            value = theirs if adopt or not field.computed else None
            value = drift(field.fields, {}, value, adopt=True) if field.fields and isinstance(value, dict) else value
        elif field.fields and isinstance(mine, dict) and isinstance(theirs, dict):
            value = drift(field.fields, mine, theirs)
        else:
            value = mine if not _unset(theirs) and field.same(mine, theirs) else theirs
        if value is not None:
            found[name] = value
    return found


def outputs(inputs: Values, live: Values) -> Values:
    """Return the state of a resource: what the cloud says, with each input spelt as the program spells it."""
    merged = {name: value for name, value in live.items() if value is not None}
    for name, value in inputs.items():
        known = merged.get(name)
        merged[name] = outputs(value, known) if isinstance(value, dict) and isinstance(known, dict) else value
    merged.pop(DEFAULTS, None)
    return merged


def expected_outputs(kind: Kind, inputs: Values) -> Values:
    """Return the state that a preview shows: unknown where only the cloud decides."""
    state = outputs(inputs, {})
    for name, field in kind.fields.items():
        if field.computed and name not in state:
            state[name] = UNKNOWN
        elif field.fields and isinstance(state.get(name), dict):
            state[name] = {**dict.fromkeys(_decided(field), UNKNOWN), **state[name]}
    return {**dict.fromkeys(kind.outputs, UNKNOWN), **state}


def _decided(field: Field) -> list[str]:
    return [*field.outputs, *(name for name, part in field.fields.items() if part.computed)]


def _differences(
    fields: Mapping[str, Field], old: Mapping[str, Any], new: Mapping[str, Any], prefix: str, *, replaces: bool
) -> Iterator[Change]:
    for name, field in fields.items():
        before, after = old.get(name), new.get(name)
        if _unset(after) and (_unset(before) or (after is None and field.computed)):
            continue
        path, all_of_it = prefix + name, replaces or field.on_change is Fate.REPLACE
        if isinstance(before, dict) and isinstance(after, dict):
            parts = field.fields or dict.fromkeys(sorted(before.keys() | after.keys()), _ENTRY)
            yield from _differences(parts, before, after, path + "." if field.fields else path, replaces=all_of_it)
        elif before is None or after is None or not field.same(before, after):
            yield Change(_spelt(prefix, name), _verb(before, after), all_of_it)


_ENTRY = Field(on_change=Fate.RECORD)
"""An entry of a map, tags say, which has no description of its own."""


def _spelt(prefix: str, name: str) -> str:
    if not prefix or prefix.endswith("."):
        return prefix + name
    return f"{prefix}.{name}" if re.fullmatch(r"[A-Za-z_]\w*", name) else f'{prefix}["{name}"]'


def _verb(before: Any, after: Any) -> str:
    return "ADD" if before is None else "DELETE" if after is None else "UPDATE"


def _unset(value: Any) -> bool:
    # Terraform's zero values: it cannot tell an empty text, list or map from none at all.
    return value is None or value in ("", [], {})
