"""Other programs of the box, run to their ends."""

from __future__ import annotations

import contextlib
import subprocess


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program; returns its exit code and what it printed."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )


def output(*command: str) -> str:
    """Return what a program prints, "" where it is not there, fails, or takes longer than 30 s."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=30, check=True
        ).stdout
    return ""


def run_checked(*command: str) -> None:
    """Run a program. Raises `OSError` with its last words when it fails."""
    done = run(*command)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()[-200:]}")
