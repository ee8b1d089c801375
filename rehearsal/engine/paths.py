"""Property paths such as ``rootBlockDevice.volumeSize``, ``tags["a.b"]``, ``rules[0].cidr`` or ``tags.*``.

The `ignore_changes` and `replace_on_changes` options of a resource name properties in this way.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from rehearsal.engine.values import Secret

if TYPE_CHECKING:
    from rehearsal.engine.values import Properties

Path = tuple[str | int, ...]
_PART = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|(\[\*\])""")


def parse(text: str) -> Path:
    """Split a path; raise ValueError where it is malformed."""
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            raise ValueError(f"malformed property path {text!r} at column {at + 1}")
        name, index, quoted, star = found.groups()
        if index is not None:
            parts.append(int(index))
        else:
            parts.append(name or ("*" if star else re.sub(r"\\(.)", r"\1", quoted)))
        at = found.end()
    return tuple(parts)


def contains(outer: Path, inner: Path) -> bool:
    """Say whether `outer` names `inner` or something that holds it; ``*`` stands for any one part."""
    return len(outer) <= len(inner) and all(a in (b, "*") for a, b in zip(outer, inner, strict=False))


def reset(news: Properties, olds: Properties, paths: tuple[str, ...]) -> Properties:
    """Give `news` with what is at each path as it was in `olds` (absent where it was absent)."""
    result = copy.deepcopy(news)
    for text in paths:
        _reset(result, olds, parse(text))
    return result


def _reset(new: Any, old: Any, path: Path) -> None:
    new, old = _bare(new), _bare(old)
    if not path or not isinstance(new, dict | list) or not isinstance(old, dict | list):
        return
    keys: list[Any] = _keys(new, old) if path[0] == "*" else [path[0]]
    for key in keys:
        if len(path) > 1:
            if _has(new, key) and _has(old, key):
                _reset(new[key], old[key], path[1:])
        elif _has(old, key):
            if isinstance(new, dict) or _has(new, key):
                new[key] = copy.deepcopy(old[key])
        elif isinstance(new, dict):
            new.pop(key, None)


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value


def _has(holder: Any, key: str | int) -> bool:
    if isinstance(holder, list):
        return isinstance(key, int) and key < len(holder)
    return key in holder


def _keys(new: Any, old: Any) -> list[Any]:
    if isinstance(new, list) or isinstance(old, list):
        return list(range(max(len(new), len(old))))
    return [*{**new, **old}]
