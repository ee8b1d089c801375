"""Make bash that travels small: user-data has room for 16 KiB, and every boot pays for what nobody calls or reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FUNCTION = re.compile(r"^(\w+)\(\) \{(?: .*\}|\n(?:.*\n)*?\})\n", re.MULTILINE)
"""A function of `lib.sh`: on one line, or up to the first brace that stands at a line's beginning."""
_WORD = re.compile(r"(?<![\w./-])\w+(?![\w./-])")
"""A word that could be a call: no part of a path, of an option or of a longer name."""
_COMMENT = re.compile(r"^ *# (?!shellcheck).*\n", re.MULTILINE)


def library(text: str, scripts: Iterable[str]) -> str:
    """Return a library of bash functions without those that `scripts` never reach, directly or through others.

    Its comments stay here, too, but for what a checker reads.
    """
    bodies = {match[1]: match[0] for match in _FUNCTION.finditer(text)}
    used: set[str] = set()
    todo = [*scripts, _FUNCTION.sub("", text)]
    while todo:
        found = (set(_WORD.findall(todo.pop())) & bodies.keys()) - used
        used |= found
        todo += [bodies[name].partition("()")[2] for name in found]
    kept = _FUNCTION.sub(lambda match: match[0] if match[1] in used else "", text)
    return re.sub(r"\n{3,}", "\n\n", _COMMENT.sub("", kept))
