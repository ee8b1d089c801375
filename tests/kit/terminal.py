"""A terminal for a test: what a command writes to one, as the person before it sees it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.user import User


def on_a_terminal(user: User, *words: str, seconds: float = 120) -> str:
    """Run `fab` on a terminal of 100 columns and return all that it was sent, control sequences included.

    It has to end with 0 within those seconds.
    """
    terminal, end = pty.openpty()
    env = {**user.site.env, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    seen = b""
    with subprocess.Popen(["fab", *words], cwd=user.project, env=env, stdin=end, stdout=end, stderr=end) as program:
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
    assert program.returncode == 0, seen
    return seen.decode()
