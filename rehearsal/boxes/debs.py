"""Packages that one box downloaded are lent to the next, as hard links, so that they are fetched once.

Every box has an archives folder of its own: apt's locks and half-done downloads are never shared.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from rehearsal.boxes import cache

if TYPE_CHECKING:
    from pathlib import Path

_ARCHIVES = "var/cache/apt/archives"
_PARAGRAPH = re.compile(r"^Package: (.+)\n(?:.+\n)*?Architecture: (.+)\n(?:.+\n)*?Version: (.+)$", re.MULTILINE)
"""A package in dpkg's status file, which has its fields in this order."""


def lend(root_name: str, tree: Path) -> None:
    """Put all packages of the cache into a box's archives folder."""
    archives = tree / _ARCHIVES
    archives.mkdir(parents=True, exist_ok=True)
    for package in _cache(root_name).glob("*.deb"):
        _link(package, archives / package.name)


def collect(root_name: str, tree: Path) -> None:
    """Put all packages that a box has downloaded into the cache, and mark those as used that it has installed too."""
    folder, installed = _cache(root_name), _installed(tree)
    folder.mkdir(parents=True, exist_ok=True)
    for package in (tree / _ARCHIVES).glob("*.deb"):
        kept = folder / package.name
        is_new = not kept.exists()
        if is_new:
            fresh = folder / f".{package.name}.{os.getpid()}"
            _link(package, fresh)
            fresh.replace(kept)
        if is_new or package.name in installed:
            with suppress(FileNotFoundError):  # another rehearsal has just pruned it
                os.utime(kept)


def _installed(tree: Path) -> set[str]:
    """Return the file names, as apt gives them, of all that is in the box's list of packages."""
    status = tree / "var/lib/dpkg/status"
    text = status.read_text(errors="replace") if status.exists() else ""  # a box's own layer may not have one
    return {f"{name}_{version.replace(':', '%3a')}_{kind}.deb" for name, kind, version in _PARAGRAPH.findall(text)}


def _cache(root_name: str) -> Path:
    return cache.folder() / "debs" / root_name


def _link(source: Path, target: Path) -> None:
    with suppress(FileExistsError, FileNotFoundError):  # another rehearsal has just pruned it
        try:
            os.link(source, target)
        except OSError:  # the cache is on another file system
            shutil.copy2(source, target)
