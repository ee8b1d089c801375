"""Jobs as DIGITS keeps them: a directory each under the jobs directory, named by time and a random suffix."""

import json
import re
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

NAME = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
ENDED = ("Done", "Error", "Aborted")
_FILE = "status.json"


def listed(root: Path) -> list[dict[str, Any]]:
    """Return the jobs under `root`, the oldest first; directories that are no jobs are left out."""
    return [read(path) for path in sorted(root.glob("*")) if path.is_dir() and NAME.fullmatch(path.name)]


def read(path: Path) -> dict[str, Any]:
    """Return a job's state. Of a directory that somebody else has made, only its name is known."""
    try:
        state = json.loads((path / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = {}
    return {"name": "", "type": "", "status": "", **state, "id": path.name, "directory": str(path)}


def update(path: Path, **changes: object) -> None:
    """Change a job's state, in one step for whoever reads it."""
    part = path / f".{_FILE}"
    part.write_text(json.dumps({**read(path), **changes}, indent=1) + "\n", encoding="utf-8")
    part.rename(path / _FILE)


def start(root: Path, kind: str, name: str, fields: dict[str, str]) -> dict[str, Any]:
    """Make a job and a process of its own that works on it; return its state."""
    root.mkdir(parents=True, exist_ok=True)
    job = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    part = root / f".{job}"
    part.mkdir()
    update(
        part, name=name, type=kind, status="Initialized", progress=0, fields=fields, stand_in=True, began=time.time()
    )
    path = part.rename(root / job)
    with (path / "work.log").open("wb") as log:
        words = [sys.executable, "-m", "digits.work", str(path)]
        process = subprocess.Popen(words, cwd=Path(__file__).parents[1], stdout=log, stderr=subprocess.STDOUT)
    threading.Thread(target=_bury, args=(process, path), daemon=True).start()
    return read(path)


def _bury(process: "subprocess.Popen[bytes]", path: Path) -> None:
    """Say so where a job's process ended without a word."""
    process.wait()
    if read(path)["status"] not in ENDED:
        update(path, status="Error")
