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

MOST = 64
"""Files of a kind that are kept; the oldest go."""


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
        if not (_is_ours(path.parent, stat.S_ISDIR) and _is_ours(path, stat.S_ISREG)):
            return None
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError, RuntimeError):
        return None
    return text if digest == _digest(text) else None


def keep(kind: str, name: str, text: str) -> None:
    """Keep a text under a name, in the place of what was kept there."""
    with contextlib.suppress(OSError, RuntimeError):
        path = folder() / kind / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(path.parent, stat.S_ISDIR):
            replace_text(path, f"{_digest(text)}\n{text}", mode=0o600)
            others = sorted(path.parent.iterdir(), key=lambda other: other.stat().st_mtime)
            for other in others[:-MOST]:
                other.unlink()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_ours(path: Path, kind: object) -> bool:
    """Tell whether a path is of a kind, and nobody but the user can have written there. Raises `OSError`."""
    found = path.lstat()
    if not kind(found.st_mode):  # type: ignore[operator]
        return False
    return laptop.WINDOWS or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)
