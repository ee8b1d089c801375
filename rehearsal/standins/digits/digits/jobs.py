"""Jobs as DIGITS keeps them: a directory each under the jobs directory, named by time and a random suffix."""

import json
import re
import secrets
import time
from pathlib import Path

NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


def listed(root: Path) -> list[dict[str, object]]:
    """Return the jobs under `root`, the oldest first; directories that are no jobs are left out."""
    return [_read(path) for path in sorted(root.iterdir()) if path.is_dir() and NAME.fullmatch(path.name)]


def created(root: Path, name: str) -> dict[str, object]:
    """Make a job directory and return its job. Whole or not at all: it is renamed to its name at the end."""
    job = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    part = root / f".{job}"
    part.mkdir()
    (part / "status.json").write_text(json.dumps({"name": name, "stand_in": True}) + "\n", encoding="utf-8")
    part.rename(root / job)
    return _read(root / job)


def _read(path: Path) -> dict[str, object]:
    try:
        name = json.loads((path / "status.json").read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError):
        name = ""
    return {"id": path.name, "name": name, "files": sorted(p.name for p in path.iterdir())}
