"""Make what travels small: user-data has room for 16 KiB, and every boot pays for what nobody on the host reads."""

from __future__ import annotations

import io
import re
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FUNCTION = re.compile(r"^(\w+)\(\) \{(?: .*\}|\n(?:.*\n)*?\})\n", re.MULTILINE)
"""A function of `lib.sh`: on one line, or up to the first brace that stands at a line's beginning."""
_WORD = re.compile(r"(?<![\w./-])\w+(?![\w./-])")
"""A word that could be a call: no part of a path, of an option or of a longer name."""
_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?: .*\n|\n)+", re.MULTILINE)
_MARGIN = re.compile(r"^(?: {4})+")


def library(text: str, scripts: Iterable[str]) -> str:
    """Return a library of bash functions without those that `scripts` never reach, directly or through others."""
    bodies = {match[1]: match[0] for match in _FUNCTION.finditer(text)}
    used: set[str] = set()
    todo = [*scripts, _FUNCTION.sub("", text)]
    while todo:
        found = (set(_WORD.findall(todo.pop())) & bodies.keys()) - used
        used |= found
        todo += [bodies[name].partition("()")[2] for name in found]
    kept = _FUNCTION.sub(lambda match: match[0] if match[1] in used else "", text)
    return re.sub(r"\n{3,}", "\n\n", kept)


def module(source: str) -> str:
    """Return Python without docstrings, comment lines, wide margins and what is for type checkers only."""
    dropped: set[int] = set()
    text: set[int] = set()
    depth, fresh = 0, True
    # Tokens, not a syntax tree: deep in a Pulumi program's threads the parser has been seen to miscount its recursion.
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        alone = token.line.lstrip().startswith("#")
        if (token.type == tokenize.STRING and fresh and not depth) or (token.type == tokenize.COMMENT and alone):
            dropped.update(range(token.start[0], token.end[0] + 1))
        # Only a string goes over several lines.
        text.update(range(token.start[0] + 1, token.end[0] + 1))
        depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
        fresh = token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT)
    lean = [
        line if number in text else _MARGIN.sub(_narrow, line)
        for number, line in enumerate(_TYPES.sub(_blank, source).splitlines(keepends=True), 1)
        if number not in dropped and (number in text or line.strip())
    ]
    return "".join(lean)


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _narrow(margin: re.Match[str]) -> str:
    return " " * (len(margin[0]) // 4)
