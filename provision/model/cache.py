"""What this machine may forget: files in the user's cache folder, readable by nobody else, and believed only as ours.

A file that is broken, or that somebody else may have written, is as none; where nothing can be kept, nothing is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from pathlib import Path

from provision.model import laptop
from provision.model.local_file import replace_text

MOST = 512
"""Files of a kind that are kept; those go that were not read for longest. Each of many hosts may have its own."""


def folder() -> Path:
    """Return the folder of what gpurig keeps, there or not: where this system has such things. Raises `RuntimeError`.

    That is where there is no home folder.
    """
    if laptop.WINDOWS:
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "gpurig" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "gpurig"
    given = os.environ.get("XDG_CACHE_HOME", "")
    # The specification has a relative path ignored (XDG Base Directory Specification, 0.8).
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "gpurig"


def read(kind: str, name: str) -> str | None:
    """Return what was kept under a name, None where nothing was, or not by us, or not whole."""
    try:
        path = folder() / kind / name
        if not _are_ours(path.parents[1], path.parent):
            return None
        digest, _, text = _content(path).partition("\n")
        if digest != _digest(text):
            return None
        os.utime(path)
    except (OSError, ValueError, RuntimeError):
        return None
    return text


def keep(kind: str, name: str, text: str) -> None:
    """Keep a text under a name, in the place of what was kept there."""
    with contextlib.suppress(OSError, RuntimeError):
        path = folder() / kind / name
        path.parents[2].mkdir(parents=True, exist_ok=True)
        for made in (path.parents[1], path.parent):  # `parents=True` gives a mode to the last one alone
            made.mkdir(mode=0o700, exist_ok=True)
        if _are_ours(path.parents[1], path.parent):
            replace_text(path, f"{_digest(text)}\n{text}", mode=0o600)
            others = sorted(path.parent.iterdir(), key=lambda other: other.stat().st_mtime)
            for other in others[:-MOST]:
                other.unlink()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _content(path: Path) -> str:
    """Return what is in a file, "" where it is not ours. Raises `OSError`, also where it is a link."""
    # By one descriptor: what was looked at is what is read. And nobody has it wait, who puts a pipe there.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, flags), encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        found = os.fstat(file.fileno())
        return file.read() if stat.S_ISREG(found.st_mode) and _is_ours(found) else ""


def _are_ours(*folders: Path) -> bool:
    """Tell whether these are folders, no links, in which nobody but the user can write. Raises `OSError`."""
    states = [folder.lstat() for folder in folders]
    return all(stat.S_ISDIR(state.st_mode) and _is_ours(state) for state in states)


def _is_ours(found: os.stat_result) -> bool:
    """Tell whether nobody but the user can have written there."""
    return laptop.WINDOWS or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)
