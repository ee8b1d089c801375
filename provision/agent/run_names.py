"""The name of a run that was given none."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterable

# A name for a run is made from what is run, not from what runs it.
INTERPRETERS = re.compile(r"(python|pypy|lua|ruby|perl)[0-9.]*|th|luajit|node|bash|sh|env|exec|nohup|nice|time|sudo")


def free_name(taken: Iterable[str], command: str) -> str:
    """Return a name that none of those is, made from the command: `train-1` for `python train.py`."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    words = [word for word in words if not re.fullmatch(r"-.*|\w+=.*", word)]
    said = next((word for word in words if not INTERPRETERS.fullmatch(Path(word).name)), "run")
    stem = re.sub(r"[^a-z0-9]+", "-", Path(said).stem.lower())[:24].strip("-") or "run"
    ends = [name[len(stem) + 1 :] for name in taken if name.startswith(f"{stem}-")]
    return f"{stem}-{1 + max((int(end) for end in ends if end.isdecimal()), default=0)}"
