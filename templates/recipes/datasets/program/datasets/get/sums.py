"""Checksums: the files that `sha256sum` and its sisters write, and single ones."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.get.look import look, patiently
from datasets.get.words import Stop, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from datasets.get.sets import Set

KINDS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
"""Hexadecimal digits → the function that gives so many."""
LINE = re.compile(r"(\\?)([0-9a-fA-F]{32,128}) [ *](.+)")
BSD = re.compile(r"(\w+) ?\((.+)\) ?= ?([0-9a-fA-F]{32,128})")

SHOWN = 5
"""Names of a file of checksums that are told where none of them fits."""
LARGEST = 2**26
"""Bytes of a file of checksums; a million files' have that much."""

Sum = tuple[str, str]
"""Function and digest."""


def single(word: str) -> Sum:
    """Return what "sha256:…" says. Raises `Stop`."""
    kind, _, digest = word.partition(":")
    if KINDS.get(len(digest)) != kind or not re.fullmatch("[0-9a-fA-F]+", digest):
        raise refuse(f"--sums {word}: write {' or '.join(KINDS.values())}, a colon and the hexadecimal digest")
    return kind, digest.lower()


def table(text: str, origin: str) -> dict[str, Sum]:
    """Return file name → checksum as a file of checksums has them. Raises `Stop` where it holds none."""
    found: dict[str, Sum] = {}
    for line in text.splitlines():
        kind, digest, name = "", "", ""
        if match := LINE.fullmatch(line.rstrip()):
            name, digest = match[3], match[2]
            if match[1]:
                name = name.replace("\\n", "\n").replace("\\\\", "\\")
            kind = KINDS.get(len(digest), "")
        elif match := BSD.fullmatch(line.strip()):
            name, digest = match[2], match[3]
            kind = KINDS.get(len(digest), "")
        if kind:
            found[name.removeprefix("./")] = kind, digest.lower()
    if not found:
        raise refuse(
            f"{origin} holds no checksums",
            "each line is a digest, two spaces and a file's name, as sha256sum writes it",
        )
    return found


def matching(sums: Mapping[str, Sum], names: Iterable[str]) -> dict[str, Sum]:
    """Return the checksums of these files: by their whole name, else by its last word where that is one file's."""
    last: dict[str, set[Sum]] = {}
    for name, value in sums.items():
        last.setdefault(name.rpartition("/")[2], set()).add(value)
    found = {}
    for name in names:
        by_last = last.get(name.rpartition("/")[2], set())
        if name in sums:
            found[name] = sums[name]
        elif len(by_last) == 1:
            found[name] = next(iter(by_last))
    return found


def wanted(order: Mapping[str, Any], sets: Sequence[Set]) -> dict[Set, dict[str, Sum]]:
    """Return the checksums of each set's files; under "" that of its parts joined.

    Raises `Stop` where a file has none.
    """
    given = order["sums"]
    if not given:
        return {one: {} for one in sets}
    if "single" in given:
        if len(sets) > 1:
            raise refuse("--sums with one digest is for one file or archive", "give a file of checksums")
        files = sets[0].files
        return {sets[0]: {"" if len(files) > 1 else files[0]: single(given["single"])}}
    sums = table(_text(order), given["origin"])
    found: dict[Set, dict[str, Sum]] = {}
    problems: list[str] = []
    for one in sets:
        joined = matching(sums, [one.name]).get(one.name) if len(one.files) > 1 else None
        found[one] = matching(sums, one.files)
        lacking = [name for name in one.files if name not in found[one]]
        if lacking and joined:
            found[one] = {"": joined}
        else:
            problems += [f"{given['origin']} has no checksum of {name}" for name in lacking]
    if problems:
        more = f" and {len(sums) - SHOWN} more" if len(sums) > SHOWN else ""
        names = ", ".join(list(sums)[:SHOWN]) + more
        raise refuse("\n".join(problems), f"it has those of {names}: take the list of these files, or leave --sums out")
    return found


def _text(order: Mapping[str, Any]) -> str:
    """Return a file of checksums: the user's own, or one behind an address."""
    given = order["sums"]
    if "text" in given:
        return str(given["text"])
    origin = given["origin"]
    try:
        source = look({**order, "urls": [origin]}, Path())[0]
        if (source.facts.size or 0) > LARGEST:
            raise refuse(f"{origin} has {source.facts.size} bytes: that is no file of checksums")
        return patiently(lambda: b"".join(source.read(0, source.facts.size)), origin).decode("utf-8", "replace")
    except Stop as stop:
        raise Stop(f"--sums: {stop.lines[0]}", *stop.lines[1:], code=stop.code) from stop


def digest_of(path: Path, kind: str) -> str:
    """Return the digest of a file."""
    digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
