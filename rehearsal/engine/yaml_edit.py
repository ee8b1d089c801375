"""Changes to a YAML text by which its comments and its order stay."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark, YAMLError
from ruamel.yaml.tokens import CommentToken

from rehearsal.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.engine.paths import Path


def with_value(text: str, path: Path, value: Any) -> str:
    """Give the text with `value` at `path`, with mappings and lists made on the way. Raises EngineError."""
    return _edited(text, lambda document: _put(document, path, value))


def without_value(text: str, path: Path) -> str:
    """Give the text without what is at `path`, of a mapping. Raises EngineError."""
    return _edited(text, lambda document: _remove(document, path))


def _edited(text: str, change: Callable[[Any], None]) -> str:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        document = yaml.load(text)
    except YAMLError as error:
        raise EngineError(f"the settings cannot be read: {error}") from error
    before = text if document is None else ""  # nothing but comments, which then belong to nothing
    document = CommentedMap() if document is None else document
    change(document)
    written = io.StringIO()
    yaml.dump(document, written)
    return before + written.getvalue()


def _put(holder: Any, path: Path, value: Any) -> None:
    part, *rest = path
    if isinstance(holder, list) and isinstance(part, int) and part > len(holder):
        raise EngineError(f"the index [{part}] lies beyond the end of the array, which has {len(holder)} elements")
    there = part in holder if isinstance(holder, dict) else part != len(holder)
    if rest:
        kind = CommentedMap if isinstance(rest[0], str) else CommentedSeq
        inner = holder[part] if there and isinstance(holder[part], kind) else kind()
        _put(inner, tuple(rest), value)
        value = inner
    if isinstance(holder, list) and not there:
        holder.append(value)
    elif not there or value is not holder[part]:
        # A new key comes before the comments below the last one; at the top of the document these belong to that one.
        before = part if there else next(reversed(holder), None) if holder.lc.col else None
        below = "" if before is None else _cut_comment(holder, before)
        holder[part] = value
        _add_comment(holder, part, below)


def _remove(holder: Any, path: Path) -> None:
    *outer, key = path
    for part in outer:
        holder = holder.get(part, {})
    if key not in holder:
        return
    keys = list(holder)
    below, at = _cut_comment(holder, key), keys.index(key)
    del holder[key]
    if at:
        _add_comment(holder, keys[at - 1], below)
    elif len(keys) > 1 and below:
        lines = "\n".join(line.strip().removeprefix("#").removeprefix(" ") for line in below.splitlines())
        holder.yaml_set_comment_before_after_key(keys[1], before=lines, indent=holder.lc.col)


def _comment_place(holder: Any, key: Any) -> tuple[Any, Any, int]:
    """Return whose comment is the one behind a value: the last leaf's. ruamel keeps it in a slot of its holder."""
    value = holder[key]
    if isinstance(value, CommentedMap | CommentedSeq) and value and not value.fa.flow_style():
        return _comment_place(value, list(value)[-1] if isinstance(value, dict) else len(value) - 1)
    return holder, key, 2 if isinstance(holder, dict) else 0


def _cut_comment(holder: Any, key: Any) -> str:
    """Take out and return the comment lines below a value; the comment beside it stays."""
    place, at, slot = _comment_place(holder, key)
    slots = place.ca.items.get(at)
    if not slots or slots[slot] is None:
        return ""
    beside, newline, below = slots[slot].value.partition("\n")
    if beside:
        slots[slot].value = beside + newline
    else:
        slots[slot] = None
    return str(below)


def _add_comment(holder: Any, key: Any, lines: str) -> None:
    if lines:
        place, at, slot = _comment_place(holder, key)
        slots = place.ca.items.setdefault(at, [None] * 4)
        before = slots[slot].value if slots[slot] else "\n"
        slots[slot] = CommentToken(before + lines, CommentMark(0), None)
