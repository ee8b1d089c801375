"""Run a program of the machine room; what it had to say goes into the error."""

from __future__ import annotations

import subprocess
import textwrap
from typing import TYPE_CHECKING

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from pathlib import Path


def run(*argv: str | Path, stdin: str = "", cwd: Path | None = None, timeout: float = 60) -> str:
    """Return what the program prints.

    Raises RehearsalError, with its last words, if it fails or takes longer than `timeout` seconds.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(words, input=stdin, cwd=cwd, timeout=timeout, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired as error:
        raise RehearsalError(f"{_brief(words)}: no end after {timeout:.0f} s") from error
    except FileNotFoundError as error:
        raise RehearsalError(f"{words[0]} is not installed on this machine") from error
    if done.returncode:
        output = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise RehearsalError(f"{_brief(words)}: exit {done.returncode}: {' / '.join(output[-4:])}")
    return done.stdout


def _brief(words: list[str]) -> str:
    return textwrap.shorten(" ".join(words), 90, placeholder=" …")
