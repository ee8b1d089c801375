"""Checksums: the files that `sha256sum` and its sisters write, and single ones."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.get.probe import probe, with_retries
from datasets.get.sources import redacted
from datasets.messages import Failure, bad_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from datasets.get.groups import Group
    from datasets.get.part import Part

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
    """Return what "sha256:…" says. Raises `Failure`."""
    kind, _, digest = word.partition(":")
    if KINDS.get(len(digest)) != kind or not re.fullmatch("[0-9a-fA-F]+", digest):
        raise bad_input(f"--sums {word}: write {' or '.join(KINDS.values())}, a colon and the hexadecimal digest")
    return kind, digest.lower()


def table(text: str, origin: str) -> dict[str, Sum]:
    """Return file name → checksum as a file of checksums has them. Raises `Failure` where it holds none."""
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
        raise bad_input(
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


def wanted(order: Mapping[str, Any], groups: Sequence[Group]) -> dict[Group, dict[str, Sum]]:
    """Return the checksums of each set's files; under "" that of its parts joined.

    Raises `Failure` where a file has none.
    """
    given = order["sums"]
    if not given:
        return {group: {} for group in groups}
    if "single" in given:
        if len(groups) > 1:
            raise bad_input("--sums with one digest is for one file or archive", "give a file of checksums")
        files = groups[0].files
        return {groups[0]: {"" if len(files) > 1 else files[0]: single(given["single"])}}
    origin = _shown(given)
    sums = table(_text(order), origin)
    found: dict[Group, dict[str, Sum]] = {}
    problems: list[str] = []
    for group in groups:
        joined = matching(sums, [group.name]).get(group.name) if len(group.files) > 1 else None
        found[group] = matching(sums, group.files)
        lacking = [name for name in group.files if name not in found[group]]
        if lacking and joined:
            found[group] = {"": joined}
        else:
            problems += [f"{origin} has no checksum of {name}" for name in lacking]
    if problems:
        more = f" and {len(sums) - SHOWN} more" if len(sums) > SHOWN else ""
        names = ", ".join(list(sums)[:SHOWN]) + more
        raise bad_input(
            "\n".join(problems), f"it has those of {names}: take the list of these files, or leave --sums out"
        )
    return found


def _shown(given: Mapping[str, Any]) -> str:
    """Return where the checksums are from, as messages say it: a path of the user's, or an address without secrets."""
    return given["origin"] if "text" in given else redacted(given["origin"])


def _text(order: Mapping[str, Any]) -> str:
    """Return a file of checksums: the user's own, or one behind an address."""
    given = order["sums"]
    if "text" in given:
        return str(given["text"])
    origin = given["origin"]
    try:
        source = probe({**order, "urls": [origin]}, Path())[0]
        if (source.info.size or 0) > LARGEST:
            raise bad_input(f"{_shown(given)} has {source.info.size} bytes: that is no file of checksums")
        return with_retries(lambda: b"".join(source.read(0, source.info.size)), origin).decode("utf-8", "replace")
    except Failure as stop:
        raise Failure(f"--sums: {stop.lines[0]}", *stop.lines[1:], code=stop.code) from stop


def started(sums: Mapping[str, Sum], name: str) -> hashlib._Hash | None:
    """Return a digest to be fed with the bytes of a file, where it has a checksum."""
    return hashlib.new(sums[name][0], usedforsecurity=False) if name in sums else None


def check(shown: str, sums: Mapping[str, Sum], name: str, digest: hashlib._Hash | None, parts: Sequence[Part]) -> None:
    """Raise `Failure` unless a file, `shown` in messages, has its checksum; its parts are deleted then."""
    kind, wanted = sums.get(name, ("", ""))
    if digest is None or digest.hexdigest() == wanted:
        return
    for part in parts:
        part.forget()
    what = parts[0].source.address if len(parts) == 1 else "all of it"
    hint = (
        f"deleted here; the same command fetches {what} again\n"
        "where that does not match either, the checksums are another version's: look for those that belong to it"
    )
    got = digest.hexdigest()
    raise Failure(f"{shown} does not match its checksum: its {kind} is {got}, and was to be {wanted}", hint)


def check_file(part: Part, sums: Mapping[str, Sum]) -> None:
    """Raise `Failure` unless a file that is here whole has its checksum, if there is one."""
    if digest := started(sums, part.info.name):
        with part.path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
        check(part.info.name, sums, part.info.name, digest, [part])
