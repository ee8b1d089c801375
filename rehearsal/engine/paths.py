"""Property paths such as ``sources.cuda``, ``git["https://a.b/"]`` or ``rules[0].cidr``."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]
_PART = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]""")


def parse(text: str) -> Path:
    """Split a path; raise ValueError where it is malformed."""
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            raise ValueError(f"malformed property path {text!r} at column {at + 1}")
        name, index, quoted = found.groups()
        parts.append(int(index) if index is not None else name or re.sub(r"\\(.)", r"\1", quoted))
        at = found.end()
    return tuple(parts)
