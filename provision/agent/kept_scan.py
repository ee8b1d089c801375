"""What there is to keep of an install: the folders that its recipe names, and the packages that apt brought for it."""

from __future__ import annotations

import contextlib
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


def names_packages(to: Path) -> str:
    """Return a configuration of apt (apt.conf(5)) that has it write the paths of what it installs into a file."""
    return f"DPkg::Pre-Install-Pkgs:: \"cat >>'{to}'\";\n"


def downloaded(named: Path, since: int) -> list[str]:
    """Return the packages that apt has named there, and downloaded since a time (ns).

    What else came meanwhile was for a step beside this one; one with a second name is lent by somebody.
    """
    with contextlib.suppress(FileNotFoundError):
        wanted = set(named.read_text(encoding="utf-8").splitlines())
        found = [(str(path), path.lstat()) for path in sorted(Path(DEBS).glob("*.deb")) if str(path) in wanted]
        return [path for path, seen in found if seen.st_ctime_ns >= since and seen.st_nlink == 1]
    return []
