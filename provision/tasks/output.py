"""What a verb leaves on this machine: messages beside its results, and files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.screen import terminal

if TYPE_CHECKING:
    from rich.table import Table

PIPE_WIDTH = 200
"""A pipe has no width: there every row is kept on one line."""


def save(option: str, goal: str, data: bytes) -> Path:
    """Write the file that an option ("--out") names, whole or not at all, and return it. Raises `BadInput`."""
    path = Path(goal).expanduser()
    if not path.name:
        raise BadInput([f'{option} "{goal}": name a file'])
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadInput([f"{option} {goal}: {error.strerror}"], hint="name a file in a folder that is there") from error
    return path


def tell(message: str) -> None:
    """Say something that is no result: on standard error, so that `--json` and pipes stay clean."""
    print(message, file=sys.stderr, flush=True)


def draw(table: Table) -> None:
    """Print a table."""
    console = terminal.console()
    (console if console.is_terminal else terminal.console(width=PIPE_WIDTH)).print(table)
