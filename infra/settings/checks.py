"""What the text of a setting may be, and the value that it stands for."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from provision.model.busy import BUSY
from provision.model.schema import mismatches
from provision.model.target import SCHEMA
from provision.model.urls import MIRROR_KINDS, MIRRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provision.model.checks import Kind

Value_co = TypeVar("Value_co", covariant=True)


@dataclasses.dataclass(frozen=True)
class Check(Generic[Value_co]):
    """What the text of a setting may be."""

    read: Callable[[str], Value_co]
    """Return the value of a text; raises `ValueError`, or what JSON of another shape leads to, where it is wrong."""
    allowed: str
    """What is allowed, to complete "it has to be …"."""


SWITCH = Check(lambda text: {"true": True, "false": False}[text], "true or false")


def of(kind: Kind, allowed: str = "") -> Check[str]:
    """Return the check for text of a kind that hosts.toml and the command line have too."""

    def read(text: str) -> str:
        if not kind.holds(text):
            raise ValueError(text)
        return text

    return Check(read, allowed or kind.allowed)


def matching(pattern: str, allowed: str) -> Check[str]:
    """Return the check for text that a regular expression matches as a whole."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(text)
        return text

    return Check(read, allowed)


A_POLICY = matching(
    r"arn:aws(-[a-z]+)*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+", "the ARN of a policy (arn:aws:iam::…:policy/…)"
)


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


def names(kind: Kind, what: str) -> Check[tuple[str, ...]]:
    """Return the check for names of something."""

    def read(text: str) -> tuple[str, ...]:
        found = read_names(text)
        if not all(map(kind.holds, found)):
            raise ValueError(text)
        return found

    return Check(read, f"a list of {what}, or {what} with commas between them")


def listed(pattern: str, allowed: str, *, alone: str | None = None) -> Check[tuple[str, ...]]:
    """Return the check for names that match a pattern, each of which counts once, or for a word that stands alone."""
    return Check(lambda text: (text,) if text == alone else tuple(dict.fromkeys(read_names(text, pattern))), allowed)


def read_sources(text: str) -> dict[str, str]:
    """Read a JSON object of recipe: source. Raises `ValueError`."""
    found: dict[str, str] = json.loads(text)
    if not SCHEMA["sources"].holds(found):
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
SIGNING_KEYS = listed(
    r"ssh-ed25519 [A-Za-z0-9+/]{68}", "a list of ed25519 public keys without comments, or keys with commas between them"
)


def _read_mirrors(text: str) -> dict[str, dict[str, str]]:
    """Read a JSON object of kind → prefix → replacement. Raises `ValueError`, also for a password in it."""
    found: dict[str, dict[str, str]] = json.loads(text)
    if not isinstance(found, dict) or mismatches(found, MIRRORS):
        raise ValueError(text)
    return found


MIRROR_TABLES: Check[Mapping[str, Mapping[str, str]]] = Check(
    _read_mirrors,
    f"an object of kind ({', '.join(MIRROR_KINDS)}): {{prefix: replacement}}, both addresses without passwords, "
    "queries and fragments (user-data is no place for them)",
)
