"""Make Python that travels small: user-data has room for 16 KiB. What is left does the same, and nobody reads it.

By tokens, not by a syntax tree: deep in a Pulumi program's threads the parser has been seen to miscount its recursion.
"""

from __future__ import annotations

import collections
import dataclasses
import io
import keyword
import re
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_UNREAD = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER, tokenize.INDENT, tokenize.DEDENT)
_F_STRING = re.compile(r"[rR]?[fF]")
_WORD = re.compile(r"\w+")


@dataclasses.dataclass(frozen=True)
class Line:
    """A line as Python counts them, whatever brackets it goes on in."""

    depth: int
    """How far it is indented."""
    words: tuple[str, ...]
    """Its tokens."""

    @property
    def defines(self) -> str:
        """The name that it gives a function, a class or a constant; "" of any other line."""
        if self.words[0] in ("def", "class"):
            return self.words[1]
        return self.words[0] if self.words[1:2] == ("=",) else ""

    def __str__(self) -> str:
        """Return it with no more blanks than it needs."""
        text = ""
        for before, word in zip(("", *self.words), self.words, strict=False):
            apart = (
                before and (before[-1].isalnum() or before[-1] in "_'\"") and (word[0].isalnum() or word[0] in "_'\"")
            )
            text += f" {word}" if apart else word
        return " " * self.depth + text


def module(source: str) -> str:
    """Return a module without docstrings, comments, annotations, blanks and what is for type checkers only."""
    first = source.partition("\n")[0]
    return (f"{first}\n" if first.startswith("#!") else "") + _text(_lines(source))


def modules(sources: Mapping[str, str], entries: Collection[str]) -> dict[str, str]:
    """Return modules made small, without the functions, constants and members of enums that none of them names.

    `entries`: functions that are called from outside.
    """
    found = {path: _lines(source) for path, source in sources.items()}
    while True:
        every = [line for lines in found.values() for line in lines]
        named = collections.Counter(name for line in every for name in _names(line))
        unused = {name for name, times in named.items() if times == 1} - {*entries}
        members = {name for line in every for name in _names(line, after=".")}
        left = {path: list(_without(lines, unused, members)) for path, lines in found.items()}
        if left == found:
            return {path: _text(lines) for path, lines in found.items()}
        found = left


def _text(lines: Sequence[Line]) -> str:
    """Return lines as a module; a block of which nothing is left has to have something in it."""
    end = Line(0, ("",))
    text = ""
    for line, after in zip(lines, (*lines[1:], end), strict=False):
        text += f"{line}\n"
        if line.words[-1] == ":" and after.depth <= line.depth:
            text += f"{' ' * (line.depth + 1)}pass\n"
    return text


def _names(line: Line, after: str = "") -> Iterator[str]:
    """Yield the names in a line, those that stand `after` a word alone; also all in strings with values in them."""
    for before, word in zip(("", *line.words), line.words, strict=False):
        if word.isidentifier():
            if after in ("", before):
                yield word
        elif _F_STRING.match(word):
            yield from _WORD.findall(word)


def _without(lines: Sequence[Line], unused: Collection[str], members: Collection[str]) -> Iterator[Line]:
    """Yield lines but for what nobody uses: definitions on top, and in a class what is in capitals and not named."""
    dropped = False
    for line in lines:
        if line.depth and dropped:
            continue
        name = line.defines
        dropped = not line.depth and name in unused
        if not dropped and not (line.depth == 1 and name.isupper() and name not in members):
            yield line


def _lines(source: str) -> list[Line]:
    """Return the lines of a module that do something, without annotations."""
    found = []
    hidden = False
    for line in _logical(source):
        hidden = hidden and line.depth > 0
        typing = line.words[0] == "from" and line.words[1] in ("__future__", "typing")
        text = len(line.words) == 1 and line.words[0][-1] in "\"'"
        if line.words == ("if", "TYPE_CHECKING", ":"):
            hidden = True
        if not (hidden or typing or text):
            found.append(Line(line.depth, tuple(_bare(line.words))))
    return found


def _logical(source: str) -> Iterator[Line]:
    """Yield the lines of a module."""
    depth, words = 0, list[str]()
    for kind, word in _tokens(source):
        depth += (kind == tokenize.INDENT) - (kind == tokenize.DEDENT)
        if kind == tokenize.NEWLINE:
            yield Line(depth, tuple(words))
            words = []
        elif kind not in _UNREAD:
            words.append(word)


def _tokens(source: str) -> Iterator[tuple[int, str]]:
    """Yield the tokens of a module. A string with values in it is one, also to a Python that takes it apart (3.12)."""
    lines = source.splitlines(keepends=True)
    inner, (row, left) = 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            row, left = (row, left) if inner else token.start
            inner += 1
        elif name == "FSTRING_END":
            inner -= 1
            if not inner:
                whole = "".join(lines[row - 1 : token.end[0]])
                yield tokenize.STRING, whole[left : len(whole) - len(lines[token.end[0] - 1]) + token.end[1]]
        elif not inner:
            yield token.type, token.string


def _bare(words: Sequence[str]) -> Iterator[str]:
    """Yield the tokens of a line without the annotations of what a function takes and returns, or of a variable."""
    name = next((place for place, word in enumerate(words) if not (word.isidentifier() or word == ".")), 0)
    variable = not keyword.iskeyword(words[0]) and words[name] == ":" and "=" in words
    # Where the colon before an annotation stands: in the brackets of a function's head, or in none.
    home = {"def": 1}.get(words[0], 0 if variable else -1)
    depth, default = 0, False
    until: tuple[str, ...] = ()
    for before, word, after in zip(("", *words), words, (*words[1:], ""), strict=False):
        depth -= word in (")", "]", "}")
        if until and word in until and depth == (0 if word in (")", ":") else home):
            until, home = (), -1 if variable else home
        elif home == 1 and depth == 0 and word == "->":
            until = (":",)
        elif not until and not default and depth == home and word == ":" and before.isidentifier():
            until = (",", "=", ")")
        if home == 1 and depth == 1 and not until and word in ("=", ","):
            default = word == "="
        if not until and not (word == "," and after in ("]", "}")):
            yield word
        depth += word in ("(", "[", "{")
