"""What a data set is built from: pictures and their labels, by a table or a folder per class.

Every mistake in them is found before the first picture is read, and told with its file and line.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SUFFIXES = frozenset(
    f".{end}"
    for end in (
        *("apng", "avif", "bmp", "dib", "gif", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg"),
        *("pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"),
    )
)
OF_SYSTEMS = frozenset(("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"))
"""Folders that macOS, a NAS, Windows and a file system put beside the user's own."""
SHOWN = 20
"""Problems that one message names; the others are counted."""


class Refused(Exception):
    """The data set cannot be built as asked: what is wrong, and the way out."""

    def __init__(self, problems: Iterable[str], hint: str = "") -> None:
        self.problems = list(problems)
        self.hint = hint
        super().__init__("\n".join(self.problems))


@dataclasses.dataclass(frozen=True)
class Picture:
    """A source picture; `name` is its path below the folder, `label` the 0-based index of its class."""

    name: str
    label: int
    size: int
    """Bytes."""
    mtime_ns: int


@dataclasses.dataclass(frozen=True)
class Sources:
    """All that a data set is built from, in order of the names."""

    folder: Path
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    others: tuple[str, ...]
    """Files of the folder that are no pictures by their names."""


def first_few(words: Sequence[str], most: int = 5) -> str:
    """Return words with commas, the first few of many."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def locate(word: str, *roots: Path, option: str) -> Path:
    """Return the file or folder that a word of the command line means: a path, or one below `roots`."""
    path = Path(word).expanduser()
    places = [path] if path.is_absolute() else [root / path for root in roots]
    for place in places:
        if place.exists():
            return place
    hint = "send it with `fab dataset-put` or `fab sync`, or fetch it with `fab dataset-get`"
    raise Refused([f"--{option} {word}: there is no {' and no '.join(map(str, places))}"], hint)


def is_picture(name: str) -> bool:
    """Say whether a file is a picture by its name."""
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - a hundred thousand Paths are slow


def _is_of_user(folder: str) -> bool:
    """Say whether a folder is looked at: hidden ones, and what systems put there, are not."""
    return not folder.startswith(".") and folder not in OF_SYSTEMS


def files_below(folder: Path) -> dict[str, os.stat_result]:
    """Return all files below a folder by their paths from there, in order; hidden ones are not looked at."""
    if not folder.is_dir():
        raise Refused([f"{folder} is no folder"])
    seen = set()
    files = {}

    def stop(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=stop, followlinks=True):
        about = os.stat(place)  # noqa: PTH116
        inode = (about.st_dev, about.st_ino)
        # A link that leads back up would never end.
        folders[:] = [] if inode in seen else sorted(filter(_is_of_user, folders))
        for name in names if inode not in seen else ():
            path = os.path.join(place, name)  # noqa: PTH118
            if not name.startswith("."):
                about = _stat(path)
                # Of a pipe or a device nobody knows an end.
                if stat.S_ISREG(about.st_mode) or stat.S_ISLNK(about.st_mode):
                    files[os.path.relpath(path, folder)] = about
        seen.add(inode)
    return dict(sorted(files.items()))


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return os.lstat(path)  # a link to nothing: a broken picture


def sources_of(
    folder: Path, labels: Iterable[str], labelled: dict[str, int], files: dict[str, os.stat_result]
) -> Sources:
    """Return the sources that `labelled`, name → index of the class, makes of a folder's files."""
    pictures = (
        Picture(name, labelled[name], files[name].st_size, files[name].st_mtime_ns) for name in sorted(labelled)
    )
    others = tuple(name for name in files if name not in labelled and not is_picture(name))
    return Sources(folder, tuple(labels), tuple(pictures), others)


def from_class_folders(folder: Path) -> Sources:
    """Read a folder per class: the classes are the folders' names in order. Raises `Refused`."""
    files = files_below(folder)
    pictures = [name for name in files if is_picture(name)]
    labels = sorted(path.name for path in folder.iterdir() if path.is_dir() and _is_of_user(path.name))
    holding = {name.split("/")[0] for name in pictures}
    loose = [name for name in pictures if "/" not in name]
    problems = [_no_picture(folder, label, files) for label in labels if label not in holding]
    if loose:
        problems.append(f"{folder} holds pictures beside the classes' folders, which have no class: {first_few(loose)}")
    if len(labels) < 2:
        problems.append(f"{folder} holds {len(labels)} folders; a class is a folder of pictures, and two are the least")
    if problems:
        raise Refused(problems, "where a table names the pictures' classes: --table FILE --labels FILE")
    index = {label: number for number, label in enumerate(labels)}
    return sources_of(folder, labels, {name: index[name.split("/")[0]] for name in pictures}, files)


def _no_picture(folder: Path, label: str, files: Iterable[str]) -> str:
    """Return the problem of a class without a picture."""
    others = [name for name in files if name.startswith(f"{label}/")]
    names = f" by its name; it holds {first_few(others)}" if others else ""
    return f"{folder / label} holds no picture{names}"


def find_copies(sources: Sources) -> dict[str, str]:
    """Return, for each picture that is byte for byte another's copy, the name of the first of them.

    Raises `Refused` where copies have different classes. Only files of one size are read.
    """
    sizes: dict[int, list[Picture]] = defaultdict(list)
    for picture in sources.pictures:
        sizes[picture.size].append(picture)
    firsts: dict[str, str] = {}
    problems = []
    for size, alike in sizes.items():
        seen: dict[bytes, Picture] = {}
        for picture in alike if size and len(alike) > 1 else ():
            first = seen.setdefault(_digest(sources.folder / picture.name), picture)
            if first is picture:
                continue
            firsts[picture.name] = first.name
            if first.label != picture.label:
                labels = [sources.labels[which.label] for which in (first, picture)]
                what = f"{picture.name} ({labels[1]}) is byte for byte {first.name} ({labels[0]})"
                problems.append(f"one picture, two classes: {what}")
    if problems:
        raise Refused(problems, "take one of the two away, or its row out of the table")
    return firsts


def _digest(path: Path) -> bytes:
    """Return the SHA-256 of a file; of one that cannot be read, something of its own."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for data in iter(lambda: file.read(2**20), b""):
                digest.update(data)
    except OSError:
        return os.fsencode(path)
    return digest.digest()
