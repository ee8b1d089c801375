"""The state folder of a cloud: who holds it, and where its clients find it."""

from __future__ import annotations

import contextlib
import fcntl
import json
from typing import TYPE_CHECKING, Any

from rehearsal.errors import RehearsalError
from rehearsal.locks import Held, locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def hold(state: Path) -> Iterator[None]:
    """Hold the folder for this process; RehearsalError where another cloud has it."""
    state.mkdir(parents=True, exist_ok=True)
    try:
        with locked(state / "cloud.lock", wait=False):
            (state / "cloud.json").unlink(missing_ok=True)  # left by one that was killed
            try:
                yield
            finally:
                (state / "cloud.json").unlink(missing_ok=True)
    except Held as refused:
        where = read(state)
        whose = f"process {where['pid']} on {where['endpoint']}" if where else f"{refused.holder}, still starting"
        raise RehearsalError(
            f"a rehearsal cloud already runs on {state}: {whose}; stop it, or give another --state"
        ) from None


def held(state: Path) -> bool:
    """Tell whether a cloud runs on the folder."""
    try:
        with (state / "cloud.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def publish(state: Path, facts: dict[str, Any]) -> None:
    """Write `cloud.json` whole or not at all: that it is there means that the cloud answers."""
    draft = state / "cloud.json.new"
    draft.write_text(json.dumps(facts, indent=2) + "\n")
    draft.replace(state / "cloud.json")


def read(state: Path) -> dict[str, Any] | None:
    """Return what the running cloud has published, None where none has."""
    try:
        facts: dict[str, Any] = json.loads((state / "cloud.json").read_text())
    except FileNotFoundError:
        return None
    return facts
