"""What there is to keep of an install: the folders that its recipe names, and the packages that apt brought for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterator

ROOT = os.environ.get("GPURIG_ROOT", "")
"""What stands for / ("" is / itself): a folder where a trial plays the root file system."""
DEBS = ROOT + "/var/cache/apt/archives"


def below(top: str) -> Iterator[str]:
    """Yield all paths below a folder, a folder before what is in it, on its own file system."""
    device = os.lstat(top).st_dev
    with os.scandir(top) as found:
        for entry in sorted(found, key=lambda one: one.name):
            if entry.stat(follow_symlinks=False).st_dev == device:
                yield entry.path
                if entry.is_dir(follow_symlinks=False):
                    yield from below(entry.path)


def downloaded(since: int) -> list[str]:
    """Return the packages that apt has downloaded since a time (ns); one with a second name is lent by somebody."""
    found = [(str(path), path.lstat()) for path in sorted(Path(DEBS).glob("*.deb"))]
    return [path for path, seen in found if seen.st_ctime_ns >= since and seen.st_nlink == 1]
