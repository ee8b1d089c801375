"""What is kept between rehearsals, in the user's cache, and what of it goes: all that none has used for 60 days.

    roots/NAME-DIGEST/      a root file system; NAME-DIGEST.used is as old as its last use, and locked while it is used
    debs/NAME/*.deb         a package of NAME's archives, as old as the last box that installed it
    pip/                    pip's own cache, which boxes share

A cloud with boxes looks through it when it starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from pathlib import Path

from rehearsal.locks import Held, locked

KEPT_DAYS = 60

_held: dict[Path, int] = {}
"""The root file systems that this process uses, and the open files that say so."""


def folder() -> Path:
    """Return where all of it lies."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpurig"


def building(name: str) -> Path:
    """Return the lock file of those who make or drop root file systems of that name."""
    return folder() / "roots" / f".{name}.lock"


def use(root: Path) -> None:
    """Keep a root file system from being dropped as long as this process lives; its `building` lock has to be held."""
    mark = _mark(root)
    if mark not in _held:
        _held[mark] = os.open(mark, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(_held[mark], fcntl.LOCK_SH)
    os.utime(mark)


def prune() -> None:
    """Drop what was not used for `KEPT_DAYS`, but for root file systems that a rehearsal uses now."""
    roots = folder() / "roots"
    for root in [path for path in roots.glob("[!.]*") if path.is_dir()]:
        _drop_unused(root)
    for file in (*(folder() / "debs").rglob("*.deb"), *(folder() / "pip").rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # another rehearsal prunes too
            if file.is_file() and _is_old(file):
                file.unlink()


def _drop_unused(root: Path) -> None:
    name, mark = root.name.rpartition("-")[0], _mark(root)
    # In use, or another rehearsal has just dropped it.
    with contextlib.suppress(Held, FileNotFoundError), locked(building(name), wait=False):
        if not _is_old(mark if mark.exists() else root):
            return
        with locked(mark, wait=False):
            # As a build that was given up, which the next one clears away: should this process be killed half way.
            scrap = root.with_name(f".{name}-building-{root.name}")
            root.rename(scrap)
            mark.unlink()
            shutil.rmtree(scrap)


def _mark(root: Path) -> Path:
    return root.with_name(f"{root.name}.used")


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > KEPT_DAYS * 86400
