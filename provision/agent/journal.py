"""The journal of setups, a JSON line per event; and the logs of steps and runs, read on from a place."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import TYPE_CHECKING, Iterator

from provision.agent.paths import HOME

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Tuple, Union

    from provision.agent.wire.setups import Notice, Recorded

JOURNAL = HOME / "journal.jsonl"
LINE = 4096
"""Bytes of a log line that are handed on as one: a progress bar may write megabytes without a line break."""


def record(event: Union[Recorded, Notice]) -> None:
    """Append one event, with the time, after dropping what a kill or a full disk left of a line before it."""
    line = json.dumps({**event, "at": round(time.time(), 3)}) + "\n"
    with JOURNAL.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # steps that go at once, and who watches for EC2's notice, write to it too
        os.fchmod(file.fileno(), 0o600)  # as the logs, whose ends it holds
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        if file.read() not in (b"", b"\n"):
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())


def log_after(log: Path, position: int, *, ended: bool) -> Iterator[Tuple[str, int]]:
    """Yield the lines of a log after `position`, each with the position that follows it.

    A last line that has no end yet waits for one, unless what writes it has `ended`.
    """
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(position)
        for line in iter(lambda: file.readline(LINE), b""):
            if not (ended or line.endswith(b"\n") or len(line) == LINE):
                return
            position += len(line)
            # Of a progress bar, what a terminal would show at the end.
            yield line.decode("utf-8", "replace").rstrip().rpartition("\r")[2], position
