"""What a data set holds beside its pictures: lists, checksums, a manifest; and whether it is there already."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import PIL
from PIL import features

from datasets.build.sources import first_few
from datasets.build.split import SIDES, order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from datasets.build.picture import Made
    from datasets.build.sources import Picture, Sources

SUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
ABSENT = "not given"
STAMP = ".stamp"
LEFT_OUT = "left-out.txt"
TEXT = {"encoding": "utf-8", "errors": "surrogateescape", "newline": "\n"}
"""A file name is bytes: what is no UTF-8 in it goes out as it came in."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A source picture, its side, its files' place (path below the data set, without suffix), and what came of it."""

    picture: Picture
    side: str
    stem: str
    made: Made

    @property
    def files(self) -> list[tuple[str, str]]:
        """The files below the data set, and their SHA-256."""
        folder = self.stem.rsplit("/", 1)[0]
        return [(f"{folder}/{name}", digest) for name, digest in self.made.files]


def plain_name(word: str) -> str:
    """Return a name that every list, shell and file system takes: ASCII without spaces, slashes and dots."""
    return re.sub(r"[^A-Za-z0-9_+-]+", "_", word).lstrip("-") or "_"


def unique_names(words: Iterable[str]) -> list[str]:
    """Return the plain names of words, numbered from the second on where two would be the same."""
    taken: set[str] = set()
    names = []
    for word in words:
        name, number = plain_name(word), 1
        while name in taken:
            number += 1
            name = f"{plain_name(word)}_{number}"
        taken.add(name)
        names.append(name)
    return names


def target_stems(sources: Sources, sides: Mapping[str, str]) -> list[str]:
    """Return for each picture where its files go: side, folder of its class, name; in the order of the sources."""
    folders = unique_names(sources.labels)
    classes: dict[int, list[str]] = defaultdict(list)
    for picture in sources.pictures:
        below_class = picture.name.removeprefix(f"{sources.labels[picture.label]}/")
        classes[picture.label].append(os.path.splitext(below_class)[0])  # noqa: PTH122
    names = {label: iter(unique_names(words)) for label, words in classes.items()}
    return [f"{sides[p.name]}/{folders[p.label]}/{next(names[p.label])}" for p in sources.pictures]


def stamp(sources: Sources, settings: Mapping[str, Any]) -> str:
    """Return a digest of settings, names, classes, sizes and times of change: the same one again, and all is done."""
    pictures = [dataclasses.astuple(picture) for picture in sources.pictures]
    return hashlib.sha256(json.dumps([settings, sources.labels, pictures]).encode()).hexdigest()


class Output:
    """The folder of a data set, and what is written into it; `final` is where it will lie."""

    def __init__(self, folder: Path, final: Path) -> None:
        self.folder, self.final = folder, final
        self.sums: list[tuple[str, str]] = []

    def write(self, name: str, lines: Iterable[str]) -> None:
        """Write a text file and remember its checksum."""
        data = "".join(f"{line}\n" for line in lines).encode(TEXT["encoding"], TEXT["errors"])
        (self.folder / name).write_bytes(data)
        self.sums.append((name, hashlib.sha256(data).hexdigest()))

    def lists(self, sources: Sources, rows: Sequence[Row], seed: int) -> None:
        """Write labels, a list of each side, the sources and the broken pictures."""
        self.write("labels.txt", sources.labels)
        for side in SIDES:
            files = [(name, row.picture.label) for row in rows if row.side == side for name, _ in row.files]
            if files:
                files.sort(key=lambda file: order(seed, file[0]))
                # A space: Caffe's convert_imageset takes nothing else, DIGITS anything.
                self.write(f"{side}.txt", (f"{self.final / name} {label}" for name, label in files))
        self.write("sources.tsv", (f"{row.made.digest}\t{row.stem}\t{row.picture.name}" for row in rows if row.files))
        broken = [f"{row.picture.name}\t{row.made.broken}" for row in rows if row.made.broken]
        if broken:
            self.write("broken.txt", broken)
        if sources.others:
            self.write(LEFT_OUT, sources.others)
        self.sums += [file for row in rows for file in row.files]

    def close(self, sources: Sources, rows: Sequence[Row], settings: Mapping[str, Any], copies: int) -> dict[str, Any]:
        """Write checksums, manifest and stamp; returns the manifest."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self.sums))
        (self.folder / SUMS).write_text(lines, encoding="ascii")
        manifest = {
            "settings": settings,
            "labels": sources.labels,
            "counts": counts(sources, rows, copies),
            "checksums": {SUMS: hashlib.sha256(lines.encode()).hexdigest()},
            "versions": versions(),
        }
        # In ASCII: a class's name may be no UTF-8, and JSON is nothing else.
        (self.folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="ascii")
        (self.folder / STAMP).write_text(stamp(sources, settings) + "\n", encoding="ascii")
        return manifest


def versions() -> dict[str, str]:
    """Return what the pictures' bytes depend on beside the settings."""
    libraries = {name: str(features.version(name)) for name in ("libjpeg_turbo", "zlib_ng", "zlib")}
    return {"pillow": PIL.__version__, **libraries, "machine": platform.machine()}


def counts(sources: Sources, rows: Sequence[Row], copies: int) -> dict[str, Any]:
    """Return how many pictures and files there are, of each side and class."""
    sides = {}
    for side in SIDES:
        good = [row for row in rows if row.side == side and row.files]
        classes = Counter(sources.labels[row.picture.label] for row in good)
        sides[side] = {
            "pictures": len(good),
            "files": sum(len(row.files) for row in good),
            "classes": {label: classes[label] for label in sources.labels},
        }
    broken = sum(bool(row.made.broken) for row in rows)
    deep = sum(row.made.deep for row in rows)
    whole = {"pictures": len(rows) - broken, "broken": broken, "deep": deep, "copies": copies}
    return {**whole, "no pictures": len(sources.others), **sides}


def difference(folder: Path, sources: Sources, settings: Mapping[str, Any]) -> str:
    """Return in what a data set that is there is another than the one asked for; "" where it is the same and whole."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        was = manifest["settings"]
        sums = (folder / SUMS).read_bytes()
        stamped = (folder / STAMP).read_text(encoding="ascii").strip()
    except (OSError, ValueError, KeyError):
        return "it has no manifest of a build"
    keys = [key for key in {**settings, **was} if was.get(key) != settings.get(key)]
    changes = [f"{key} was {was.get(key, ABSENT)}, is {settings.get(key, ABSENT)}" for key in keys]
    if changes:
        return first_few(changes)
    if stamped != stamp(sources, settings):
        return "its pictures, or their classes, have changed since"
    if hashlib.sha256(sums).hexdigest() != manifest["checksums"][SUMS]:
        return f"its {SUMS} is not the one that was written"
    wanted = (line.split("  ", 1)[1] for line in sums.decode().splitlines())
    lost = [name for name in wanted if not (folder / name).is_file()]
    return f"{len(lost)} of its files are missing: {first_few(lost)}" if lost else ""
