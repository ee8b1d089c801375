"""What the text of a setting may be, and the value that it becomes."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Generic, TypeVar

from provision.target import MIRROR_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

Value_co = TypeVar("Value_co", covariant=True)


@dataclasses.dataclass(frozen=True)
class Check(Generic[Value_co]):
    """What a kind of setting may be."""

    read: Callable[[str], Value_co]
    """Return the value of a text; raises `ValueError`, or what JSON of another shape leads to, where it is wrong."""
    allowed: str
    """What is allowed, to complete "it has to be …"."""


def matching(pattern: str, allowed: str) -> Check[str]:
    """Return the check for text that a regular expression matches as a whole."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return Check(read, allowed)


def whole(least: int, most: int, allowed: str) -> Check[int]:
    """Return the check for a whole number in a range, both ends included."""

    def read(text: str) -> int:
        if not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return Check(read, allowed)


def positive(text: str) -> float:
    """Read a finite number above 0. Raises `ValueError`."""
    if not 0 < float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


def names(text: str, pattern: str = r"[^\s\[\]{}\"]+") -> tuple[str, ...]:
    """Read a JSON list of names, or names with commas between them; all match the pattern. Raises `ValueError`."""
    values = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",")]
    if not all(isinstance(value, str) and re.fullmatch(pattern, value) for value in values):
        raise ValueError(text)
    return tuple(values)


def each(pattern: str, allowed: str, *, alone: str | None = None) -> Check[tuple[str, ...]]:
    """Return the check for names that match a pattern, each of which counts once, or for a word that stands alone."""
    return Check(lambda text: (text,) if text == alone else tuple(dict.fromkeys(names(text, pattern))), allowed)


def table(text: str) -> dict[str, str]:
    """Read a JSON object of texts that are not empty. Raises `ValueError`."""
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(value, str) and value for value in found.values()):
        raise ValueError(text)
    return found


def mirrors(text: str) -> dict[str, dict[str, str]]:
    """Read a JSON object of kind → prefix → replacement. Raises `ValueError`, also for a password in it."""
    tables = {kind: table(json.dumps(entries)) for kind, entries in json.loads(text).items()}
    replacements = [replacement for entries in tables.values() for replacement in entries.values()]
    if not tables.keys() <= {*MIRROR_KINDS} or any("" in entries for entries in tables.values()):
        raise ValueError(text)
    if any(re.match(r"[a-z+]+://[^/]*@", replacement) for replacement in replacements):
        raise ValueError(text)
    return tables
