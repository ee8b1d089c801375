"""Packages that one box downloaded are lent to the next, as hard links, so that they are fetched once.

Every box has an archives folder of its own: apt's locks and half-done downloads are never shared.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from rehearsal.boxes import roots

if TYPE_CHECKING:
    from pathlib import Path

_ARCHIVES = "var/cache/apt/archives"


def lend(root_name: str, tree: Path) -> None:
    """Put all packages of the cache into a box's archives folder."""
    archives = tree / _ARCHIVES
    archives.mkdir(parents=True, exist_ok=True)
    for package in _cache(root_name).glob("*.deb"):
        _link(package, archives / package.name)


def collect(root_name: str, tree: Path) -> None:
    """Put all packages that a box has downloaded into the cache."""
    folder = _cache(root_name)
    folder.mkdir(parents=True, exist_ok=True)
    for package in (tree / _ARCHIVES).glob("*.deb"):
        if not (folder / package.name).exists():
            fresh = folder / f".{package.name}.{os.getpid()}"
            _link(package, fresh)
            fresh.replace(folder / package.name)


def _cache(root_name: str) -> Path:
    return roots.cache() / "debs" / root_name


def _link(source: Path, target: Path) -> None:
    with suppress(FileExistsError):
        try:
            os.link(source, target)
        except OSError:  # the cache is on another file system
            shutil.copy2(source, target)
