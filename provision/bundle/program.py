"""The program on the box as it travels: its files, the digest that names a version, and what a first boot needs."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "agent"
ENTRIES = ("boot", "main")
"""What cloud-init calls of it, and what the service of a setup does."""
_IMPORT = re.compile(r"^from provision\.agent\.(\w+) import", re.MULTILINE)
"""An import that a module makes when it is loaded: one in a function is made where it is needed, if at all."""


@functools.cache
def files() -> dict[str, str]:
    """Return path → text of all modules that run on a box; the types of the wire do not."""
    return {f"provision/agent/{path.name}": path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}


@functools.cache
def digest() -> str:
    """Return the SHA-256 over them: the name of this version on a box."""
    return hashlib.sha256(json.dumps(files()).encode("ascii")).hexdigest()


@functools.cache
def boot_files() -> dict[str, str]:
    """Return path → text of the modules that carry a setup, made small: user-data has room for 16 KiB."""
    from provision.bundle import lean  # noqa: PLC0415 - for user-data alone

    found: dict[str, str] = {}
    todo = ["setup"]
    while todo:
        path = f"provision/agent/{todo.pop()}.py"
        if path not in found:
            found[path] = files()[path]
            todo += _IMPORT.findall(found[path])
    return lean.modules(dict(sorted(found.items())), ENTRIES)
