"""Files of the user's machine that are replaced as a whole: nobody reads half of one, two writers do no harm."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def replace_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write a file anew in one move; `mode`: its permissions, where not the usual ones. Raises `OSError`."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        if mode is not None:
            part.chmod(mode)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
