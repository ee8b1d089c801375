"""A terminal for a test: what a command writes to one, as the person before it sees it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rehearsal.user import User

SIZE = (30, 100)
"""Rows and columns."""


def on_a_terminal(user: User, *words: str) -> str:
    """Run a user's `fab` on a terminal and return all that it was sent, control sequences included."""
    return shown(["fab", *words], user.project, user.site.env)


def shown(
    command: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    seconds: float = 120,
    *,
    typed: str = "",
    code: int = 0,
) -> str:
    """Run a command on a terminal and return all that it was sent; it has to end with `code` within those seconds.

    `typed`: what the person before it types ahead.
    """
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, SIZE)
    size = ("COLUMNS", "LINES")  # a shell's word about its own
    env = {**{key: value for key, value in env.items() if key not in size}, "TERM": "xterm-256color"}
    seen = b""
    os.write(terminal, typed.encode())
    with subprocess.Popen(command, cwd=folder, env=env, stdin=end, stdout=end, stderr=end) as program:
        os.close(end)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if select.select([terminal], [], [], 1)[0]:
                    seen += os.read(terminal, 65536)
            except OSError:  # how a terminal ends on Linux
                break
        else:
            program.kill()
    os.close(terminal)
    assert program.returncode == code, seen
    return seen.decode()
