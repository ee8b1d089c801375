"""Programs of a test's own."""

from __future__ import annotations

from pathlib import Path


def write_program(path: Path, script: str) -> None:
    """Write lines of bash that can be executed, and the folder that they lie in."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
