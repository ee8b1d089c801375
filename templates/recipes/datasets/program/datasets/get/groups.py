"""Which files belong together: an archive in one file or in several, or a plain file."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from datasets.get.foreign import refuse_foreign
from datasets.messages import bad_input

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = {
    ".zip": "zip",
    ".tar": "tar",
    **dict.fromkeys((".tar.gz", ".tgz", ".tar.Z", ".taz"), "tar.gz"),
    **dict.fromkeys((".tar.bz2", ".tbz2", ".tbz", ".tb2", ".tz2"), "tar.bz2"),
    **dict.fromkeys((".tar.xz", ".txz"), "tar.xz"),
    **dict.fromkeys((".tar.zst", ".tzst"), "tar.zst"),
    **dict.fromkeys((".gz", ".Z"), "gz"),
    ".bz2": "bz2",
    ".xz": "xz",
    ".zst": "zst",
}
"""What a name ends with → how it is unpacked: an archive, or a file that is compressed alone."""
NUMBERED = re.compile(r"(.+?)[._-](?:part)?(\d{1,4})", re.IGNORECASE)
LETTERED = re.compile(r"(.+?)[._-](?:part([a-z]{2,3})|([a-z]{2}))", re.IGNORECASE)
ZIPPED = re.compile(r"(.+)\.z(\d{2,3})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Group:
    """One archive or compressed file, or one plain file (kind "")."""

    name: str
    kind: str
    files: tuple[str, ...]
    """Names of its parts, in order."""


def kind_of(name: str) -> str:
    """Return how a file of that name is unpacked; "" for what stays as it is."""
    ends = sorted((end for end in KINDS if name.lower().endswith(end.lower())), key=len)
    return KINDS[ends[-1]] if ends else ""


def _place(name: str) -> tuple[str, int] | None:
    """Return the archive that a file is a part of, and its place in it; None for a file that is no part."""
    if match := ZIPPED.fullmatch(name):
        return f"{match[1]}.zip", int(match[2])
    if kind_of(name):  # "gz" of "train.tar.gz" is no place in the alphabet
        return None
    if (match := NUMBERED.fullmatch(name)) and kind_of(match[1]):
        return match[1], int(match[2])
    if (match := LETTERED.fullmatch(name)) and kind_of(match[1]):
        number = 0
        for letter in (match[2] or match[3]).lower():
            number = number * 26 + ord(letter) - ord("a")
        return match[1], number
    return None


def group_files(names: Iterable[str], *, unpack: bool) -> list[Group]:
    """Return the groups in the order of their first file.

    Raises `Failure` with every part that is missing, and for archives that nothing here unpacks.
    """
    names = list(names)
    if not unpack:
        return [Group(name, "", (name,)) for name in names]
    refuse_foreign(names)
    members: dict[str, dict[int, str]] = {}
    problems: list[str] = []
    found: dict[str, Group] = {}
    for name in names:
        whole, number = _place(name) or ("", 0)
        if whole and (other := members.setdefault(whole, {}).setdefault(number, name)) != name:
            problems += [f"{whole}: {other} and {name} are the same part of it"]
    for name in names:
        whole = place[0] if (place := _place(name)) else name
        if whole in found:
            continue
        parts = members.get(whole, {})
        files = [parts[number] for number in sorted(parts)]
        # The last part of a split zip has the archive's own name.
        ends = [whole] if whole in names else []
        problems += _missing(whole, parts, ends)
        found[whole] = Group(whole, kind_of(whole), tuple(files + ends))
    if problems:
        raise bad_input("\n".join(problems), "name all parts; their order does not matter")
    return list(found.values())


def _missing(whole: str, parts: dict[int, str], ends: list[str]) -> list[str]:
    """Return what is missing between an archive's parts, in words."""
    if not parts:
        return []
    split_zip = any(ZIPPED.fullmatch(name) for name in parts.values())
    if split_zip and not ends:
        return [f"{whole}: it is the last part of the archive, and is not among the addresses"]
    if ends and not split_zip:
        return [f"{whole} and a part of it, {next(iter(parts.values()))}: name the one or the others"]
    first = 0 if LETTERED.fullmatch(parts[min(parts)]) else 1
    gaps = [number for number in range(min(*parts, first), max(parts)) if number not in parts]
    there = ", ".join(parts[number] for number in sorted(parts))
    return [f"{whole}: {len(gaps)} of its parts are not among the addresses; there are {there}"] if gaps else []
