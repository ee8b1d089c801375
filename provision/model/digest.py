"""Checksums of files of this machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 2**20


def sha256(path: Path, size: int | None = None) -> str:
    """Return the SHA-256 of a file, or of its first `size` bytes; "" where there are not so many."""
    if not path.exists():
        return ""
    left = path.stat().st_size if size is None else size
    if path.stat().st_size < left:
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(min(left, BLOCK)):
            digest.update(data)
            left -= len(data)
    return digest.hexdigest()
