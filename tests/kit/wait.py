"""Waiting for what has to happen."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
PATIENCE = 60
"""Seconds after which a test gives up on something that has to happen: far more than it takes."""


def until(condition: Callable[[], Answer], seconds: float = PATIENCE, *, pause: float = 0.02) -> Answer:
    """Ask again until the answer is true, and return it; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(pause)
    return answer


def wait_for(program: subprocess.Popen[str], text: str) -> str:
    """Read what a program prints until a line holds `text`, and return that."""
    assert program.stdout is not None
    for line in program.stdout:
        if text in line:
            return line
    raise AssertionError(f"it ended and never said {text}")
