"""The file of a stack's state: Pulumi's checkpoint, version 3."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path


def read_latest(file: Path) -> dict[str, Any]:
    """Read the deployment of a checkpoint file as plain JSON."""
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise EngineError(f"could not read the state {file}: {error}") from error
    if document.get("version") != 3:
        raise EngineError(f"{file}: a checkpoint of version {document.get('version')!r}; only 3 can be read")
    return (document["checkpoint"].get("latest") or {}) if "checkpoint" in document else {}


def write_atomically(file: Path, document: dict[str, Any]) -> None:
    """Write JSON so that a crash, even of the machine, leaves the old file or the new one."""
    part = file.with_suffix(".part")
    with part.open("w") as stream:
        json.dump(document, stream, separators=(",", ":"))
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
