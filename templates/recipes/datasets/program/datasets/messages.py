"""What the program says: one kind of error, and amounts as messages have them."""

from __future__ import annotations

import os
import sys
import time


class Failure(Exception):
    """What went wrong, with what, and what to do next. Exit code 1; 2 where the input is wrong."""

    def __init__(self, problem: str, hint: str = "", *, code: int = 1) -> None:
        super().__init__(problem)
        self.lines = [line for line in (problem, hint) if line]
        self.code = code


def bad_input(problem: str, hint: str = "") -> Failure:
    """Return the error of input that is wrong."""
    return Failure(problem, hint, code=2)


def print_failure(*texts: str) -> None:
    """Print what went wrong and what to do next, as `fab` looks for it in the log."""
    lines = [line for text in texts for line in text.splitlines()]
    sys.stdout.flush()
    sys.stderr.write("".join(f"gpurig: {line}\n" for line in lines))


def say(text: str) -> None:
    """Print a line at once; of a name that is no text, its bytes as Python writes them."""
    print(text.encode("utf-8", "backslashreplace").decode(), flush=True)


def human_size(size: float) -> str:
    """Return a number of bytes in words ("1.5 GiB")."""
    for unit, bytes_ in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return "1 byte" if size == 1 else f"{size:.0f} bytes"


def back_off(tries: int, wanted: float = 0) -> float:
    """Wait before the next try; longer each time, or as long as a server wants (up to a minute). Returns seconds."""
    unit = float(os.environ.get("GPURIG_GET_PAUSE", "1"))
    seconds = min(60.0, max(min(30.0, 2.0 ** (tries - 1)), wanted)) * unit
    time.sleep(seconds)
    return seconds
