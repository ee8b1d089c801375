"""`ignore_changes`: a property, or a part of one (`tags["a:b"]`, `root.size`), stays as it was before.

The rules are those of `PropertyPath.Reset` in Pulumi's Go SDK: what was there before comes back, what was not is taken
out, and a path through something that was added or removed changes nothing and is told.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rehearsal.engine.wire import Properties

_KEY = re.compile(r'\.?(?P<bare>[^.\["\]]+)|\["(?P<quoted>(?:[^"\\]|\\.)*)"\]')


def ignoring(paths: Iterable[str], news: Properties, olds: Properties) -> tuple[Properties, list[str]]:
    """Give `news` with what is under each path as in `olds`, and the paths for which that could not be done."""
    kept = copy.deepcopy(news)
    return kept, [path for path in paths if not _reset(_keys(path), olds, kept)]


def _keys(path: str) -> list[str]:
    """Take a path apart; raise Unsupported for a place in a list or a wildcard, which no program here uses."""
    keys, place = [], 0
    while place < len(path):
        found = _KEY.match(path, place)
        if found is None or found["bare"] == "*":
            raise Unsupported(f"`ignore_changes` of {path}")
        keys.append(found["bare"] or re.sub(r"\\(.)", r"\1", found["quoted"]))
        place = found.end()
    return keys


def _reset(keys: Sequence[str], old: Any, new: Any) -> bool:
    """Make the part of `new` what it is in `old`; say whether that can be done."""
    key, *rest = keys
    before = old if isinstance(old, dict) else {}
    if not rest:
        if key not in before:
            if isinstance(new, dict):
                new.pop(key, None)
            return True
        if isinstance(new, dict):
            new[key] = before[key]
        return isinstance(new, dict)
    if not isinstance(old, dict) or not isinstance(new, dict):
        return not isinstance(old, dict) and not isinstance(new, dict)
    if key not in new:
        return key not in old
    return _reset(rest, old.get(key), new[key])
