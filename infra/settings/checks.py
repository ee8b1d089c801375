"""What the text of a setting may be, and the value that it stands for."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from provision.model.busy import BUSY
from provision.model.target import MIRROR_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value_co = TypeVar("Value_co", covariant=True)


@dataclasses.dataclass(frozen=True)
class Check(Generic[Value_co]):
    """What the text of a setting may be."""

    read: Callable[[str], Value_co]
    """Return the value of a text; raises `ValueError`, or what JSON of another shape leads to, where it is wrong."""
    allowed: str
    """What is allowed, to complete "it has to be …"."""


SWITCH = Check(lambda text: {"true": True, "false": False}[text], "true or false")


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


def read_usd(text: str) -> float:
    """Read an amount above 0, finite. Raises `ValueError`."""
    if not 0 < float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


def read_names(text: str, pattern: str = r"[^\s\[\]{}\"]+") -> tuple[str, ...]:
    """Read a JSON list of names, or names with commas between them; all match the pattern. Raises `ValueError`."""
    values = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",")]
    if not all(isinstance(value, str) and re.fullmatch(pattern, value) for value in values):
        raise ValueError(text)
    return tuple(values)


KEYS: Check[tuple[str, ...]] = Check(
    lambda text: read_names(text, r"[^,]*[^,\s][^,]*"), "ed25519 public keys or the paths of their files, with commas"
)


def names(what: str) -> Check[tuple[str, ...]]:
    """Return the check for names of something."""
    return Check(read_names, f"a list of {what}, or {what} with commas between them")


def listed(pattern: str, allowed: str, *, alone: str | None = None) -> Check[tuple[str, ...]]:
    """Return the check for names that match a pattern, each of which counts once, or for a word that stands alone."""
    return Check(lambda text: (text,) if text == alone else tuple(dict.fromkeys(read_names(text, pattern))), allowed)


def read_table(text: str) -> dict[str, str]:
    """Read a JSON object of texts that are not empty. Raises `ValueError`."""
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(value, str) and value for value in found.values()):
        raise ValueError(text)
    return found


def _figures(text: str) -> dict[str, float]:
    """Read a JSON object of the figures of `BUSY` that are to be others. Raises `ValueError`."""
    # `pulumi config set --path` may have written a number as text.
    given: dict[str, Any] = json.loads(text)
    found = {key: int(value) if str(value).isdecimal() else value for key, value in given.items()}
    numbers = [value for value in found.values() if type(value) in (int, float) and 0 <= value < float("inf")]
    if not found.keys() <= BUSY.keys() or len(numbers) < len(found):
        raise ValueError(text)
    return found


BUSY_FIGURES: Check[Mapping[str, float]] = Check(
    _figures, f"an object of figure ({', '.join(BUSY)}): number from 0, as docs/idle.md has them"
)
_SYSTEM_FOLDERS = "bin|boot|dev|etc|home|lib|opt|proc|root|run|sbin|srv|sys|tmp|usr|var"
A_FOLDER = matching(
    rf"(?!/({_SYSTEM_FOLDERS})\Z)(/[A-Za-z0-9][A-Za-z0-9._-]*)+", "an absolute path that is no system folder"
)
A_LINE = matching(r"[ -~]{1,1000}", "a command on one line of ASCII, 1000 characters at most")


def read_mirrors(text: str) -> dict[str, dict[str, str]]:
    """Read a JSON object of kind → prefix → replacement. Raises `ValueError`, also for a password in it."""
    tables = {kind: read_table(json.dumps(entries)) for kind, entries in json.loads(text).items()}
    replacements = [replacement for entries in tables.values() for replacement in entries.values()]
    if not tables.keys() <= {*MIRROR_KINDS} or any("" in entries for entries in tables.values()):
        raise ValueError(text)
    if any(re.match(r"[a-z+]+://[^/]*@", replacement) for replacement in replacements):
        raise ValueError(text)
    return tables


MIRRORS = Check(
    read_mirrors,
    f"an object of kind ({', '.join(MIRROR_KINDS)}): {{prefix: replacement}}, without passwords "
    "(user-data is no place for them)",
)
