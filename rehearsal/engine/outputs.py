"""Properties as lines for people, in Pulumi's layout; an unknown value is a word in brackets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.engine.wire import UNKNOWN

if TYPE_CHECKING:
    from rehearsal.engine.wire import Properties


def output_lines(news: Properties, olds: Properties | None, *, changed_only: bool) -> list[str]:
    """Give the properties as lines; against `olds`, with signs for what was added, changed, removed.

    Without `olds` (a new stack) nothing carries a sign. What is unchanged is left out where only changes are wanted.
    """
    keys = sorted({**news, **(olds or {})})
    width = max(map(len, keys), default=0)
    lines = []
    for key in keys:
        sign = _sign(key, news, olds)
        if changed_only and olds is not None and sign == " ":
            continue
        text = _block(news[key] if key in news else (olds or {})[key], 4)
        if sign == "~" and olds is not None and not isinstance(news[key], dict | list):
            text = f"{_block(olds[key], 4)} => {text}"
        lines.extend(f"  {sign} {key:<{width}}: {text}".split("\n"))
    return lines


def _sign(key: str, news: Properties, olds: Properties | None) -> str:
    if olds is None:
        return " "
    if key not in olds:
        return "+"
    if key not in news:
        return "-"
    return " " if news[key] == olds[key] else "~"


def _block(value: Any, indent: int) -> str:
    pad = " " * indent
    if isinstance(value, dict) and value:
        width = max(map(len, value))
        inner = (f"{pad}    {key:<{width}}: {_block(value[key], indent + 4)}" for key in sorted(value))
        return "\n".join(["{", *inner, f"{pad}}}"])
    if isinstance(value, list) and value:
        inner = (f"{pad}    [{i}]: {_block(item, indent + 4)}" for i, item in enumerate(value))
        return "\n".join(["[", *inner, f"{pad}]"])
    if value is None:
        return "<null>"
    if value == UNKNOWN:
        return "[unknown]"
    return json.dumps(value, ensure_ascii=False)
